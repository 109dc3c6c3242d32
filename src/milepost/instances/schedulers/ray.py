"""Ray Train: what it tells a worker of a Torch trainer.

Source: https://docs.ray.io/en/latest/train/api/api.html; its Torch backend sets torch's variables and ``NODE_RANK``.
"""

from collections.abc import Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement
from milepost.money.instance import Instance


def is_in_ray(environ: Mapping[str, str]) -> bool:
    """Say whether this process is one of Ray's."""
    return "RAY_JOB_ID" in environ or "RAY_ADDRESS" in environ


def from_ray(environ: Mapping[str, str]) -> Placement:
    """Return the number of nodes, where every node has as many workers; the rank is torch's own ``RANK``.

    Ray does not say how many nodes there are: they are the workers over those of this node, where that divides evenly.
    """
    if not is_in_ray(environ):
        return Placement()
    workers, _ = read_number(environ, "WORLD_SIZE", least=1)
    here, _ = read_number(environ, "LOCAL_WORLD_SIZE", least=1)
    nodes = workers // here if workers and here and workers % here == 0 else None
    return Placement(instance=Instance.known("WORLD_SIZE over LOCAL_WORLD_SIZE", num_nodes=nodes))
