"""Logs that a tracker packed into a zip file, or left as the folder that it would have packed."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BLOCK_BYTES, MAX_RECORD_BYTES, opened, why

ZIP = b"PK\x03\x04"


class Archive:
    """A zip file, or a folder.

    Args:
        path: The zip file; of a folder, any file in it.
        is_zip: Whether it is a zip file.
    """

    def __init__(self, path: str, *, is_zip: bool) -> None:
        self.path, self._is_zip = path, is_zip
        self._folder = path.rpartition("/")[0] or "."

    def read(self, name: str, limit: int) -> bytes:
        """Return what a file of it holds.

        Raises:
            HistoryError: It is not there, can't be read, or holds more than ``limit`` bytes.
        """
        with self._opened(name) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise HistoryError(f"{self.path}: found more than {limit} bytes in {name}, expected less")
        return data

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file of it; one without its end comes too, and may be cut short.

        Raises:
            HistoryError: It can't be read further, or a line is longer than a record may be.
        """
        rest = b""
        with self._opened(name) as file:
            while more := file.read(BLOCK_BYTES):
                *lines, rest = (rest + more).split(b"\n")
                yield from lines
                if len(rest) > MAX_RECORD_BYTES:
                    raise HistoryError(f"{self.path}: found a line of more than {MAX_RECORD_BYTES} bytes in {name}")
        if rest:
            yield rest

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        if not self._is_zip:
            with opened(f"{self._folder}/{name}") as file:
                yield file
            return
        try:
            with opened(self.path) as packed, zipfile.ZipFile(packed) as archive, archive.open(name) as file:
                yield file
        except KeyError:
            raise HistoryError(f"{self.path}: found no {name} in it") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            raise HistoryError(f"{self.path}: can't be read: {why(error)}") from error


def names_in(path: str) -> frozenset[str]:
    """Return the names of the files in a zip file; none where it can't be read."""
    try:
        with opened(path) as packed, zipfile.ZipFile(packed) as archive:
            return frozenset(archive.namelist())
    except (HistoryError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError):
        return frozenset()
