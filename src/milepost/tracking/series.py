"""A metric under one smoothing, from the value that was logged to the thresholds that watch it."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from milepost.money.position import Position
from milepost.tracking.crossing import Crossing, Detector, Pending
from milepost.tracking.smoothing import Smoother
from milepost.tracking.thresholds import Smoothing
from milepost.tracking.timer import Timer


class Series(Smoother):
    """The smoother of one metric, with the thresholds that watch it.

    Attributes:
        metric: Key of the metric.
        even: Whether one decay serves every observation, so that the tracker may smooth in its own loop.
        detectors: Its thresholds, in their order.
        pending: Those of them that are still to be achieved.
        low: With ``high``, the open interval in which a smoothed value needs no second look.
        high: See ``low``.
        absent: Updates that bore no finite value of the metric.
        skipped: Updates that bore a NaN or an infinity.
        left_at: Where the metric was last observed, if that was not at the last update.
        is_single: Whether its values are stored as float32; None where no value has told yet.
    """

    __slots__ = ("absent", "detectors", "even", "high", "is_single", "left_at", "low", "metric", "pending", "skipped")

    def __init__(self, metric: str, smoothing: Smoothing, detectors: Iterable[Detector]) -> None:
        super().__init__(smoothing)
        self.metric = metric
        self.even = smoothing.half_life is None and smoothing.bias_correction
        self.detectors = tuple(detectors)
        self.absent = 0
        self.skipped = 0
        self.left_at: Position | None = None
        self.is_single: bool | None = None
        self.renew()

    @property
    def is_raw(self) -> bool:
        """Whether it is not smoothed at all: what is observed last is its value."""
        return self.even and self.decay == 0.0

    def tell_precision(self, is_single: bool) -> None:
        """Say whether its values are stored as float32: its targets are then held against them as such."""
        self.is_single = is_single
        if is_single:
            from milepost.tracking.precision import in_single

            for detector in self.detectors:
                detector.judged = in_single(detector.threshold)
            self.renew()

    def renew(self) -> None:
        """Go on from where smoother and detectors have been brought from outside."""
        self.pending = Pending(self.detectors)
        self.set_bounds()

    def observations(self, updates: int) -> int:
        """Return how many of so many updates bore a finite value."""
        return updates - self.absent

    def set_bounds(self) -> None:
        """Let the tracker pass over what needs no second look: its first value does, and what comes after a gap."""
        flowing = self.weight > 0 and self.left_at is None
        self.low = self.pending.low if self.even and flowing else math.inf
        self.high = self.pending.high

    def observe(self, x: float, at: Position, metrics: Mapping[str, Any], timer: Timer) -> list[Detector]:
        """Take one value that needs a closer look; return the detectors of the thresholds that it achieves.

        Args:
            x: The value; NaN where the update bears none.
            at: Where it was observed.
            metrics: What the update bears.
            timer: The run's timer, at the update before.
        """
        before = (self.left_at or timer.last) if self.weight else None
        value = self.push(x, at.samples, at.elapsed_seconds)
        if math.isnan(value):
            self.absent += 1
            self.miss(metrics, timer)
            return []
        self.left_at = None
        assert timer.elapsed_source is not None
        achieved = self.pending.observe(Crossing(at, value, before, at.samples, timer.elapsed_source))
        self.set_bounds()
        return achieved

    def miss(self, metrics: Mapping[str, Any], timer: Timer) -> None:
        """Note that an update bears no finite value of the metric: it was last observed at the one before, if at all.

        Args:
            metrics: What the update bears.
            timer: The run's timer, at the update before.
        """
        if self.left_at is None:
            self.leave(timer.last)
        if self.metric not in metrics:
            return
        value = metrics[self.metric]
        if is_number(value):
            self.skipped += 1
        else:
            found = type(value).__name__
            timer.said.warn(f"value {self.metric}", "metric %r: found %s, expected a number", self.metric, found)

    def leave(self, last: Position) -> None:
        """Note that the metric was last observed at the last update, or before: the one under way does not bear it."""
        if self.left_at is None:
            self.left_at = last
            self.set_bounds()


def missing(every_series: Iterable[Series], updates: int, names: Collection[str]) -> list[str]:
    """Return the metrics that none of so many updates has borne, and that are not among ``names``."""
    unborne = (each.metric for each in every_series if not (each.observations(updates) or each.skipped))
    return [metric for metric in dict.fromkeys(unborne) if metric not in names]


def by_metric(detectors: Iterable[Detector]) -> dict[tuple[str, Smoothing], Series]:
    """Return the series that thresholds are on, by metric and smoothing: those that have both in common share one."""
    grouped: dict[tuple[str, Smoothing], list[Detector]] = {}
    for detector in detectors:
        grouped.setdefault((detector.threshold.metric, detector.threshold.smoothing), []).append(detector)
    return {key: Series(*key, sharing) for key, sharing in grouped.items()}


def as_float(value: Any) -> float:
    """Return a logged value as a float, NaN where it is no number.

    Takes Python and NumPy numbers, and zero-dimensional arrays and tensors of any framework.
    """
    try:
        return _as_float(value)
    except Exception:  # of whatever class it is, it may raise anything, and other metrics are to be heard
        return math.nan


def _as_float(value: Any) -> float:
    if isinstance(value, float):  # NumPy's float64 is one
        return float(value)
    if getattr(value, "ndim", 0) == 0:
        if isinstance(value, int):
            try:
                return float(value)
            except OverflowError:
                return math.inf if value > 0 else -math.inf
        if hasattr(value, "item"):
            if _is_masked(value):
                return math.nan
            value = value.item()
        if isinstance(value, float | int) or (hasattr(value, "__float__") and not isinstance(value, complex)):
            return float(value)
    return math.nan


def _is_masked(value: Any) -> bool:
    """Say whether a zero-dimensional array is masked (``numpy.ma``): what it then holds was never meant as a value."""
    mask = getattr(value, "mask", False)
    return not callable(mask) and bool(mask)


def is_number(value: Any) -> bool:
    """Say whether a logged value is a number, finite or not."""
    number = as_float(value)
    if not math.isnan(number):
        return True
    try:
        if _is_masked(value):
            return False
        item = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
        return getattr(item, "ndim", 0) == 0 and math.isnan(float(item)) and not isinstance(item, str)
    except Exception:
        return False
