"""MPI launchers: what Open MPI and those with a PMI tell a process.

Source: https://docs.open-mpi.org/en/main/tuning-apps/environment-var.html
"""

from collections.abc import Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement


def from_mpi(environ: Mapping[str, str]) -> Placement:
    """Return the process's rank over all; how many nodes there are is not told."""
    rank, rank_source = read_number(environ, "OMPI_COMM_WORLD_RANK", "PMI_RANK", least=0)
    return Placement(rank=rank, rank_source=rank_source)
