"""Text that was written to a console: its lines, and what was overwritten in them, without colours."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from milepost.histories.decoding.files import BOM, blocks

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ENDS = re.compile(r"\r*\n|\r")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE)
WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class Segment(NamedTuple):
    """A line, or what a line held before it was written over.

    Attributes:
        text: Its text.
        is_line: Whether a line end follows it, and not a return to the line's begin, or the file's end.
    """

    text: str
    is_line: bool


def whole_segments(data: bytes) -> int:
    """Return how many bytes are whole lines, or were written over: a return at the end may be that of a line end."""
    return max(data.rfind(b"\n"), data.rfind(b"\r", 0, max(0, len(data) - 1))) + 1


def segments_of(data: bytes) -> Iterator[Segment]:
    """Yield what some bytes hold."""
    text = data.removeprefix(BOM).decode("utf-8", "replace").replace("\0", "")
    if "\x1b" in text:
        text = ESCAPES.sub("", text)
    if "\r" not in text and "\b" not in text:
        *lines, last = text.split("\n")
        yield from (Segment(line, True) for line in lines)
        if last:
            yield Segment(last, False)
        return
    at = 0
    for end in ENDS.finditer(text):
        yield Segment(text[at : end.start()].strip("\b"), end[0].endswith("\n"))
        at = end.end()
    if at < len(text):
        yield Segment(text[at:].strip("\b"), False)


def segments(path: str) -> Iterator[Segment]:
    """Yield what a file holds, in bounded memory.

    Raises:
        HistoryError: It can't be read.
    """
    for block in blocks(path, whole_records=whole_segments):
        yield from segments_of(block.data)


def value_of(text: str) -> int | float | str:
    """Return what a cell holds: a number, however it is written, or text."""
    text = text.strip()
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if NUMBER.fullmatch(text) else text
