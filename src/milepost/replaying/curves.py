"""Thins the metrics of a history to the curves that a store keeps, as those of a tracked run are."""

from typing import TYPE_CHECKING

from milepost.runs.record import MOST_POINTS, Curve, CurvePoint
from milepost.tracking.series import Series

if TYPE_CHECKING:
    import polars


class HistoryCurve:
    """One metric as its history goes by: every so many of the rows that bear it, twice as many when it is full.

    Args:
        series: The metric under its smoothing.

    Attributes:
        rows: Rows of the chunk under way that are to be kept, ascending.
    """

    def __init__(self, series: Series) -> None:
        self.series = series
        self.rows: list[int] = []
        self._raw: dict[int, tuple[int, float]] = {}  # position and value at the rows
        self._stride = 1
        self._observed = 0
        self._points: list[CurvePoint] = []

    def look_at(self, metrics: "polars.DataFrame") -> None:
        """Find out which rows of a chunk are to be kept."""
        self.rows, self._raw = [], {}
        if self.series.metric not in metrics.columns:
            return
        values = metrics[self.series.metric]
        bearing = values.is_not_null().arg_true() if values.null_count() else None
        first = self._observed
        self._observed += len(values) if bearing is None else len(bearing)
        while self._observed // self._stride >= MOST_POINTS:
            self._stride *= 2
            self._points = [point for point in self._points if point.position % self._stride == 0]
        for position in range(-(-first // self._stride) * self._stride, self._observed, self._stride):
            row = position - first if bearing is None else int(bearing[position - first])
            value = values[row]
            if value - value == 0.0:
                self.rows.append(row)
                self._raw[row] = position, value

    def observation(self, row: int) -> tuple[int, float]:
        """Return which observation one of the rows bears, and its value."""
        return self._raw[row]

    def keep(self, observed: tuple[int, float], samples: int, elapsed_seconds: float, smoothed: float | None) -> None:
        """Keep an observation, and what was there; ``smoothed`` is None where there has been no average as yet."""
        if smoothed is not None:
            position, value = observed
            self._points.append(CurvePoint(position, samples, elapsed_seconds, value, smoothed))

    def taken(self) -> Curve:
        """Return the curve as it is."""
        return Curve(self.series.metric, self.series.smoothing, self._stride, tuple(self._points))
