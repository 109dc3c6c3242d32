"""Lines of text as terminals show them: without colours, each state of a progress bar by itself."""

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import polars

from milepost.histories.decoding.files import BLOCK_BYTES, BOM, FileBlock, blocks, is_url, last_line_end, opened

CHUNK_BYTES = 2 * BLOCK_BYTES
"""Of text that becomes one frame: some ten thousand lines; more at once are no quicker, and take more memory."""

FIRST_BYTES = BLOCK_BYTES
SAMPLE_BYTES = 8 * BLOCK_BYTES
"""How far a log's beginning is looked through for its first lines: the source of a program may stand before them."""

LAST_BYTES = BLOCK_BYTES // 4
"""How much of its end is looked at besides: evaluations may stand there alone."""

ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-B0-2]|[=>78cDEHM])")


class Chunk(NamedTuple):
    """Whole lines of a file.

    Attributes:
        offset: Where they start, in bytes of the unpacked file.
        length: How many bytes they have there.
        data: The lines as they are shown.
        whole: Whether the last one ends with a line end.
    """

    offset: int
    length: int
    data: bytes
    whole: bool


def cleaned(data: bytes) -> bytes:
    """Return text without colours and NULs, with a line for each state of a progress bar."""
    if b"\x1b" in data:
        data = ESCAPES.sub(b"", data)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\0" in data:
        data = data.replace(b"\0", b"")
    return data.removeprefix(BOM)


def whole_lines(data: bytes) -> int:
    """Return how many bytes are whole lines: a progress bar ends its states with a carriage return."""
    return last_line_end(data) or data.rfind(b"\r") + 1


def chunks(path: str, *, least: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Yield a file in chunks of whole lines of so many bytes, or a few more.

    Raises:
        HistoryError: It can't be read, or a line is too long.
    """
    held: list[bytes] = []
    offset = length = 0
    block = FileBlock(0, b"", True)
    for block in blocks(path, whole_records=whole_lines):
        if not held:
            offset, length = block.offset, 0
        held.append(block.data)
        length += len(block.data)
        if length >= least:
            yield Chunk(offset, length, cleaned(b"".join(held)), block.whole)
            held = []
    if held:
        yield Chunk(offset, length, cleaned(b"".join(held)), block.whole)


def chunk_at(path: str, offset: int, length: int, *, whole: bool) -> Chunk:
    """Return a chunk again.

    Raises:
        HistoryError: It can't be read.
    """
    with opened(path) as file:
        file.seek(offset)
        return Chunk(offset, length, cleaned(file.read(length)), whole)


def lines_of(data: bytes) -> polars.Series:
    """Return text as a column of lines, without those that are empty."""
    try:
        return _read(data)
    except polars.exceptions.PolarsError:
        return _read(data.decode("utf-8", "replace").encode())


def _read(data: bytes) -> polars.Series:
    return polars.read_csv(
        data,
        has_header=False,
        separator="\x01",
        quote_char=None,
        truncate_ragged_lines=True,
        raise_if_empty=False,
        schema={"line": polars.String},
    ).to_series()


def end_of(path: str) -> bytes:
    """Return whole lines at the end of a file that lies on this machine and is not packed; nothing of others."""
    if is_url(path) or os.path.getsize(path) <= FIRST_BYTES:
        return b""
    with open(path, "rb") as file:
        if file.read(2) == b"\x1f\x8b":
            return b""
        file.seek(-LAST_BYTES, os.SEEK_END)
        return cleaned(file.read(LAST_BYTES)).partition(b"\n")[2]
