"""How much it took to reach each threshold, group by group, with the runs that never got there."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from milepost.analysis.reach import Reach, at_crossing, at_end
from milepost.report.amounts import UNKNOWN, target_of, usd
from milepost.report.pictures.axes import NO_GROUP, along, bound_of, bounds, chart, colour, known, said, tooltip
from milepost.report.pictures.data import QUANTITIES, Datum, Quantity, fields_of
from milepost.report.pictures.notes import assumed_note, unknown_notes
from milepost.report.pictures.picture import Picture, Switch, Table
from milepost.report.pictures.rows import Rows
from milepost.runs.record import RunRecord
from milepost.tracking.result import ThresholdResult

SAYS = """\
A row is a threshold and a group. A filled dot is a run that reached it, at what that took; an open dot is a run that
never did, at where it stopped: none is left out. ≤ says that it was met from the start."""

LANES = 3
"""Dots of a row lie in so many lanes, so that those of like runs can be told apart."""

Members = list[tuple[ThresholdResult, Reach]]


def efficiency(every: Sequence[RunRecord]) -> Picture:
    """Return what each threshold took, as dots: a row a group and threshold."""
    groups = sorted({record.run.group or NO_GROUP for record in every})
    members = _members(every)
    rows, data = Rows(), dict[str, list[Datum]](reached=[], open=[])
    for (group, threshold), results in members.items():
        reached = sum(result.achieved for result, _ in results)
        lanes = rows.add(f"{threshold} · {group}", f"{reached:,} of {len(results):,} reached it", lanes=LANES)
        ordered = sorted(results, key=lambda each: (not each[0].achieved, each[1].samples or 0))
        for at, (result, reach) in enumerate(ordered):
            named = {"run": result.run, "group": group, "threshold": threshold, "y": lanes[(at + 1) % LANES]}
            bound = {"bound": bound_of(result)}
            data["reached" if result.achieved else "open"].append(named | fields_of(reach) | bound)
    data["labels"] = rows.labels
    charts: dict[tuple[str, ...], Any] = {
        (name,): _chart(quantity, rows, groups)
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
            tuple(_cells(members)),
            numbers=3,
        ),
        notes=tuple(_notes(every, members)),
    )


def _members(every: Sequence[RunRecord]) -> dict[tuple[str, str], Members]:
    """Return the results of each group and threshold, with what it took, or where the run stopped.

    Thresholds of one name and several targets are as many thresholds: their names say which.
    """
    targets: defaultdict[str, set[str]] = defaultdict(set)
    for result in (result for record in every for result in record.results):
        targets[result.threshold].add(target_of(result))
    members: defaultdict[tuple[str, str], Members] = defaultdict(list)
    for record in every:
        end = at_end(record)
        for result in record.results:
            is_one = len(targets[result.threshold]) == 1
            name = result.threshold if is_one else f"{result.threshold} ({target_of(result)})"
            members[record.run.group or NO_GROUP, name].append(
                (result, at_crossing(result) if result.achieved else end)
            )
    order = {name: at for at, (_, name) in enumerate(members)}
    return dict(sorted(members.items(), key=lambda each: (order[each[0][1]], each[0][0])))


def _chart(quantity: Quantity, rows: Rows, groups: Sequence[str]) -> alt.LayerChart:
    x, y, field = along(quantity), rows.y(), quantity.field
    hues = colour("group", groups, has_legend=False)
    told = tooltip(("run", "run", ""), ("group", "group", ""), (field, quantity.title, ",.6~g"))
    read = said("run", "threshold", f"{field}:,.6~g")
    reached, open_ends = known(chart("reached"), field), known(chart("open"), field)
    return rows.layer(
        reached.mark_circle(size=70, opacity=0.8, description=read).encode(x=x, y=y, color=hues, tooltip=told),
        bounds(reached, x, y),
        open_ends.mark_point(size=70, filled=False, strokeWidth=1.8, description=read).encode(
            x=x, y=y, color=hues, tooltip=told
        ),
    )


def _cells(members: dict[tuple[str, str], Members]) -> Iterator[tuple[str, ...]]:
    for (group, threshold), results in members.items():
        reached = f"{sum(result.achieved for result, _ in results):,} of {len(results):,}"
        for result, reach in results:
            bound = "≤ " if result.already_met else ""
            yield (
                *(threshold, group, reached, result.run or UNKNOWN),
                "crossed" if result.achieved else f"{result.status.replace('_', ' ')}, stopped at",
                UNKNOWN if reach.samples is None else f"{bound}{reach.samples:,}",
                UNKNOWN if reach.minutes is None else f"{bound}{reach.minutes:,.2f}",
                UNKNOWN if reach.usd is None else bound + usd(reach.usd, assumed=result.price_assumed),
            )


def _notes(every: Sequence[RunRecord], members: dict[tuple[str, str], Members]) -> Iterator[str]:
    reaches = [(result.run, reach) for results in members.values() for result, reach in results]
    yield from (f"{note[:-1]}, yet counted in “k of n”." for note in unknown_notes(reaches))
    yield from assumed_note(every)
