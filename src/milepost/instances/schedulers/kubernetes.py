"""Kubernetes: what Kubeflow's operators, indexed Jobs and JobSets tell a pod. A pod counts as a node.

Sources: https://www.kubeflow.org/docs/components/trainer/ (Trainer v2),
https://www.kubeflow.org/docs/components/trainer/legacy-v1/ (training operator v1),
https://kubernetes.io/docs/tasks/job/indexed-parallel-processing-static/ (``JOB_COMPLETION_INDEX``)
"""

from collections.abc import Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement
from milepost.money.instance import Instance


def from_kubernetes(environ: Mapping[str, str]) -> Placement:
    """Return the number of pods, and the pod's rank where the pod is one process.

    Trainer v2 hands ``PET_NNODES`` (a number, or a range for elastic jobs, whose size is not known) and
    ``PET_NODE_RANK`` to torchrun; the v1 operator sets ``WORLD_SIZE`` to the number of pods and ``RANK`` to the pod's,
    which torchrun then replaces by the workers' (``GROUP_RANK`` tells that it has). An indexed Job tells its index, and
    not how many there are; so does Google's engine with ``TPU_WORKER_ID``.
    """
    if "KUBERNETES_SERVICE_HOST" not in environ and "PET_NNODES" not in environ:
        return Placement()
    under_torchrun = "GROUP_RANK" in environ or "TORCHELASTIC_RUN_ID" in environ
    counts_pods = "MASTER_ADDR" in environ and not under_torchrun and "LOCAL_WORLD_SIZE" not in environ
    names = ["PET_NNODES"] if ":" not in environ.get("PET_NNODES", "") else []
    nodes, source = read_number(environ, *names, *(["WORLD_SIZE"] if counts_pods else []), least=1)
    rank, rank_source = read_number(environ, "PET_NODE_RANK", "JOB_COMPLETION_INDEX", "TPU_WORKER_ID", least=0)
    return Placement(instance=Instance.known(source or "", num_nodes=nodes), rank=rank, rank_source=rank_source)
