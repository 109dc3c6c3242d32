"""Which columns of a table count and tell time: by flag, else by a known name and by how their values go."""

from collections.abc import Sequence

import msgspec

from milepost.errors import HistoryError
from milepost.histories.history import SECONDS, Wanted
from milepost.histories.tables.clocks import TimeColumn, kind_of, stands_beside, why_no_clock, why_no_wall
from milepost.histories.tables.course import FIRST_ROWS, SHOWN_BY, grows
from milepost.histories.tables.epochs import why_no_step
from milepost.histories.tables.first_rows import FirstRows
from milepost.histories.tables.flags import flagged, passed_over, shown
from milepost.histories.tables.names import counters, elapsed_clocks, is_loose, is_of_one, unit_seconds, wall_clocks
from milepost.tracking.counting import SamplesUnit

UNLIKE = 2
"""What gains so many times more, or less, a step than it has since the start counts nothing, or began earlier."""

RARELY = 10
"""What counts samples in fewer than one of so many rows that tell a step is behind in most of them."""

W_AND_B = "_step"
"""Counts calls of W&B's log, which goes with nothing."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a table that are no metrics.

    Attributes:
        samples: What counts, in ``unit``.
        unit: What it counts; None where nothing does.
        per_step: How many samples each of what it counts is, where the user says so; ``unit`` is samples then.
        is_told: Whether the user named it: what counts nothing in it is a fault, and not only untold.
        uncounted_because: Why there are no samples; None where there are.
        times: What tells time: elapsed, wall time, both or neither.
        untimed_because: Which columns could tell time by their names, and why they don't; None where none could.
        run: What tells runs apart.
        notes: What is said of columns that were passed over for others.
    """

    samples: str | None
    unit: SamplesUnit | None = "samples"
    per_step: int = 1
    is_told: bool = False
    uncounted_because: str | None = None
    times: tuple[TimeColumn, ...]
    untimed_because: str | None = None
    run: str | None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all of them."""
        named = (self.samples, *(time.name for time in self.times), self.run)
        return tuple(dict.fromkeys(name for name in named if name is not None))


def choose(where: str, columns: Sequence[str], wanted: Wanted, first_rows: FirstRows | None = None) -> Chosen:
    """Choose the columns of a table that are no metrics.

    Args:
        where: What messages call the table.
        columns: Names of its columns.
        wanted: What the flags say.
        first_rows: How its columns go; by their names alone where not given.

    Raises:
        HistoryError: A column that a flag names is not there, or counts nothing where another one does.
    """
    run = flagged(where, columns, wanted.run_column, "--run-column")
    rows = first_rows if first_rows is not None and len(first_rows) else None
    told = flagged(where, columns, wanted.samples_column, "--samples-column")
    if told is not None:
        _refuse_falling(where, columns, told, rows)
        return _timed(where, columns, wanted, rows, Chosen(samples=told, is_told=True, times=(), run=run))
    chosen = Chosen(samples=None, unit=None, times=(), run=run)
    reasons: list[str] = []
    untold: tuple[str, SamplesUnit] | None = None
    for name, unit in counters(columns):
        if rows is not None and not rows.tells(name):
            if text := rows.text_of(name):
                reasons.append(f"{name!r} holds {text!r}, no number that can be read")
            else:
                untold = untold or (name, unit)
            continue
        why = None if rows is None else _why_no_counter(name, unit, columns, rows)
        if why is None:
            chosen = msgspec.structs.replace(chosen, samples=name, unit=unit)
            break
        reasons.append(why)
    if chosen.samples is None and untold is not None:
        chosen = msgspec.structs.replace(chosen, samples=untold[0], unit=untold[1])
    return _timed(where, columns, wanted, rows, _said(chosen, columns, reasons))


def counted(chosen: Chosen, wanted: Wanted) -> Chosen:
    """Return what was chosen with steps as samples, where the user says how many a step is."""
    per_step = wanted.samples_per_step
    if per_step is None or not (chosen.unit == "steps" or chosen.is_told):
        over = passed_over(wanted, chosen.samples if chosen.unit == "samples" else None)
        return msgspec.structs.replace(chosen, notes=(*chosen.notes, *over)) if over else chosen
    return msgspec.structs.replace(chosen, unit="samples", per_step=per_step, uncounted_because=None)


def _said(chosen: Chosen, columns: Sequence[str], reasons: list[str]) -> Chosen:
    """Return what was chosen with the reason why it is not another column."""
    if chosen.unit == "samples":
        if chosen.samples is not None and is_loose(chosen.samples):
            reasons = [*reasons, f"{chosen.samples!r} never falls: it is taken for what counts samples"]
        return msgspec.structs.replace(chosen, notes=tuple(reasons))
    reason = "; ".join(reasons) or "no column is known to count samples"
    if chosen.unit is None:
        reason += f"; found {shown(columns)}"
    way = "say which does with --samples-column"
    if chosen.unit == "steps":
        way += ", or how many a step is with --samples-per-step"
    return msgspec.structs.replace(chosen, uncounted_because=f"{reason}; {way}")


def _why_no_counter(name: str, unit: SamplesUnit, columns: Sequence[str], rows: FirstRows) -> str | None:
    """Say why a column of a counter's name is none; None where it is one."""
    course = rows.course(name)
    if (later := rows.later_falls.get(name)) is not None:
        return f"{name!r} falls in row {later}"
    if rows.part_text(name) > 0.5:
        return f"{name!r} holds {rows.text_of(name)!r}, no number that can be read"
    if rows.part_wrong(name) > (0.5 if unit == "samples" else 0.0):
        return f"{name!r} is no whole number, 0 or more, in most rows"
    if course.fall is not None:
        return f"{name!r} falls in row {course.fall + 1}"
    if course.stands and not rows.text_of(name) and not (unit == "epochs" and len(rows) >= FIRST_ROWS):
        others = [other for other, _ in counters(columns)] + elapsed_clocks(columns) + wall_clocks(columns)
        value = course.told[0][1]
        if (len(rows) > 1 and rows.rises_beside(name, others)) or (value == 0 and unit != "samples"):
            return f"{name!r} stands at {value:g}"
    if unit == "steps" and (because := why_no_step(name, columns, rows)) is not None:
        return because
    if unit == "samples" and (step := _told_more(name, columns, rows)) is not None:
        return f"{name!r} is told in less than a tenth of the rows that tell {step!r}"
    if is_loose(name) and (falls := course.all_falls - rows.boundaries):
        return f"{name!r} falls in row {min(falls) + 1}"
    if is_loose(name) and not grows(course, rows.told(name)):
        return f"{name!r} is told too rarely, or hardly grows"
    if is_of_one(name) and len(course.told) < SHOWN_BY and (step := _unlike(name, columns, rows)) is not None:
        return f"{name!r} does not go with {step!r}, as the number of a batch does not"
    return None


