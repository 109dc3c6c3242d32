"""JSON lines: an object a line, an update each; objects within objects become columns ``outer.inner``."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BOM, Block, as_unicode, blocks, read_block, stem
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.table import Frame, Table, histories_of, need_polars
from milepost.log import logger

if TYPE_CHECKING:
    import polars

NAMES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

PROGRAM_LOG = {"level", "msg"}
"""Keys of the lines of a program's own log, such as W&B writes beside its runs: no metrics."""

MAX_CELLS = 4_000_000
"""Of one stretch: a log whose every line has other keys would else fill the memory with nulls."""

_decode = msgspec.json.Decoder().decode

MAX_DEPTH = 20
LONGEST_INTEGER = 2**63


class JsonLinesReader(Reader):
    """Reads JSON lines."""

    name: ClassVar[str] = "jsonl"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file's first lines are JSON objects; one that is a single object is a setting, and no log."""
        lines = file.head.removeprefix(BOM).lstrip().split(b"\n")
        if not lines[0].startswith(b"{"):
            return None
        if file.name.lower().endswith(NAMES):
            return stem(file.name)
        first = _object(lines[0])
        if first is not None and first.keys() >= PROGRAM_LOG:
            return None
        whole = [line for line in lines[:-1] if line.strip()]
        if len(whole) > 1 and all(_object(line) is not None for line in whole[:2]):
            return stem(file.name)
        return None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file, or its runs.

        Raises:
            HistoryError: It has no line with an object, or does not tell what is needed.
        """
        need_polars()
        for file in files:
            yield from histories_of(JsonLines(file), run, wanted)


class JsonLines(Table):
    """A file of JSON lines.

    Args:
        path: The file.
    """

    closed = False

    def __init__(self, path: str) -> None:
        self.where = path
        self.places: list[tuple[tuple[int, int, bool], int]] = []
        keys = dict.fromkeys(key for row in self._rows(next(blocks(path), Block(0, b"", True)), None)[0] for key in row)
        if not keys:
            raise HistoryError(f"{path}: found no line with a JSON object, expected one an update")
        self.columns = tuple(keys)

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield blocks of lines; lines that are no objects are left out, and warned about."""
        wanted = None if columns is None else frozenset(columns)
        if only is not None and self.places and only[-1] < len(self.places):
            for number in only:
                place, first_row = self.places[number]
                rows, _ = self._rows(read_block(self.where, place), wanted)
                yield from frames_of(number, first_row, rows)
            return
        first_row, unread = 1, 0
        for number, block in enumerate(blocks(self.where)):
            if number == len(self.places):
                self.places.append(((block.offset, len(block.data), block.whole), first_row))
            rows, broken = self._rows(block, wanted)
            unread += broken
            if only is None or number in only:
                yield from frames_of(number, first_row, rows)
            first_row += len(rows)
        if unread:
            logger("histories").warning("%s: %d lines are no whole JSON objects; not read", self.where, unread)

    def _rows(self, block: Block, wanted: frozenset[str] | None) -> tuple[list[dict[str, Any]], int]:
        """Return the objects of a block, flat, with those keys that are wanted; and how many lines are none."""
        rows, broken = [], 0
        for line in block.data.removeprefix(BOM).split(b"\n"):
            if (found := _object(line)) is not None:
                row: dict[str, Any] = {}
                flatten(found, "", row, wanted, MAX_DEPTH)
                rows.append(row)
            elif line.strip(b"\0 \r\t"):
                broken += 1
        return rows, broken


def _object(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line; None where it is none. ``NaN`` and ``Infinity`` are numbers, as Python has them."""
    if not line or line.isspace():
        return None
    try:
        found = _decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        # What msgspec refuses, such as NaN, Python's own reader may read; what both read is the same.
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def flatten(found: dict[str, Any], prefix: str, row: dict[str, Any], wanted: frozenset[str] | None, depth: int) -> None:
    """Add what an object holds to a row; lists are left out."""
    for key, value in found.items():
        name = prefix + key
        if not name.isascii():
            name = as_unicode(name)
        if type(value) is dict:
            if depth:
                flatten(value, f"{name}.", row, wanted, depth - 1)
        elif (wanted is None or name in wanted) and type(value) is not list:
            row[name] = value


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


def frame_of(rows: Sequence[dict[str, Any]]) -> "polars.DataFrame":
    """Return rows as a frame: columns of numbers as Int64 or Float64; one that also holds anything else as text."""
    import polars

    names = dict.fromkeys(name for row in rows for name in row)
    return polars.DataFrame([series(as_unicode(name), [row.get(name) for row in rows]) for name in names])


def series(name: str, values: list[Any]) -> "polars.Series":
    """Return a column of JSON values: Int64, Float64 or Boolean where all are, else text as Python writes it."""
    import polars

    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {int} and all(value is None or -LONGEST_INTEGER <= value < LONGEST_INTEGER for value in values):
        return polars.Series(name, values, polars.Int64)
    if kinds <= {int, float}:
        floats = values if int not in kinds else [value if value is None else _float(value) for value in values]
        return polars.Series(name, floats, polars.Float64)
    if kinds == {bool}:
        return polars.Series(name, values, polars.Boolean)
    return polars.Series(name, [None if value is None else as_unicode(str(value)) for value in values], polars.String)


def _float(value: float) -> float:
    """Return a JSON number as a float; an integer that is too large for one is infinite, as text of it would be."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
