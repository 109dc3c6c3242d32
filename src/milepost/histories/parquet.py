"""Parquet: a file, or the parts of one that a folder holds."""

import re
import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from milepost.errors import HistoryError
from milepost.histories.files import BLOCK_BYTES, as_unicode, is_url, opened, stem
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.table import Frame, Table, histories_of, need_polars

if TYPE_CHECKING:
    import polars

MAGIC = b"PAR1"
STRETCH_ROWS = 2**17

PART = re.compile(r"^(?:part[-.].*|(?P<name>.*)-\d{5}-of-\d{5})\.parquet$")
"""Parts of one table: ``part-00000-….parquet`` as Spark and Dask write them, ``name-00000-of-00002.parquet``."""


class ParquetReader(Reader):
    """Reads Parquet."""

    name: ClassVar[str] = "parquet"

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
            HistoryError: It can't be read, or does not tell what is needed.
        """
        need_polars()
        yield from histories_of(ParquetTable(files), run, wanted)


class ParquetTable(Table):
    """A table in Parquet files.

    Args:
        files: The files, in order. What lies elsewhere is copied here for as long as the table is used.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self.where = files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
        self.copies = Path(tempfile.mkdtemp(prefix="milepost-")) if any(map(is_url, files)) else None
        if self.copies is not None:
            weakref.finalize(self, shutil.rmtree, self.copies, ignore_errors=True)
        self.files = [self._local(file, number) for number, file in enumerate(files)]
        self.heights: list[int] = []
        columns: dict[str, None] = {}
        for file, name in zip(self.files, files, strict=True):
            with _refusing(name):
                scanned = _scan(file)
                columns.update(dict.fromkeys(scanned.collect_schema().names()))
                self.heights.append(int(scanned.select(_length()).collect().item()))
        self.columns = tuple(columns)

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield stretches of rows."""
        numbers, first_row = count(), 1
        for file, height in zip(self.files, self.heights, strict=True):
            with _refusing(file):
                scanned = _scan(file)
                names = [name for name in scanned.collect_schema().names() if columns is None or name in columns]
                for start in range(0, height, STRETCH_ROWS):
                    number = next(numbers)
                    if names and (only is None or number in only):
                        data = scanned.select(names).slice(start, STRETCH_ROWS).collect()
                        yield Frame(number, first_row + start, data)
            first_row += height

    def _local(self, file: str, number: int) -> str:
        """Return the path of a file on this machine."""
        if self.copies is None or not is_url(file):
            return file
        path = self.copies / f"{number}.parquet"
        with opened(file) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, BLOCK_BYTES)
        return str(path)


class _refusing:  # noqa: N801  # used as a statement
    """Turns what Polars raises of a broken file into a `HistoryError`."""

    def __init__(self, file: str) -> None:
        self.file = file

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import polars

        # Polars panics over some broken files; a panic is no Exception.
        if isinstance(error, (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError)):
            raise HistoryError(f"{self.file}: is no whole Parquet file: {str(error).splitlines()[0]}") from error


def _scan(file: str) -> "polars.LazyFrame":
    """Return a file as a lazy frame: nothing of it is a pattern, and no folder's name is a column."""
    import polars

    if (shown := as_unicode(file)) != file:
        raise HistoryError(f"{shown}: has a name that is no UTF-8, which Polars can't open; rename it")
    return polars.scan_parquet(file, glob=False, hive_partitioning=False)


def _length() -> "polars.Expr":
    import polars

    return polars.len()
