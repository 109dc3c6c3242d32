"""Opens the database of a store: the right journal for its file system, and the schema of this release.

SQLite's write-ahead log is shared memory beside the file, which network file systems do not share:
https://www.sqlite.org/wal.html (Overview, disadvantage 2). `synchronous=FULL` syncs at every commit.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy import Connection, Engine, create_engine, event, func, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from milepost.errors import StoreError
from milepost.log import logger
from milepost.store.schema import METADATA, RUNS, SCHEMA, VERSION

MIGRATIONS = Path(__file__).parent / "migrations"

MAKING = 0x6D696C65706F7374
"""Key of the lock that who makes or migrates a PostgreSQL store holds: "milepost"."""

BUSY_SECONDS = 30.0
"""How long a writer waits for another to finish."""

ONLY_READS = "milepost_only_reads"
"""Name of the execution option of a transaction that only reads."""

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "beegfs", "gpfs", "ceph", "glusterfs", "wekafs", "afs"}
    | {"9p", "virtiofs"}  # the host's folder in a virtual machine
)

LOCAL_IN_USER_SPACE = ("fuse.fuse-overlayfs", "fuse.ntfs", "fuse.exfat", "fuse.ext")
"""Beginnings of types of local file systems; the others of FUSE are mounted buckets and the like."""

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
        with reading(engine) as connection:
            is_current = _version(connection, name) == SCHEMA
        if not is_current:
            with engine.begin() as connection:
                _bring_up_to_date(connection, name)
    except OSError as error:
        raise StoreError(f"store {name}: expected a folder that can be written, found: {error.strerror}") from error
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__)
        raise StoreError(f"store {name}: expected a database that can be opened, found: {reason}") from error
    return engine


def to_url(where: str | Path) -> URL:
    """Return the URL of a store; a plain path is an SQLite file.

    Raises:
        StoreError: It is no URL of a database.
    """
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=str(Path(where).expanduser()))
    try:
        return make_url(where)
    except ArgumentError as error:
        raise StoreError(
            "store: expected a path or a database's URL, such as postgresql+psycopg://host/name"
        ) from error


def shown(where: str | Path) -> str:
    """Return how to speak of a store: its path, or its URL without the password."""
    url = to_url(where)
    return str(url.database) if url.drivername == "sqlite" else url.render_as_string(hide_password=True)


def network_file_system(file: Path) -> str | None:
    """Return the type of the network file system that a file is on, or will be; None where it is on none."""
    kind = _file_system(file.absolute().parent)
    in_user_space = kind.startswith("fuse.") and not kind.startswith(LOCAL_IN_USER_SPACE)
    return kind if kind in NETWORK_FILE_SYSTEMS or in_user_space else None


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on: of what is mounted deepest, and there last of all."""
    try:
        place, mounts = folder.resolve(), psutil.disk_partitions(all=True)
    except OSError:
        return ""
    above = [mount for mount in mounts if place.is_relative_to(mount.mountpoint)]
    return max(reversed(above), key=lambda mount: len(mount.mountpoint)).fstype if above else ""


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
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only reads: it waits for no writer, and holds none up."""
    with engine.connect().execution_options(**{ONLY_READS: True}) as connection:
        yield connection


def _version(connection: Connection, name: str) -> str | None:
    """Return the number of a store's tables, None where it has none as yet.

    Raises:
        StoreError: It is no store, or one of a newer release.
    """
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    ours = {VERSION.name, RUNS.name} <= tables
    version: str | None = connection.execute(select(VERSION.c.version_num)).scalar() if ours else None
    if version is None:
        raise StoreError(f"store {name}: found a database with other tables, expected a store of Milepost's")
    if version > SCHEMA:
        raise StoreError(
            f"store {name}: found schema {version}, which a newer release of Milepost wrote; this one knows up to "
            f"{SCHEMA}. Upgrade Milepost, or name another store"
        )
    return version


def _bring_up_to_date(connection: Connection, name: str) -> None:
    """Make the tables, or migrate them forward."""
    if connection.dialect.name == "postgresql":  # one process at a time, as SQLite's transactions are by themselves
        connection.execute(select(func.pg_advisory_xact_lock(MAKING)))
    version = _version(connection, name)  # again: another process may have been at it meanwhile
    if version is None:
        METADATA.create_all(connection)
        connection.execute(insert(VERSION).values(version_num=SCHEMA))
    elif version < SCHEMA:
        _migrate(connection, name, version)


def _migrate(connection: Connection, name: str, version: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, SCHEMA)
    except CommandError as error:
        raise StoreError(
            f"store {name}: found schema {version}, which this release can't bring up to its own, {SCHEMA}: name "
            "another store"
        ) from error
