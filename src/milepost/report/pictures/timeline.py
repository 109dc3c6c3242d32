"""When each run reached each threshold: over samples (or whatever else it counts in), minutes and dollars."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from milepost.analysis.members import members_of
from milepost.analysis.reach import at_crossing, at_end, before_crossing, stops
from milepost.analysis.units import unit_of
from milepost.report.cells import NUMBERS, marks_of, table
from milepost.report.footnotes import footnotes
from milepost.report.pictures.axes import along, bounds, chart, colour, from_zero, known, said, shape, tooltip
from milepost.report.pictures.data import QUANTITIES, Datum, Quantity, fields_of, has
from milepost.report.pictures.labelled_rows import LANE, LabelledRows
from milepost.report.pictures.notes import assumed_note, count, units_note, unknown_notes
from milepost.report.pictures.picture import Picture, Switch, Table
from milepost.runs.record import RunRecord

SAYS = """\
A row is a run, a lane in it a threshold, and a grey line how far the run came. A filled mark is where the smoothed
metric crossed, the thick bar before it the bracket: it crossed in there. An open mark is a run that never got there, at
where it stopped; an upright stroke is where it was preempted, killed or interrupted; ≤ says that the threshold was met
from the start, so that the figure is an upper bound, and ≥ that it is a lower one, since it is not known when the run
began."""

MOST_RUNS = 100
"""So many runs are drawn; the table has them all."""


def timeline(every: Sequence[RunRecord]) -> Picture:
    """Return when each run reached each threshold: a row a run, a lane a threshold."""
    drawn = [record for record in every if record.results][-MOST_RUNS:]
    thresholds = list(dict.fromkeys(result.threshold for record in drawn for result in record.results))
    rows, data = LabelledRows(), dict[str, list[Datum]](extents=[], crossings=[], open=[], stops=[])
    for record in drawn:
        _add(record, rows, data)
    data["labels"] = rows.labels
    charts: dict[tuple[str, ...], Any] = {
        (name,): _chart(quantity, rows, thresholds)
        for name, quantity in QUANTITIES.items()
        if has((row for part in ("extents", "crossings", "open") for row in data[part]), quantity)
    }
    results = [result for record in every for result in record.results]
    columns, cells = table(results)
    return Picture(
        name="timeline",
        title="When each threshold was reached",
        says=SAYS,
        charts=charts,
        switches=(Switch("over", tuple(name for (name,) in charts)),),
        data=data if charts else {},
        table=Table(columns, tuple(cells), numbers=NUMBERS),
        notes=(
            *_notes(every, drawn, results == []),
            *unknown_notes(member for record in drawn for member in members_of(record)),
            *units_note(results),
            *footnotes(results, ends=True),
            *assumed_note(drawn),
        ),
    )


def _add(record: RunRecord, rows: LabelledRows, data: dict[str, list[Datum]]) -> None:
    run, end, unit = record.run, at_end(record), unit_of(record.results)
    lanes = rows.add(f"{run.id} · {run.group}" if run.group else run.id, lanes=len(record.results))
    for result, y in zip(record.results, lanes, strict=True):
        named = {"run": run.id, "threshold": result.threshold, "y": y}
        data["extents"].append(named | fields_of(end, unit) | {"zero": 0})
        if result.achieved:
            of_it = result.samples_unit
            bracket = fields_of(before_crossing(result), of_it, "after_") | marks_of(result)
            data["crossings"].append(named | fields_of(at_crossing(result), of_it) | bracket)
        else:
            data["open"].append(named | fields_of(end, unit))
    for why, where in stops(record):
        ends = {"y": lanes[0] - LANE / 2, "y2": lanes[-1] + LANE / 2}
        data["stops"].append({"run": run.id, "why": why} | ends | fields_of(where, unit))


def _chart(quantity: Quantity, rows: LabelledRows, thresholds: Sequence[str]) -> alt.LayerChart:
    field, x, y = quantity.field, along(quantity), rows.y()
    hues, shapes = colour("threshold", thresholds), shape("threshold", thresholds)
    told = tooltip(("run", "run", ""), ("threshold", "threshold", ""), (field, quantity.title, ",.6~g"))
    crossed = said("run", "threshold", f"{field}:,.6~g")
    why = tooltip(("run", "run", ""), ("why", "ended", ""), (field, quantity.title, ",.6~g"))
    crossings, open_ends, stopped = (known(chart(name), field) for name in ("crossings", "open", "stops"))
    return rows.layer(
        from_zero("extents", quantity, style="extent").encode(y=y),
        stopped.mark_rule(style="stop", description=said("run", "why")).encode(
            x=x, y=y, y2=alt.Y2("y2:Q"), tooltip=why
        ),
        known(chart("crossings"), field, f"after_{field}")
        .mark_rule(strokeWidth=7, opacity=0.45, aria=False)
        .encode(x=along(quantity, field=f"after_{field}"), x2=alt.X2(f"{field}:Q"), y=y, color=hues),
        crossings.mark_point(filled=True, size=90, opacity=1, description=crossed).encode(
            x=x, y=y, color=hues, shape=shapes, tooltip=told
        ),
        bounds(crossings, quantity, x, y),
        open_ends.mark_point(filled=False, size=90, strokeWidth=1.8, description=said("run", "threshold")).encode(
            x=x, y=y, color=hues, shape=shapes, tooltip=told
        ),
    )


def _notes(every: Sequence[RunRecord], drawn: Sequence[RunRecord], has_none: bool) -> tuple[str, ...]:
    notes = []
    if has_none:
        notes.append("No run has a threshold: there is nothing to reach.")
    elif (without := sum(not record.results for record in every)) > 0:
        notes.append(f"{count(without, 'run')} without a threshold: not drawn.")
    if len(every) > MOST_RUNS:
        notes.append(f"The {len(drawn):,} runs that started last are drawn; the table has all {len(every):,}.")
    return tuple(notes)
