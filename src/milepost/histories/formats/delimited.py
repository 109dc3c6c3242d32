"""CSV and TSV, as loggers of training write them: a header, then a row an update, sparse or not.

Lightning's ``CSVLogger`` writes a row for each of training, validation and test, empty where it has no value; Keras'
``CSVLogger`` writes ``NA`` there. Both write what RFC 4180 describes, with line ends of any system.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar

import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BOM, FileBlock, blocks, last_line_end, read_block, stem
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.table import Frame, Table

DELIMITERS = ("\t", ",", ";")
NAMES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

MAX_COLUMNS = 50_000
"""Ten times what the widest logs have. A row of a table with more than that is a bomb and no log."""

CUT_SHORT = re.compile(rb'(^|[,;\t".eE+-])$')
"""How a last field ends that is visibly cut short."""


class DelimitedReader(Reader):
    """Reads CSV and TSV."""

    name: ClassVar[str] = "csv"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file is a table: called so and text, or with a header and numbers below it."""
        head = file.head.removeprefix(BOM)
        if not head.strip() or b"\0" in head or head.lstrip().startswith((b"{", b"[", b"PK\x03\x04", b"PAR1")):
            return None
        if file.name.lower().endswith(NAMES) or _looks_like_table(head):
            return stem(file.name)
        return None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file, or its runs.

        Raises:
            HistoryError: It has no header, or does not tell what is needed.
        """
        for file in files:
            yield from histories_of(DelimitedTable(file), run, wanted)


class DelimitedTable(Table):
    """A CSV or TSV file.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        self.where = path
        header, self.start = _header(path)
        self.delimiter = _delimiter(header, path)
        found = self._fields(header)
        if len(found) > MAX_COLUMNS:
            raise HistoryError(f"{path}: found {len(found)} columns, expected {MAX_COLUMNS} at most")
        counted = Counter(name.strip() for name in found)
        self.twice = frozenset(name for name, count in counted.items() if count > 1)
        self.columns = tuple(_unique([name.strip() for name in found]))
        self.places: list[tuple[tuple[int, int, bool], int]] = []

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield blocks of rows as text."""
        if only is not None and self.places and only[-1] < len(self.places):
            for number in only:
                place, first_row = self.places[number]
                yield Frame(number, first_row, self._parsed(read_block(self.where, place), first_row, columns))
            return
        first_row = 1
        for number, block in enumerate(blocks(self.where, start=self.start, whole_records=whole_rows)):
            if only is not None and number not in only and number + 1 < len(self.places):
                first_row = self.places[number + 1][1]
                continue
            if number == len(self.places):
                self.places.append(((block.offset, len(block.data), block.whole), first_row))
            data = self._parsed(block, first_row, columns)
            if only is None or number in only:
                yield Frame(number, first_row, data)
            first_row += data.height

    def _parsed(self, block: FileBlock, first_row: int, columns: Collection[str] | None) -> polars.DataFrame:
        """Return the columns of a block, all as text: what is a number is told apart later, and exactly."""
        data = block.data if block.whole else self._last_row(block.data)
        names = list(self.columns)
        wanted = [name for name in names if columns is None or name in columns]
        schema = dict.fromkeys(names, polars.String())
        if not data.strip():
            return polars.DataFrame(schema={name: polars.String() for name in wanted})
        try:
            parsed = polars.read_csv(
                data,
                has_header=False,
                separator=self.delimiter,
                schema=schema,
                encoding="utf8-lossy",
                raise_if_empty=False,
            )
        except polars.exceptions.PolarsError:
            parsed = self._row_by_row(data, first_row)
        return parsed.select(wanted)

    def _row_by_row(self, data: bytes, first_row: int) -> polars.DataFrame:
        """Return a block in which rows have more fields than the header: those are left out, and warned about.

        Which of its fields belongs to which column can't be told: a decimal comma moves all that follow.
        """
        rows: list[list[str | None]] = []
        width, long = len(self.columns), 0
        text = io.StringIO(data.decode("utf-8", "replace").replace("\0", ""), newline="")
        try:
            for fields in csv.reader(text, delimiter=self.delimiter):
                if len(fields) > width and any(fields[width:]):
                    long += 1
                    fields = []
                rows.append([*(field or None for field in fields[:width]), *[None] * (width - len(fields))])
        except csv.Error as error:
            raise HistoryError(f"{self.where}: found {error} after row {first_row + len(rows) - 1}") from error
        if long:
            self.warn("%s: %d rows have more fields than the header's %d; not read", self.where, long, width)
        return polars.DataFrame(rows, schema=dict.fromkeys(self.columns, polars.String()), orient="row")

    def _fields(self, row: str) -> list[str]:
        """Return the fields of one row.

        Raises:
            HistoryError: One is longer than any name or number.
        """
        try:
            return next(csv.reader(io.StringIO(row, newline=""), delimiter=self.delimiter), [])
        except csv.Error as error:
            raise HistoryError(f"{self.where}: found {error}, expected names and numbers") from error

    def _last_row(self, data: bytes) -> bytes:
        """Return the end of the file without a last row that its writer did not finish."""
        end = whole_rows(data)
        last = data[end:]
        fields = self._fields(last.decode("utf-8", "replace"))
        if last.count(b'"') % 2 or len(fields) < len(self.columns) or CUT_SHORT.search(last.rstrip(b"\r ")):
            self.warn("%s: its last row is cut short; not read", self.where)
            return data[:end]
        return data


def whole_rows(data: bytes) -> int:
    """Return how many bytes of ``data`` are whole rows: a line end within quotes ends none."""
    if b'"' not in data:
        return last_line_end(data)
    end = len(data)
    quotes = data.count(b'"')
    while (end := data.rfind(b"\n", 0, end)) >= 0:
        quotes_after = data.count(b'"', end)
        if (quotes - quotes_after) % 2 == 0:
            return end + 1
    return 0


def _header(path: str) -> tuple[str, int]:
    """Return a file's first line and where its rows start.

    Raises:
        HistoryError: It is empty.
    """
    for block in blocks(path, whole_records=whole_rows):
        data, start = block.data.removeprefix(BOM), block.offset
        start += len(block.data) - len(data)
        while data:
            end = _first_line_end(data)
            if line := data[:end].strip(b"\r\n \x00"):
                return line.decode("utf-8", "replace"), start + end
            data, start = data[end:], start + end
    raise HistoryError(f"{path}: found nothing in it, expected a header and rows")


def _first_line_end(data: bytes) -> int:
    """Return where the first line ends; a line end within quotes does not."""
    end = -1
    while (end := data.find(b"\n", end + 1)) >= 0:
        if data.count(b'"', 0, end) % 2 == 0:
            return end + 1
    return len(data)


def _delimiter(header: str, path: str) -> str:
    """Return what stands between the fields: what the header has most of; what the name says where it has none."""
    counts = {delimiter: header.count(delimiter) for delimiter in DELIMITERS}
    if any(counts.values()):
        return max(DELIMITERS, key=lambda delimiter: counts[delimiter])
    return "\t" if ".tsv" in path.lower() else ","


def _unique(names: list[str]) -> list[str]:
    """Return names of columns, each once: those without a name and the second ones of a name get their number."""
    seen = set[str]()
    found = []
    for number, name in enumerate(names, 1):
        unique = name or f"column {number}"
        if unique in seen:
            unique = f"{unique} (column {number})"
        seen.add(unique)
        found.append(unique)
    return found


def _looks_like_table(head: bytes) -> bool:
    """Say whether text has a header and, below it, a row of as many fields of which one is a number."""
    lines = [line.strip(b"\r") for line in head.split(b"\n")[:-1] if line.strip()]
    if len(lines) < 2:
        return False
    for delimiter in DELIMITERS:
        names, fields = (line.decode("utf-8", "replace").split(delimiter) for line in lines[:2])
        if len(names) == len(fields) > 1 and not any(map(_is_number, names)) and any(map(_is_number, fields)):
            return all(name.strip() and len(name) < 200 for name in names)
    return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
