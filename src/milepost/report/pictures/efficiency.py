"""How much it took to reach each threshold, group by group, with the runs that never got there."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from milepost.analysis.groups import Group, group_of, groups_of
from milepost.analysis.members import Member, names_of
from milepost.report.amounts import UNKNOWN
from milepost.report.cells import figures, head_of, marks_of, reached, status
from milepost.report.pictures.axes import along, bounds, chart, colour, known, said, tooltip
from milepost.report.pictures.data import QUANTITIES, Datum, Quantity, fields_of, has
from milepost.report.pictures.labelled_rows import LabelledRows
from milepost.report.pictures.notes import assumed_note, lower_note, units_note, unknown_notes
from milepost.report.pictures.picture import Picture, Switch, Table
from milepost.runs.record import RunRecord

SAYS = """\
A row is a threshold and a group. A filled dot is a run that reached it, at what that took; an open dot is a run that
never did, at where it stopped: none is left out. ≤ says that it was met from the start, ≥ that it is not known when the
run began."""

LANES = 3
"""Dots of a row lie in so many lanes, so that those of like runs can be told apart."""


def efficiency(every: Sequence[RunRecord]) -> Picture:
    """Return what each threshold took, as dots: a row a group and threshold."""
    groups = groups_of(every)
    names = names_of(group.target for group in groups)
    rows, data = LabelledRows(), dict[str, list[Datum]](reached=[], open=[])
    for group in groups:
        threshold = names[group.target]
        lanes = rows.add(f"{threshold} · {group.name}", f"{reached(group)} reached it", lanes=LANES)
        ordered = sorted(group.members, key=_lane_of)
        for at, member in enumerate(ordered):
            result = member.result
            named = {"run": result.run, "group": group.name, "threshold": threshold, "y": lanes[(at + 1) % LANES]}
            dot = {**named, **fields_of(member.reach, result.samples_unit), **marks_of(result)}
            data["reached" if result.achieved else "open"].append(dot)
    data["labels"] = rows.labels
    charts: dict[tuple[str, ...], Any] = {
        (name,): _chart(quantity, rows, sorted(set(map(group_of, every))))
        for name, quantity in QUANTITIES.items()
        if has((dot for part in ("reached", "open") for dot in data[part]), quantity)
    }
    head = head_of(result for record in every for result in record.results)
    return Picture(
        name="efficiency",
        title="What each threshold took",
        says=SAYS,
        charts=charts,
        switches=(Switch("over", tuple(name for (name,) in charts)),),
        data=data if charts else {},
        table=Table(
            ("threshold", "group", "reached", "run", "crossed or stopped", head, "minutes", "USD"),
            tuple(cells for group in groups for cells in _cells(group, names[group.target], head)),
            numbers=3,
        ),
        notes=tuple(_notes(every, groups)),
    )


def _chart(quantity: Quantity, rows: LabelledRows, groups: Sequence[str]) -> alt.LayerChart:
    x, y, field = along(quantity), rows.y(), quantity.field
    hues = colour("group", groups, has_legend=False)
    told = tooltip(("run", "run", ""), ("group", "group", ""), (field, quantity.title, ",.6~g"))
    read = said("run", "threshold", f"{field}:,.6~g")
    dots, open_dots = known(chart("reached"), field), known(chart("open"), field)
    return rows.layer(
        dots.mark_circle(size=70, opacity=0.8, description=read).encode(x=x, y=y, color=hues, tooltip=told),
        bounds(dots, quantity, x, y),
        open_dots.mark_point(size=70, filled=False, strokeWidth=1.8, description=read).encode(
            x=x, y=y, color=hues, tooltip=told
        ),
    )


def _lane_of(member: Member) -> tuple[bool, str, int]:
    """Return by what the dots of a row are ordered: like ones lie in neighbouring lanes."""
    return not member.result.achieved, member.result.samples_unit or "", member.reach.samples or 0


def _cells(group: Group, threshold: str, head: str) -> Iterator[tuple[str, ...]]:
    for member in group.members:
        result = member.result
        yield (
            *(threshold, group.name, reached(group), result.run or UNKNOWN),
            "crossed" if result.achieved else f"{status(result)}, stopped at",
            *figures(result, member.reach, minutes=",.2f", head=head),
        )


def _notes(every: Sequence[RunRecord], groups: Sequence[Group]) -> Iterator[str]:
    notes = unknown_notes(member for group in groups for member in group.members)
    yield from (f"{note[:-1]}, yet counted in “k of n”." for note in notes)
    yield from units_note(result for record in every for result in record.results)
    yield from lower_note(every)
    yield from assumed_note(every)
