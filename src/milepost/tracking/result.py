"""What a run has to say of a threshold; what it says of money are pure functions of the ledger, and can be restated."""

from typing import Any, Literal

import msgspec

from milepost.money.costs import billed_cost, cost
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.tracking.crossing import Crossing
from milepost.tracking.thresholds import Comparison
from milepost.tracking.timer import ElapsedSource

SCHEMA_VERSION = 1
"""Of a result's keys, wherever they are written."""


Status = Literal["achieved", "not_reached", "never_observed"]


class ThresholdResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has to say of one threshold. What is not known is None, never 0, NaN or infinity.

    Attributes:
        run: Id of the run.
        group: Group that the run belongs to, such as the seeds of one recipe.
        threshold: Name of the threshold.
        metric: Key of its metric.
        comparison: How the smoothed value is held against the target.
        target_value: The target, in the metric's unit.
        status: ``achieved``, ``not_reached``, or ``never_observed`` where no observation ever bore the metric.
        achieved: Whether the threshold was crossed; it stays so.
        samples_to_threshold: Samples at the crossing.
        minutes_to_threshold: Elapsed training minutes at the crossing.
        cost_to_threshold: USD for the elapsed time of the crossing's lineage.
        billed_cost_to_threshold: USD for the wall-clock time of everything the run had used by then.
        after_samples: Samples at the observation before: the metric crossed after it and by the crossing.
        after_minutes: Elapsed minutes at the observation before.
        after_cost: USD for the elapsed time of the lineage at the observation before.
        confirmed_at_samples: Samples at the observation that confirmed the crossing.
        already_met: Whether the very first observation satisfied it: then the figures are upper bounds.
        retained: Whether the latest smoothed value still satisfies it.
        checkpointed: Whether a saved state holds the crossing; None where no state was ever taken or loaded.
        smoothed_value_at_threshold: Smoothed value at the crossing.
        final_smoothed_value: The latest smoothed value.
        observations: Finite observations of the metric; None where they were not asked for.
        skipped: Observations that were NaN or infinite, or too large to be averaged, and skipped; None likewise.
        elapsed_source: Where elapsed time comes from: the ``caller``, the tracked run's ``clock``, or ``wall`` time.
        usd_per_hour: USD an hour of one node in the crossing's segment, else in the last.
        num_nodes: Nodes in that segment.
        share: Part of each node that the run is charged for in that segment.
        price_source: Source of that price.
        price_as_of: When that price was true.
        price_assumed: Whether that price was substituted for one that is not known.
        run_minutes: How long the whole run took, where a log says so (MLPerf's ``run_start`` to ``run_stop``).
    """

    run: str | None = None
    group: str | None = None
    threshold: str
    metric: str
    comparison: Comparison
    target_value: float
    status: Status
    achieved: bool
    samples_to_threshold: int | None = None
    minutes_to_threshold: float | None = None
    cost_to_threshold: float | None = None
    billed_cost_to_threshold: float | None = None
    after_samples: int | None = None
    after_minutes: float | None = None
    after_cost: float | None = None
    confirmed_at_samples: int | None = None
    already_met: bool = False
    retained: bool | None = None
    checkpointed: bool | None = None
    smoothed_value_at_threshold: float | None = None
    final_smoothed_value: float | None = None
    observations: int | None = 0
    skipped: int | None = 0
    elapsed_source: ElapsedSource | None = None
    usd_per_hour: float | None = None
    num_nodes: int | None = None
    share: float | None = None
    price_source: str | None = None
    price_as_of: str | None = None
    price_assumed: bool | None = None
    run_minutes: float | None = None


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
