"""What packed a file, and text of two bytes a character: read on as plain bytes, in bounded memory."""

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import IO, Any, cast

from milepost.errors import HistoryError, MissingExtra

GZIP = b"\x1f\x8b"
XZ = b"\xfd7zXZ\x00"
BZIP2 = b"BZh"
ZSTANDARD = b"\x28\xb5\x2f\xfd"

MARKS = (GZIP, XZ, BZIP2, ZSTANDARD)
"""How files begin that were packed."""

MARK_BYTES = 6
"""How many of a file's first bytes tell what packed it."""

MOST_MEMORY = 2**28
"""For the dictionary of an xz stream: ``xz -9`` takes a quarter of it."""

CHUNK_BYTES = 2**17
SMALL_BYTES = 2**14

ALWAYS_BYTES = 2**30
MOST_TIMES = 1000
"""What unpacks to more than `ALWAYS_BYTES`, and so many times what was read of it, is a bomb and no log."""

Read = Callable[[int], bytes]
"""Reads on: at most about so many bytes, none at the end."""

Begun = tuple[Read, Callable[[], None]]
"""What reads on from a beginning, and what is called in the end."""

BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What is raised while a broken stream is read."""


def is_packed(head: bytes) -> bool:
    """Say whether a file that begins so was packed."""
    return head.startswith(MARKS)


def wide_encoding(head: bytes) -> str | None:
    """Return the encoding of text whose characters have two bytes each, by its byte order mark; None for others."""
    if head[:2] == codecs.BOM_UTF16_LE and head[3:4] == b"\0" != head[2:3]:
        return "utf-16-le"
    if head[:2] == codecs.BOM_UTF16_BE and head[2:3] == b"\0" != head[3:4]:
        return "utf-16-be"
    return None


def unpacked(raw: IO[bytes], head: bytes, path: str) -> IO[bytes]:
    """Return a packed file as a stream of what it holds.

    Args:
        raw: The file.
        head: How it begins.
        path: What messages call it.

    Raises:
        MissingExtra: It is a Zstandard stream, and pyarrow, which unpacks it, is not installed.
    """
    if head.startswith(ZSTANDARD) and not find_spec("pyarrow"):
        raise MissingExtra("pyarrow", "replay", "reading .zst files")

    def begin() -> Begun:
        raw.seek(0)
        read, close = _reads(raw, head)
        given = 0

        def bounded(size: int) -> bytes:
            nonlocal given
            given += len(found := read(size))
            if given > ALWAYS_BYTES and given > MOST_TIMES * raw.tell():
                raise HistoryError(
                    f"{path}: found more than {MOST_TIMES} times as much in it as it has bytes, expected a log"
                )
            return found

        return bounded, close

    return cast("IO[bytes]", io.BufferedReader(Forward(begin), CHUNK_BYTES))


def narrowed(wide: IO[bytes], encoding: str) -> IO[bytes]:
    """Return text of two bytes a character, after its byte order mark, as UTF-8."""

    def begin() -> Begun:
        wide.seek(2)
        decoder = codecs.getincrementaldecoder(encoding)("replace")

        def read(size: int) -> bytes:
            while data := wide.read(max(2, size // 2)):
                if text := decoder.decode(data):
                    return text.encode("utf-8", "replace")
            return decoder.decode(b"", True).encode("utf-8", "replace")

        return read, wide.close

    return cast("IO[bytes]", io.BufferedReader(Forward(begin), CHUNK_BYTES))


class Forward(io.RawIOBase):
    """A stream that can only be read on from its beginning: going back begins anew.

    Args:
        begin: Returns what reads on from the beginning, and what is called in the end.
    """

    def __init__(self, begin: Callable[[], Begun]) -> None:
        self._begin = begin
        self._read, self._end = begin()
        self._at, self._rest = 0, b""

    def close(self) -> None:
        """Close what it reads."""
        if not self.closed:
            self._end()
        super().close()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that places in it can be gone to."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some more."""
        found = self._rest or self._read(len(buffer))
        size = min(len(found), len(buffer))
        buffer[:size], self._rest = found[:size], found[size:]
        self._at += size
        return size

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("can only go to places counted from the beginning")
        if offset < self._at:
            self._end()
            self._read, self._end = self._begin()
            self._at, self._rest = 0, b""
        waste = bytearray(CHUNK_BYTES)
        while self._at < offset and self.readinto(memoryview(waste)[: offset - self._at]):
            pass
        return self._at


def _reads(raw: IO[bytes], head: bytes) -> Begun:
    """Return what unpacks a file from where it stands."""
    if head.startswith(GZIP):
        file = gzip.GzipFile(fileobj=raw)
        return file.read1, file.close
    if head.startswith(ZSTANDARD):
        import pyarrow

        stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(_LeftOpen(raw), mode="r"), "zstd")

        def read(size: int) -> bytes:
            try:
                return bytes(stream.read(min(size, SMALL_BYTES)))
            except OSError as error:
                if "runcated" in str(error):
                    raise EOFError(str(error)) from error
                raise

        return read, stream.close
    begin: Callable[[], Any] = bz2.BZ2Decompressor
    if head.startswith(XZ):
        begin = lambda: lzma.LZMADecompressor(memlimit=MOST_MEMORY)  # noqa: E731
    return _streams(raw, begin), lambda: None


class _LeftOpen:
    """A file that stays open when what reads it is closed."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.read = file.read

    def close(self) -> None:
        pass


def _streams(raw: IO[bytes], begin: Callable[[], Any]) -> Read:
    """Return what unpacks streams that stand one after the other."""
    one, rest = begin(), b""

    def read(size: int) -> bytes:
        nonlocal one, rest
        while True:
            if one.eof:
                rest = one.unused_data.lstrip(b"\0") or raw.read(SMALL_BYTES)
                if not rest:
                    return b""
                one = begin()
            elif one.needs_input and not rest:
                rest = raw.read(SMALL_BYTES)
                if not rest:
                    raise EOFError("the stream ends before its end is marked")
            data, rest = rest, b""
            if found := one.decompress(data, size):
                return bytes(found)

    return read
