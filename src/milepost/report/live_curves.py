"""What a live panel remembers of a run: where its smoothed metrics have been."""

from importlib.util import find_spec

from rich.text import Text

from milepost.report.plots import plot_lines
from milepost.tracked_run.run import TrackedRun
from milepost.tracking.thresholds import PerformanceThreshold

MOST_POINTS = 400
"""Points that are kept; beyond that, every other one is left out."""

LEAST_HEIGHT, MOST_HEIGHT = 8, 14
"""Lines of a plot: with less there is none."""

MOST_WIDTH = 110


class Trail:
    """Smoothed values of a tracked run's thresholds at the moments when its panel was drawn."""

    def __init__(self) -> None:
        self._points: list[tuple[int, dict[str, float | None]]] = []
        self._every = 1
        self._until_next = 1
        self._can_plot = find_spec("plotext") is not None

    def add(self, run: TrackedRun) -> None:
        """Remember where a run is now; what it went back behind is forgotten."""
        here = run.here
        self._until_next -= 1
        if here is None or not self._can_plot or self._until_next > 0:
            return
        self._until_next = self._every
        while self._points and self._points[-1][0] >= here.samples:
            self._points.pop()
        values = {name: result.final_smoothed_value for name, result in run.get_results().items()}
        self._points.append((here.samples, values))
        if len(self._points) > MOST_POINTS:
            self._points = self._points[::2]
            self._every *= 2

    def plot(self, run: TrackedRun, width: int, height: int) -> Text | None:
        """Return the curve and the targets of the metric that is still on its way, None where there is none to draw.

        Args:
            run: The tracked run.
            width: Columns that there are.
            height: Lines that there are.
        """
        watched = _under_way(run)
        if not watched or height < LEAST_HEIGHT:
            return None
        of_first = [(samples, values.get(watched[0].name)) for samples, values in self._points]
        seen = {samples: value for samples, value in of_first if value is not None}
        if len(seen) < 2:
            return None
        size = min(width, MOST_WIDTH), min(height, MOST_HEIGHT)
        unit = run.get_results()[watched[0].name].samples_unit or "samples"
        return plot_lines(watched[0].metric, list(seen), {"smoothed": list(seen.values())}, watched, *size, unit=unit)


def _under_way(run: TrackedRun) -> list[PerformanceThreshold]:
    """Return the thresholds of the first metric that has one to reach, else of the last metric."""
    results = run.get_results()
    chosen: PerformanceThreshold | None = None
    for chosen in run.thresholds:
        if not results[chosen.name].achieved:
            break
    if chosen is None:
        return []
    same = (chosen.metric, chosen.smoothing)
    return [each for each in run.thresholds if (each.metric, each.smoothing) == same]
