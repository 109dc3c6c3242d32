"""Runs for tests of what runs say together: at a dollar a second, unless told otherwise."""

from collections.abc import Sequence
from typing import Any

import msgspec

from milepost.money.ledger import Ledger
from milepost.runs.record import REPLAYED, Curve, CurvePoint, Run, RunRecord
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import START, FakeClock, feed, ledger, threshold

DOLLAR_A_SECOND = 3600.0
"""USD an hour."""


def run_of(
    name: str,
    values: Sequence[float],
    *thresholds: PerformanceThreshold,
    group: str | None = None,
    status: str = "closed",
    usd_per_hour: float | None = DOLLAR_A_SECOND,
) -> RunRecord:
    """Return a run whose raw metric ``m`` has these values, one every 10 samples and every second, the first at 10."""
    thresholds = thresholds or (threshold(),)
    tracker = PerformanceThresholdTracker(thresholds, ledger=ledger(usd_per_hour), clock=FakeClock())
    tracker.run, tracker.group = name, group
    feed(tracker, values)
    points = [CurvePoint(at, 10 * at + 10, at + 1.0, value, value) for at, value in enumerate(values)]
    here = tracker.here
    return RunRecord(
        run=Run(id=name, group=group, status=status, started_at=START, alive_at=START + len(values)),
        thresholds=thresholds,
        results=tuple(tracker.get_results().values()),
        crossings=tracker.crossings,
        ledger=tracker.ledger if here is None else tracker.ledger.marked("end", here, "closed"),
        curves=(Curve("m", thresholds[0].smoothing, 1, tuple(points)),),
    )


def on(book: Ledger, record: RunRecord) -> RunRecord:
    """Return a run on another ledger."""
    return msgspec.structs.replace(record, ledger=book)


def untimed(record: RunRecord) -> RunRecord:
    """Return a run whose results say that nothing told its time."""
    return with_results(record, elapsed_source=None)


def with_results(record: RunRecord, **fields: Any) -> RunRecord:
    """Return a run with something else in all of its results."""
    results = tuple(msgspec.structs.replace(each, **fields) for each in record.results)
    return msgspec.structs.replace(record, results=results)


def as_replayed(record: RunRecord) -> RunRecord:
    """Return a run as if it were read from a log."""
    return msgspec.structs.replace(record, run=msgspec.structs.replace(record.run, status=REPLAYED))
