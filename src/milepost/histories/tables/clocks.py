"""Whether a column of a clock's name is one, by how its first rows go."""

from collections.abc import Sequence

import msgspec

from milepost.histories.tables.course import SHOWN_BY, grows
from milepost.histories.tables.first_rows import FirstRows, outruns, stands
from milepost.histories.tables.names import counters, is_loose, is_of_one

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


def kind_of(name: str, rows: FirstRows | None) -> tuple[bool | None, bool]:
    """Say whether a column holds Unix times, where that is known, and whether its dates say a zone."""
    if rows is None or name not in rows.data.columns:
        return None, False
    return rows.is_wall(name), rows.times(name).zoned


def why_no_wall(wall: TimeColumn, rows: FirstRows) -> str | None:
    """Say why a column tells no wall time in any row; None where it does, or tells nothing."""
    if wall.name not in rows.data.columns:
        return None
    if wall.is_wall is None:
        text = rows.text_of(wall.name)
        return f"{wall.name!r} holds {text!r}, no time that can be read" if text else None
    seconds = rows.seconds(wall.name, wall.unit_seconds, wall=True)
    return None if any(each is not None for each in seconds) else f"{wall.name!r} holds no time that can be"


def stands_beside(wall: TimeColumn, elapsed: TimeColumn, rows: FirstRows) -> bool:
    """Say whether wall time stands still where elapsed time goes on, as where all was logged at the end."""
    if wall.name not in rows.data.columns or not rows.tells(elapsed.name):
        return False
    walls = rows.seconds(wall.name, wall.unit_seconds, wall=True)
    elapsed_seconds = rows.seconds(elapsed.name, elapsed.unit_seconds, wall=False)
    return stands(walls) and outruns(elapsed_seconds, walls)


def why_no_clock(
    column: TimeColumn, walls: list[TimeColumn], counter: str | None, columns: Sequence[str], rows: FirstRows
) -> str | None:
    """Say why a column of a clock's name is none; None where it is one, or nothing is known of it."""
    name = column.name
    if name not in rows.data.columns:
        return None
    if (unread := rows.part_no_time(name)) > 0.5 or not len(rows.times(name).values.drop_nulls()):
        if unread:
            return f"{name!r} holds {rows.text_of(name)!r}, no time that can be read"
        return f"{name!r} holds no time" if is_loose(name) else None
    seconds = rows.seconds(name, column.unit_seconds, wall=False)
    if not any(each is not None for each in seconds):
        return f"{name!r} holds no time that can be"
    course = rows.clock_course(seconds, counter)
    if is_loose(name) and len(course.told) < SEVERAL_TIMES:
        return f"{name!r} is told too rarely to be known for a clock"
    falls = course.falls
    if is_loose(name):
        back = rows.course(counter).all_falls if counter in rows.data.columns else frozenset[int]()
        falls = tuple(sorted(course.all_falls - rows.boundaries - back))
    later = rows.later_falls.get(name)
    if later is not None or (falls and (course.fall is not None or is_loose(name))):
        return f"{name!r} falls in row {falls[0] + 1 if falls else later}"
    told = sum(each is not None for each in seconds)
    if is_loose(name) and not grows(course, told):
        return f"{name!r} hardly grows, as the time of an iteration does"
    if is_of_one(name) and not walls and 1 < told < SHOWN_BY and not grows(course, told) and _doubles(counter, rows):
        return f"{name!r} hardly grows while {counter!r} does, as the time of an iteration does"
    others = [other for other, _ in counters(columns)] + [wall.name for wall in walls]
    if course.stands and len(rows) > 1 and course.told[0][1] > 0 and rows.rises_beside(name, others):
        return f"{name!r} stands still"
    if walls and walls[0].name in rows.data.columns:
        wall_seconds = rows.seconds(walls[0].name, walls[0].unit_seconds, wall=True)
        if not stands(wall_seconds) and outruns(seconds, wall_seconds):
            return f"{name!r} runs ahead of {walls[0].name!r}"
    return None


def _doubles(counter: str | None, rows: FirstRows) -> bool:
    """Say whether what counts comes to twice its first value or more."""
    told = rows.course(counter).told if counter in rows.data.columns else ()
    return len(told) > 1 and max(count for _, count in told) >= 2 * told[0][1]
