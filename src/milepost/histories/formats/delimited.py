"""CSV and TSV, as loggers of training write them: a header, then a row an update, sparse or not.

Lightning's ``CSVLogger`` writes a row for each of training, validation and test, empty where it has no value; Keras'
``CSVLogger`` writes ``NA`` there. Both write what RFC 4180 describes, with line ends of any system.
"""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar

import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.csv_headers import Header, fields_of, first_line, header_of, headers_in, whole_rows
from milepost.histories.decoding.files import BOM, FileBlock, blocks, read_block, stem, without_packing
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.names import positions
from milepost.histories.tables.table import Frame, Table
from milepost.histories.tables.written_numbers import MARKS, QUOTED_MARKS, Seen, Style, styles

DELIMITERS = ("\t", ",", ";")
NAMES = (".csv", ".tsv")

MAX_COLUMNS = 50_000
"""Ten times what the widest logs have. A row of a table with more than that is a bomb and no log."""

CUT_SHORT = re.compile(rb'(^|[,;\t".eE+-])$')
"""How a last field ends that is visibly cut short."""

DOWNLOAD = ("walltime", "step", "value")
"""Columns of what TensorBoard's page downloads of one tag: the file's name is the tag's."""

OF_TAG = re.compile(r"^.*-tag-(.+)$")


class DelimitedReader(Reader):
    """Reads CSV and TSV."""

    name: ClassVar[str] = "csv"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file is a table: called so and text, or with a header and numbers below it."""
        head = file.head.removeprefix(BOM)
        if not head.strip() or b"\0" in head or head.lstrip().startswith((b"{", b"[", b"PK\x03\x04", b"PAR1")):
            return None
        if without_packing(file.name).lower().endswith(NAMES) or _looks_like_table(head):
            return stem(file.name)
        return None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file, or its runs.

        Raises:
            HistoryError: It has no header, or does not tell what is needed.
        """
        for file in files:
            yield from histories_of(DelimitedTable(file, wanted.metrics), run, wanted)


