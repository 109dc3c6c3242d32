"""Headers of delimited text: the first one, and those that come again where another process went on with a file."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BOM, blocks

NUMERIC = b"0123456789+-. \t\r\n"
"""How a row of numbers begins."""


class Header(NamedTuple):
    """A header of a file.

    Attributes:
        start: Where its line starts, in bytes of the unpacked file.
        end: Where the rows below it start.
        names: Names of the columns, each once.
        twice: Names that several columns bear.
    """

    start: int
    end: int
    names: tuple[str, ...]
    twice: frozenset[str]


def first_line(path: str) -> tuple[bytes, int]:
    """Return a file's header, and where its rows start: its first line that is neither empty nor a comment.

    A line that begins with ``#`` is a comment where text follows, and a header where numbers do.

    Raises:
        HistoryError: There is none.
    """
    for block in blocks(path, whole_records=whole_rows):
        data, start = block.data.removeprefix(BOM), block.offset
        start += len(block.data) - len(data)
        while data:
            end = _first_line_end(data)
            line = data[:end].strip(b"\r\n \x00")
            if line and not (line.startswith(b"#") and data[end : end + 1].strip(NUMERIC)):
                return line.lstrip(b"# "), start + end
            data, start = data[end:], start + end
    raise HistoryError(f"{path}: found nothing in it, expected a header and rows")


def fields_of(line: bytes, delimiter: str, where: str) -> list[str]:
    """Return the fields of a line.

    Raises:
        HistoryError: One is longer than any name or number.
    """
    try:
        text = io.StringIO(line.decode("utf-8", "replace"), newline="")
        return next(csv.reader(text, delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error as error:
        raise HistoryError(f"{where}: found {error}, expected names and numbers") from error


def header_of(fields: Sequence[str], start: int, end: int) -> Header:
    """Return the header of some fields: columns without a name and the second ones of a name get their number."""
    seen: dict[str, None] = {}
    twice = set[str]()
    for number, field in enumerate(fields, 1):
        name = field.strip()
        unique = name or f"column {number}"
        if unique in seen:
            twice.add(name)
            unique = f"{unique} (column {number})"
        seen[unique] = None
    return Header(start, end, tuple(seen), frozenset(twice))


def headers_in(data: bytes, offset: int, delimiter: str, known: Collection[str], where: str) -> Iterator[Header]:
    """Yield the headers that stand again in a block: lines of text alone, most of it names of columns.

    Args:
        data: The block, of whole lines.
        offset: Where it starts in its file.
        delimiter: What stands between fields.
        known: Names of the columns so far.
        where: What messages call the file.
    """
    names = set(known)
    digits_first = any(name[:1] in "0123456789+-." for name in names)
    for match in _text_alone(delimiter, digits_first=digits_first).finditer(b"\n" + data):
        start, end = match.start(), match.end() - 1  # of the line in `data`, without its line end
        if data.count(b'"', 0, start) % 2:
            continue  # within quotes
        fields = [field.strip() for field in fields_of(data[start:end], delimiter, where)]
        same = sum(field in names for field in set(fields))
        is_most = 2 * same >= len(fields) or 2 * same >= len(known)
        if (same > 1 and is_most) or (same == 1 == len(fields) == len(known)):
            yield header_of(fields, offset + start, offset + min(end + 1, len(data)))
            names.update(fields)


def whole_rows(data: bytes) -> int:
    """Return how many bytes of ``data`` are whole rows: a line end within quotes ends none."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    end = len(data)
    quotes = data.count(b'"')
    while (end := data.rfind(b"\n", 0, end)) >= 0:
        quotes_after = data.count(b'"', end)
        if (quotes - quotes_after) % 2 == 0:
            return end + 1
    return 0


def _first_line_end(data: bytes) -> int:
    """Return where the first line ends; a line end within quotes does not."""
    end = -1
    while (end := data.find(b"\n", end + 1)) >= 0:
        if data.count(b'"', 0, end) % 2 == 0:
            return end + 1
    return len(data)


@cache
def _text_alone(delimiter: str, *, digits_first: bool) -> re.Pattern[bytes]:
    """Return what a line matches, with the line end before it, of whose fields none is empty or a number.

    Args:
        delimiter: What stands between fields.
        digits_first: Whether it may begin with a digit or a sign; most rows do, and are passed over quickly if not.
    """
    apart = re.escape(delimiter.encode())
    number = rb'[ \t]*+"?[ \t]*+[-+]?\.?\d[\d.,eE+%-]*+"?[ \t\r]*+(?:' + apart + rb"|\n|\Z)"
    field = rb"(?!" + number + rb")[ \t]*+[^\s" + apart + rb"][^\n" + apart + rb"]*+"
    begin = rb"\n" if digits_first else rb"\n(?![\d+.-])"
    return re.compile(begin + field + rb"(?:" + apart + field + rb")*+(?=\n|\Z)")
