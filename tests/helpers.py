"""What many tests need: a clock that is set by hand, and a ledger at a price."""

import math
from collections.abc import Iterable
from typing import Any

from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import PriceStep, Quote
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.timer import Clock
from milepost.tracking.tracker import PerformanceThresholdTracker

START = 1_700_000_000.0
"""Unix seconds at which the runs of the tests start."""


class FakeClock(Clock):
    """A clock that stands still until `advance` is called; the system's may have ``jumped``."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.jumped = 0.0
        super().__init__(monotonic=lambda: self.seconds, utc=lambda: START + self.seconds + self.jumped)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def quote(usd_per_hour: float, *steps: tuple[float, float], **fields: Any) -> Quote:
    """A quote; steps are (seconds after START, USD per hour)."""
    changes = tuple(PriceStep(START + seconds, usd) for seconds, usd in steps)
    return Quote(usd_per_hour=usd_per_hour, source="user", steps=changes, **fields)


def ledger(usd_per_hour: float | None = 3.6, *steps: tuple[float, float], **fields: Any) -> Ledger:
    """A ledger with one segment that starts at START."""
    price = None if usd_per_hour is None else quote(usd_per_hour, *steps)
    return Ledger().opened(Instance(**fields), price, wall_time=START)


def threshold(target: float = 2.0, comparison: Any = ">=", **fields: Any) -> PerformanceThreshold:
    """A threshold on the raw value of ``m``, unless told otherwise."""
    fields = dict[str, Any](name="t", metric="m", smoothing_factor=1.0) | fields
    return PerformanceThreshold(target_value=target, comparison=comparison, **fields)


def feed(tracker: PerformanceThresholdTracker, values: Iterable[float], metric: str = "m") -> None:
    """Give values to a tracker, one every 10 samples and every second of elapsed time, the first at 10 and 1."""
    for index, value in enumerate(values, start=1):
        tracker.update({metric: value}, samples=10 * index, elapsed_seconds=float(index), wall_time=START + index)


def same(left: float | None, right: float | None) -> bool:
    """Equal, or close to the last few bits."""
    if left is None or right is None:
        return left is right
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
