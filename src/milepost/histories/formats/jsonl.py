"""JSON lines: an object a line, an update each; objects within objects become columns ``outer.inner``."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar

import msgspec

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BOM, FileBlock, blocks, read_block, stem
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten
from milepost.histories.history import History, Wanted
from milepost.histories.reader import HEAD_BYTES, File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.names import counters, elapsed_clocks, wall_clocks
from milepost.histories.tables.table import Frame, Table, frames_of

NAMES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

PROGRAM_LOG = {"level", "msg"}
"""Keys of the lines of a program's own log, such as W&B writes beside its runs: no metrics."""

_decode = msgspec.json.Decoder().decode


class JsonLinesReader(Reader):
    """Reads JSON lines."""

    name: ClassVar[str] = "jsonl"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file's first lines are JSON objects; one that is a single object is a setting, and no log.

        A line that is longer than the head is one if it is whole and bears a counter and a clock, as Ray's lines do,
        which hold all settings besides: a run may have written but one so far.
        """
        lines = file.head.removeprefix(BOM).lstrip().split(b"\n")
        if not lines[0].startswith(b"{"):
            return None
        if file.name.lower().endswith(NAMES):
            return stem(file.name)
        first = _object(lines[0])
        if first is not None and first.keys() >= PROGRAM_LOG:
            return None
        if len(lines) < 3 and len(file.head) >= HEAD_BYTES:
            first_block = next(blocks(file.path, whole_records=len), FileBlock(0, b"", True))
            lines = first_block.data.removeprefix(BOM).lstrip().split(b"\n")
        whole = [line for line in lines[:-1] if line.strip()]
        if len(whole) > 1 and all(_object(line) is not None for line in whole[:2]):
            return stem(file.name)
        if len(whole) == len(lines) - 1 == 1 and len(whole[0]) > HEAD_BYTES and _is_update(_object(whole[0])):
            return stem(file.name)
        return None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file, or its runs.

        Raises:
            HistoryError: It has no line with an object, or does not tell what is needed.
        """
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
        keys = dict.fromkeys(
            key for row in self._rows(next(blocks(path), FileBlock(0, b"", True)), None)[0] for key in row
        )
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
            if only is not None and number not in only and number + 1 < len(self.places):
                first_row = self.places[number + 1][1]
                continue
            if number == len(self.places):
                self.places.append(((block.offset, len(block.data), block.whole), first_row))
            rows, broken = self._rows(block, wanted)
            unread += broken
            if only is None or number in only:
                yield from frames_of(number, first_row, rows)
            first_row += len(rows)
        if unread:
            self.warn("%s: %d lines are no whole JSON objects; not read", self.where, unread)

    def _rows(self, block: FileBlock, wanted: frozenset[str] | None) -> tuple[list[dict[str, Any]], int]:
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


def _is_update(found: dict[str, Any] | None) -> bool:
    """Say whether an object alone shows that it is an update: it has a counter and a clock of its own, as numbers."""
    if found is None or "_wandb" in found:  # W&B's summary of a run
        return False
    names = [name for name, value in found.items() if type(value) in (int, float)]
    return any(counters(names)) and bool(elapsed_clocks(names)) and bool(wall_clocks(names))


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
