"""Lines of text as a table, chunk by chunk."""

import re
from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import polars

from milepost.histories.decoding.files import size_of
from milepost.histories.decoding.text_lines import FIRST_BYTES, chunk_at, chunks, end_of, lines_of
from milepost.histories.tables.table import Frame, Table

ROW = "\0row"
"""A column of which line each row is, while lines of several shapes are put together."""

WALL = "wall_time"


class Text(Table):
    """Lines of text, those that tell anything as rows.

    Attributes:
        notes: What is said of how it was understood.
        counts_from_first: Whether its time is that since its first row, and no more is known of its start.
    """

    closed = False
    telling = ()
    notes: tuple[str, ...] = ()
    counts_from_first = False

    def __init__(self, path: str) -> None:
        self.where = path
        self.places: list[tuple[int, int, bool, int, Any]] = []

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield the rows of chunks of lines."""
        if only is not None and self.places and only[-1] < len(self.places):
            for number in only:
                offset, length, whole, first_row, state = self.places[number]
                self._go_to(state)
                chunk = chunk_at(self.where, offset, length, whole=whole)
                yield Frame(number, first_row, self._of(chunk.data, columns, whole=whole))
            return
        first_row = 1
        self._go_to(None)
        for number, chunk in enumerate(chunks(self.where)):
            if number == len(self.places):
                self.places.append((chunk.offset, chunk.length, chunk.whole, first_row, self._state()))
            data = self._of(chunk.data, columns, whole=chunk.whole)
            if only is None or number in only:
                yield Frame(number, first_row, data)
            first_row += data.height

    def tail(self) -> polars.DataFrame:
        """Return the rows of its last lines; none where these can't be told without reading all of it."""
        data = end_of(self.where)
        if not data and size_of(self.where) <= FIRST_BYTES:
            data = b"".join(chunk.data for chunk in islice(chunks(self.where), 1))
        self._go_to(None)
        return self._rows(lines_of(data), None) if data else polars.DataFrame()

    def _of(self, data: bytes, columns: Collection[str] | None, *, whole: bool) -> polars.DataFrame:
        """Return the rows of a chunk."""
        return self._rows(self._whole_lines(data, whole=whole), columns)

    def _whole_lines(self, data: bytes, *, whole: bool) -> polars.Series:
        """Return lines without a last one that its writer did not finish."""
        lines = lines_of(data)
        if whole or not len(lines) or not self._is_cut(lines):
            return lines
        self.warn("%s: its last line is cut short; not read", self.where)
        return lines[:-1]

    def _is_cut(self, lines: polars.Series) -> bool:
        """Say whether a last line may go on: one that ends with a number which may have had more digits."""
        last = lines[-1]
        like = lines.tail(1000)[:-1].filter(
            lines.tail(1000)[:-1].str.replace_all(r"\d+", "#") == re.sub(r"\d+", "#", last)
        )
        if not len(like):
            return True
        end = re.search(r"\d+$", last)
        return end is not None and len(end[0]) < len(re.search(r"\d+$", like[-1])[0])  # type: ignore[index]

    @abstractmethod
    def _rows(self, lines: polars.Series, columns: Collection[str] | None) -> polars.DataFrame:
        """Return the rows of lines."""

    def _state(self) -> Any:
        """Return what is carried from one chunk to the next."""
        return None

    def _go_to(self, state: Any) -> None:
        """Take up what was carried; None at the beginning."""
