"""Files of logs: opened wherever they lie, unpacked, and cut into records in bounded memory."""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import IO, Any, NamedTuple, cast

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.reader import HEAD_BYTES
from milepost.log import logger

BLOCK_BYTES = 2**20
"""How much of a file is read at a time."""

MAX_RECORD_BYTES = 16 * 2**20
"""Of one record, such as a line: what is longer is no log, and would fill the memory."""

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
SUFFIXES = (".gz", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".npz", ".txt", ".log", ".out")


class FileBlock(NamedTuple):
    """Whole records of a file, one after the other.

    Attributes:
        offset: Where they start, in bytes of the unpacked file.
        data: The bytes of the records, line ends included.
        whole: Whether the last one ends with a line end: what does not may be cut short.
    """

    offset: int
    data: bytes
    whole: bool


def is_url(path: str) -> bool:
    """Say whether this is the address of something that is not simply a path of this machine."""
    return "://" in path


def stem(name: str) -> str:
    """Return a file's name without the suffixes that say its format: ``a.b`` of ``a.b.csv.gz``."""
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            rest = name[: -len(suffix)]
            return stem(rest) if suffix == ".gz" else rest
    return name


def as_unicode(text: str) -> str:
    """Return text as it can be encoded: halves of characters, which JSON and names of files may hold, are spelt out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def unpacked(head: bytes) -> bytes:
    """Return the first bytes of a file as they are when unpacked: what gzip packed is told by its first two."""
    if not head.startswith(GZIP):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
    except zlib.error:
        return head


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file or URL for reading, unpacked if gzip packed it.

    Raises:
        HistoryError: It can't be opened or read; says why.
    """
    try:
        with _open(path) as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            if not packed:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as file:
                yield cast("IO[bytes]", file)
    except (OSError, EOFError, zlib.error) as error:
        raise HistoryError(f"{path}: can't be read: {why(error)}") from error


def _open(path: str) -> IO[bytes]:
    """Open a file of this machine, or a URL through fsspec."""
    if not is_url(path):
        return open(path, "rb")
    filesystem, inside = filesystem_of(path)
    file: IO[bytes] = filesystem.open(inside, "rb")
    return file


def size_of(path: str) -> int:
    """Return how many bytes a file or URL has, packed as it is; 0 where that can't be told."""
    try:
        if not is_url(path):
            return os.path.getsize(path)
        filesystem, inside = filesystem_of(path)
        return filesystem.size(inside) or 0
    except (OSError, HistoryError):
        return 0


def filesystem_of(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path on it.

    Raises:
        MissingExtra: fsspec is not installed.
        HistoryError: It knows no such file system, or a package for it is not installed; says which.
    """
    if not find_spec("fsspec"):
        raise MissingExtra("fsspec", "replay", "reading logs by URL")
    import fsspec

    try:
        filesystem, inside = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise HistoryError(f"{url}: {error}") from error
    return filesystem, str(inside)


def why(error: Exception) -> str:
    """Say in short what went wrong with a file."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def last_line_end(data: bytes) -> int:
    """Return how many bytes of ``data`` are whole lines."""
    return data.rfind(b"\n") + 1


def blocks(path: str, *, start: int = 0, whole_records: Callable[[bytes], int] = last_line_end) -> Iterator[FileBlock]:
    """Yield a file in blocks of whole records, in bounded memory.

    Args:
        path: The file.
        start: From which byte on: where a record starts.
        whole_records: Returns how many bytes of its argument are whole records; 0 where none is.

    Raises:
        HistoryError: It can't be read, or a record is longer than `MAX_RECORD_BYTES`. What a packed file that is cut
            short still gives is yielded, and warned about.
    """
    with opened(path) as file:
        if start:
            file.seek(start)
        offset, rest = start, b""
        while more := _read(file, path):
            rest += more
            if length := whole_records(rest):
                yield FileBlock(offset, rest[:length], True)
                offset, rest = offset + length, rest[length:]
            elif len(rest) > MAX_RECORD_BYTES:
                raise HistoryError(
                    f"{path}: found a record of more than {MAX_RECORD_BYTES} bytes at byte {offset}, expected lines"
                )
        if rest:
            yield FileBlock(offset, rest, False)


def read_whole(path: str, limit: int) -> bytes:
    """Return all that a file holds.

    Raises:
        HistoryError: It can't be read, or holds more than ``limit`` bytes.
    """
    with opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise HistoryError(f"{path}: found more than {limit} bytes, expected less in a file of this format")
    return data


def read_block(path: str, block: tuple[int, int, bool]) -> FileBlock:
    """Return a block again.

    Args:
        path: The file.
        block: Where it starts, how many bytes it has, and whether it ends with a line end.

    Raises:
        HistoryError: It can't be read.
    """
    offset, length, whole = block
    with opened(path) as file:
        file.seek(offset)
        return FileBlock(offset, file.read(length), whole)


def _read(file: IO[bytes], path: str) -> bytes:
    """Read on; where a packed file is cut short, give what it holds, then say so and take it for its end."""
    some = getattr(file, "read1", file.read)
    parts: list[bytes] = []
    missing = BLOCK_BYTES
    try:
        while missing > 0 and (part := some(missing)):
            parts.append(part)
            missing -= len(part)
    except EOFError:
        if not parts:
            logger("histories").warning("%s: its gzip stream is cut short; read what there is", path)
    return b"".join(parts)
