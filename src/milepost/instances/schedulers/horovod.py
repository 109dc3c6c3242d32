"""Horovod: what ``horovodrun`` tells each worker.

Source: https://github.com/horovod/horovod/blob/master/horovod/runner/gloo_run.py (``create_slot_env_vars``)
"""

from collections.abc import Mapping

from milepost.instances.environment import read_number
from milepost.instances.probe import Placement
from milepost.money.instance import Instance


def from_horovod(environ: Mapping[str, str]) -> Placement:
    """Return the worker's rank over all, and the number of nodes: of workers with its place on a node (``CROSS``)."""
    rank, rank_source = read_number(environ, "HOROVOD_RANK", least=0)
    nodes, source = read_number(environ, "HOROVOD_CROSS_SIZE", least=1)
    return Placement(instance=Instance.known(source or "", num_nodes=nodes), rank=rank, rank_source=rank_source)
