"""MPI launchers: what Open MPI and those with a PMI tell a process.

Source: https://docs.open-mpi.org/en/main/tuning-apps/environment-var.html
"""

from collections.abc import Mapping

from milepost.instances.environment import read, whole
from milepost.instances.probe import Placement


def from_mpi(environ: Mapping[str, str]) -> Placement:
    """Return the process's rank over all; how many nodes there are is not told."""
    for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        rank = read(environ, name, whole, "a whole number, 0 or more")
        if rank is not None:
            return Placement(rank=rank, rank_source=name)
    return Placement()
