"""A run's metrics."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import altair as alt

from milepost.analysis.curves import (
    Level,
    crossed,
    has_late,
    lost_of,
    name_of,
    on_the_way,
    unit_of_curve,
    watching,
    with_usd,
)
from milepost.analysis.reach import Reach, at_crossing, before_crossing, has_clock, is_lower_bound
from milepost.report.amounts import UNKNOWN, usd
from milepost.report.cells import head_of, marked, marks_of
from milepost.report.pictures.axes import along, bounds, chart, known, layered, said, tooltip
from milepost.report.pictures.data import QUANTITIES, Datum, Quantity, fields_of, has, short, thinned
from milepost.report.pictures.notes import lower_note
from milepost.report.pictures.picture import Picture, Switch, Table
from milepost.report.pictures.targets import HEIGHT, target_labels, target_lines, target_rows, values
from milepost.runs.record import Curve, CurvePoint, RunRecord
from milepost.tracking.counting import SamplesUnit

SAYS = """\
The thin line is what was logged, the thick line the smoothed metric, which is what counts. Dashed lines across are
targets, dots are crossings, each at the end of its bracket (the band); ≤ says that one was met from the start, ≥ that
it is not known when the run began. Dotted pieces are work that was lost."""

MOST_POINTS = 600
"""Of a line; the store keeps more."""

TABLE_POINTS = 8
"""Rows of a curve's table."""


def curves(record: RunRecord, most_points: int = MOST_POINTS) -> Picture:
    """Return a run's metrics, raw and smoothed, with targets, crossings, brackets and what was lost."""
    charts: dict[tuple[str, ...], Any] = {}
    data: dict[str, list[Datum]] = {}
    cells: list[tuple[str, ...]] = []
    head = head_of(record.results)
    for at, curve in enumerate(record.curves):
        levels = with_usd(record, on_the_way(curve, has_late=has_late(record)))
        _add(record, curve, levels, at, data, most_points)
        for name, quantity in QUANTITIES.items():
            if has(data[f"led{at}"], quantity):
                is_smoothed = not curve.smoothing.is_raw
                charts[name_of(curve), name] = _chart(curve.metric, quantity, at, is_smoothed=is_smoothed)
        cells += [_point_cells(record, curve, level, head) for level in thinned(levels, TABLE_POINTS)]
    metrics, over = (tuple(dict.fromkeys(key[place] for key in charts)) for place in (0, 1))
    return Picture(
        name="curves",
        title="Its metrics",
        says=SAYS,
        charts=charts,
        switches=(Switch("metric", metrics), Switch("over", over)),
        data=data if charts else {},
        table=Table(("metric", head, "minutes", "USD", "raw", "smoothed"), tuple(cells), numbers=5),
        notes=tuple(lower_note([record])) if charts else ("This run has logged no metric that a threshold watches.",),
    )


def _add(
    record: RunRecord, curve: Curve, levels: Sequence[Level], at: int, data: dict[str, list[Datum]], most_points: int
) -> None:
    """Put the data sets of a curve among those of the picture."""
    timed, unit = has_clock(record), unit_of_curve(record, curve)
    data[f"led{at}"] = [_point(level.point, level.usd, unit, timed=timed) for level in thinned(levels, most_points)]
    data[f"lost{at}"] = [
        _point(point, None, unit, timed=timed) | {"stretch": number}
        for number, stretch in enumerate(lost_of(curve, has_late=has_late(record)))
        for point in thinned(stretch, most_points)
    ]
    data[f"crossings{at}"] = [
        {"threshold": result.threshold, "smoothed": result.smoothed_value_at_threshold}
        | marks_of(result)
        | fields_of(at_crossing(result), unit)
        | fields_of(before_crossing(result), unit, "after_")
        for result in crossed(record, curve)
    ]
    points = [
        (row["minutes" if timed else unit or "samples"], row[name])
        for row in data[f"led{at}"]
        for name in ("raw", "smoothed")
    ]
    data[f"targets{at}"] = target_rows(watching(record, curve), points)


def _point(point: CurvePoint, spent: float | None, unit: SamplesUnit | None, *, timed: bool) -> Datum:
    reach = Reach(point.samples or None, short(point.elapsed_seconds / 60) if timed else None, short(spent))
    return fields_of(reach, unit) | {"raw": short(point.raw), "smoothed": short(point.smoothed)}


@cache
def _chart(metric: str, quantity: Quantity, at: int, *, is_smoothed: bool) -> alt.LayerChart:
    """Return a chart over the data sets of a curve; runs that log the same share it."""
    x, field = along(quantity), quantity.field
    y = values("smoothed", metric)
    led, crossings = known(chart(f"led{at}"), field), known(chart(f"crossings{at}"), field)
    read = said("threshold", f"{field}:,.6~g")
    told = tooltip(("threshold", "threshold", ""), (field, quantity.title, ",.6~g"), ("smoothed", metric, ",.4~g"))
    order = alt.Order(f"{field}:Q")
    raw = led.mark_line(style="raw", description=f"{metric}, raw").encode(x=x, y=values("raw", metric), order=order)
    layers = [
        known(chart(f"crossings{at}"), field, f"after_{field}")
        .mark_rect(style="bracket", aria=False)
        .encode(x=alt.X(f"after_{field}:Q"), x2=alt.X2(f"{field}:Q")),
        *([raw] if is_smoothed else []),
        target_lines(f"targets{at}", metric),
        led.mark_line(style="smoothed", description=f"{metric}, smoothed").encode(x=x, y=y, order=order),
        crossings.mark_point(style="crossing", filled=True, size=100, opacity=1, description=read).encode(
            x=x, y=y, tooltip=told
        ),
        bounds(crossings, quantity, x, y),
    ]
    if quantity is not QUANTITIES["dollars"]:
        lost = known(chart(f"lost{at}"), field).mark_line(style="lost", description="lost work")
        layers.append(lost.encode(x=x, y=y, detail=alt.Detail("stretch:N"), order=order))
    return layered(*layers, *target_labels(f"targets{at}", metric), height=HEIGHT)


def _point_cells(record: RunRecord, curve: Curve, level: Level, head: str) -> tuple[str, ...]:
    point, unit = level.point, unit_of_curve(record, curve)
    bound = marked("lower" if is_lower_bound(record) else None)
    timed = has_clock(record)
    return (
        name_of(curve),
        UNKNOWN if unit is None else f"{point.samples:,}{'' if unit == head else f' {unit}'}",
        f"{bound}{point.elapsed_seconds / 60:,.2f}" if timed else UNKNOWN,
        UNKNOWN if level.usd is None else bound + usd(level.usd),
        *(f"{point.raw:.4g}", f"{point.smoothed:.4g}"),
    )
