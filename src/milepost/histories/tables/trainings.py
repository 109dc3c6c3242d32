"""Several trainings that one table tells, one after the other, without a name for any.

Where a counter begins anew while nothing else rises, neither a clock nor another counter, another training was
appended. Where something else rises, the same training goes on: that is for the tracker to judge.
"""

from collections.abc import Collection, Iterator
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
        witnesses: Names of other columns that count or tell time.
    """

    def __init__(self, table: Table, counter: str, witnesses: Collection[str]) -> None:
        self.table, self.counter, self.witnesses = table, counter, tuple(witnesses)
        self.starts = [Start(1, 0)]
        self._is_last = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that tell them apart."""
        return (self.counter, *self.witnesses)

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
        watch = Watch(self.counter, self.witnesses)
        held: Frame | None = None
        for frame in frames:
            number, first_row, data = frame
            if (skipped := start.row - first_row) > 0:
                if skipped >= data.height:
                    continue
                first_row, data = start.row, data[skipped:]
            if which + 1 < len(self.starts):
                height = self.starts[which + 1].row - first_row
                if height > 0:
                    yield Frame(number, first_row, data[:height])
                if height <= data.height:
                    return
                continue
            if self._is_last:
                yield Frame(number, first_row, data)
                continue
            if held is not None:
                number, first_row = held.number, held.first_row
                data = polars.concat([held.data, data], how="diagonal_relaxed")
                held = None
            at = 0
            while (cut := watch.look(data, at)) is not None and cut.is_known:
                if self._is_training(range(number, frame.number + 1), first_row + cut.row):
                    self.starts.append(Start(first_row + cut.row, number))
                    if cut.row:
                        yield Frame(number, first_row, data[: cut.row])
                    return
                at = cut.row + 1
            if cut is not None:
                held = Frame(number, first_row, data)
                continue
            watch.take(data)
            yield Frame(number, first_row, data)
        if held is not None:
            yield held
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
    """A row at which a counter falls to its first value, and whether what follows shows that it begins anew."""

    row: int
    is_known: bool


class Watch:
    """Watches a counter for a row from which on it begins anew while nothing else rises.

    Args:
        counter: Its name.
        witnesses: Names of what else counts or tells time.
    """

    def __init__(self, counter: str, witnesses: Collection[str]) -> None:
        self.counter, self.witnesses = counter, witnesses
        self.first: int | None = None
        self.last: int | None = None
        self.high = 0
        self.told: dict[str, float] = {}
        self._counted: tuple[polars.DataFrame | None, polars.Series | None] = (None, None)

    def look(self, data: polars.DataFrame, after: int) -> Cut | None:
        """Return the first such row of a chunk from a row on, or one of which more has to be read to tell."""
        counts = self._counts(data)
        if counts is None:
            return None
        first = counts[0] if self.first is None else self.first
        if (self.last is None or counts[0] is None or counts[0] >= self.last) and counts.is_sorted():
            return None
        before = counts.shift(1)
        if self.last is not None:
            before = before.fill_null(self.last)
        falls = ((counts < before) & (counts <= (counts.drop_nulls()[0] if first is None else first))).fill_null(False)
        for row in falls.arg_true().to_list():
            if row < after:
                continue
            rest = counts[row:]
            others = (rest != rest[0]).arg_true()
            if not len(others):
                return None if self._is_witnessed(data, row, data.height) else Cut(row, is_known=False)
            high = max(self.high, _most(counts[:row]))
            if rest[0] < rest[others[0]] <= high and not self._is_witnessed(data, row, row + others[0]):
                return Cut(row, is_known=True)
        return None

    def take(self, data: polars.DataFrame) -> None:
        """Take note of a chunk that was looked at."""
        counts = self._counts(data)
        if counts is None or not len(told := counts.drop_nulls()):
            return
        self.first = told[0] if self.first is None else self.first
        self.high, self.last = max(self.high, _most(told)), told[-1]
        for name in self.witnesses:
            if name in data.columns and len(found := _numbers(data[name])):
                self.told[name] = found[-1]

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

    def _is_witnessed(self, data: polars.DataFrame, row: int, stop: int) -> bool:
        """Say whether anything else rises at a row."""
        for name in self.witnesses:
            if name not in data.columns:
                continue
            before, after = _numbers(data[name][:row]), _numbers(data[name][row:stop])
            last = before[-1] if len(before) else self.told.get(name)
            if last is not None and len(after) and after[0] > last:
                return True
        return False


def _most(counts: polars.Series) -> int:
    most: Any = counts.max()
    return most or 0


def _numbers(column: polars.Series) -> polars.Series:
    return values.numbers(column)[0].drop_nulls().drop_nans()


def _told(data: polars.DataFrame, names: Collection[str]) -> set[str]:
    return {name for name in names if data[name].null_count() < data.height}
