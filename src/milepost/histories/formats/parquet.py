"""Parquet: a file, or the parts of one that a folder holds."""

import math
import re
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import polars

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.archives import member_of
from milepost.histories.decoding.files import BLOCK_BYTES, as_unicode, is_url, opened, stem
from milepost.histories.decoding.parquet_footer import is_sound
from milepost.histories.history import History, Range, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.run_column import RUN_COLUMNS
from milepost.histories.tables.table import Frame, Table

MAGIC = b"PAR1"
CHUNK_ROWS = 2**17
"""Small row groups are read together, up to so many rows."""

TELLING = ("seed", "group", *RUN_COLUMNS)
"""Columns that tell what a run is, whatever their type."""

PART = re.compile(r"^(?:part[-.].*|(?P<name>.*)-\d{5}-of-\d{5})\.parquet$")
"""Parts of one table: ``part-00000-….parquet`` as Spark and Dask write them, ``name-00000-of-00002.parquet``."""


MOST_CHECKED = 20_000
"""Chunks of columns: a footer of more takes longer to check than is worth it."""


class ParquetReader(Reader):
    """Reads Parquet."""

    name: ClassVar[str] = "parquet"
    splits: ClassVar[bool] = True

    def claims(self, file: File) -> str | None:
        """Say whether a file begins as Parquet files do; parts of one table are read as one."""
        if not file.head.startswith(MAGIC):
            return None
        if part := PART.match(file.name):
            return part["name"] or ""
        return stem(file.name)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of a table, or its runs.

        Raises:
            MissingExtra: pyarrow is not installed.
            HistoryError: It can't be read, or does not tell what is needed.
        """
        if not find_spec("pyarrow"):
            raise MissingExtra("pyarrow", "replay", "reading Parquet")
        yield from histories_of(ParquetTable(files, wanted.rows_at_once), run, wanted)


class ParquetChunk(NamedTuple):
    """Rows that are read at once: row groups of one file that stand side by side, or a part of a large one.

    Attributes:
        file: Index of the file.
        first_row: Which row of the file its first one is, counting from 0.
        height: How many there are.
        groups: Indices of the row groups.
    """

    file: int
    first_row: int
    height: int
    groups: tuple[int, ...]


class ParquetTable(Table):
    """A table in Parquet files.

    Args:
        files: The files, in order. What lies elsewhere is copied here for as long as the table is used.
        rows_at_once: Row groups of more rows are read in parts, so that memory is bounded.
    """

    def __init__(self, files: Sequence[str], rows_at_once: int) -> None:
        from pyarrow import types

        self.where = as_unicode(files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more")
        self.copies = Path(tempfile.mkdtemp(prefix="milepost-")) if any(map(is_url, files)) else None
        if self.copies is not None:
            weakref.finalize(self, shutil.rmtree, self.copies, ignore_errors=True)
        self.files = [self._local(file, number) for number, file in enumerate(files)]
        self.names: list[tuple[str, ...]] = []
        self._footers: list[Any] = []
        self._chunks: list[ParquetChunk] = []
        self._known: dict[tuple[ParquetChunk, str], Range | None] = {}
        telling: dict[str, None] = {}
        others = set[str]()
        for number, (file, name) in enumerate(zip(self.files, files, strict=True)):
            with _refusing(name):
                footer = _footer(file)
                schema = footer.schema.to_arrow_schema()
            self._footers.append(footer)
            self.names.append(tuple(schema.names))
            text = (types.is_string, types.is_large_string, types.is_string_view, types.is_dictionary)
            told = [each.name for each in schema if any(is_text(each.type) for is_text in text)]
            telling |= dict.fromkeys([*told, *(each for each in TELLING if each in schema.names)])
            others |= {each.name for each in schema if not types.is_integer(each.type)}
            self._chunks += _chunks_of(number, footer, rows_at_once)
        self.columns = tuple(dict.fromkeys(name for names in self.names for name in names))
        self.telling = tuple(telling)
        self.whole = frozenset(self.columns) - others
        self.chunk_count = len(self._chunks)
        self.height = sum(footer.num_rows for footer in self._footers)
        self.following = _following(self._chunks)

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield chunks of rows."""
        before = list(accumulate((footer.num_rows for footer in self._footers), initial=0))
        for number in range(len(self._chunks)) if only is None else only:
            chunk = self._chunks[number]
            names = [name for name in self.names[chunk.file] if columns is None or name in columns]
            if names:
                with _refusing(self.files[chunk.file]):
                    scanned = _scan(self.files[chunk.file]).select(names)
                    data = scanned.slice(chunk.first_row, chunk.height).collect()
                yield Frame(number, before[chunk.file] + chunk.first_row + 1, data)

    def head(self, columns: Collection[str], height: int) -> polars.DataFrame | None:
        """Return the first rows of some columns; None where they can't be read."""
        for file, names in zip(self.files, self.names, strict=True):
            if found := [name for name in names if name in columns]:
                try:
                    with _refusing(file):
                        return _scan(file).select(found).head(height).collect()
                except HistoryError:
                    return None
        return None

    def ranges(self, columns: Collection[str]) -> Sequence[Mapping[str, Range]]:
        """Return what the footers tell of each chunk: their row groups' statistics."""
        return [self._ranges_of(chunk, columns) for chunk in self._chunks]

    def ends(self, column: str, chunk: int) -> tuple[Any, Any] | None:
        """Return between which values all of a column lie in a chunk, as far as its footer tells."""
        file, _, _, groups = self._chunks[chunk]
        footer, names = self._footers[file], self.names[file]
        if column not in names or footer.num_columns != len(names):
            return None
        known = [footer.row_group(group).column(names.index(column)).statistics for group in groups]
        if any(each is None or not each.has_min_max for each in known):
            return None
        return min(each.min for each in known), max(each.max for each in known)

    def _ranges_of(self, chunk: ParquetChunk, columns: Collection[str]) -> dict[str, Range]:
        footer, names = self._footers[chunk.file], self.names[chunk.file]
        if footer.num_columns != len(names):
            return {}  # nested columns: their parts are counted by themselves
        for at, name in enumerate(names):
            if name in columns and (chunk, name) not in self._known:
                ranges = [_range_of(footer.row_group(group).column(at)) for group in chunk.groups]
                told = [each for each in ranges if each is not None]
                is_known = len(told) == len(ranges)
                self._known[chunk, name] = (
                    Range(min(each.low for each in told), max(each.high for each in told)) if is_known else None
                )
        found = ((name, self._known[chunk, name]) for name in names if name in columns)
        return {name: each for name, each in found if each is not None}

    def _local(self, file: str, number: int) -> str:
        """Return the path of a file on this machine."""
        if member_of(file) is not None:
            raise HistoryError(f"{file}: is in an archive, from which Parquet is not read; unpack it")
        if self.copies is None or not is_url(file):
            return file
        path = self.copies / f"{number}.parquet"
        with opened(file) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, BLOCK_BYTES)
        return str(path)


