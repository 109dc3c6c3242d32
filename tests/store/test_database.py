"""Opening a store's database: its journal, its version, and what is no store."""

import shutil
import sqlite3
from pathlib import Path

import psutil
import pytest
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from milepost.errors import StoreError
from milepost.store import database
from milepost.store.schema import SCHEMA
from milepost.store.store import Store


def test_journal_and_syncing_are_as_durable_as_a_crossing_needs(tmp_path: Path) -> None:
    store = Store(tmp_path / "milepost.db")
    with store._engine.connect() as connection:
        asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        assert asked == ["wal", 2]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_network_file_system_gets_no_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "_file_system", lambda folder: "nfs4")
    store = Store(tmp_path / "milepost.db")
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
    Store(tmp_path / "milepost.db").close()
    assert caplog.text.count("is on a network file system") == 1


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("/dev/vda / ext4 rw 0 0\n", None),
        ("/dev/vda / ext4 rw 0 0\nfs:/home {folder} nfs4 rw 0 0\n", "nfs4"),
        ("/dev/vda / ext4 rw 0 0\n10.0.0.1@tcp:/x {folder} lustre rw 0 0\n", "lustre"),
        ("fs:/home / nfs4 rw 0 0\n/dev/nvme {folder} xfs rw 0 0\n", None),
        ("fs:/home / nfs4 rw 0 0\n/dev/nvme {folder}/other xfs rw 0 0\n", "nfs4"),
        ("bucket {folder} fuse.gcsfuse rw 0 0\n", "fuse.gcsfuse"),
        ("overlay {folder} fuse.fuse-overlayfs rw 0 0\n", None),
        ("fs:/home {folder}\\040two nfs4 rw 0 0\n/dev/vda / ext4 rw 0 0\n", None),
        ("/dev/vda {folder} ext4 rw 0 0\nfs:/home {folder} nfs4 rw 0 0\n", "nfs4"),
    ],
)
def test_file_system_is_that_of_the_deepest_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mounts: str, kind: str | None
) -> None:
    listed = tmp_path / "proc" / "self" / "mounts"
    listed.parent.mkdir(parents=True)
    listed.write_text(mounts.format(folder=tmp_path))
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"), raising=False)
    assert database.network_file_system(tmp_path / "new" / "milepost.db") == kind


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
    assert ScriptDirectory(str(database.MIGRATIONS)).get_heads() == [SCHEMA]


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
    shutil.copytree(database.MIGRATIONS, folder)
    (folder / "versions" / "0002_later.py").write_text(LATER)
    monkeypatch.setattr(database, "MIGRATIONS", folder)
    monkeypatch.setattr(database, "SCHEMA", "0002")
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
    ("content", "said"), [(b"not a database" * 100, "file is not a database"), (None, "unable to open|directory")]
)
def test_what_is_no_store_is_said(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "milepost.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=said) as caught:
        Store(path)
    assert str(path) in str(caught.value)


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


def test_password_of_a_url_is_not_shown() -> None:
    with pytest.raises(StoreError) as caught:
        Store("postgresql+psycopg://user:hunter2@127.0.0.1:9/db")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(StoreError, match="expected a path or a database's URL"):
        Store("://")
