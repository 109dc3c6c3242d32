"""What W&B logged, in columns: read by compiled scanners, many records at a time."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import numpy
import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.json_rows import CHUNK_ROWS, MAX_CELLS, number_in, series
from milepost.histories.decoding.leveldb import Batch, Batches, Record, records
from milepost.histories.decoding.names import Names
from milepost.histories.decoding.wandb_record import prefixes_of

Array = numpy.ndarray[Any, Any]

Row = dict[str, Any]
Columns = dict[str, list[Any]]
Chunk = tuple[int, polars.DataFrame]
"""The number of its first row, counting from 1, and its rows."""

QUOTE = ord('"')

VALUES = 2**16
"""Values that are decoded at a time."""

LONGEST_NAME_BYTES = 1024
"""A longer name is left to Python."""


class ColumnScan:
    """One pass over a file.

    Args:
        path: The file.
        wanted: Names that are wanted; all where None.
        read: Returns the rows of a record, and takes note of what else it tells.
        scanners: The compiled scanners.
    """

    def __init__(
        self, path: str, wanted: frozenset[str] | None, read: Callable[[Record], Iterable[Row]], scanners: Any
    ) -> None:
        self._path, self._read, self._scanners = path, read, scanners
        self._takes_all = wanted is None
        self._columns: list[str] = []
        self._names, self._prefixes = Names(scanners), Names(scanners)
        self._learn(sorted(wanted or ()))
        for prefix in prefixes_of(wanted or frozenset()):
            self._prefixes.add(prefix.encode())
        self._values = [numpy.empty(VALUES, "i8") for _ in ("name", "row", "start", "end")]
        self._chunk = _OpenChunk()

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows.

        Raises:
            HistoryError: The file is broken, after everything before that was yielded.
        """
        try:
            batches = Batches(self._path, self._scanners)
            for batch in batches:
                record = 0
                while record < len(batch.starts):
                    record = self._scan(batch, record)
                    if record < len(batch.starts) and not self._chunk.is_full:
                        yield from self._read_one(batch.record(record))
                        record += 1
                    yield from self._chunk.full()
            for each in records(self._path, batches.end):
                yield from self._read_one(each)
        except HistoryError:
            yield from self._chunk.rest()
            raise
        yield from self._chunk.rest()

    def _scan(self, batch: Batch, first: int) -> int:
        """Add the rows of usual records, and return the first that Python has to look at, or that finds no room."""
        counts = numpy.zeros(2, "i8")
        end: int = self._scanners.scan_rows(
            *(batch.data, batch.starts, batch.ends, first, len(batch.starts)),
            *(self._names.table, self._takes_all, self._prefixes.table, numpy.empty(LONGEST_NAME_BYTES, "u1")),
            *(self._chunk.room(len(self._columns)), numpy.full(len(self._columns) + 1, -1), counts, *self._values),
        )
        rows, count = (int(each) for each in counts)
        columns = self._decoded(batch, rows, [column[:count] for column in self._values])
        if columns is not None:
            self._chunk.add(rows, columns)
            return end
        for record in range(first, end):
            for row in self._read(batch.record(record)):
                self._chunk.add_row(row)
        return end

    def _decoded(self, batch: Batch, rows: int, told: list[Array]) -> Columns | None:
        """Return values as columns; None where one of them is no JSON after all, or none that msgspec reads."""
        names, of_rows, starts, ends = told
        if not len(names):
            return {}
        tally = numpy.bincount(names)
        present = numpy.flatnonzero(tally)
        size = int((ends - starts).sum()) + 2 * len(names) + len(present) * (5 * rows + 2) + 2
        text = numpy.empty(size, "u1")
        length = self._scanners.join_columns(
            *(batch.data, numpy.argsort(names, kind="stable"), numpy.cumsum(tally[present])),
            *(rows, of_rows, starts, ends, text),
        )
        try:
            columns: list[list[Any]] = msgspec.json.decode(text[:length].data)
        except msgspec.DecodeError:
            return None
        if (text[:length] == QUOTE).any():
            columns = [[number_in(each) for each in part] for part in columns]
        return dict(zip((self._columns[name] for name in present.tolist()), columns, strict=True))

    def _read_one(self, record: Record) -> Iterator[Chunk]:
        """Add the rows of a record, as Python reads it."""
        for row in self._read(record):
            self._chunk.add_row(row)
            if self._takes_all:
                self._learn(row)
            yield from self._chunk.full()

    def _learn(self, names: Iterable[str]) -> None:
        """Let the scanners know of names that are new."""
        for name in names:
            encoded = name.encode(errors="replace")
            if encoded not in self._names.numbers and len(encoded) <= LONGEST_NAME_BYTES and encoded.decode() == name:
                self._names.add(encoded)
                self._columns.append(name)


class _OpenChunk:
    """The chunk that is being read."""

    def __init__(self) -> None:
        self._first_row = 1
        self._rows = 0
        self._columns: Columns = {}

    def room(self, columns: int) -> int:
        """Return how many more rows it may have, where so many columns may come."""
        widest = max(columns, len(self._columns), 1)
        return max(1, min(CHUNK_ROWS - (self._first_row - 1) % CHUNK_ROWS, MAX_CELLS // widest) - self._rows)

    @property
    def is_full(self) -> bool:
        """Whether it is at its end."""
        has_all_rows = (self._first_row - 1 + self._rows) % CHUNK_ROWS == 0
        return self._rows > 0 and (has_all_rows or len(self._columns) * (self._rows + 1) > MAX_CELLS)

    def add(self, rows: int, columns: Columns) -> None:
        """Add rows."""
        for name, values in columns.items():
            column = self._columns.setdefault(name, [])
            column += [None] * (self._rows - len(column)) + values
        self._rows += rows

    def add_row(self, row: Row) -> None:
        """Add a row."""
        self.add(1, {name: [value] for name, value in row.items()})

    def full(self) -> Iterator[Chunk]:
        """Yield it, and begin another, if it is at its end."""
        if self.is_full:
            yield from self.rest()

    def rest(self) -> Iterator[Chunk]:
        """Yield it as it is, and begin another."""
        columns, rows, first_row = self._columns, self._rows, self._first_row
        self._columns, self._rows, self._first_row = {}, 0, first_row + rows
        if columns:
            for column in columns.values():
                column += [None] * (rows - len(column))
            data = polars.DataFrame({name: series(name, column) for name, column in columns.items()})
            yield first_row, data
