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
    step, and 0 in the batch script. A heterogeneous job's other components are not counted: its variables bear
    ``_HET_GROUP_`` and a number.
    """
    if "SLURM_JOB_ID" not in environ:
        return Placement()
    nodes, source = read_number(environ, "SLURM_JOB_NUM_NODES", "SLURM_NNODES", least=1)
    rank, rank_source = read_number(environ, "SLURM_PROCID", least=0)
    return Placement(instance=Instance.known(source or "", num_nodes=nodes), rank=rank, rank_source=rank_source)
