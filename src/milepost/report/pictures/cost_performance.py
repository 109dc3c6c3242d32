"""What performance cost: smoothed metrics over dollars, and the cheapest way to each level."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import altair as alt

from milepost.analysis.curves import Level, name_of, on_the_way, with_usd
from milepost.analysis.reach import at_crossing
from milepost.report.amounts import UNKNOWN, usd
from milepost.report.pictures.axes import (
    NO_GROUP,
    along,
    bound_of,
    bounds,
    chart,
    colour,
    dash,
    known,
    layered,
    said,
    tooltip,
)
from milepost.report.pictures.data import QUANTITIES, Datum, short, thinned
from milepost.report.pictures.notes import assumed_note
from milepost.report.pictures.picture import Picture, Switch, Table
from milepost.report.pictures.targets import HEIGHT, target_labels, target_lines, target_rows, values
from milepost.runs.record import Curve, RunRecord
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold

SAYS = """\
A line is a run: its smoothed metric over the dollars that its training time had cost, without work that was lost. A
colour is a group. Dashed lines are targets, dots are crossings; ≤ says that one was met from the start. The broad grey
line is the frontier: the cheapest way that any run found to each level."""

MOST_POINTS = 6_000
"""Of all lines together."""


class Line(NamedTuple):
    """A run's metric over dollars.

    Attributes:
        record: The run.
        curve: The metric.
        levels: Where it came, in order.
    """

    record: RunRecord
    curve: Curve
    levels: list[Level]


def cost_performance(every: Sequence[RunRecord]) -> Picture:
    """Return smoothed metrics over the dollars that training time had cost: a line a run, a colour a group."""
    by_metric, unpriced = _lines(every)
    groups = sorted({record.run.group or NO_GROUP for record in every})
    points = max(24, min(400, MOST_POINTS // max(1, sum(len(lines) for lines in by_metric.values()))))
    charts: dict[tuple[str, ...], Any] = {}
    data: dict[str, list[Datum]] = {}
    rows: list[tuple[str, ...]] = []
    for at, (metric, lines) in enumerate(by_metric.items()):
        charts[metric,] = _chart(metric, at, lines, groups, points, data)
        rows += [_cells(metric, line) for line in lines]
    return Picture(
        name="cost_performance",
        title="Cost against performance",
        says=SAYS,
        charts=charts,
        switches=(Switch("metric", tuple(metric for (metric,) in charts)),),
        data=data,
        table=Table(
            ("run", "group", "metric", "crossed", "final smoothed value", "USD of training time"),
            tuple(rows),
            numbers=2,
        ),
        notes=tuple(_notes(every, bool(charts), unpriced)),
    )


def _lines(every: Sequence[RunRecord]) -> tuple[dict[str, list[Line]], list[str]]:
    """Return the lines of each metric, and the runs that have curves but no price."""
    by_metric: defaultdict[str, list[Line]] = defaultdict(list)
    unpriced: dict[str, None] = {}
    for record in every:
        for curve in record.curves:
            levels = with_usd(record, on_the_way(curve))
            if any(level.usd is not None for level in levels):
                by_metric[name_of(curve)].append(Line(record, curve, [each for each in levels if each.usd is not None]))
            else:
                unpriced[record.run.id] = None
    return dict(by_metric), list(unpriced)


def _chart(
    metric: str, at: int, lines: Sequence[Line], groups: Sequence[str], most: int, data: dict[str, list[Datum]]
) -> alt.LayerChart:
    thresholds = list(dict.fromkeys(each for line in lines for each in _watching(line)))
    names = {part: f"{part}{at}" for part in ("lines", "crossings", "targets", "frontier")}
    data[names["lines"]] = [
        {"run": line.record.run.id, "group": _group(line), "usd": short(level.usd), "value": short(level.value)}
        for line in lines
        for level in thinned(line.levels, most)
    ]
    data[names["crossings"]] = [
        {"run": line.record.run.id, "group": _group(line), "threshold": result.threshold}
        | {"usd": at_crossing(result).usd, "value": result.smoothed_value_at_threshold, "bound": bound_of(result)}
        for line in lines
        for result in _crossed(line)
    ]
    points = [(row["usd"], row["value"]) for part in ("lines", "crossings") for row in data[names[part]]]
    data[names["targets"]] = target_rows(thresholds, points)
    data[names["frontier"]] = list(_frontier(lines, thresholds))
    quantity = QUANTITIES["dollars"]
    title = metric if lines[0].curve.smoothing.is_raw else f"{metric}, smoothed"
    x, y = along(quantity), values("value", title)
    hues = colour("group", groups)
    crossings, crossed = known(chart(names["crossings"]), "usd", "value"), said("run", "threshold", "usd:$,.4f")
    told = tooltip(
        *(("run", "run", ""), ("group", "group", ""), ("threshold", "threshold", "")),
        *(("usd", quantity.title, "$,.4~f"), ("value", metric, ",.4~g")),
    )
    return layered(
        chart(names["frontier"]).mark_line(style="frontier", interpolate="step-after", aria=False).encode(x=x, y=y),
        target_lines(names["targets"], title),
        chart(names["lines"])
        .mark_line(strokeWidth=1.6, opacity=0.85, description=said("run", "group"))
        .encode(x=x, y=y, color=hues, strokeDash=dash("group", groups), detail=alt.Detail("run:N")),
        crossings.mark_point(style="crossing", filled=True, size=90, opacity=1, description=crossed).encode(
            x=x, y=y, color=hues, tooltip=told
        ),
        bounds(crossings, x, y),
        *target_labels(names["targets"], title),
        height=HEIGHT,
    )


def _watching(line: Line) -> list[PerformanceThreshold]:
    return [each for each in line.record.thresholds if name_of(line.curve) == name_of(each)]


def _crossed(line: Line) -> Iterator[ThresholdResult]:
    watching = {each.name for each in _watching(line)}
    yield from (result for result in line.record.results if result.threshold in watching and result.achieved)


def _group(line: Line) -> str:
    return line.record.run.group or NO_GROUP


def _frontier(lines: Iterable[Line], thresholds: Iterable[PerformanceThreshold]) -> Iterator[Datum]:
    """Yield the steps of the best value that any run had reached for so many dollars, where better has a direction."""
    comparisons = {threshold.comparison[0] for threshold in thresholds}
    if comparisons not in ({">"}, {"<"}):
        return
    sign = 1.0 if comparisons == {">"} else -1.0
    reached = sorted((level.usd or 0.0, sign * level.value) for line in lines for level in line.levels)
    best: float | None = None
    for (spent, value), (following, _) in pairwise([*reached, (float("inf"), 0.0)]):
        if (best is None or value > best) and spent != following:
            best = value
            yield {"usd": spent, "value": sign * value}
    if best is not None:
        yield {"usd": reached[-1][0], "value": sign * best}


def _cells(metric: str, line: Line) -> tuple[str, ...]:
    assumed = any(result.price_assumed for result in line.record.results)
    crossed = [
        f"{result.threshold} at {'≤ ' if result.already_met else ''}{usd(result.cost_to_threshold, assumed=assumed)}"
        for result in _crossed(line)
    ]
    last = line.levels[-1]
    return (
        *(line.record.run.id, line.record.run.group or UNKNOWN, metric, ", ".join(crossed) or UNKNOWN),
        *(f"{last.value:.4g}", usd(last.usd, assumed=assumed)),
    )


def _notes(every: Sequence[RunRecord], has_lines: bool, unpriced: Sequence[str]) -> Iterator[str]:
    if not every:
        return
    if unpriced:
        shown = ", ".join(unpriced[:5]) + (f" and {len(unpriced) - 5:,} more" if len(unpriced) > 5 else "")
        yield f"Without a price or a clock, and not drawn over dollars: {shown}."
    elif not has_lines:
        yield "No run has logged a metric that a threshold watches: there is nothing to draw over dollars."
    if has_lines:
        yield from assumed_note(every)
