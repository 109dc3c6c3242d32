"""Chunks of a run's rows: what is carried from one to the next, and what is warned of once."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import polars

from milepost.errors import HistoryError
from milepost.histories.history import Boundary, Rows
from milepost.histories.tables import values
from milepost.histories.tables.clocks import TimeColumn
from milepost.histories.tables.columns import Chosen
from milepost.histories.tables.stale import Stale
from milepost.log import logger

LARGEST = 2**63 - 1


class Chunks:
    """Turns the chunks of one run into `Rows`, in their order.

    Args:
        where: What messages call the table.
        chosen: Its columns that are no metrics.
        metrics: Columns to read as metrics; all others where None.
        stale: Evaluations that are told again, row after row.
    """

    def __init__(
        self, where: str, chosen: Chosen, metrics: tuple[str, ...] | None, stale: Mapping[str, str] | None = None
    ) -> None:
        self.where, self.chosen, self.metrics = where, chosen, metrics
        self.stale = Stale(stale or {})
        self.last: dict[str, float] = {}
        self.is_wall = {column.name: column.is_wall for column in chosen.times if column.is_wall is not None}
        self.seen: set[str] = set()
        self.text: dict[str, int] = {}
        self.read_any: set[str] = set()
        self.zoneless = False
        self.unplaced = 0
        self.no_times: dict[str, int] = {}
        self.example = ""
        self.saw_header = False
        self.headers: list[int] = []  # rows that are headers again, after which no row has come yet

    def read(self, data: polars.DataFrame, rows: range | polars.Series) -> Iterator[Rows]:
        """Yield a chunk.

        Args:
            data: Its columns.
            rows: Which rows of the table they are.

        Raises:
            HistoryError: A row's samples count nothing; the rows before it are yielded first.
        """
        if (is_header := values.headers_among(data)) is not None and is_header.any():
            found = taken(rows, is_header).to_list()
            if not self.saw_header:
                self.saw_header = True
                logger("histories").warning(
                    "%s: row %d is a header again: another process goes on with the run", self.where, found[0]
                )
            self.headers += found
            data, rows = data.filter(~is_header), taken(rows, ~is_header)
        fault = None
        counts = at = unread = None
        samples = self.chosen.samples
        if samples is not None and samples in data.columns:
            counts, at, unread = self._counts(data[samples])
        times = {
            column.name: values.times(data[column.name], zoned=column.zoned)
            for column in self.chosen.times
            if column.name in data.columns
        }
        if samples is not None and unread is not None and unread.any():
            self._leave_out(samples, data, unread, rows)
            yield from self.read(data.filter(~unread), taken(rows, ~unread))
            return
        for name, told in times.items():
            if told.unread is not None:
                self.no_times[name] = self.no_times.get(name, 0) + int(told.unread.sum())
                times[name] = told._replace(values=told.values.set(told.unread, math.nan))
        if samples is not None and at is not None:
            fault = (
                f"{self.where}: found {data[samples][at]!r} in row {rows[at]} of "
                f"{samples!r}, expected a whole number of samples, 0 or more (--samples-column)"
            )
            data, counts = data[:at], None if counts is None else counts[:at]
            times = {name: told._replace(values=told.values[:at]) for name, told in times.items()}
        if data.height:
            yield msgspec.structs.replace(
                self._rows(data, counts, times), boundaries=self._boundaries(rows, data.height)
            )
        if fault:
            raise HistoryError(fault)

    def close(self) -> None:
        """Warn of text that stood where numbers were expected, and of rows that were left out for it."""
        if self.unplaced:
            logger("histories").warning(
                "%s: %d rows tell no number of samples, such as %s; not read",
                self.where,
                self.unplaced,
                self.example,
            )
        for name, count in self.no_times.items():
            if count:
                logger("histories").warning(
                    "%s: %d values of %r are no times; these rows tell none", self.where, count, name
                )
        for name, count in self.text.items():
            if name in self.read_any:
                logger("histories").warning(
                    "%s: %d values of %r are no numbers; taken as not logged", self.where, count, name
                )

    def _counts(self, column: polars.Series) -> values.Samples:
        """Return what a chunk counts. A log's own step that counts nothing is not told, and no fault."""
        counts, wrong, unread = values.samples(column)
        if (per_step := self.chosen.per_step) != 1:
            if wrong is None and (most := counts.max()) is not None and most > LARGEST // per_step:  # type: ignore[operator]
                wrong = (counts > LARGEST // per_step).arg_max()
            counts = counts * per_step
        if wrong is not None and self.chosen.unit != "samples":
            counts, wrong = counts.set((counts < 0).fill_null(False), None), None
        return values.Samples(counts, wrong, unread)

    def _leave_out(self, name: str, data: polars.DataFrame, mask: polars.Series, rows: range | polars.Series) -> None:
        """Take note of rows whose samples are text that is no number."""
        at = mask.arg_max()
        assert at is not None
        self.example = self.example or f"row {rows[at]} with {data[name][at]!r} in {name!r}"
        self.unplaced += int(mask.sum())

    def _boundaries(self, rows: range | polars.Series, height: int) -> tuple[Boundary, ...]:
        """Return where processes go on in the first so many of these rows: after what is a header again."""
        if not self.headers:
            return ()
        before = [int((polars.Series(rows) < header).sum()) for header in self.headers]
        self.headers = [header for header, at in zip(self.headers, before, strict=True) if at >= height]
        return tuple(Boundary(at) for at in dict.fromkeys(before) if at < height)

    def _rows(self, data: polars.DataFrame, counts: polars.Series | None, times: Mapping[str, values.Times]) -> Rows:
        """Return the rows of a chunk that are right."""
        names = self.metrics
        if names is None:
            names = tuple(name for name in data.columns if name not in self.chosen.names)
        single = frozenset(name for name in names if name in data.columns and data[name].dtype == polars.Float32)
        metrics = polars.DataFrame({name: self._metric(data[name]) for name in names if name in data.columns})
        metrics = self.stale.without_repeats(metrics, data)
        elapsed = wall = None
        for column in self.chosen.times:
            found, some_none = self._time(column, times[column.name]) if column.name in times else (None, False)
            told = self._carried(column.name, found, data.height, polars.Float64(), some_none=some_none)
            if self.is_wall.get(column.name, False):
                wall = told
            elif elapsed is None or column.name in self.seen:  # what tells nothing takes no other's place
                elapsed = told
        if self.chosen.samples is not None:
            counts = self._carried(self.chosen.samples, counts, data.height, polars.Int64())
        return Rows(metrics=metrics, samples=counts, elapsed_seconds=elapsed, wall_time=wall, single=single)

    def _metric(self, column: polars.Series) -> polars.Series:
        """Return a metric's values, and keep in mind which were text."""
        found, unread = values.numbers(column)
        if unread:
            self.text[column.name] = self.text.get(column.name, 0) + unread
        if found.null_count() < len(found):
            self.read_any.add(column.name)
        return found

    def _time(self, column: TimeColumn, found: values.Times) -> tuple[polars.Series, bool]:
        """Return a column's times in seconds, and whether some can't be: those are NaN."""
        if found.zoneless and not self.zoneless:
            self.zoneless = True
            logger("histories").warning("%s: the times of %r say no zone; taken for UTC", self.where, column.name)
        if column.name not in self.seen:
            first: Any = found.values.first(ignore_nulls=True)
            if first is not None:
                self.seen.add(column.name)
                self.is_wall.setdefault(column.name, values.is_unix(first))
        seconds, some_none = values.in_seconds(found, column.unit_seconds, wall=self.is_wall.get(column.name, False))
        return seconds, some_none or found.unread is not None

    def _carried(
        self, name: str, told: polars.Series | None, height: int, dtype: polars.DataType, *, some_none: bool = False
    ) -> polars.Series:
        """Return a column with what was told last where a row tells nothing.

        Args:
            name: Its name.
            told: What is told; None where nothing is.
            height: How many rows there are.
            dtype: Its type.
            some_none: Whether some are NaN: times that can't be are not carried on.
        """
        if told is None:
            told = polars.Series(name, [None] * height, dtype)
        sound = told.fill_nan(None) if some_none else told
        if sound.null_count():
            sound = sound.fill_null(strategy="forward")
            if name in self.last:
                sound = sound.fill_null(self.last[name])
            told = told.zip_with(told.is_not_null(), sound) if some_none else sound
        if len(sound) and sound[-1] is not None:
            self.last[name] = sound[-1]
        return told


def taken(rows: range | polars.Series, mask: polars.Series) -> polars.Series:
    """Return those rows, by number, that a mask takes."""
    every = polars.int_range(rows.start, rows.stop, eager=True) if isinstance(rows, range) else rows
    return every.filter(mask)
