"""A run's curves in a terminal, with their targets."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from milepost.errors import MissingExtra
from milepost.store.snapshot import Curve, Kept
from milepost.thresholds import PerformanceThreshold

PLOT_HEIGHT = 18
TICKS = 5


def curve_plots(kept: Kept, width: int) -> list[Text]:
    """Return a plot for each metric under each smoothing: raw and smoothed values over samples, with the targets.

    Raises:
        MissingExtra: plotext is not installed.
    """
    plots = []
    for curve in kept.curves:
        watching = [
            each for each in kept.thresholds if (each.metric, each.smoothing) == (curve.metric, curve.smoothing)
        ]
        if len(curve.points) > 1:
            plots.append(_plot(curve, watching, width))
    return plots


def _plot(curve: Curve, thresholds: Sequence[PerformanceThreshold], width: int) -> Text:
    plot = plotext()
    plot.clear_figure()
    plot.plotsize(width, PLOT_HEIGHT)
    samples = [point.samples for point in curve.points]
    if curve.smoothing.smoothing_factor < 1 or curve.smoothing.half_life is not None:
        plot.plot(samples, [point.raw for point in curve.points], label="raw", marker="braille", color="gray")
    plot.plot(samples, [point.smoothed for point in curve.points], label="smoothed", marker="braille", color="blue")
    for threshold in thresholds:
        ends, target = [min(samples), max(samples)], [threshold.target_value] * 2
        plot.plot(ends, target, label=threshold.name, marker="braille", color="green")
    first, last = min(samples), max(samples)
    ticks = [round(first + (last - first) * at / (TICKS - 1)) for at in range(TICKS)]
    plot.xticks(ticks, [f"{tick:,}" for tick in ticks])
    plot.title(f"{curve.metric} over samples")
    return Text.from_ansi(plot.build())


def plotext() -> Any:
    """Return plotext.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        import plotext as found
    except ImportError:
        raise MissingExtra("plotext", "prices", "plotting") from None
    return found
