"""What a counter among a run's tags tells of its events: by their own row, by their step, or by their time."""

from typing import Any, NamedTuple

import numpy
import polars

Array = numpy.ndarray[Any, Any]


class Told(NamedTuple):
    """What the counter told, in the order of the log.

    Attributes:
        numbers: In which events, counting all.
        steps: Their steps.
        wall_times: Their Unix seconds (UTC).
        values: What was counted.
    """

    numbers: Array
    steps: Array
    wall_times: Array
    values: Array


class Counts:
    """What a counter tells of events.

    Args:
        told: What it told.
    """

    def __init__(self, told: Told) -> None:
        self._numbers, self._values = told.numbers, numpy.rint(told.values).astype("i8")
        order = numpy.argsort(told.steps, kind="stable")
        steps = told.steps[order]
        last = numpy.append(numpy.diff(steps) != 0, True)
        self._steps, self._by_step = steps[last], self._values[order][last]
        wall_times = told.wall_times
        self._wall_times = wall_times if bool((numpy.diff(wall_times) >= 0).all()) else None

    @property
    def first(self) -> int:
        """What was told first."""
        return int(self._values[0])

    def at(self, numbers: Array, steps: Array, wall_times: Array, shares_axis: Array) -> polars.Series:
        """Return the counts of events; null before the first that was told.

        Args:
            numbers: Which events they are, counting all.
            steps: Their steps.
            wall_times: Their Unix seconds (UTC).
            shares_axis: Which of them bear a tag that is counted along the counter's axis.
        """
        if self._wall_times is not None and not numpy.isnan(wall_times).any():
            before = numpy.searchsorted(self._wall_times, wall_times, side="right") - 1
        else:
            before = numpy.searchsorted(self._numbers, numbers, side="right") - 1
        counts, is_told = self._values[numpy.maximum(before, 0)], before >= 0
        at = numpy.minimum(numpy.searchsorted(self._steps, steps), len(self._steps) - 1)
        by_step = shares_axis & (self._steps[at] == steps)
        counts, is_told = numpy.where(by_step, self._by_step[at], counts), is_told | by_step
        own = numpy.minimum(numpy.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        has_own = self._numbers[own] == numbers
        counts, is_told = numpy.where(has_own, self._values[own], counts), is_told | has_own
        column = polars.Series("samples", counts)
        if is_told.all():
            return column
        return column.zip_with(polars.Series(is_told), polars.Series([None], dtype=polars.Int64))
