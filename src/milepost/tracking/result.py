"""What a result says of money: pure functions of the ledger, so that a corrected price restates them."""

from typing import Any

import msgspec

from milepost.money.costs import billed_cost, cost
from milepost.money.ledger import Ledger
from milepost.tracking.crossing import Crossing, Position
from milepost.tracking.thresholds import ThresholdResult

SCHEMA_VERSION = 1
"""Of a result's keys, wherever they are written."""


def cost_figures(ledger: Ledger, crossing: Crossing) -> dict[str, float | None]:
    """Return the USD that a crossing took, by attribute of `ThresholdResult`; None without any clock."""
    if crossing.elapsed_source is None:
        return dict.fromkeys(("cost_to_threshold", "billed_cost_to_threshold", "after_cost"))
    return {
        "cost_to_threshold": cost(ledger, crossing.position),
        "billed_cost_to_threshold": billed_cost(ledger, crossing.position),
        "after_cost": cost(ledger, crossing.before) if crossing.before else None,
    }


def price_figures(ledger: Ledger, at: Position | None, crossing: Crossing | None) -> dict[str, Any]:
    """Return the price that a result names, by attribute of `ThresholdResult`: that of the crossing, else the last.

    Args:
        ledger: The run's ledger.
        at: Where the run is.
        crossing: The threshold's crossing, once there is one.
    """
    position = crossing.position if crossing else at
    segment = ledger.segment(crossing.position.segment if crossing else None)
    quote = segment.quote if segment else None
    return {
        "usd_per_hour": quote.usd_per_hour_at(position.wall_time) if quote and position else None,
        "num_nodes": segment.instance.num_nodes if segment else None,
        "share": segment.instance.share if segment else None,
        "price_source": quote.source if quote else None,
        "price_as_of": quote.as_of if quote else None,
        "price_assumed": quote.assumed if quote else None,
    }


def restated(result: ThresholdResult, ledger: Ledger, crossing: Crossing | None) -> ThresholdResult:
    """Return a result at the prices that its run's ledger has now."""
    figures = cost_figures(ledger, crossing) if crossing else {}
    return msgspec.structs.replace(result, **figures, **price_figures(ledger, ledger.here, crossing))
