"""Takes an update that `moves` has judged: one that follows, and one of a position that training has left behind."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from milepost.money.position import Position
from milepost.tracking.crossing import Detector
from milepost.tracking.precision import is_single
from milepost.tracking.result import ThresholdResult
from milepost.tracking.series import Series, as_float

if TYPE_CHECKING:
    from milepost.tracking.tracker import PerformanceThresholdTracker


def observe(
    tracker: "PerformanceThresholdTracker", metrics: Mapping[str, Any], at: Position
) -> tuple[ThresholdResult, ...]:
    """Take what was logged at a position that follows the last: as the tracker's `update` does, but for its pace."""
    timer, achieved = tracker.timer, list[Detector]()
    for series in tracker.series:
        achieved += series.observe(_value(series, metrics), at, metrics, timer)
    timer.samples, timer.elapsed_seconds, timer.wall_time = at.samples, at.elapsed_seconds, at.wall_time
    return _observed(tracker, achieved, at)


def observe_late(
    tracker: "PerformanceThresholdTracker", metrics: Mapping[str, Any], at: Position
) -> tuple[ThresholdResult, ...]:
    """Take what was logged of a position that training has left behind: the run stays where it is."""
    timer, achieved = tracker.timer, list[Detector]()
    for series in tracker.series:
        x, seen = _value(series, metrics), series.absent
        if x - x == 0.0 and series.weight and (series.left_at or timer.last).samples >= at.samples:
            series.left_at = timer.before(at.samples)
        achieved += series.observe(x, at, metrics, timer)
        if series.absent == seen:  # it bore one
            series.left_at = at
        series.set_bounds()
    timer.wall_time, timer.late = max(timer.wall_time, at.wall_time), (at, timer.updates + 1)
    return _observed(tracker, achieved, at)


def _observed(
    tracker: "PerformanceThresholdTracker", achieved: list[Detector], at: Position
) -> tuple[ThresholdResult, ...]:
    tracker.timer.updates += 1
    results = tracker.achieve(achieved, at) if achieved else ()
    tracker.sort_series()
    if tracker.on_observed is not None:
        tracker.on_observed(at)
    return results


def _value(series: Series, metrics: Mapping[str, Any]) -> float:
    value = metrics.get(series.metric)
    if series.is_single is None and value is not None and type(value) is not float:
        series.tell_precision(is_single(value))
    return as_float(value)
