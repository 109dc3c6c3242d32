"""Opens the database of a store: the right journal for its file system, and the schema of this release.

SQLite's write-ahead log is shared memory beside the file, which network file systems do not share:
https://www.sqlite.org/wal.html (Overview, disadvantage 2). `synchronous=FULL` syncs at every commit.
"""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from milepost.errors import StoreError
from milepost.log import logger
from milepost.secrets import is_secret_name
from milepost.store.network_file_systems import network_file_system
from milepost.store.versions import bring_up_to_date, is_up_to_date

BUSY_SECONDS = 30.0
"""How long a writer waits for another to finish."""

ONLY_READS = "milepost_only_reads"
"""Name of the execution option of a transaction that only reads."""

_said_of: set[Path] = set()
"""Files that are known to be on a network file system: a store is opened many times, and that is said once."""


def open_database(where: str | Path) -> Engine:
    """Open a store's database, made or brought up to date where that is needed.

    Args:
        where: A path, or a URL such as ``postgresql+psycopg://…``.

    Raises:
        StoreError: It can't be opened, is of a newer release, or is no store; says which, and never a password.
    """
    url, name = to_url(where), shown(where)
    try:
        if url.drivername == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS} if url.drivername == "sqlite" else {})
        if url.drivername == "sqlite":
            _set_up_sqlite(engine, Path(url.database or ""))
        with read_only(engine) as connection:
            is_current = is_up_to_date(connection, name)
        if not is_current:
            with engine.begin() as connection:
                bring_up_to_date(connection, name)
    except OSError as error:
        raise StoreError(f"store {name}: expected a folder that can be written, found: {error.strerror}") from error
    except (SQLAlchemyError, ImportError) as error:
        reason = str(error) if isinstance(error, ImportError) else why(error, where)
        raise StoreError(f"store {name}: expected a database that can be opened, found: {reason}") from cause(
            error, where
        )
    return engine


def to_url(where: str | Path) -> URL:
    """Return the URL of a store; a plain path is an SQLite file.

    Raises:
        StoreError: It is no URL of a database.
    """
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=str(Path(where).expanduser()))
    driver, _, address = where.partition("://")
    place, slash, rest = address.partition("/")
    user, at, host = place.rpartition("@")
    user = user.replace("@", "%40")  # people forget to quote what a password holds
    try:
        return make_url(f"{driver}://{user}{at}{host}{slash}{rest}")
    except (ArgumentError, ValueError):
        message = "store: expected a path or a database's URL, such as postgresql+psycopg://host/name"
        raise StoreError(message) from None  # its cause tells the whole text, the password too


def shown(where: str | Path) -> str:
    """Return how to speak of a store: its path, or driver, host and database alone."""
    url = to_url(where)
    if url.drivername == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"{url.drivername}://{url.host or ''}{port}/{url.database or ''}"


def why(error: Exception, where: str | Path) -> str:
    """Return what a driver says went wrong; only of what kind it is, where it says more of the URL than is shown."""
    of_driver = getattr(error, "orig", None) if isinstance(error, SQLAlchemyError) else error
    said = " ".join(str(of_driver or type(error).__name__).split())
    return f"{type(error).__name__}, of which the text is withheld" if _tells(said, where) else said


def cause(error: Exception, where: str | Path) -> Exception | None:
    """Return what a traceback may show as the cause of an error: None where it tells a secret."""
    chain: BaseException | None = error
    while chain is not None:
        if _tells(str(chain), where):
            return None
        chain = chain.__cause__ or chain.__context__
    return error


def _tells(said: str, where: str | Path) -> bool:
    """Say whether a text holds a password of a store's URL: the user's, or one among its options."""
    url = to_url(where)
    if url.drivername == "sqlite":
        return False
    options = [each for name, values in url.query.items() if is_secret_name(name) for each in _several(values)]
    words = [*re.split("@", url.password or ""), *options]  # a driver may part it there
    secrets = {form for word in words if word for form in (word, quote_plus(word))}
    name = shown(where)
    return any(secret in said and secret not in name for secret in secrets)


def _several(values: str | tuple[str, ...]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else values


def _set_up_sqlite(engine: Engine, file: Path) -> None:
    shared = network_file_system(file) is not None
    if shared and file.absolute() not in _said_of:
        _said_of.add(file.absolute())
        logger("store").warning("%s is on a network file system: kept without a write-ahead log, which is slower", file)

    @event.listens_for(engine, "connect")
    def _connect(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # transactions are begun below
        cursor = connection.cursor()  # type: ignore[attr-defined]
        _set_journal(cursor, "DELETE" if shared else "WAL")
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later can't wait for another writer: this one takes its turn first.
        only_reads = connection.get_execution_options().get(ONLY_READS, False)
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def _set_journal(cursor: sqlite3.Cursor, mode: str) -> None:
    """Set how a database keeps its journal: SQLite waits for nobody there, so this does, as long as elsewhere."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute(f"PRAGMA journal_mode={mode}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def read_only(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads: it waits for no writer, and holds none up."""
    with engine.connect().execution_options(**{ONLY_READS: True}) as connection:
        yield connection