class DelimitedTable(Table):
    """A CSV or TSV file.

    It is looked through once for headers that come again, after which columns may be others, and for numbers that are
    not written as Python writes them.

    Args:
        path: The file.
        asked: The metrics that are wanted; all where None.
    """

    def __init__(self, path: str, asked: frozenset[str] | None = None) -> None:
        self.where = path
        line, start = first_line(path)
        self.delimiter = _delimiter(line.decode("utf-8", "replace"), path)
        self.headers = [header_of(fields_of(line, self.delimiter, path), 0, start)]
        self.places: list[tuple[tuple[int, int, bool], int]] = []
        self.styles: dict[str, Style] = {}
        self.notes: dict[str, list[str]] = {}
        self.value = self._name_of_value(asked)
        columns, has_marks = dict.fromkeys(self._named(self.headers[0])), False
        self._refuse_wide(len(columns))
        marks = QUOTED_MARKS if self.delimiter == "," else MARKS
        for block in blocks(path, start=start, whole_records=whole_rows):
            for header in headers_in(block.data, block.offset, self.delimiter, columns, path):
                self.headers.append(header)
                columns.update(dict.fromkeys(self._named(header)))
                self._refuse_wide(len(columns))
            has_marks = has_marks or _may_match(marks, block.data)
        self.columns = tuple(columns)
        self.twice = frozenset(name for header in self.headers for name in header.twice)
        if has_marks:
            self._look_at_numbers()

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield blocks of rows as text."""
        if only is not None and self.places and only[-1] < len(self.places):
            for number in only:
                place, first_row = self.places[number]
                yield Frame(number, first_row, self._parsed(read_block(self.where, place), first_row, columns))
            return
        first_row = 1
        for number, block in enumerate(blocks(self.where, start=self.headers[0].end, whole_records=whole_rows)):
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
        """Return the columns of a block, all as text: what is a number is told apart later, and exactly.

        A header that comes again is a row that has each column's name in it, whatever order its own columns have.
        """
        wanted = [name for name in self.columns if columns is None or name in columns]
        end = block.offset + len(block.data)
        at = bisect_right(self.headers, block.offset, key=lambda header: header.start) - 1
        header, start = self.headers[at], block.offset
        parts = []
        for again in (*self.headers[at + 1 :], None):
            stop = end if again is None else min(again.start, end)
            data = block.data[start - block.offset : stop - block.offset]
            if stop == end and not block.whole:
                data = self._last_row(data, len(header.names))
            parts.append(self._rows(data, first_row, header, wanted))
            if again is None or again.start >= end:
                break
            parts.append(polars.DataFrame({name: [name] for name in wanted}))
            first_row += parts[-2].height + 1
            header, start = again, again.end
        return parts[0] if len(parts) == 1 else polars.concat(parts)

    def _rows(self, data: bytes, first_row: int, header: Header, wanted: Sequence[str]) -> polars.DataFrame:
        """Return the rows below a header."""
        names = self._named(header)
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
            parsed = self._row_by_row(data, first_row, names)
        for name in wanted:
            for note in self.notes.get(name, ()):
                self.warn("%s: %s", self.where, note)
        styled = {
            name: self.styles[name].plain(parsed[name]) for name in wanted if name in self.styles and name in names
        }
        missing = {name: polars.lit(None, polars.String()) for name in wanted if name not in names}
        if header is not self.headers[0]:
            for name in missing.keys() & set(positions(self.columns)):
                text = (
                    "%s: a header that comes again has no column %r: rows below it take over what was told of it last"
                )
                self.warn(text, self.where, name)
        return parsed.with_columns(**styled, **missing).select(wanted) if styled or missing else parsed.select(wanted)

    def _row_by_row(self, data: bytes, first_row: int, names: Sequence[str]) -> polars.DataFrame:
        """Return a block in which rows have more fields than the header: those are left out, and warned about.

        Which of its fields belongs to which column can't be told: a decimal comma moves all that follow.
        """
        rows: list[list[str | None]] = []
        width, long = len(names), 0
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
        return polars.DataFrame(rows, schema=dict.fromkeys(names, polars.String()), orient="row")

    def _last_row(self, data: bytes, width: int) -> bytes:
        """Return the end of the file without a last row that its writer did not finish."""
        end = whole_rows(data)
        last = data[end:]
        fields = fields_of(last, self.delimiter, self.where)
        if last.count(b'"') % 2 or len(fields) < width or CUT_SHORT.search(last.rstrip(b"\r ")):
            self.warn("%s: its last row is cut short; not read", self.where)
            return data[:end]
        return data

    def _look_at_numbers(self) -> None:
        """Find out how the numbers of each column are written, by all that it holds."""
        seen = dict.fromkeys(self.columns, Seen())
        for frame in self.frames(None):
            seen = {name: each.with_more(frame.data[name]) for name, each in seen.items()}
        self.styles, self.notes = styles(seen)

    def _named(self, header: Header) -> tuple[str, ...]:
        """Return the names of a header's columns."""
        return tuple(self.value if name == self.headers[0].names[-1] else name for name in header.names)

    def _name_of_value(self, asked: frozenset[str] | None) -> str:
        """Return what the last column is called: in what TensorBoard's page downloads of a tag, as its file is."""
        names = self.headers[0].names
        if tuple(name.lower().replace(" ", "") for name in names) != DOWNLOAD or (asked and names[-1] in asked):
            return names[-1]
        name = stem(self.where.rpartition("/")[2])
        return tag[1] if (tag := OF_TAG.match(name)) else name

    def _refuse_wide(self, width: int) -> None:
        if width > MAX_COLUMNS:
            raise HistoryError(f"{self.where}: found {width} columns, expected {MAX_COLUMNS} at most")


def _may_match(marks: re.Pattern[bytes], data: bytes) -> bool:
    """Say whether a pattern of numbers is found in a block, without a search where none of its signs is."""
    signs = (b"%", b"'", b"_", b" ", b'"', b"\xc2\xa0", b"\xe2\x80")
    return (marks is MARKS or any(sign in data for sign in signs)) and marks.search(data) is not None


def _delimiter(header: str, path: str) -> str:
    """Return what stands between the fields: what the header has most of; what the name says where it has none."""
    counts = {delimiter: header.count(delimiter) for delimiter in DELIMITERS}
    if any(counts.values()):
        return max(DELIMITERS, key=lambda delimiter: counts[delimiter])
    return "\t" if ".tsv" in path.lower() else ","


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
