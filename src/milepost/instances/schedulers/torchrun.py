"""torchrun (torch elastic): what it tells each worker.

Source: https://docs.pytorch.org/docs/stable/elastic/run.html (Environment Variables)
"""

from collections.abc import Mapping

from milepost.instances.environment import count, read, whole
from milepost.instances.probe import Placement
from milepost.money.instance import Instance


def from_torchrun(environ: Mapping[str, str]) -> Placement:
    """Return the worker's rank, and the number of agents, one a node.

    ``RANK`` is over all workers, whoever sets it: torchrun, or a launcher that stands in for it. ``WORLD_SIZE`` counts
    workers, so nodes are ``GROUP_WORLD_SIZE``.
    """
    rank = read(environ, "RANK", whole, "a whole number, 0 or more")
    nodes = read(environ, "GROUP_WORLD_SIZE", count, "a whole number, 1 or more")
    instance = Instance.known("GROUP_WORLD_SIZE", num_nodes=nodes)
    return Placement(instance=instance, rank=rank, rank_source=None if rank is None else "RANK")
