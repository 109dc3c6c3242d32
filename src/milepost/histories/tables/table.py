"""A table of any source, such as CSV, Parquet or rows of an API."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.json_rows import MAX_CELLS, frame_of
from milepost.histories.history import Range
from milepost.log import logger


class Frame(NamedTuple):
    """A chunk of a table.

    Attributes:
        number: Which chunk it is a part of, counting from 0.
        first_row: Which row of the table its first one is, counting from 1.
        data: Its rows; a column may be missing where the chunk has no value of it.
    """

    number: int
    first_row: int
    data: polars.DataFrame


class Table(ABC):
    """A table that is read in chunks.

    Attributes:
        where: What messages call it.
        columns: Names of its columns: of all of them, or of those that its beginning has where ``closed`` is false.
        closed: Whether it has no other columns.
        twice: Names that several of its columns bear: which one is meant can't be told.
        telling: Names of those columns that may tell what a run is, and not how it went: its seed, its group, settings
            in text. All where None.
        chunk_count: How many chunks it has, where that and their `ranges` are known before it is read; else 0.
        height: How many rows it has, likewise.
        following: As `Outline` has it, likewise.
        whole: Names of columns that hold whole numbers alone, likewise.
    """

    where: str
    columns: tuple[str, ...]
    closed: bool = True
    twice: frozenset[str] = frozenset()
    telling: tuple[str, ...] | None = None
    chunk_count: int = 0
    height: int = 0
    following: tuple[int, ...] = ()
    whole: frozenset[str] = frozenset()
    _last: tuple[tuple[str, ...] | None, int, list[Frame]] = (None, -1, [])

    @abstractmethod
    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield its chunks in order.

        Args:
            columns: Names of those columns that are wanted, all where None; others may be yielded too.
            only: Numbers of the chunks that are wanted, ascending; all where None.

        Raises:
            HistoryError: It is broken, after everything before that was yielded.
        """

    def head(self, columns: Collection[str], height: int) -> polars.DataFrame | None:
        """Return the first rows of some columns, as far as they can be read; None where they can't."""
        try:
            return next((frame.data.head(height) for frame in self.frames(columns)), None)
        except HistoryError:
            return None

    def warn(self, text: str, *told: object) -> None:
        """Warn of something that is wrong with it, once, however often it is read."""
        said: set[object] = self.__dict__.setdefault("_said", set())
        if (text, told) not in said:
            said.add((text, told))
            logger("histories").warning(text, *told)

    def ranges(self, columns: Collection[str]) -> Sequence[Mapping[str, Range]]:
        """Return what is known of each chunk without reading it, by column; where ``chunk_count`` is not 0."""
        raise NotImplementedError

    def ends(self, column: str, chunk: int) -> tuple[Any, Any] | None:
        """Return between which values all of a column lie in a chunk, as far as that is known without reading it."""
        return None

    def chunks(self, columns: tuple[str, ...] | None, only: Sequence[int]) -> Iterator[Frame]:
        """Yield some chunks; the last one that was yielded is at hand for the next run that lies in it."""
        rest = list(only)
        read, number, frames = self._last
        if frames and read == columns and rest[:1] == [number]:
            yield from frames
            rest = rest[1:]
        if rest:
            for frame in self.frames(columns, rest):
                _, number, frames = self._last
                self._last = columns, frame.number, [*(frames if number == frame.number else ()), frame]
                yield frame


def frames_of(number: int, first_row: int, rows: list[dict[str, Any]]) -> Iterator[Frame]:
    """Yield the rows of a block as frames that have no more than `MAX_CELLS` cells each."""
    columns: dict[str, None] = {}
    start = 0
    for index, row in enumerate(rows):
        columns.update(dict.fromkeys(row))
        if len(columns) * (index - start + 1) > MAX_CELLS and index > start:
            yield Frame(number, first_row + start, frame_of(rows[start:index]))
            start, columns = index, dict.fromkeys(row)
    if columns:
        yield Frame(number, first_row + start, frame_of(rows[start:]))
