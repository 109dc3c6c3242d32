"""What one key of a log tells of rows of others: by their own row, by their step, or by their time."""

from typing import Any, NamedTuple

import numpy
import polars

Array = numpy.ndarray[Any, Any]


class Told(NamedTuple):
    """What a key told, in the order of the log.

    Attributes:
        numbers: In which rows, counting all.
        steps: Their steps.
        wall_times: Their Unix seconds (UTC).
        values: What it told: a count, or a time.
    """

    numbers: Array
    steps: Array
    wall_times: Array
    values: Array


class Joined:
    """What a key tells of rows that others are logged in.

    Args:
        told: What it told.
        goes_on: Whether it is a timer, in seconds: between two times that it told, it goes on by wall time.
    """

    def __init__(self, told: Told, *, goes_on: bool = False) -> None:
        self._numbers, self._values = told.numbers, told.values
        # How far it came after each: nowhere where it went back, and nobody knows after the last.
        self._gains = numpy.append(numpy.maximum(numpy.diff(told.values), 0.0), 0.0) if goes_on else None
        order = numpy.argsort(told.steps, kind="stable")
        steps = told.steps[order]
        begins = numpy.append(True, numpy.diff(steps) != 0)
        self._steps, self._by_step = steps[begins], told.values[order]
        # A step may be told of several times, as where training went back: each by its step's place, then by its row.
        self._height = int(self._numbers[-1]) + 2
        self._rows = None if begins.all() else told.numbers[order]
        self._keys = None if self._rows is None else (numpy.cumsum(begins) - 1) * self._height + self._rows
        # Steps that are all 0 are none.
        self._has_steps = bool(self._steps[0] != 0 or len(self._steps) > 1)
        wall_times = told.wall_times
        self._wall_times = wall_times if bool((numpy.diff(wall_times) >= 0).all()) else None

    @property
    def first(self) -> float:
        """What was told first."""
        return float(self._values[0])

    def at(self, numbers: Array, steps: Array, wall_times: Array, shares_axis: Array) -> tuple[Array, Array]:
        """Return what is told of rows, and of which of them anything is: of none before the first that was told.

        Args:
            numbers: Which rows they are, counting all.
            steps: Their steps.
            wall_times: Their Unix seconds (UTC).
            shares_axis: Which of them bear what is counted along the key's own axis.
        """
        passed = None
        if self._wall_times is not None and not numpy.isnan(wall_times).any():
            before = numpy.searchsorted(self._wall_times, wall_times, side="right") - 1
            passed = wall_times - self._wall_times[numpy.maximum(before, 0)]
        else:
            before = numpy.searchsorted(self._numbers, numbers, side="right") - 1
        values, is_told = self._values[numpy.maximum(before, 0)], before >= 0
        if self._gains is not None and passed is not None:
            values = values + numpy.clip(passed, 0.0, self._gains[numpy.maximum(before, 0)])
        if self._has_steps:
            at = numpy.minimum(numpy.searchsorted(self._steps, steps), len(self._steps) - 1)
            by_step = shares_axis & (self._steps[at] == steps)
            values = numpy.where(by_step, self._by_step[self._nearest(at, numbers)], values)
            is_told = is_told | by_step
        own = numpy.minimum(numpy.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        has_own = self._numbers[own] == numbers
        return numpy.where(has_own, self._values[own], values), is_told | has_own

    def _nearest(self, places: Array, numbers: Array) -> Array:
        """Return which of what was told of steps stands nearest in the log to rows of theirs."""
        if self._keys is None or self._rows is None:
            return places
        keys = places * self._height + numpy.minimum(numbers, self._height - 1)
        before = numpy.searchsorted(self._keys, keys, side="right") - 1
        after = numpy.minimum(before + 1, len(self._keys) - 1)
        is_before = (before >= 0) & (self._keys[before] // self._height == places)
        is_after = self._keys[after] // self._height == places
        is_later = numbers - self._rows[before] > self._rows[after] - numbers
        return numpy.where(is_after & (~is_before | is_later), after, before)


def column(name: str, values: Array, is_told: Array) -> polars.Series:
    """Return a column that is null where nothing is told."""
    series = polars.Series(name, values)
    if is_told.all():
        return series
    return series.zip_with(polars.Series(is_told), polars.Series([None], dtype=series.dtype))


def whole(values: Array) -> Array:
    """Return counts as whole numbers; what is none may be anything."""
    return numpy.rint(numpy.where((values >= 0) & (values < 2.0**63), values, 0)).astype("i8")


def lags(told: Told, along: Told) -> bool:
    """Say whether a key tells of most steps only after another has gone on from them: of a tenth of them or more.

    Args:
        told: What the key told.
        along: What the other one told, which has most of its steps.
    """
    steps, first = numpy.unique(along.steps, return_index=True)
    own, own_first = numpy.unique(told.steps, return_index=True)
    at = numpy.searchsorted(steps, own)
    goes_on = at + 1 < len(steps)
    at, own_first = at[goes_on], own_first[goes_on]
    shared = steps[at] == own[goes_on]
    late = told.numbers[own_first][shared] > along.numbers[first][at[shared] + 1]
    return bool(late.any()) and 10 * int(late.sum()) >= len(late)
