"""What a given number of hours costs: the ledger's formula without a ledger."""

import math
from collections.abc import Sequence

from milepost.errors import PriceUnavailable, require
from milepost.instances.detect import detect
from milepost.log import logger
from milepost.money.instance import Instance
from milepost.prices.book import PriceBook


def calculate_total_cost(
    hours: float,
    instance_type: str | None = None,
    use_spot: bool | None = None,
    num_nodes: int | None = None,
    *,
    region: str | None = None,
    sources: Sequence[str] | None = None,
    strict_pricing: bool = False,
) -> float | None:
    """Return what ``hours`` on a fleet cost: ``hours × USD per hour × num_nodes``.

    The provider is asked where it can be, which may take seconds: a training loop has `track` for this.

    Args:
        hours: Hours, 0 or more.
        instance_type: Type of each node; where not given, what this machine is detected as.
        use_spot: Whether they are spot instances; where not given, as detected.
        num_nodes: Nodes; where not given, as detected.
        region: The provider's region; where not given, as detected, else that of the price found.
        sources: Price sources to ask, in that order; all in their usual order where not given.
        strict_pricing: An instance type that is not known has no price, instead of the default instance's.

    Returns:
        USD, or None where the price is not known; the reason is logged (``milepost.prices``).

    Raises:
        ConfigError: An argument is out of its range, or a source is not known.
    """
    number = isinstance(hours, int | float) and not isinstance(hours, bool)
    require(number and 0 <= hours < math.inf, "hours", hours, "a finite number, 0 or more")
    require(num_nodes is None or num_nodes >= 1, "num_nodes", num_nodes, "1 or more")
    market = None if use_spot is None else "spot" if use_spot else "on_demand"
    asked = Instance.known("argument", instance_type=instance_type, market=market, num_nodes=num_nodes, region=region)
    if instance_type is None:
        asked = asked.completed_by(detect().instance)
    elif num_nodes is None or market is None:
        here = detect().instance
        asked = asked.completed_by(Instance(market=here.market, num_nodes=here.num_nodes))
    try:
        quote = PriceBook(sources=sources, strict=strict_pricing).ask(asked)
    except PriceUnavailable as error:
        logger("prices").warning("the cost is unknown: %s", error)
        return None
    return hours * quote.usd_per_hour * asked.nodes_charged
