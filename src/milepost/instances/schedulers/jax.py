"""JAX: what those who start one process after the other tell `jax.distributed`.

Source: https://docs.jax.dev/en/latest/multi_process.html
"""

from collections.abc import Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement


def from_jax(environ: Mapping[str, str]) -> Placement:
    """Return the process's id over all; how many nodes there are is not told."""
    rank, rank_source = read_number(environ, "JAX_PROCESS_ID", least=0)
    return Placement(rank=rank, rank_source=rank_source)
