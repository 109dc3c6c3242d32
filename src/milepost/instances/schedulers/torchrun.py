"""torchrun (torch elastic): what it tells each worker.

Source: https://docs.pytorch.org/docs/stable/elastic/run.html (Environment Variables)
"""

from collections.abc import Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement
from milepost.money.instance import Instance


def from_torchrun(environ: Mapping[str, str]) -> Placement:
    """Return the worker's rank, and the number of agents, one a node.

    ``RANK`` is over all workers, whoever sets it: torchrun, or a launcher that stands in for it. ``WORLD_SIZE`` counts
    workers, so nodes are ``GROUP_WORLD_SIZE``.
    """
    rank, rank_source = read_number(environ, "RANK", least=0)
    nodes, source = read_number(environ, "GROUP_WORLD_SIZE", least=1)
    return Placement(instance=Instance.known(source or "", num_nodes=nodes), rank=rank, rank_source=rank_source)
