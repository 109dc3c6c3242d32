"""Opening a store's database: its journal, and what can't be opened."""

from pathlib import Path

import pytest

from milepost.errors import StoreError
from milepost.store import network_file_systems
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
    monkeypatch.setattr(network_file_systems, "_file_system", lambda folder: "nfs4")
    store = Store(tmp_path / "milepost.db")
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
    Store(tmp_path / "milepost.db").close()
    assert caplog.text.count("is on a network file system") == 1


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


def test_password_of_a_url_is_not_shown() -> None:
    with pytest.raises(StoreError) as caught:
        Store("postgresql+psycopg://user:hunter2@127.0.0.1:9/db")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(StoreError, match="expected a path or a database's URL"):
        Store("://")
