"""Which columns of a table count and tell time: by flag, else by a known name and by how their values go."""

import re
from collections.abc import Sequence

import msgspec

from milepost.errors import HistoryError, nearest
from milepost.histories.history import SECONDS, Wanted
from milepost.histories.tables.course import FIRST_ROWS
from milepost.histories.tables.first_rows import FirstRows, outruns, stands
from milepost.histories.tables.names import ELAPSED, OWN, SAMPLES, STEPS, WALL, counters, elapsed_clocks, wall_clocks
from milepost.tracking.counting import SamplesUnit

__all__ = ["ELAPSED", "OWN", "SAMPLES", "STEPS", "WALL", "Chosen", "TimeColumn", "choose", "shown"]

UNITS = (
    (re.compile(r"(^|[_./ ])(ms|millis|milliseconds)$"), 1e-3),
    (re.compile(r"(^|[_./ ])(s|sec|secs|seconds)$"), 1.0),
    (re.compile(r"(^|[_./ ])(min|mins|minutes)$"), 60.0),
    (re.compile(r"(^|[_./ ])(h|hr|hrs|hours)$"), 3600.0),
)

SHOWN = 30
"""How many columns a message names."""

ANY_TIME = "time"
"""Elsewhere that of an iteration: a clock only where it never falls."""

SEVERAL_TIMES = 3
"""So many times that rise show that they are since the start."""


class TimeColumn(msgspec.Struct, frozen=True):
    """A column that tells time.

    Attributes:
        name: What it is called.
        unit_seconds: How long its unit is; None where neither flag nor name says.
        is_wall: Whether it holds Unix times; None where its first value is to tell.
        zoned: Whether its dates say a zone: those that say none tell no time then.
    """

    name: str
    unit_seconds: float | None
    is_wall: bool | None = None
    zoned: bool = False


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
    run = _flagged(where, columns, wanted.run_column, "--run-column")
    rows = first_rows if first_rows is not None and len(first_rows) else None
    told = _flagged(where, columns, wanted.samples_column, "--samples-column")
    if told is not None:
        _refuse_falling(where, columns, told, rows)
        return _timed(where, columns, wanted, rows, Chosen(samples=told, is_told=True, times=(), run=run))
    chosen = Chosen(samples=None, unit=None, times=(), run=run)
    reasons: list[str] = []
    untold: tuple[str, SamplesUnit] | None = None
    for name, unit in counters(columns):
        if rows is not None and not rows.tells(name):
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
        return chosen
    return msgspec.structs.replace(chosen, unit="samples", per_step=per_step, uncounted_because=None)


def _said(chosen: Chosen, columns: Sequence[str], reasons: list[str]) -> Chosen:
    """Return what was chosen with the reason why it is not another column."""
    if chosen.unit == "samples":
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
    if rows.part_wrong(name) > (0.5 if unit == "samples" else 0.0):
        return f"{name!r} is no whole number, 0 or more, in most rows"
    if course.fall is not None:
        return f"{name!r} falls in row {course.fall + 1}"
    if course.stands and not rows.text_of(name) and not (unit == "epochs" and len(rows) >= FIRST_ROWS):
        others = [other for other, _ in counters(columns)] + elapsed_clocks(columns) + wall_clocks(columns)
        value = course.told[0][1]
        if (len(rows) > 1 and rows.rises_beside(name, others)) or (value == 0 and unit != "samples"):
            return f"{name!r} stands at {value:g}"
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
    flagged = _flagged(where, columns, wanted.time_column, "--time-column")
    if flagged is not None:
        is_wall, zoned = _kind(flagged, rows)
        is_wall = False if is_wall is None and flagged in ELAPSED else is_wall
        column = TimeColumn(flagged, unit or _unit(flagged), is_wall, zoned)
        return msgspec.structs.replace(chosen, times=(column,))
    reasons: list[str] = []
    walls: list[TimeColumn] = []
    maybe: list[TimeColumn] = []
    since = elapsed_clocks(columns)
    for name in dict.fromkeys((*since, *wall_clocks(columns))):
        is_wall, zoned = _kind(name, rows)
        named_elapsed = name in since
        if named_elapsed and not is_wall:
            maybe.append(TimeColumn(name, unit or _unit(name) or 1.0, is_wall=False))
        elif is_wall is False:
            maybe.append(TimeColumn(name, unit, is_wall=False))
        elif not walls:
            walls.append(TimeColumn(name, None if maybe or named_elapsed else unit, is_wall, zoned))
    if rows is not None and walls and (why := _why_no_wall(walls[0], rows)) is not None:
        reasons.append(why)
        walls = []
    elapsed = None
    for column in maybe:
        why = None if rows is None else _why_no_clock(column, walls, chosen, columns, rows)
        if why is None:
            elapsed = column
            break
        reasons.append(why)
    if elapsed is not None and walls and rows is not None and _stands_beside(walls[0], elapsed, rows):
        reasons.append(f"{walls[0].name!r} stands still")
        walls = []
    times = (*(() if elapsed is None else (elapsed,)), *walls)
    if not times:
        return msgspec.structs.replace(chosen, untimed_because="; ".join(reasons) or None)
    notes = [f"{reason}: it is taken for no clock" for reason in reasons]
    if elapsed is not None and elapsed.name == ANY_TIME:
        notes.append(f"{elapsed.name!r} never falls: it is taken for the seconds since the start")
    return msgspec.structs.replace(chosen, times=times, notes=(*chosen.notes, *notes))


