"""verl's file logger: https://github.com/volcengine/verl, ``verl/utils/tracking.py``.

Its lines are ``{"step": …, "data": {…}}``. It tells no time but how long each step took (``timing_s/step``, without
set-up and validation); added up, that is the time since training began. It counts no samples but tokens of supervised
training, in billions. It has null for NaN and infinity. A program that goes on with a run begins the file anew: what
was there is lost.
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from milepost.histories.decoding.files import blocks, stem
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten, number
from milepost.histories.history import History, Wanted
from milepost.histories.reader import HEAD_BYTES, File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.row_table import RowTable

STEP_SECONDS = "timing_s/step"
TOKENS, BILLION = "train/total_tokens(B)", 1e9

FIRST_STEPS = (0, 1)
"""A file that begins at another one is of a program that went on with a run."""

START = b'{"step":'
LONGEST_KEY = 256


class VerlReader(Reader):
    """Reads what verl's ``FileLogger`` wrote."""

    name: ClassVar[str] = "verl"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file's first line is an object with a step and its data, and no more."""
        first, end, _ = file.head.partition(b"\n")
        if not first.startswith(START):
            return None
        if not end and len(file.head) >= HEAD_BYTES:
            before, found, _ = first[len(START) : LONGEST_KEY].partition(b',"data":{')
            return stem(file.name) if found and before.strip().isdigit() else None
        return None if _row(first) is None else stem(file.name)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file.

        Raises:
            HistoryError: It can't be read, or does not tell what is needed.
        """
        for path in files:
            table = VerlLog(path)
            untimed = f"no step tells {STEP_SECONDS!r}"
            notes: tuple[str, ...] = ()
            if not table.is_whole:
                untimed = f"the file begins at step {table.first_step}: verl overwrites it where a program goes on"
                notes = (f"{untimed}; what came before is lost",)
            yield from histories_of(table, run, wanted, untimed_because=untimed, notes=notes)


class VerlLog(RowTable):
    """A file.

    Args:
        path: Where it is.

    Attributes:
        first_step: Its first step.
        is_whole: Whether it has the beginning of the run.
    """

    def __init__(self, path: str) -> None:
        self.where = path
        self.first_step, self.is_whole = 0, True
        first = next(self.rows(None), None)
        if first is not None:
            self.first_step = first["step"]
            self.is_whole = self.first_step in FIRST_STEPS
        self.open()

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield what was logged at each step."""
        seconds, broken = 0.0, 0
        for block in blocks(self.where):
            for line in block.data.split(b"\n"):
                if (told := _row(line)) is None:
                    broken += bool(line.strip())
                    continue
                row: dict[str, Any] = {}
                flatten(told["data"], "", row, None, MAX_DEPTH)
                row = {name: math.nan if value is None else value for name, value in row.items()}
                row["step"] = told["step"]
                took, tokens = (number(row.get(name)) for name in (STEP_SECONDS, TOKENS))
                if took is not None and took >= 0 and self.is_whole:
                    seconds += took
                    row["elapsed_seconds"] = seconds
                if tokens is not None and 0 <= tokens < BILLION and self.is_whole:
                    row["train/total_tokens"] = round(tokens * BILLION)
                yield row
        if broken:
            self.warn("%s: %d lines are none of verl's; not read", self.where, broken)


def _row(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line; None where it is none of verl's."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.keys() != {"step", "data"}:
        return None
    is_step = isinstance(told["step"], int) and not isinstance(told["step"], bool)
    return told if is_step and isinstance(told["data"], dict) else None
