"""How much it took to reach each threshold, group by group, with the runs that never got there."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from milepost.analysis.groups import Group, group_of, groups_of
from milepost.analysis.members import names_of
from milepost.report.amounts import UNKNOWN
from milepost.report.cells import bound_of, figures, reached, status
from milepost.report.pictures.axes import along, bounds, chart, colour, known, said, tooltip
from milepost.report.pictures.data import QUANTITIES, Datum, Quantity, fields_of
from milepost.report.pictures.labelled_rows import LabelledRows
from milepost.report.pictures.notes import assumed_note, unknown_notes
from milepost.report.pictures.picture import Picture, Switch, Table
from milepost.runs.record import RunRecord

SAYS = """\
A row is a threshold and a group. A filled dot is a run that reached it, at what that took; an open dot is a run that
never did, at where it stopped: none is left out. ≤ says that it was met from the start."""

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
        ordered = sorted(group.members, key=lambda each: (not each.result.achieved, each.reach.samples or 0))
        for at, member in enumerate(ordered):
            result = member.result
            named = {"run": result.run, "group": group.name, "threshold": threshold, "y": lanes[(at + 1) % LANES]}
            dot = {**named, **fields_of(member.reach), "bound": bound_of(result)}
            data["reached" if result.achieved else "open"].append(dot)
    data["labels"] = rows.labels
    charts: dict[tuple[str, ...], Any] = {
        (name,): _chart(quantity, rows, sorted(set(map(group_of, every))))
        for name, quantity in QUANTITIES.items()
        if any(dot[quantity.field] is not None for part in ("reached", "open") for dot in data[part])
    }
    return Picture(
        name="efficiency",
        title="What each threshold took",
        says=SAYS,
        charts=charts,
        switches=(Switch("over", tuple(name for (name,) in charts)),),
        data=data if charts else {},
        table=Table(
            ("threshold", "group", "reached", "run", "crossed or stopped", "samples", "minutes", "USD"),
            tuple(cells for group in groups for cells in _cells(group, names[group.target])),
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
        bounds(dots, x, y),
        open_dots.mark_point(size=70, filled=False, strokeWidth=1.8, description=read).encode(
            x=x, y=y, color=hues, tooltip=told
        ),
    )


def _cells(group: Group, threshold: str) -> Iterator[tuple[str, ...]]:
    for member in group.members:
        result = member.result
        yield (
            *(threshold, group.name, reached(group), result.run or UNKNOWN),
            "crossed" if result.achieved else f"{status(result)}, stopped at",
            *figures(result, member.reach, minutes=",.2f"),
        )


def _notes(every: Sequence[RunRecord], groups: Sequence[Group]) -> Iterator[str]:
    notes = unknown_notes(member for group in groups for member in group.members)
    yield from (f"{note[:-1]}, yet counted in “k of n”." for note in notes)
    yield from assumed_note(every)