def _kind(name: str, rows: FirstRows | None) -> tuple[bool | None, bool]:
    """Say whether a column holds Unix times, where that is known, and whether its dates say a zone."""
    if rows is None or name not in rows.data.columns:
        return None, False
    return rows.is_wall(name), rows.times(name).zoned


def _why_no_wall(wall: TimeColumn, rows: FirstRows) -> str | None:
    """Say why a column tells no wall time in any row; None where it does, or tells nothing."""
    if wall.name not in rows.data.columns:
        return None
    if wall.is_wall is None:
        text = rows.text_of(wall.name)
        return f"{wall.name!r} holds {text!r}, no time that can be read" if text else None
    seconds = rows.seconds(wall.name, wall.unit_seconds, wall=True)
    return None if any(each is not None for each in seconds) else f"{wall.name!r} holds no time that can be"


def _stands_beside(wall: TimeColumn, elapsed: TimeColumn, rows: FirstRows) -> bool:
    """Say whether wall time stands still where elapsed time goes on, as where all was logged at the end."""
    if wall.name not in rows.data.columns or not rows.tells(elapsed.name):
        return False
    walls = rows.seconds(wall.name, wall.unit_seconds, wall=True)
    elapsed_seconds = rows.seconds(elapsed.name, elapsed.unit_seconds, wall=False)
    return stands(walls) and outruns(elapsed_seconds, walls)


def _why_no_clock(
    column: TimeColumn, walls: list[TimeColumn], chosen: Chosen, columns: Sequence[str], rows: FirstRows
) -> str | None:
    """Say why a column of a clock's name is none; None where it is one, or nothing is known of it."""
    name = column.name
    if name not in rows.data.columns:
        return None
    if not len(rows.times(name).values.drop_nulls()):
        if text := rows.text_of(name):
            return f"{name!r} holds {text!r}, no time that can be read"
        return f"{name!r} holds no time" if name == ANY_TIME else None
    seconds = rows.seconds(name, column.unit_seconds, wall=False)
    if not any(each is not None for each in seconds):
        return f"{name!r} holds no time that can be"
    course = rows.clock_course(seconds, chosen.samples)
    if name == ANY_TIME and len(course.told) < SEVERAL_TIMES:
        return f"{name!r} is told too rarely to be known for a clock"
    if course.fall is not None or (name == ANY_TIME and course.all_falls):
        return f"{name!r} falls in row {(course.falls or sorted(course.all_falls))[0] + 1}"
    others = [other for other, _ in counters(columns)] + [wall.name for wall in walls]
    if course.stands and len(rows) > 1 and course.told[0][1] > 0 and rows.rises_beside(name, others):
        return f"{name!r} stands still"
    if walls and walls[0].name in rows.data.columns:
        wall_seconds = rows.seconds(walls[0].name, walls[0].unit_seconds, wall=True)
        if not stands(wall_seconds) and outruns(seconds, wall_seconds):
            return f"{name!r} runs ahead of {walls[0].name!r}"
    return None


def shown(columns: Sequence[str]) -> str:
    """Return names of columns as a message shows them."""
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    return (", ".join(repr(name) for name in columns[:SHOWN]) or "no column") + more


def _flagged(where: str, columns: Sequence[str], name: str | None, flag: str) -> str | None:
    """Return the column that a flag names.

    Raises:
        HistoryError: It is not there; names the nearest.
    """
    if name is None or name in columns:
        return name
    hint = nearest(name, columns, shown=repr)
    raise HistoryError(f"{where}: {flag} names {name!r}, found {shown(columns)}{hint}")


def _unit(name: str) -> float | None:
    """Return how many seconds the unit is that a name ends with."""
    return next((seconds for pattern, seconds in UNITS if pattern.search(name.lower())), None)
