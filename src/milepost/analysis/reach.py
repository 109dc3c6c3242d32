"""How far a run had come: in samples, training minutes and dollars."""

import msgspec

from milepost.analysis.units import unit_of
from milepost.money.costs import cost
from milepost.money.position import Position
from milepost.runs.record import REPLAYED, RunRecord
from milepost.tracking.result import ThresholdResult


class Reach(msgspec.Struct, frozen=True):
    """How far a run had come; None for what is not known.

    Attributes:
        samples: Samples, or what else the run counts in.
        minutes: Elapsed minutes of training.
        usd: USD for the elapsed time that led there.
    """

    samples: int | None = None
    minutes: float | None = None
    usd: float | None = None


def at_crossing(result: ThresholdResult) -> Reach:
    """Return how far a run had come where it crossed a threshold."""
    return Reach(result.samples_to_threshold, result.minutes_to_threshold, result.cost_to_threshold)


def before_crossing(result: ThresholdResult) -> Reach:
    """Return how far it had come at the observation before: the bracket's beginning."""
    return Reach(result.after_samples, result.after_minutes, result.after_cost)


def at_end(record: RunRecord) -> Reach:
    """Return how far a run has come."""
    here = record.ledger.here
    return Reach() if here is None else _reach(record, here)


def is_lower_bound(record: RunRecord) -> bool:
    """Say whether minutes and dollars of a whole run are lower bounds: when it began, or went on, is not known."""
    return any(result.start_known is False or result.bound == "lower" for result in record.results)


def stops(record: RunRecord) -> list[tuple[str, Reach]]:
    """Return why and where a run was stopped and had to go on, or was lost: preemptions, kills, failures."""
    return [
        (end.name or "ended", _reach(record, segment.here))
        for segment in record.ledger.segments
        if (end := segment.end) is not None and end.name not in (None, "closed")
    ]


def has_clock(record: RunRecord) -> bool:
    """Say whether anything tells the run's time: its own clock where it was tracked, else what its log says."""
    return record.run.status != REPLAYED or any(result.elapsed_source is not None for result in record.results)


def _reach(record: RunRecord, at: Position) -> Reach:
    timed = has_clock(record)
    is_counted = unit_of(record.results) is not None and (at.samples != 0 or record.run.status != REPLAYED)
    return Reach(
        samples=at.samples if is_counted else None,  # a log may count none, or along several axes
        minutes=at.elapsed_seconds / 60 if timed else None,
        usd=cost(record.ledger, at) if timed else None,
    )
