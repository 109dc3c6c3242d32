"""Slurm: what it tells the tasks of a job.

Source: https://slurm.schedmd.com/srun.html and https://slurm.schedmd.com/sbatch.html (output environment variables)
"""

from collections.abc import Mapping

from milepost.instances.environment import count, read, whole
from milepost.instances.probe import Placement
from milepost.money.instance import Instance


def from_slurm(environ: Mapping[str, str]) -> Placement:
    """Return the nodes of the allocation, and the task's rank.

    The allocation is what is paid for, also where a step runs on a part of it. ``SLURM_PROCID`` is over all tasks of a
    step, and 0 in the batch script. A heterogeneous job's other components are not counted: its variables bear
    ``_HET_GROUP_`` and a number.
    """
    if "SLURM_JOB_ID" not in environ:
        return Placement()
    for name in ("SLURM_JOB_NUM_NODES", "SLURM_NNODES"):
        nodes = read(environ, name, count, "a whole number, 1 or more")
        if nodes is not None:
            break
    rank = read(environ, "SLURM_PROCID", whole, "a whole number, 0 or more")
    instance = Instance.known(name, num_nodes=nodes)
    return Placement(instance=instance, rank=rank, rank_source=None if rank is None else "SLURM_PROCID")