def _chunks_of(number: int, footer: Any, rows_at_once: int) -> Iterator[ParquetChunk]:
    """Yield the chunks of a file: small row groups are read together, large ones in parts."""
    first_row = height = 0
    groups: list[int] = []
    for group in range(footer.num_row_groups):
        rows = footer.row_group(group).num_rows
        if groups and height + rows > min(CHUNK_ROWS, rows_at_once):
            yield ParquetChunk(number, first_row, height, tuple(groups))
            first_row, height, groups = first_row + height, 0, []
        if rows > rows_at_once:
            for start in range(0, rows, rows_at_once):
                yield ParquetChunk(number, first_row + start, min(rows_at_once, rows - start), (group,))
            first_row += rows
            continue
        groups.append(group)
        height += rows
    if groups:
        yield ParquetChunk(number, first_row, height, tuple(groups))


def _following(chunks: Sequence[ParquetChunk]) -> tuple[int, ...]:
    """Return, of each chunk, the number of the first after it that is of other row groups."""
    following = [len(chunks)] * len(chunks)
    for at in range(len(chunks) - 2, -1, -1):
        one, other = chunks[at], chunks[at + 1]
        same = (one.file, one.groups) == (other.file, other.groups)
        following[at] = following[at + 1] if same else at + 1
    return tuple(following)


def _range_of(column: Any) -> Range | None:
    """Return between which numbers the values of a row group lie; None where it may hold anything, or nothing.

    Values and targets of float32 are compared as float32: a target beyond the last value by less than their distance is
    met, so the range is widened by one number of float32.

    The least and the greatest are those of all values that are no NaN: https://github.com/apache/parquet-format. Where
    both are finite, so is every value that is no NaN, and there is at least one.
    """
    statistics = column.statistics
    if statistics is None or not statistics.has_min_max:
        return None
    low, high = statistics.min, statistics.max
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in (low, high)) or low > high:
        return None
    if column.physical_type == "FLOAT":
        import numpy

        low = numpy.nextafter(numpy.float32(low), numpy.float32("-inf"))
        high = numpy.nextafter(numpy.float32(high), numpy.float32("inf"))
    return Range(float(low), float(high))


@contextmanager
def _refusing(file: str) -> Iterator[None]:
    """Turn what is raised of a broken file into a `HistoryError`."""
    import pyarrow

    # Polars panics over some broken files; a panic is no Exception.
    polars_raises = (polars.exceptions.PolarsError, polars.exceptions.PanicException)
    broken = (*polars_raises, pyarrow.ArrowException, OSError, UnicodeDecodeError)  # the last one of names
    try:
        yield
    except broken as error:
        raise HistoryError(
            f"{file}: is no whole Parquet file: {(str(error) or type(error).__name__).splitlines()[0]}"
        ) from error


def _scan(file: str) -> polars.LazyFrame:
    """Return a file as a lazy frame: nothing of it is a pattern, and no folder's name is a column."""
    return polars.scan_parquet(file, glob=False, hive_partitioning=False)


def _footer(file: str) -> Any:
    """Return what a file's footer tells: pyarrow's ``FileMetaData``."""
    from pyarrow import parquet

    if (shown := as_unicode(file)) != file:
        raise HistoryError(f"{shown}: has a name that is no UTF-8, which Polars can't open; rename it")
    with open(file, "rb") as opened_file:
        footer = parquet.read_metadata(opened_file)
        if footer.num_row_groups * footer.num_columns <= MOST_CHECKED and not is_sound(opened_file):
            raise HistoryError(f"{file}: is no whole Parquet file: its footer contradicts itself")
        return footer
