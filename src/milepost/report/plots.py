"""A run's curves in a terminal, with their targets."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from milepost.analysis.curves import unit_of_curve, watching
from milepost.errors import MissingExtra
from milepost.runs.record import RunRecord
from milepost.tracking.thresholds import PerformanceThreshold

PLOT_HEIGHT = 18
TICKS = 5


def curve_plots(record: RunRecord, width: int) -> list[Text]:
    """Return a plot for each metric under each smoothing: raw and smoothed values over its counts, with the targets.

    Raises:
        MissingExtra: plotext is not installed.
    """
    plots = []
    for curve in record.curves:
        unit = unit_of_curve(record, curve)
        along = [point.samples if unit else point.elapsed_seconds for point in curve.points]
        lines = {} if curve.smoothing.is_raw else {"raw": [point.raw for point in curve.points]}
        lines["smoothed"] = [point.smoothed for point in curve.points]
        if len(along) > 1:
            over = unit or "seconds of training"
            plots.append(plot_lines(curve.metric, along, lines, watching(record, curve), width, unit=over))
    return plots


def plot_lines(
    metric: str,
    along: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    thresholds: Iterable[PerformanceThreshold],
    width: int,
    height: int = PLOT_HEIGHT,
    *,
    unit: str = "samples",
) -> Text:
    """Return a plot of a metric over samples, with its targets.

    Args:
        metric: Its key.
        along: Where it was observed, in order.
        lines: Values there: ``smoothed``, and ``raw`` where that is another line.
        thresholds: What it is to reach.
        width: Columns.
        height: Lines.
        unit: What that is counted in.

    Raises:
        MissingExtra: plotext is not installed.
    """
    plot = open_plot(width, height)
    for name, values in lines.items():
        plot.plot(along, values, label=name, marker="braille", color="gray" if name == "raw" else "blue")
    first, last = min(along), max(along)
    for threshold in thresholds:
        target = f"{threshold.name} {threshold.comparison} {threshold.target_value:g}"
        plot.plot([first, last], [threshold.target_value] * 2, label=target, marker="braille", color="green")
    ticks = [round(tick) for tick in ticks_between(first, last)]
    plot.xticks(ticks, [f"{tick:,}" for tick in ticks])
    plot.title(f"{metric} over {unit}")
    return Text.from_ansi(plot.build())


def open_plot(width: int, height: int) -> Any:
    """Return a plot of so many columns and lines, with nothing in it.

    Raises:
        MissingExtra: plotext is not installed.
    """
    try:
        import plotext
    except ImportError:
        raise MissingExtra("plotext", "prices", "plotting") from None
    plotext.clear_figure()
    plotext.plotsize(width, height)
    return plotext


def ticks_between(first: float, last: float) -> list[float]:
    """Return where an axis has its ticks."""
    return [first + (last - first) * at / (TICKS - 1) for at in range(TICKS)]
