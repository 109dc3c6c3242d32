"""Slurm: what it tells the tasks of a job.

Source: https://slurm.schedmd.com/srun.html and https://slurm.schedmd.com/sbatch.html (output environment variables)
"""

from collections.abc import Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement
from milepost.money.instance import Instance


def from_slurm(environ: Mapping[str, str]) -> Placement:
    """Return the nodes of the allocation, and the task's rank.

    The allocation is what is paid for, also where a step runs on a part of it. ``SLURM_PROCID`` is over all tasks of a
    step, and 0 in the batch script.

    A heterogeneous job has ``SLURM_HET_SIZE`` components, each of its own kind of node
    (https://slurm.schedmd.com/heterogeneous_jobs.html). A step over several of them counts all their nodes in
    ``SLURM_JOB_NUM_NODES``, a step on one of them its own: which it is, is not told.
    """
    if "SLURM_JOB_ID" not in environ:
        return Placement()
    nodes, source = read_number(environ, "SLURM_JOB_NUM_NODES", "SLURM_NNODES", least=1)
    rank, rank_source = read_number(environ, "SLURM_PROCID", least=0)
    components, _ = read_number(environ, "SLURM_HET_SIZE", least=1)
    because = None
    if components is not None and components > 1:
        because = (
            f"this Slurm job is of {components} components (SLURM_HET_SIZE), whose nodes may differ: "
            f"{nodes or 'all of its'} nodes are taken for such as this one"
        )
    instance = Instance.known(source or "SLURM_HET_SIZE", num_nodes=nodes, assumed_because=because)
    return Placement(instance=instance, rank=rank, rank_source=rank_source)
