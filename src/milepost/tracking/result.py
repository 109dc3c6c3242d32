"""What a run has to say of a threshold; what it says of money are pure functions of the ledger, and can be restated."""

from typing import Any, Literal

import msgspec

from milepost.money.costs import billed_cost, cost
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.tracking.checkpoints import Checkpoints
from milepost.tracking.counting import Counting, SamplesUnit
from milepost.tracking.crossing import Crossing, Detector
from milepost.tracking.series import Series
from milepost.tracking.thresholds import Comparison
from milepost.tracking.timer import ElapsedSource, Timer

SCHEMA_VERSION = 2
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
        checkpointed: Whether a saved state holds the crossing, so that a resume does not go back before it. True once
            training goes on from a state that holds it, or `checkpointed()` has said that one is saved; False where
            there are states, and none that holds it: the model that met the target is not kept as yet, or was lost by
            going back. None where that is not known: no state was ever taken or loaded, or `state_dict()` was taken
            with it and nobody has said that it is saved.
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
        samples_unit: What samples count in here: ``samples``, ``steps``, ``epochs`` or ``updates``; None where nothing
            is counted.
        samples_source: What tells them: a column, a tag, or the ``caller``.
        start_known: Whether it is known when the run began. Where not, time counts from the first observation.
        bound: ``lower`` where minutes and dollars are lower bounds (no start is known, or where training went on from
            is not), ``upper`` where they are upper bounds (already met); None where they are exact, or not known.
        rewinds: How often training went back, up to the end of the run; None where that was not asked for.
        late_observations: How many observations were of an earlier position of the run, such as evaluations of a
            checkpoint; None likewise.
        restarts: How often a counter or a timer began anew and was taken to go on; None likewise.
        untimed_because: Why minutes and dollars are not known, where they could be.
        uncounted_because: Why samples are not known, or are counted in another unit.
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
    samples_unit: SamplesUnit | None = "samples"
    samples_source: str | None = None
    start_known: bool | None = None
    bound: Literal["lower", "upper"] | None = None
    rewinds: int | None = 0
    late_observations: int | None = 0
    restarts: int | None = 0
    untimed_because: str | None = None
    uncounted_because: str | None = None


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


class CrossingCosts:
    """What crossings cost, reckoned anew only where a price or an instance's end has changed since.

    The marks up to a crossing never change, so nothing else does; in a long run there are many of them.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, dict[str, float | None]]] = {}

    def of(self, name: str, crossing: Crossing, ledger: Ledger) -> dict[str, float | None]:
        """Return what `cost_figures` says of a threshold's crossing."""
        terms = tuple(
            (each.id, each.quote, each.instance, each.billing, each.marks[-1].name) for each in ledger.segments
        )
        kept = self._kept.get(name)
        if kept is None or kept[0] != (crossing, terms):
            kept = self._kept[name] = ((crossing, terms), cost_figures(ledger, crossing))
        return kept[1]


def result_of(
    detector: Detector,
    series: Series,
    timer: Timer,
    costs: CrossingCosts,
    checkpoints: Checkpoints,
    *,
    run: str | None,
    group: str | None,
    counting: Counting,
) -> ThresholdResult:
    """Return what a run has to say of a threshold, as its ledger and prices stand now.

    Args:
        detector: The threshold, and how far the run has come with it.
        series: Its metric under its smoothing.
        timer: Where the run stands, and its ledger.
        costs: What was reckoned before.
        checkpoints: Which crossings a saved state holds.
        run: Id of the run.
        group: Group of the run.
        counting: What its samples count in.
    """
    threshold, crossing = detector.threshold, detector.crossing
    observations = series.observations(timer.updates)
    unseen = observations == 0 and series.skipped == 0
    latest = series.value
    known: dict[str, Any] = {}
    if crossing:
        at, before = crossing.position, crossing.before
        bound, because = time_of(crossing, timer)
        known = {
            "samples_to_threshold": at.samples,
            "after_samples": before.samples if before else None,
            "confirmed_at_samples": crossing.confirmed_at_samples,
            "already_met": crossing.already_met,
            "retained": None if latest is None else detector.judged.satisfied_by(latest),
            "checkpointed": checkpoints.hold(threshold.name),
            "smoothed_value_at_threshold": crossing.value,
            "untimed_because": because,
        }
        if because is None:
            known |= {
                **costs.of(threshold.name, crossing, timer.ledger),
                "minutes_to_threshold": at.elapsed_seconds / 60,
                "after_minutes": before.elapsed_seconds / 60 if before else None,
                "bound": bound,
            }
    return ThresholdResult(
        run=run,
        group=group,
        threshold=threshold.name,
        metric=threshold.metric,
        comparison=threshold.comparison,
        target_value=threshold.target_value,
        status="achieved" if crossing else "never_observed" if unseen else "not_reached",
        achieved=crossing is not None,
        **known,
        final_smoothed_value=latest,
        observations=observations,
        skipped=series.skipped,
        elapsed_source=crossing.elapsed_source if crossing else timer.elapsed_source,
        samples_unit=counting.unit,
        samples_source=counting.source,
        uncounted_because=counting.because,
        start_known=timer.start_known,
        rewinds=timer.rewinds,
        late_observations=timer.late_observations,
        restarts=timer.restarts,
        **price_figures(timer.ledger, timer.here, crossing),
    )


ROUNDING = 0.01
ROUNDING_SECONDS = 1.0
"""Clocks are rounded: elapsed time may gain by so much on wall time, as a part of it and in seconds."""

NO_START = "the first observation met it, and nothing tells when the run began"


def time_of(crossing: Crossing, timer: Timer) -> tuple[Literal["lower", "upper"] | None, str | None]:
    """Return what a crossing's minutes and dollars are where they are not exact, and why they are not known at all."""
    bound = crossing.position.bound
    if bound == "unknown":
        return None, timer.untimed_because or "its observation tells no time"
    if timer.first_clocks is not None:
        elapsed, wall = timer.first_clocks
        gained, passed = crossing.position.elapsed_seconds - elapsed, crossing.position.wall_time - wall
        if 0 <= passed < gained and gained > passed * (1 + ROUNDING) + ROUNDING_SECONDS:
            return None, f"elapsed time gains {gained:.0f} s where {passed:.0f} s pass by wall time: it is no clock"
    is_lower = bound == "lower" or timer.start_known is False
    if crossing.already_met or bound == "upper":
        return ("upper", None) if not is_lower else (None, NO_START)
    return ("lower" if is_lower else None), None


def restated(result: ThresholdResult, ledger: Ledger, crossing: Crossing | None) -> ThresholdResult:
    """Return a result at the prices that its run's ledger has now."""
    figures = cost_figures(ledger, crossing) if crossing and result.minutes_to_threshold is not None else {}
    return msgspec.structs.replace(result, **figures, **price_figures(ledger, ledger.here, crossing))
