"""Hands a tracker the rows of a history, one after the other."""

from milepost.replaying.curves import HistoryCurve
from milepost.replaying.updates import Updates
from milepost.tracking.tracker import PerformanceThresholdTracker


class Feed:
    """Hands a tracker the rows of a history.

    Args:
        tracker: The tracker.
        start: Wall time at which the run started, Unix seconds (UTC): what elapsed time counts from.
        with_curves: Whether there is to be a curve for each metric under each smoothing: `curves`.
    """

    def __init__(self, tracker: PerformanceThresholdTracker, start: float, *, with_curves: bool) -> None:
        self.tracker, self.start = tracker, start
        self.curves = [HistoryCurve(series) for series in tracker.series] if with_curves else []

    def take_each(self, updates: Updates, first: int, stop: int) -> None:
        """Take some rows of a chunk, one after the other."""
        tracker = self.tracker
        waiting: dict[int, list[HistoryCurve]] = {}
        for curve in self.curves:
            for row in curve.rows:
                if first <= row < stop:
                    waiting.setdefault(row, []).append(curve)
        for row, (metrics, samples, elapsed, wall) in enumerate(updates.each(first, stop), first):
            if wall is None:
                assert elapsed is not None
                wall = self.start + elapsed
            tracker.update(metrics, samples, elapsed, wall_time=wall)
            for curve in waiting.get(row, ()):
                last = tracker.last
                curve.keep(row, last.samples, last.elapsed_seconds, curve.series.value)
