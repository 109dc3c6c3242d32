"""Numbers of lines of one shape, as columns: those that are asked for, by patterns that take linear time."""

import re
from itertools import islice, pairwise
from typing import NamedTuple

import polars

from milepost.histories.decoding.text_fields import SCALES, SECONDS, seconds_of
from milepost.histories.decoding.text_shapes import IN_EPOCH, Column, Shape

MOST_IN_A_LINE = 1000
NEARLY = 1e-6


class Place(NamedTuple):
    """Where in its epochs each line stands."""

    epoch: polars.Series
    number: polars.Series
    of: polars.Series


def values_of(lines: polars.Series, column: Column, *, in_seconds: bool) -> polars.Series:
    """Return the numbers of a column: text as it is written, or Float64 where units had to be taken into account.

    Args:
        lines: Lines of its shape.
        column: The column.
        in_seconds: Whether durations are wanted in seconds; else they are in the unit of the sample's first line.
    """
    if column.is_duration:
        return _durations(lines, column)
    found = lines.str.extract(column.exact)
    factor = scale_of(column.unit, column.unit, in_seconds=in_seconds)
    odd = found.is_null()
    if odd.any():
        odd = odd & lines.str.contains(column.start)
    if factor == 1.0 and not odd.any():
        return found
    numbers = scaled(found.cast(polars.Float64, strict=False), factor)
    if not odd.any():
        return numbers
    rest = lines.filter(odd)
    written = rest.str.extract(column.any, 1).str.replace_all(",", "", literal=True).cast(polars.Float64, strict=False)
    units = rest.str.extract(column.any, 2).str.strip_chars().fill_null(column.unit)
    for unit in units.unique().to_list():
        is_of_it = units == unit
        written = written.zip_with(~is_of_it, scaled(written, scale_of(unit, column.unit, in_seconds=in_seconds)))
    if numbers.null_count() == len(numbers) and not written.is_not_null().any():
        return found
    return numbers.scatter(odd.arg_true(), written)


def _durations(lines: polars.Series, column: Column) -> polars.Series:
    seconds = [None if text is None else seconds_of(text) for text in lines.str.extract(column.duration).to_list()]
    return polars.Series(values=seconds, dtype=polars.Float64)


def scale_of(unit: str, first: str, *, in_seconds: bool) -> float:
    """Return what a number with a unit is multiplied by."""
    if unit in SECONDS and (in_seconds or first in SECONDS):
        return SECONDS[unit] / (1.0 if in_seconds else SECONDS[first])
    return SCALES.get(unit, 1.0)


def scaled(numbers: polars.Series, factor: float) -> polars.Series:
    """Return numbers times a factor, so that 12 ms are the float 0.012, and 2.55 M are whole."""
    if factor == 1.0:
        return numbers
    if factor < 1:
        return numbers / round(1 / factor)
    times = numbers * factor
    return times.round(0).zip_with((times - times.round(0)).abs() < NEARLY, times)


def apart(lines: polars.Series, shape: Shape) -> polars.Series:
    """Return lines with those taken apart that hold two of a shape: processes that print at once lose line ends."""
    several = lines.str.count_matches(shape.first, literal=True) > shape.example.count(shape.first)
    if several.any():
        several = several & lines.str.contains(shape.pattern)
    if not several.any():
        return lines
    begins = re.compile(shape.pattern.removeprefix("^"))
    taken_apart = []
    for line in lines.filter(several).to_list():
        starts = [match.start() for match in islice(begins.finditer(line), MOST_IN_A_LINE)]
        taken_apart.append("\n".join(line[at:end] for at, end in pairwise([0, *starts[1:], len(line)])))
    return lines.scatter(several.arg_true(), taken_apart).str.split("\n").explode()


def places_of(lines: polars.Series) -> Place:
    """Return where lines stand in their epochs."""
    return Place(*(lines.str.extract(IN_EPOCH, group).cast(polars.Int64, strict=False) for group in (1, 2, 3)))


class PerIteration:
    """Adds up the average time of iterations, over all chunks: times the iterations since the line before.

    Of the first line, and of one after which training goes on from an earlier iteration, that are as many as usual.

    Args:
        usual: How many iterations lie between two lines.
    """

    def __init__(self, usual: int) -> None:
        self.usual = usual
        self.last: int | None = None
        self.seconds = 0.0

    def state(self) -> tuple[int | None, float]:
        """Return what is carried from one chunk to the next."""
        return self.last, self.seconds

    def go_to(self, state: tuple[int | None, float]) -> None:
        """Take up what was carried."""
        self.last, self.seconds = state

    def elapsed(self, iterations: polars.Series, seconds: polars.Series) -> polars.Series:
        """Return the seconds since the start of the process for lines that tell an iteration and its average time."""
        if (found := self._of_rising(iterations, seconds)) is not None:
            return found
        elapsed: list[float | None] = []
        for iteration, each in zip(iterations.to_list(), seconds.to_list(), strict=True):
            if iteration is None or each is None or each != each:
                elapsed.append(None)
                continue
            iteration = int(iteration)
            since = min(iteration, self.usual) if self.last is None else iteration - self.last
            if since < 0:
                self.seconds, since = 0.0, min(iteration, self.usual)
            self.last = iteration
            self.seconds += each * since
            elapsed.append(self.seconds)
        return polars.Series(values=elapsed, dtype=polars.Float64)

    def _of_rising(self, iterations: polars.Series, seconds: polars.Series) -> polars.Series | None:
        """Return the same at once; None where a line doesn't tell, or training goes on from an earlier iteration."""
        if iterations.null_count() or seconds.null_count() or not (iterations.is_finite() & ~seconds.is_nan()).all():
            return None
        whole = iterations.cast(polars.Int64, strict=False)
        if not len(whole) or whole.null_count():
            return None
        first, last = int(whole[0]), int(whole[-1])
        since = whole.diff().fill_null(min(first, self.usual) if self.last is None else first - self.last)
        if (since < 0).any():
            return None
        added = polars.concat([polars.Series([self.seconds]), seconds.alias("") * since.alias("")])
        elapsed = added.cum_sum()[1:]
        self.last, self.seconds = last, float(elapsed[-1])
        return elapsed
