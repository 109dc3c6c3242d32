"""Opening a store's database: its journal, its version, and what is no store."""

import sqlite3
from pathlib import Path

import psutil
import pytest

from milepost.errors import StoreError
from milepost.store import database
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


def test_migrations_lead_to_the_tables_of_this_release(tmp_path: Path) -> None:
    made, migrated = tmp_path / "made.db", tmp_path / "migrated.db"
    Store(made).close()
    with sqlite3.connect(migrated) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    Store(migrated).close()
    tables = []
    for path in (made, migrated):
        with sqlite3.connect(path) as connection:
            tables.append(
                sorted(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())
            )
            assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(database.SCHEMA,)]
    assert tables[0] == tables[1]


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


def test_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE precious (x)")
    with pytest.raises(StoreError, match="found a database with other tables"):
        Store(path)


def test_password_of_a_url_is_not_shown() -> None:
    with pytest.raises(StoreError) as caught:
        Store("postgresql+psycopg://user:hunter2@127.0.0.1:9/db")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(StoreError, match="expected a path or a database's URL"):
        Store("://")
