"""Lightning's own launcher, and others that tell a process its place on its node alone.

Source: https://lightning.ai/docs/pytorch/stable/clouds/cluster_intermediate_1.html; its ``subprocess_script`` launcher
sets ``NODE_RANK``, ``LOCAL_RANK`` and ``WORLD_SIZE``, and no ``RANK``.
"""

from collections.abc import Mapping

from milepost.instances.environment import least_rank, read_number
from milepost.instances.probe import Placement


def from_lightning(environ: Mapping[str, str]) -> Placement:
    """Return the process's rank, of its node's and its own on that node; the least that it can be.

    How many processes a node has is seldom told. The first of its node, where nobody tells which node that is, tells
    nothing: a scheduler may.
    """
    node, node_source = read_number(environ, "NODE_RANK", least=0)
    local, local_source = read_number(environ, "LOCAL_RANK", least=0)
    here, _ = read_number(environ, "LOCAL_WORLD_SIZE", least=1)
    if node is None and not local:
        return Placement()
    told_by = " and ".join(filter(None, [node_source, local_source]))
    return Placement(rank=least_rank(node or 0, local or 0, here), rank_source=told_by)
