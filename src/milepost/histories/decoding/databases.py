"""SQLite files that other programs wrote, opened without writing anything: https://www.sqlite.org/fileformat.html."""

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from urllib.parse import quote

from milepost.errors import HistoryError
from milepost.histories.decoding.files import is_url
from milepost.histories.reader import File

SQLITE = b"SQLite format 3\0"

BUSY_SECONDS = 5.0
"""How long to wait for a program that is writing."""

WRITE_VERSION = 18
"""Where the header says how the file is written: 2 is with a write-ahead log beside it."""

BROKEN = (sqlite3.Error, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What is raised by a database that is broken, or holds what its program never wrote."""


def has_tables(file: File, tables: Mapping[str, Collection[str]]) -> bool:
    """Say whether a file is an SQLite database of this machine with these columns, by table."""
    if not file.head.startswith(SQLITE) or is_url(file.path):
        return False
    try:
        with closing(_open(file.path)) as connection:
            return all(
                set(columns) <= {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
                for table, columns in tables.items()
            )
    except (sqlite3.Error, ValueError, OSError):
        return False


def is_database(path: str) -> bool:
    """Say whether a file of this machine begins as SQLite's do."""
    if is_url(path):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:
        return False


@contextmanager
def reading(path: str) -> Iterator[sqlite3.Connection]:
    """Open a database to read it.

    Raises:
        HistoryError: It can't be read, then or within the block; says why.
    """
    try:
        with closing(_open(path)) as connection:
            yield connection
    except BROKEN as error:
        raise HistoryError(f"{path}: can't be read: {error}") from error


def _open(path: str) -> sqlite3.Connection:
    """Open a database; one without its write-ahead log, which nobody has open then, in a way that makes none."""
    with open(path, "rb") as file:
        header = file.read(WRITE_VERSION + 1)
    is_alone = header[WRITE_VERSION:] == b"\x02" and not os.path.exists(f"{path}-wal")
    how = "mode=ro&immutable=1" if is_alone else "mode=ro"
    connection = sqlite3.connect(f"file:{quote(path)}?{how}", uri=True, timeout=BUSY_SECONDS)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection
