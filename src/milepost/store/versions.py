"""The version of a store's tables: made whole where there are none, and migrated where they are of before."""

from pathlib import Path

from sqlalchemy import Connection, func, insert, inspect, select

from milepost.errors import StoreError
from milepost.store.schema import METADATA, RUNS, SCHEMA, VERSION

MIGRATIONS = Path(__file__).parent / "migrations"

MAKING = 0x6D696C65706F7374
"""Key of the lock that who makes or migrates a PostgreSQL store holds: "milepost"."""


def is_up_to_date(connection: Connection, name: str) -> bool:
    """Say whether a store has the tables of this release.

    Raises:
        StoreError: It is no store, or one of a newer release.
    """
    return _version_of(connection, name) == SCHEMA


def bring_up_to_date(connection: Connection, name: str) -> None:
    """Make the tables, or migrate them forward.

    Raises:
        StoreError: It is no store, or one of a newer release, or one that no migration leads on from.
    """
    if connection.dialect.name == "postgresql":  # one process at a time, as SQLite's transactions are by themselves
        connection.execute(select(func.pg_advisory_xact_lock(MAKING)))
    version = _version_of(connection, name)  # again: another process may have been at it meanwhile
    if version is None:
        METADATA.create_all(connection)
        connection.execute(insert(VERSION).values(version_num=SCHEMA))
    elif version < SCHEMA:
        _migrate(connection, name, version)


def _version_of(connection: Connection, name: str) -> str | None:
    """Return the number of a store's tables, None where it has none as yet."""
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
