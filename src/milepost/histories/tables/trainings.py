"""Several trainings that one table tells, one after the other, without a name for any.

Where a counter begins anew while nothing else rises, neither a clock nor another counter, another training was
appended. Where something else rises, the same training goes on.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import polars

from milepost.errors import HistoryError
from milepost.histories.tables import values
from milepost.histories.tables.table import Frame, Table

BEFORE = 50
"""So many rows before a row tell which metrics are logged."""

ALL_CHUNKS = 2**62


class Start(NamedTuple):
    """Where a training begins: its first row, counting from 1, and in which chunk that is."""

    row: int
    chunk: int


class Trainings:
    """Where the trainings of a table begin, as far as it has been read.

    Args:
        table: The table.
        counter: Name of the column that counts.
        clocks: Names of those that tell time.
        counters: Names of those that count besides.
    """

    def __init__(self, table: Table, counter: str, clocks: Sequence[str], counters: Sequence[str]) -> None:
        self.table, self.counter, self.clocks, self.counters = table, counter, clocks, counters
        self.starts = [Start(1, 0)]
        self._is_last = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that tell them apart."""
        return (self.counter, *self.clocks, *self.counters)

    def chunks_of(self, which: int) -> range | None:
        """Return in which chunks a training may be; None for all."""
        chunk = self.starts[which].chunk
        return range(chunk, self.table.chunk_count or ALL_CHUNKS) if chunk else None

    def has_another(self, which: int) -> bool:
        """Say whether a training follows this one: what has not been read of its counter yet is read for that."""
        if not self._is_last and which + 1 == len(self.starts):
            try:
                for _ in self.part(which, self.table.frames(self.columns, self.chunks_of(which))):
                    pass
            except HistoryError:
                return False
        return which + 1 < len(self.starts)

    def part(self, which: int, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield what belongs to one training, of frames from the one on in which it begins."""
        start = self.starts[which]
        watch = Watch(self.counter, self.clocks, self.counters)
        held: Frame | None = None
        for frame in frames:
            number, first_row, data = frame
            if (skipped := start.row - first_row) > 0:
                if skipped >= data.height:
                    continue
                first_row, data = start.row, data[skipped:]
            is_end = False
            if which + 1 < len(self.starts):
                height = self.starts[which + 1].row - first_row
                is_end, data = height <= data.height, data[: max(0, height)]
            if held is not None:
                number, first_row = held.number, held.first_row
                data = polars.concat([held.data, data], how="diagonal_relaxed")
                held = None
            cut = watch.look(data)
            while cut is not None and cut.is_training:
                if not self._is_training(range(number, frame.number + 1), first_row + cut.row):
                    cut = watch.look(data, cut.row + 1)
                    continue
                self.starts.append(Start(first_row + cut.row, number))
                is_end, data, cut = True, data[: cut.row], None
            if cut is not None and not is_end:
                held = Frame(number, first_row, data)
                continue
            if data.height:
                yield Frame(number, first_row, watch.take(data))
            if is_end:
                return
        if held is not None:
            yield held._replace(data=watch.take(held.data))
        if which + 1 == len(self.starts):
            self._is_last = True

    def _is_training(self, chunks: range, row: int) -> bool:
        """Say whether metrics of a training stand from a row of some chunks on, and not evaluations after one."""
        before: set[str] = set()
        after: set[str] = set()
        for _, first_row, data in self.table.frames(None, range(max(0, chunks.start - 1), chunks.stop)):
            names = [name for name in data.columns if name not in self.columns]
            at = row - first_row
            before |= _told(data[max(0, at - BEFORE) : max(0, at)], names)
            after |= _told(data[max(0, at) : max(0, at + 2)], names)
        return bool(before & after) or not before | after


class Cut(NamedTuple):
    """A row at which a counter falls to its first value.

    Attributes:
        row: The row.
        is_training: Whether another training begins there; False where more has to be read to tell.
    """

    row: int
    is_training: bool


class Watch:
    """Watches a counter for rows at which it begins anew.

    Where a clock rises there, that is left to the tracker. Where another counter does and no clock, which the tracker
    does not see, the counter goes on from its last value. Where nothing rises, another training begins.

    Args:
        counter: Its name.
        clocks: Names of what tells time.
        counters: Names of what else counts.
    """

    def __init__(self, counter: str, clocks: Collection[str], counters: Collection[str]) -> None:
        self.counter, self.clocks, self.counters = counter, clocks, counters
        self.first: int | None = None
        self.last: int | None = None
        self.high = 0
        self.offset = 0
        self._before = polars.DataFrame()
        self._counted: tuple[polars.DataFrame | None, polars.Series | None] = (None, None)
        self._goes_on: list[int] = []

    def look(self, data: polars.DataFrame, after: int = 0) -> Cut | None:
        """Return the first row of a chunk, from a row on, at which another training begins, or may."""
        if not after:
            self._goes_on = []
        counts = self._counts(data)
        if counts is None or self._never_falls(counts):
            return None
        first = counts.drop_nulls().first() if self.first is None else self.first
        before = counts.shift(1)
        if self.last is not None:
            before = before.fill_null(self.last)
        falls = ((counts < before) & (counts <= first)).fill_null(False)
        for row in falls.arg_true().to_list():
            if row < after or self._rises(data, row, data.height, self.clocks):
                continue
            rest = counts[row:]
            others = (rest != rest[0]).arg_true()
            if not len(others):
                return Cut(row, is_training=False)
            if not rest[0] < rest[others[0]] <= max(self.high, _most(counts[:row])):
                continue
            if not self._rises(data, row, row + others[0], self.counters):
                return Cut(row, is_training=True)
            self._goes_on.append(row)
        return None

    def take(self, data: polars.DataFrame) -> polars.DataFrame:
        """Take note of a chunk that was looked at, and return it with a counter that goes on."""
        counts = self._counts(data)
        told = counts.drop_nulls() if counts is not None and counts.null_count() else counts
        if counts is None or told is None or not len(told):
            return data
        before, goes_on = data, [row for row in self._goes_on if row < data.height]
        if goes_on or self.offset:
            data = data.with_columns(self._going_on(data, counts, goes_on))
        self.first = told[0] if self.first is None else self.first
        self.high, self.last = max(self.high, _most(told)), told[-1]
        self._before = before
        return data

    def _going_on(self, data: polars.DataFrame, counts: polars.Series, goes_on: list[int]) -> polars.Series:
        """Return what is counted in all, where a counter goes on from its last value at some rows."""
        told = values.samples(data[self.counter]).counts
        added: list[int] = []
        for row in (*goes_on, data.height):
            added += [self.offset] * (row - len(added))
            if row < data.height:
                self.offset += (counts[row - 1] if row else self.last) or 0
        return (told + polars.Series(added, dtype=polars.Int64)).alias(self.counter)

    def _never_falls(self, counts: polars.Series) -> bool:
        return (self.last is None or counts[0] is None or counts[0] >= self.last) and counts.is_sorted()

    def _counts(self, data: polars.DataFrame) -> polars.Series | None:
        if self._counted[0] is not data:
            self._counted = data, self._count(data)
        return self._counted[1]

    def _count(self, data: polars.DataFrame) -> polars.Series | None:
        if self.counter not in data.columns or not data.height:
            return None
        counts = values.samples(data[self.counter]).counts
        if (least := counts.min()) is not None and least < 0:  # type: ignore[operator]
            counts = counts.set(counts < 0, None)
        return counts.fill_null(strategy="forward") if counts.null_count() else counts

    def _rises(self, data: polars.DataFrame, row: int, stop: int, names: Collection[str]) -> bool:
        """Say whether any of some columns rises at a row."""
        for name in names:
            if name not in data.columns:
                continue
            before, after = _numbers(data[name][:row]), _numbers(data[name][row:stop])
            if not len(before) and name in self._before.columns:
                before = _numbers(self._before[name])
            if len(before) and len(after) and after[0] > before[-1]:
                return True
        return False


def _most(counts: polars.Series) -> int:
    most: Any = counts.max()
    return most or 0


def _numbers(column: polars.Series) -> polars.Series:
    return values.numbers(column)[0].drop_nulls().drop_nans()


def _told(data: polars.DataFrame, names: Collection[str]) -> set[str]:
    return {name for name in names if data[name].null_count() < data.height}
