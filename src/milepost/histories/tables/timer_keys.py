"""Which key of a log that gives each of them steps of its own tells the time since training began."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy

from milepost.histories.history import SECONDS, Wanted
from milepost.histories.tables import names
from milepost.histories.tables.course import FIRST_ROWS, grows, of_clock, of_counter
from milepost.histories.tables.first_rows import outruns, stands
from milepost.histories.tables.joining import Told
from milepost.histories.tables.names import elapsed_clocks, is_loose
from milepost.histories.tables.proof import Proof
from milepost.histories.tables.values import is_unix

Array = numpy.ndarray[Any, Any]

RARELY = 10
"""A key that is told at so many times fewer steps than another is no timer: most of what it would time stands still."""


class TimerKey(NamedTuple):
    """What tells the time since training began.

    Attributes:
        name: The key; None where none does.
        wall_stands: Whether wall time stands still beside it, as where all was logged at the end: it is none then.
        notes: Which keys of a timer's name are none, and why.
    """

    name: str | None = None
    wall_stands: bool = False
    notes: tuple[str, ...] = ()


def choose_timer(
    steps: Mapping[str, Array],
    told_by: Callable[[str], Told],
    wanted: Wanted,
    processes_of: Callable[[Array], Array] | None = None,
    *,
    told_by_all: Callable[[str], Told] | None = None,
) -> TimerKey:
    """Return the key that tells the time since training began: the first of a known name that goes as a clock does.

    Args:
        steps: The steps of each key, ascending, each once.
        told_by: Returns what a key told.
        wanted: What the flags say.
        processes_of: Returns which process wrote each of the rows of such numbers, where that is known.
        told_by_all: Returns what a key told in all of the log, where ``told_by`` tells of its beginning.
    """
    most = max((len(each) for each in steps.values()), default=0)
    notes: list[str] = []
    for key in elapsed_clocks(tuple(steps)):
        every = (told_by_all or told_by)(key) if is_loose(key) else told_by(key)
        told = Told(*(column[:FIRST_ROWS] for column in every))
        seconds, wall = _seconds(told.values * unit_seconds(key, wanted)), _seconds(told.wall_times)
        back = set(of_counter(told.steps.tolist()).all_falls)
        if processes_of is not None:
            writers = processes_of(told.numbers).tolist()
            back.update(at for at, (one, other) in enumerate(pairwise(writers), 1) if one != other)
        why = _why_no_timer(key, seconds, wall, back, told_at=len(steps[key]), most=most)
        if why is None and is_loose(key) and (fall := _falls(every, processes_of)) is not None:
            why = f"{key!r} falls at step {fall}"
        if why is None:
            if is_loose(key):
                notes.append(f"{key!r} never falls: it is taken for the time since the start")
            return TimerKey(key, stands(wall) and outruns(seconds, wall), tuple(notes))
        notes.append(f"{why}: it is taken for no clock")
    return TimerKey(notes=tuple(notes))


def unit_seconds(key: str, wanted: Wanted) -> float:
    """Return how many seconds the unit is that a key tells time in: as the user says, else as its name ends."""
    if wanted.time_unit is not None:
        return SECONDS[wanted.time_unit]
    return names.unit_seconds(key) or 1.0


def _why_no_timer(
    key: str, seconds: list[float | None], wall: list[float | None], back: set[int], *, told_at: int, most: int
) -> str | None:
    """Say why a key of a timer's name is none; None where it is one."""
    found = [each for each in seconds if each is not None and each >= 0]
    if not found:
        return f"{key!r} holds no time that can be"
    if 2 * sum(map(is_unix, found)) >= len(found):
        return f"{key!r} holds dates"
    course = of_clock(seconds, back)
    if course.fall is not None:
        return f"{key!r} falls, from {_before(course.told, course.fall):g} s to {seconds[course.fall]:g} s"
    if told_at * RARELY < most or (is_loose(key) and not grows(course, len(found))):
        return f"{key!r} is told too rarely, or hardly grows, so that it is not known for a clock"
    if course.stands and most > 1:
        return f"{key!r} stands still"
    if not stands(wall) and outruns(seconds, wall):
        return f"{key!r} runs ahead of wall time"
    return None


def _falls(told: Told, processes_of: Callable[[Array], Array] | None) -> int | None:
    """Return the first step at which times fall otherwise than with a process; None where none does."""
    proof, may_fall = Proof(), numpy.zeros(len(told.values), bool)
    if processes_of is not None:
        may_fall[1:] = numpy.diff(processes_of(told.numbers)) != 0
    proof.take(told.values, may_fall)
    return None if proof.fall is None else int(told.steps[proof.fall - 1])


def _before(told: Iterable[tuple[int, float]], row: int) -> float:
    return [value for at, value in told if at < row][-1]


def _seconds(times: Array) -> list[float | None]:
    return [None if each != each else each for each in times.tolist()]
