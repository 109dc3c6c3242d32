"""What performance cost: smoothed metrics over dollars, and the cheapest way to each level."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from milepost.analysis.curves import crossed, watching
from milepost.analysis.frontier import Line, frontier, lines_over_dollars
from milepost.analysis.groups import group_of
from milepost.analysis.reach import is_lower_bound
from milepost.report.amounts import UNKNOWN, usd
from milepost.report.cells import dollars, marked, marks_of
from milepost.report.pictures.axes import along, bounds, chart, colour, dash, known, layered, said, tooltip
from milepost.report.pictures.data import QUANTITIES, Datum, short, thinned
from milepost.report.pictures.notes import assumed_note, lower_note
from milepost.report.pictures.picture import Picture, Switch, Table
from milepost.report.pictures.targets import HEIGHT, target_labels, target_lines, target_rows, values
from milepost.runs.record import RunRecord

SAYS = """\
A line is a run: its smoothed metric over the dollars that its training time had cost, without work that was lost. A
colour is a group. Dashed lines are targets, dots are crossings; ≤ says that one was met from the start, ≥ that it is
not known when the run began. The broad grey line is the frontier: the cheapest way that any run found to each level."""

MOST_POINTS = 6_000
"""Of all lines together."""


def cost_performance(every: Sequence[RunRecord]) -> Picture:
    """Return smoothed metrics over the dollars that training time had cost: a line a run, a colour a group."""
    by_metric, unpriced = lines_over_dollars(every)
    groups = sorted(set(map(group_of, every)))
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


def _chart(
    metric: str, at: int, lines: Sequence[Line], groups: Sequence[str], most: int, data: dict[str, list[Datum]]
) -> alt.LayerChart:
    thresholds = list(dict.fromkeys(each for line in lines for each in watching(line.record, line.curve)))
    names = {part: f"{part}{at}" for part in ("lines", "crossings", "targets", "frontier")}
    data[names["lines"]] = [
        _named(line) | {"usd": short(level.usd), "value": short(level.point.smoothed)}
        for line in lines
        for level in thinned(line.levels, most)
    ]
    data[names["crossings"]] = [
        _named(line)
        | {"threshold": result.threshold, "usd": result.cost_to_threshold}
        | {"value": result.smoothed_value_at_threshold}
        | marks_of(result)
        for line in lines
        for result in crossed(line.record, line.curve)
    ]
    points = [(row["usd"], row["value"]) for part in ("lines", "crossings") for row in data[names[part]]]
    data[names["targets"]] = target_rows(thresholds, points)
    data[names["frontier"]] = [{"usd": spent, "value": value} for spent, value in frontier(lines, thresholds)]
    quantity = QUANTITIES["dollars"]
    title = metric if lines[0].curve.smoothing.is_raw else f"{metric}, smoothed"
    x, y = along(quantity), values("value", title)
    hues = colour("group", groups)
    crossings, read = known(chart(names["crossings"]), "usd", "value"), said("run", "threshold", "usd:$,.4f")
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
        crossings.mark_point(style="crossing", filled=True, size=90, opacity=1, description=read).encode(
            x=x, y=y, color=hues, tooltip=told
        ),
        bounds(crossings, quantity, x, y),
        *target_labels(names["targets"], title),
        height=HEIGHT,
    )


def _named(line: Line) -> Datum:
    return {"run": line.record.run.id, "group": group_of(line.record)}


def _cells(metric: str, line: Line) -> tuple[str, ...]:
    assumed = any(result.price_assumed for result in line.record.results)
    at_usd = [
        f"{result.threshold} at {dollars(result, result.cost_to_threshold, assumed=assumed)}"
        for result in crossed(line.record, line.curve)
    ]
    last = line.levels[-1]
    bound = marked("lower" if is_lower_bound(line.record) else None)
    return (
        *(line.record.run.id, line.record.run.group or UNKNOWN, metric, ", ".join(at_usd) or UNKNOWN),
        *(f"{last.point.smoothed:.4g}", bound + usd(last.usd, assumed=assumed)),
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
        yield from lower_note(every)
        yield from assumed_note(every)
