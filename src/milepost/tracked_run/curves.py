"""Thins the metrics of a run to curves that cover all of it in a bounded number of points."""

from collections.abc import Iterable, Mapping
from typing import Any

from milepost.money.position import Position
from milepost.runs.record import MOST_POINTS, Curve, CurvePoint
from milepost.tracking.series import Series, as_float


class _Thinned:
    """One curve as it grows: observations whose position is a multiple of the stride, which doubles when it is full."""

    __slots__ = ("points", "position", "series", "stride")

    def __init__(self, series: Series, known: Curve | None) -> None:
        self.series = series
        self.stride = known.stride if known else 1
        self.position = (known.points[-1].position // self.stride + 1) * self.stride if known else 0
        self.points: list[CurvePoint] = []

    def add(self, raw: float, at: Position) -> None:
        """Add the observation at the position, if it is one of those that are kept."""
        value = self.series.value
        if raw - raw == 0.0 and value is not None and self.position % self.stride == 0:
            self.points.append(CurvePoint(self.position, at.samples, at.elapsed_seconds, raw, value))

    def go_on(self, observations: int) -> None:
        """Go on by so many observations."""
        self.position += observations
        while self.position // self.stride >= MOST_POINTS:
            self.stride *= 2
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
        every = [_Thinned(each, left.get((each.metric, each.smoothing))) for each in every_series]
        self._steady = every
        self._rare: list[_Thinned] = []
        self.rare: tuple[str, ...] = ()
        self._stride = 1

    def sample(self, metrics: Mapping[str, Any], at: Position) -> int:
        """Look at the metrics that every update bears; return after how many updates to do so again."""
        missing = [curve for curve in self._steady if curve.series.metric not in metrics]
        if missing:
            self._steady = [curve for curve in self._steady if curve not in missing]
            self._rare += missing
            self.rare = tuple(dict.fromkeys(curve.series.metric for curve in self._rare))
        for curve in self._steady:
            curve.add(as_float(metrics[curve.series.metric]), at)
        self._stride = min((curve.stride for curve in self._steady), default=MOST_POINTS)
        for curve in self._steady:
            curve.go_on(self._stride)
        return self._stride

    def sample_rare(self, metrics: Mapping[str, Any], at: Position) -> None:
        """Look at the metrics that not every update bears."""
        for curve in self._rare:
            if curve.series.metric in metrics:
                curve.add(as_float(metrics[curve.series.metric]), at)
                curve.go_on(1)

    def take(self) -> tuple[Curve, ...]:
        """Return the points that are new since the last call."""
        taken = []
        for curve in (*self._steady, *self._rare):
            if curve.points:
                series = curve.series
                taken.append(Curve(series.metric, series.smoothing, curve.stride, tuple(curve.points)))
                curve.points = []
        return tuple(taken)
