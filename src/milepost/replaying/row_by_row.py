"""Hands a tracker the rows of a history, one after the other."""

from milepost.money.position import Position
from milepost.replaying.curves import HistoryCurve
from milepost.replaying.updates import Updates
from milepost.tracking.tracker import PerformanceThresholdTracker

Observed = list[tuple[HistoryCurve, tuple[int, float]]]
"""The curves that keep a row, and what it bears of each."""


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
        self._waiting: list[Observed] = []  # rows that were handed over, and are still to be observed
        if with_curves:
            tracker.on_observed = self._keep

    def take_each(self, updates: Updates, first: int, stop: int) -> None:
        """Take some rows of a chunk, one after the other."""
        tracker = self.tracker
        kept: dict[int, Observed] = {}
        for curve in self.curves:
            for row in curve.rows:
                if first <= row < stop:
                    kept.setdefault(row, []).append((curve, curve.observation(row)))
        for row, (metrics, samples, elapsed, wall) in enumerate(updates.each(first, stop), first):
            if wall is None:
                assert elapsed is not None
                wall = self.start + elapsed
            if row in updates.boundaries:
                tracker.begin_process(updates.boundaries[row])
            if updates.at_most:
                tracker.timer.tell_bound("upper" if row in updates.at_most else None)
            if not self.curves:
                tracker.update(metrics, samples, elapsed, wall_time=wall)
                continue
            self._waiting.append(kept.get(row, []))
            tracker.update(metrics, samples, elapsed, wall_time=wall)
            if self._waiting and not tracker.timer.is_open:
                self._keep(tracker.last)
                self._waiting.clear()

    def _keep(self, at: Position) -> None:
        """Have the curves keep the row that has been observed: the first of those that wait."""
        if self._waiting:
            for curve, observed in self._waiting.pop(0):
                curve.keep(observed, at.samples, at.elapsed_seconds, curve.series.value)
