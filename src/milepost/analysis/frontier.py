"""What performance cost: the metrics of runs over dollars, and the cheapest way to each level."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from milepost.analysis.curves import Level, has_late, name_of, on_the_way, with_usd
from milepost.runs.record import Curve, RunRecord
from milepost.tracking.thresholds import PerformanceThreshold


class Line(NamedTuple):
    """A run's metric over dollars.

    Attributes:
        record: The run.
        curve: The metric.
        levels: Where it came, in order, as far as the dollars are known.
    """

    record: RunRecord
    curve: Curve
    levels: list[Level]


def lines_over_dollars(every: Sequence[RunRecord]) -> tuple[dict[str, list[Line]], list[str]]:
    """Return the lines of each metric, by its name, and the ids of the runs that have curves but no price."""
    by_metric: defaultdict[str, list[Line]] = defaultdict(list)
    unpriced: dict[str, None] = {}
    for record in every:
        for curve in record.curves:
            led = on_the_way(curve, has_late=has_late(record))
            if levels := [level for level in with_usd(record, led) if level.usd is not None]:
                by_metric[name_of(curve)].append(Line(record, curve, levels))
            else:
                unpriced[record.run.id] = None
    return dict(by_metric), list(unpriced)


def frontier(lines: Iterable[Line], thresholds: Iterable[PerformanceThreshold]) -> Iterator[tuple[float, float]]:
    """Yield USD and value of each step of the best that any run had reached for so much; the last is the dearest point.

    None where the thresholds don't agree in which direction is better.
    """
    comparisons = {threshold.comparison[0] for threshold in thresholds}
    if comparisons not in ({">"}, {"<"}):
        return
    sign = 1.0 if comparisons == {">"} else -1.0
    reached = sorted((level.usd or 0.0, sign * level.point.smoothed) for line in lines for level in line.levels)
    best: float | None = None
    for (spent, value), (following, _) in pairwise([*reached, (float("inf"), 0.0)]):
        if (best is None or value > best) and spent != following:
            best = value
            yield spent, sign * value
    if best is not None:
        yield reached[-1][0], sign * best
