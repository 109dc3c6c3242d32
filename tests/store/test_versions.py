"""Stores of before, of later, and of other programs."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from milepost.errors import StoreError
from milepost.store import versions
from milepost.store.schema import SCHEMA
from milepost.store.store import Store


def test_store_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "milepost.db"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9000'")
    with pytest.raises(StoreError, match="found schema 9000, which a newer release of Milepost wrote"):
        Store(path)


def test_new_store_is_stamped_as_alembic_would(tmp_path: Path) -> None:
    store = Store(tmp_path / "milepost.db")
    with store._engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == SCHEMA
    assert ScriptDirectory(str(versions.MIGRATIONS)).get_heads() == [SCHEMA]


LATER = """
import sqlalchemy
from alembic import op

revision, down_revision = "0002", "0001"

def upgrade():
    op.add_column("runs", sqlalchemy.Column("colour", sqlalchemy.String, server_default="blue"))
"""


def columns_of_runs(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [column[1] for column in connection.execute("PRAGMA table_info(runs)")]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A store that the first release's code wrote."""
    path = tmp_path / "before.db"
    with sqlite3.connect(path) as connection:
        connection.executescript((Path(__file__).parents[1] / "before" / "store.sql").read_text())
    connection.close()
    return path


@pytest.fixture
def later_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of migrations of a release that has one more."""
    folder = tmp_path / "100% later"
    shutil.copytree(versions.MIGRATIONS, folder)
    (folder / "versions" / "0002_later.py").write_text(LATER)
    monkeypatch.setattr(versions, "MIGRATIONS", folder)
    monkeypatch.setattr(versions, "SCHEMA", "0002")
    return folder


@pytest.mark.usefixtures("later_release")
def test_store_of_before_is_brought_up_to_a_later_release_with_what_it_holds(before: Path) -> None:
    for _ in range(2):  # the second time there is nothing left to do
        store = Store(before)
        assert [run.id for run in store.runs()] == ["log", "live"]
        store.close()
        assert columns_of_runs(before)[-1] == "colour"
    with sqlite3.connect(before) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
        assert connection.execute("SELECT DISTINCT colour FROM runs").fetchall() == [("blue",)]


def test_migration_that_fails_leaves_the_store_as_it_was(before: Path, later_release: Path) -> None:
    (later_release / "versions" / "0002_later.py").write_text(LATER + '    op.execute("DROP TABLE nowhere")\n')
    dump = list(sqlite3.connect(before).iterdump())
    with pytest.raises(StoreError, match="no such table: nowhere"):
        Store(before)
    assert list(sqlite3.connect(before).iterdump()) == dump


def test_version_that_no_release_had_is_refused(before: Path) -> None:
    with sqlite3.connect(before) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(StoreError, match="found schema 0000, which this release can't bring up to its own"):
        Store(before)


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE precious (x)",
        "CREATE TABLE alembic_version (version_num); CREATE TABLE precious (x)",
        "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('1975ea83b712')",
        "CREATE TABLE alembic_version (version_num); CREATE TABLE runs (x)",
    ],
)
def test_database_of_something_else_is_left_alone(tmp_path: Path, made: str) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.executescript(made)
    dump = list(connection.iterdump())
    with pytest.raises(StoreError, match="found a database with other tables"):
        Store(path)
    assert list(connection.iterdump()) == dump
    connection.close()
