"""Trackers for the tests of tracking, on a clock that is set by hand."""

import json
from typing import Any

from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import FakeClock, ledger, threshold


def tracker_at(
    clock: FakeClock, *thresholds: PerformanceThreshold, usd: float | None = 3.6, **fields: Any
) -> PerformanceThresholdTracker:
    return PerformanceThresholdTracker(thresholds or [threshold()], ledger=ledger(usd), clock=clock, **fields)


def raw(target: Any = 2.0, name: str = "t", **fields: Any) -> PerformanceThreshold:
    return PerformanceThreshold(name, "m", target, smoothing_factor=1.0, **fields)


def tracked(*thresholds: PerformanceThreshold, usd_per_hour: float | None = 3600.0) -> tuple[Any, FakeClock]:
    clock = FakeClock()
    book = None if usd_per_hour is None else ledger(usd_per_hour)
    return PerformanceThresholdTracker(thresholds or (raw(),), ledger=book, clock=clock), clock


def resumed(state: dict[str, Any], usd_per_hour: float = 3600.0) -> tuple[Any, FakeClock]:
    """A later process on a machine at that price, whose clock has run for a minute before it loads the state."""
    run, clock = tracked(usd_per_hour=usd_per_hour)
    clock.advance(60)
    run.load_state_dict(json.loads(json.dumps(state)))
    return run, clock
