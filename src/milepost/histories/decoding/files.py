"""Files of logs: opened wherever they lie, unpacked, and cut into records in bounded memory."""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import IO, Any, NamedTuple

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.archives import member_of, open_member
from milepost.histories.decoding.packing import (
    BROKEN,
    GZIP,
    MARK_BYTES,
    is_packed,
    narrowed,
    unpacked,
    wide_encoding,
)
from milepost.histories.reader import HEAD_BYTES
from milepost.log import logger

BLOCK_BYTES = 2**20
"""How much of a file is read at a time."""

MAX_RECORD_BYTES = 16 * 2**20
"""Of one record, such as a line: what is longer is no log, and would fill the memory."""

BOM = b"\xef\xbb\xbf"
PACKINGS = (".gz", ".zst", ".xz", ".bz2")
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".npz", ".txt", ".log", ".out")


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


def without_packing(name: str) -> str:
    """Return a file's name without the suffix of what packed it: ``a.csv`` of ``a.csv.gz``."""
    suffix = next((each for each in PACKINGS if name.lower().endswith(each) and len(name) > len(each)), "")
    return name.removesuffix(name[len(name) - len(suffix) :]) if suffix else name


def stem(name: str) -> str:
    """Return a file's name without the suffixes that say its format: ``a.b`` of ``a.b.csv.gz``."""
    name = without_packing(name)
    suffix = next((each for each in SUFFIXES if name.lower().endswith(each) and len(name) > len(each)), "")
    return name[: len(name) - len(suffix)]


def as_unicode(text: str) -> str:
    """Return text as it can be encoded: halves of characters, which JSON and names of files may hold, are spelt out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def head_of(file: IO[bytes], path: str) -> bytes:
    """Return the first bytes of a file as they are when unpacked, and as UTF-8.

    Raises:
        HistoryError: It was packed, and can't be read.
    """
    head = file.read(HEAD_BYTES)
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
        except zlib.error:
            return head
        return head if wide_encoding(head) is None else _first_of(path)
    return _first_of(path) if is_packed(head) or wide_encoding(head) else head


def _first_of(path: str) -> bytes:
    with opened(path) as file:
        parts = bytearray()
        try:
            while len(parts) < HEAD_BYTES and (part := file.read1(HEAD_BYTES - len(parts))):  # type: ignore[attr-defined]
                parts += part
        except EOFError:
            if not parts:
                raise HistoryError(
                    f"{path}: its packed stream is cut short, before anything of it can be read"
                ) from None
        return bytes(parts)


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file, a member of an archive or a URL for reading: unpacked if it was packed, and text as UTF-8.

    Raises:
        HistoryError: It can't be opened or read; says why.
    """
    try:
        with _open(path) as raw, ExitStack() as more:
            file = raw
            head = _beginning(raw)
            if is_packed(head):
                file = more.enter_context(unpacked(raw, head, path))
                try:
                    head = _beginning(file)
                except EOFError:
                    head = b""
            if (encoding := wide_encoding(head)) is not None:
                file = more.enter_context(narrowed(file, encoding))
            yield file
    except BROKEN as error:
        raise HistoryError(f"{path}: can't be read: {why(error)}") from error


def _beginning(file: IO[bytes]) -> bytes:
    """Return a file's first few bytes, and stand before them."""
    head = file.read(MARK_BYTES)
    file.seek(0)
    return head


def _open(path: str) -> IO[bytes]:
    """Open a file of this machine, a member of an archive, or a URL through fsspec."""
    if not is_url(path):
        return open(path, "rb") if member_of(path) is None else open_member(path)
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
            logger("histories").warning("%s: its packed stream is cut short; read what there is", path)
    return b"".join(parts)