def _told_more(name: str, columns: Sequence[str], rows: FirstRows) -> str | None:
    """Return the step that most rows tell which lack a column: between its values counts would be those before."""
    for step, unit in counters(columns):
        if unit == "steps" and step != W_AND_B and rows.tells(step) and rows.told(step) > RARELY * rows.told(name):
            return None if rows.course(step).falls else step
    return None


def _unlike(name: str, columns: Sequence[str], rows: FirstRows) -> str | None:
    """Return the step that a column of few rows gains much more, or less, by than it has since the start."""
    for step, unit in counters(columns):
        if unit != "steps" or step == W_AND_B or not rows.tells(step) or rows.course(step).all_falls:
            continue
        both = [(s, c) for s, c in zip(rows.numbers(step), rows.numbers(name), strict=True) if s and c]
        if len(both) < 2 or both[-1][0] <= both[0][0]:
            continue
        (first_step, first), (last_step, last) = both[0], both[-1]
        gained, had = (last - first) / (last_step - first_step), last / last_step
        return None if had < UNLIKE * gained and gained < UNLIKE * had else step
    return None


def _refuse_falling(where: str, columns: Sequence[str], told: str, rows: FirstRows | None) -> None:
    """Raise where the column that the user says counts falls all the time, and another one counts."""
    if rows is None or told not in rows.data.columns or (fall := rows.course(told).fall) is None:
        return
    for name, unit in counters(columns):
        if name != told and rows.tells(name) and _why_no_counter(name, unit, columns, rows) is None:
            raise HistoryError(
                f"{where}: --samples-column names {told!r}, which falls in row {fall + 1} and so counts nothing, "
                f"expected one that rises, such as {name!r}"
            )


def _timed(where: str, columns: Sequence[str], wanted: Wanted, rows: FirstRows | None, chosen: Chosen) -> Chosen:
    """Return what was chosen with what tells time."""
    chosen = counted(chosen, wanted)
    unit = None if wanted.time_unit is None else SECONDS[wanted.time_unit]
    named = flagged(where, columns, wanted.time_column, "--time-column")
    if named is not None:
        is_wall, zoned = kind_of(named, rows)
        if rows is not None and named in rows.data.columns and rows.part_no_time(named) == 1.0:
            text = rows.text_of(named)
            raise HistoryError(
                f"{where}: --time-column names {named!r}, which holds {text!r}, no time that can be read"
            )
        is_wall = False if is_wall is None and named in elapsed_clocks(columns) else is_wall
        column = TimeColumn(named, unit or unit_seconds(named), is_wall, zoned)
        return msgspec.structs.replace(chosen, times=(column,))
    reasons: list[str] = []
    walls: list[TimeColumn] = []
    maybe: list[TimeColumn] = []
    since = elapsed_clocks(columns)
    for name in dict.fromkeys((*since, *wall_clocks(columns))):
        is_wall, zoned = kind_of(name, rows)
        named_elapsed = name in since
        if named_elapsed and not is_wall:
            maybe.append(TimeColumn(name, unit or unit_seconds(name) or 1.0, is_wall=False))
        elif is_wall is False:
            maybe.append(TimeColumn(name, unit or unit_seconds(name), is_wall=False))
        elif not walls:
            walls.append(TimeColumn(name, None if maybe or named_elapsed else unit, is_wall, zoned))
    if rows is not None and walls and (why := why_no_wall(walls[0], rows)) is not None:
        reasons.append(why)
        walls = []
    elapsed = None
    for column in maybe:
        why = None if rows is None else why_no_clock(column, walls, chosen.samples, columns, rows)
        if why is None:
            elapsed = column
            break
        reasons.append(why)
    if elapsed is not None and walls and rows is not None and stands_beside(walls[0], elapsed, rows):
        reasons.append(f"{walls[0].name!r} stands still")
        walls = []
    times = (*(() if elapsed is None else (elapsed,)), *walls)
    if not times:
        return msgspec.structs.replace(chosen, untimed_because="; ".join(reasons) or None)
    notes = [f"{reason}: it is taken for no clock" for reason in reasons]
    if elapsed is not None and is_loose(elapsed.name):
        notes.append(f"{elapsed.name!r} never falls: it is taken for the time since the start")
    return msgspec.structs.replace(chosen, times=times, notes=(*chosen.notes, *notes))
