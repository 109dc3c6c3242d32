"""How a column goes over the first rows of a log: whether it rises as a counter or a clock does."""

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

FIRST_ROWS = 1000
"""How many of a log's first rows tell how its columns go."""

SEVERAL = 2
"""So many rises after a fall show that what fell goes on from there."""

STRAYS = 0.1
"""Such a part of what is told may fall otherwise: rows of another process, evaluations of the first checkpoint."""

APART = 10
"""A column that falls to less than such a part of what it had come to, again and again, is two that take turns."""


SHOWN_BY = 10
"""So many values that all rise show that they are since the start, however little they grow."""

GROWN = 2
"""What comes to so many times its first value is no number of an iteration."""


class Course(NamedTuple):
    """How a column goes.

    Attributes:
        told: Values by row, without those that repeat the one before.
        untold: Whether a row tells none.
        falls: Rows at which it falls otherwise than what counts: by a rewind, an evaluation of an earlier checkpoint,
            or as it begins anew.
        all_falls: Rows at which it falls.
    """

    told: tuple[tuple[int, float], ...]
    untold: bool
    falls: tuple[int, ...]
    all_falls: frozenset[int]

    @property
    def stands(self) -> bool:
        """Whether it has one value throughout."""
        return len(self.told) == 1

    @property
    def fall(self) -> int | None:
        """The first row at which it shows that it neither counts nor tells time; None where none does."""
        if not self.falls:
            return None
        rises = sum(after > before for (_, before), (_, after) in pairwise(self.told))
        strays = len(self.falls) < STRAYS * len(self.told) and len(self.all_falls) < rises
        return None if strays else self.falls[0]


def of_counter(values: Sequence[float | None]) -> Course:
    """Return how a column goes that may count."""
    told = _told(values)
    first = told[0][1] if told else 0.0
    return _course(values, told, lambda value, before: value <= first and value <= 0.9 * before, back=None)


def of_clock(values: Sequence[float | None], back: Collection[int]) -> Course:
    """Return how a column goes that may tell elapsed time.

    Args:
        values: Its values.
        back: Rows at which a counter falls: a clock may go back with it.
    """
    told = _told(values)
    first = told[0][1] if told else 0.0
    return _course(values, told, lambda value, before: value <= 2 * first + 1 and value <= 0.8 * before, back=back)


def grows(course: Course, rows: int) -> bool:
    """Say whether a column's first rows show that it is counted, or timed, from the start.

    Args:
        course: How it goes.
        rows: How many rows tell it, with those that repeat the one before.
    """
    if len(course.told) < 2:
        return False
    if course.told[0][1] * GROWN <= max(value for _, value in course.told):
        return True
    return len(course.told) >= SHOWN_BY and len(course.told) >= 0.9 * rows


def _told(values: Sequence[float | None]) -> list[tuple[int, float]]:
    told: list[tuple[int, float]] = []
    for row, value in enumerate(values):
        if value is not None and value == value and (not told or told[-1][1] != value):
            told.append((row, value))
    return told


def _course(
    values: Sequence[float | None],
    told: list[tuple[int, float]],
    is_anew: Callable[[float, float], bool],
    back: Collection[int] | None,
) -> Course:
    """Walk through what is told, and judge each fall by what follows it.

    Args:
        values: All values.
        told: Those that differ from the one before, by row.
        is_anew: Says of a value after a fall, and the one before it, whether it may begin anew there.
        back: Rows at which it may fall whatever follows; None for a counter, which may fall to what it had come to.
    """
    falls: list[int] = []
    every: list[int] = []
    single: list[bool] = []  # of each fall that does not go on, whether it is deep
    high = told[0][1] if told else 0.0
    for at in range(1, len(told)):
        row, value = told[at]
        before = told[at - 1][1]
        if value > before:
            high = max(high, value)
            continue
        every.append(row)
        rises = _rises(told, at)
        goes_on = rises >= SEVERAL or (rises > 0 and at + rises == len(told) - 1)
        anew = is_anew(value, before)
        if goes_on and (anew or back is None):
            high = value  # of what goes on from there
            continue
        single.append(value * APART < high)
        is_open = at == len(told) - 1 and (anew or back is None)  # nothing follows that tells
        is_late = back is None and not anew and any(each > high for _, each in told[at:][1:3])
        if not is_open and not is_late and (back is None or row not in back):
            falls.append(row)
    if back is None and len(single) > SEVERAL and all(single) and len(single) > len(told) / 5:
        falls = every
    untold = any(value is None for value in values)
    return Course(tuple(told), untold, tuple(falls), frozenset(every))


def _rises(told: Sequence[tuple[int, float]], at: int) -> int:
    """Return how many values in a row rise after one, as far as it matters."""
    rises = 0
    while at + rises + 1 < len(told) and rises < SEVERAL and told[at + rises + 1][1] > told[at + rises][1]:
        rises += 1
    return rises
