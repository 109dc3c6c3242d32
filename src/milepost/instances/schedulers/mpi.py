"""MPI launchers: what Open MPI, MVAPICH2, Cray's PALS, Flux and those with a PMI tell a process.

Sources: https://docs.open-mpi.org/en/main/tuning-apps/environment-var.html,
https://flux-framework.readthedocs.io/projects/flux-core/en/latest/man7/flux-environment.html
"""

from collections.abc import Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement

NAMES = (
    "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "PALS_RANKID", "FLUX_TASK_RANK"
)  # fmt: skip


def from_mpi(environ: Mapping[str, str]) -> Placement:
    """Return the process's rank over all; how many nodes there are is not told."""
    rank, rank_source = read_number(environ, *NAMES, least=0)
    return Placement(rank=rank, rank_source=rank_source)
