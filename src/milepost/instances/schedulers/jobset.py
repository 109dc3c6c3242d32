"""JobSet: which of several Jobs of one set a pod belongs to, where its manifest hands that down.

JobSet tells it in labels, and whoever needs it passes it on under these names: XPK and AIchor as ``JOB_INDEX``, and all
that train on several TPU slices as ``MEGASCALE_SLICE_ID``.

Source: https://jobset.sigs.k8s.io/docs/concepts/ (``jobset.sigs.k8s.io/job-index``, ``…/job-global-index``)
"""

from collections.abc import Mapping

from milepost.instances.environment import least_rank, read_number
from milepost.instances.probe import Placement

IN_A_JOBSET = ("JOBSET_NAME", "REPLICATED_JOB_NAME", "PROCESSES_IN_JOB")
"""Variables of which one is there where ``JOB_INDEX`` is JobSet's."""


def from_jobset(environ: Mapping[str, str]) -> Placement:
    """Return the pod's rank where its Job is not the set's first: ``JOB_COMPLETION_INDEX`` counts within that alone.

    It is the least that it can be, where nobody tells how many pods a Job has. The first Job's pods are ranked by
    Kubernetes.
    """
    names = ["JOB_GLOBAL_INDEX", "JOBSET_JOB_GLOBAL_INDEX", "JOBSET_JOB_INDEX", "MEGASCALE_SLICE_ID"]
    if any(name in environ for name in IN_A_JOBSET):
        names.append("JOB_INDEX")
    job, source = read_number(environ, *names, least=0)
    if not job:
        return Placement()
    pod, _ = read_number(environ, "JOB_COMPLETION_INDEX", "TPU_WORKER_ID", least=0)
    pods, _ = read_number(environ, "PROCESSES_IN_JOB", least=1)
    return Placement(rank=least_rank(job, pod or 0, pods), rank_source=source)
