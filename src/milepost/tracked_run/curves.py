"""Thins the metrics of a run to curves that cover all of it in a bounded number of points."""

from collections.abc import Iterable, Mapping
from typing import Any

from milepost.money.position import Position
from milepost.runs.record import MOST_POINTS, Curve, CurvePoint
from milepost.tracking.series import Series, as_float


class _Thinned:
    """One curve as it grows: observations whose position is a multiple of the stride, which doubles when it is full."""

    __slots__ = ("full", "metric", "points", "position", "series", "stride")

    def __init__(self, series: Series, known: Curve | None) -> None:
        self.series = series
        self.metric = series.metric
        self.stride = known.stride if known else 1
        self.position = (known.points[-1].position // self.stride + 1) * self.stride if known else 0
        self.full = MOST_POINTS * self.stride  # the position from which on there would be too many
        self.points: list[CurvePoint] = []

    def take(self, raw: float, at: Position, observations: int) -> None:
        """Take the observation at the position, if it is one of those that are kept, and go on by so many."""
        series, position = self.series, self.position
        if raw - raw == 0.0 and position % self.stride == 0 and series.weight:
            self.points.append(CurvePoint(position, at.samples, at.elapsed_seconds, raw, series.total / series.weight))
        self.position = position + observations
        while self.position >= self.full:
            self.stride *= 2
            self.full *= 2
            self.points = [point for point in self.points if point.position % self.stride == 0]


class Curves:
    """The curves of a run's metrics.

    A metric that every update bears is looked at once in a stride; one that an update has lacked is looked for in every
    update from then on.

    Args:
        every_series: The metrics under their smoothings.
        known: Curves that earlier processes of the run left.

    Attributes:
        rare: Keys of the metrics that are looked for in every update.
    """

    def __init__(self, every_series: Iterable[Series], known: Iterable[Curve] = ()) -> None:
        left = {(curve.metric, curve.smoothing): curve for curve in known}
        self._steady = [_Thinned(each, left.get((each.metric, each.smoothing))) for each in every_series]
        self._rare: list[_Thinned] = []
        self.rare: tuple[str, ...] = ()
        self._stride = self._least_stride()

    def sample(self, metrics: Mapping[str, Any], at: Position) -> int:
        """Look at the metrics that every update bears; return after how many updates to do so again."""
        for curve in self._steady:
            if curve.metric not in metrics:
                self._tell_rare(metrics)
                break
        stride, least = self._stride, 0
        for curve in self._steady:
            raw = metrics[curve.metric]
            curve.take(raw if type(raw) is float else as_float(raw), at, stride)
            if not least or curve.stride < least:
                least = curve.stride
        self._stride = least or MOST_POINTS
        return stride

    def sample_rare(self, metrics: Mapping[str, Any], at: Position) -> None:
        """Look at the metrics that not every update bears."""
        for curve in self._rare:
            if curve.metric in metrics:
                raw = metrics[curve.metric]
                curve.take(raw if type(raw) is float else as_float(raw), at, 1)

    def _tell_rare(self, metrics: Mapping[str, Any]) -> None:
        """Look for those metrics in every update that this one lacks."""
        self._rare += [curve for curve in self._steady if curve.metric not in metrics]
        self._steady = [curve for curve in self._steady if curve.metric in metrics]
        self.rare = tuple(dict.fromkeys(curve.metric for curve in self._rare))
        self._stride = self._least_stride()

    def _least_stride(self) -> int:
        return min((curve.stride for curve in self._steady), default=MOST_POINTS)

    def take(self) -> tuple[Curve, ...]:
        """Return the points that are new since the last call."""
        taken = []
        for curve in (*self._steady, *self._rare):
            if curve.points:
                series = curve.series
                taken.append(Curve(series.metric, series.smoothing, curve.stride, tuple(curve.points)))
                curve.points = []
        return tuple(taken)
