"""The first rows of a table: what they tell of the columns that may count or tell time."""

import math
from collections.abc import Iterable

import polars

from milepost.histories.tables import values
from milepost.histories.tables.course import FIRST_ROWS, Course, of_clock, of_counter


class FirstRows:
    """The first rows of a table, or of its first run.

    Args:
        data: Their columns that may count or tell time.

    Attributes:
        boundaries: Rows with which another process begins: those after what is a header again.
        later_falls: Row of the log at which a column falls beyond the first rows, by its name.
        proved: Columns that are known not to.
    """

    def __init__(self, data: polars.DataFrame) -> None:
        self.data, self.boundaries = _without_headers(data.head(FIRST_ROWS))
        self.later_falls: dict[str, int] = {}
        self.proved: set[str] = set()
        self._courses: dict[str, Course] = {}
        self._times: dict[str, values.Times] = {}
        self._numbers: dict[str, list[float | None]] = {}
        self._seconds: dict[tuple[str, float | None, bool], list[float | None]] = {}

    def __len__(self) -> int:
        return self.data.height

    def tells(self, name: str) -> bool:
        """Whether a column has any number here."""
        return name in self.data.columns and bool(self.course(name).told)

    def numbers(self, name: str) -> list[float | None]:
        """Return a column as numbers; None where a row holds none."""
        if name not in self._numbers:
            self._numbers[name] = values.numbers(self.data[name])[0].to_list()
        return self._numbers[name]

    def course(self, name: str) -> Course:
        """Return how a column goes as a counter."""
        if name not in self._courses:
            self._courses[name] = of_counter(self.numbers(name))
        return self._courses[name]

    def times(self, name: str) -> values.Times:
        """Return a column as times."""
        if name not in self._times:
            self._times[name] = values.times(self.data[name])
        return self._times[name]

    def is_wall(self, name: str) -> bool | None:
        """Say whether a column holds Unix times, most of it; None where it holds no time."""
        told = [each for each in self.times(name).values.to_list() if each is not None]
        return 2 * sum(map(values.is_unix, told)) >= len(told) if told else None

    def seconds(self, name: str, unit: float | None, *, wall: bool) -> list[float | None]:
        """Return a column's times in seconds; None where a row tells none, or one that can't be."""
        key = name, unit, wall
        if key not in self._seconds:
            found, _ = values.in_seconds(self.times(name), unit, wall=wall)
            self._seconds[key] = [None if each is None or math.isnan(each) else each for each in found.to_list()]
        return self._seconds[key]

    def text_of(self, name: str) -> str | None:
        """Return a text in a column that is no number, and does not say that there is none; None where none is."""
        if name not in self.data.columns:
            return None
        column = self.data[name]
        if column.dtype != polars.String or not values.numbers(column)[1]:
            return None
        found: str = column.filter(values.is_text(column))[0]
        return found

    def part_text(self, name: str) -> float:
        """Return which part of what a column tells is text that is no number."""
        column = self.data[name]
        if column.dtype != polars.String or not (unread := values.numbers(column)[1]):
            return 0.0
        return unread / max(1, unread + self.told(name))

    def part_no_time(self, name: str) -> float:
        """Return which part of what a column tells is text that is no time."""
        times = self.times(name)
        told = len(times.values) - times.values.null_count()
        unread = 0 if times.unread is None else int(times.unread.sum())
        return unread / max(1, unread + told)

    def told(self, name: str) -> int:
        """Return how many rows tell a number."""
        return sum(each is not None and each == each for each in self.numbers(name))

    def part_wrong(self, name: str) -> float:
        """Return which part of a column's numbers counts nothing: is negative, or not whole."""
        told = [each for each in self.numbers(name) if each is not None and not math.isnan(each)]
        return sum(each < 0 or not each.is_integer() for each in told) / max(1, len(told))

    def rises_beside(self, name: str, others: Iterable[str]) -> bool:
        """Say whether any other column has more than one value."""
        return any(other != name and other in self.data.columns and self._varies(other) for other in others)

    def _varies(self, name: str) -> bool:
        return len(self.course(name).told) > 1 or self.times(name).values.drop_nulls().n_unique() > 1

    def clock_course(self, seconds: list[float | None], counter: str | None) -> Course:
        """Return how times go, beside what counts."""
        back = self.course(counter).all_falls if counter is not None and counter in self.data.columns else ()
        return of_clock(seconds, back)


def _without_headers(data: polars.DataFrame) -> tuple[polars.DataFrame, frozenset[int]]:
    """Return rows without those that are headers again, and at which rows those stood."""
    is_header = values.headers_among(data)
    if is_header is None or not is_header.any():
        return data, frozenset()
    at = is_header.arg_true().to_list()
    return data.filter(~is_header), frozenset(row - number for number, row in enumerate(at))


def outruns(elapsed: list[float | None], wall: list[float | None]) -> bool:
    """Say whether elapsed time runs ahead of wall time by more than rounding does, where neither falls."""
    of_elapsed = of_wall = 0.0
    last: tuple[float, float] | None = None
    for one, other in zip(elapsed, wall, strict=True):
        if one is None or other is None:
            continue
        if last is not None and one >= last[0] and other >= last[1]:
            of_elapsed += one - last[0]
            of_wall += other - last[1]
        last = one, other
    return of_elapsed > 1.01 * of_wall + 1


def stands(seconds: Iterable[float | None]) -> bool:
    """Say whether times are all the same."""
    return len({each for each in seconds if each is not None}) == 1
