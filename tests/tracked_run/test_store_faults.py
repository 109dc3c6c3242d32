"""Stores that fail for a while, for good, slowly, or vanish: nothing is lost, and training feels little of it."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from milepost.files import write_whole
from milepost.store import left
from milepost.store.store import Store
from milepost.tracked_run import recorder, store_writer
from milepost.tracked_run.opening import track
from tests.helpers import threshold
from tests.tracked_run.helpers import writer_of
from tests.tracked_run.test_keeping import FIXED, kept_in


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("milepost.store.database.BUSY_SECONDS", 0.05)
    monkeypatch.setattr(store_writer, "RETRY_SECONDS", (0.01, 0.05))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A program that can hold the store's file locked."""
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
    yield other
    other.close()


def test_end_is_tried_again_for_as_long_as_is_promised(tmp_path: Path, lock: sqlite3.Connection) -> None:
    run = track(thresholds=[threshold()], run="r", store=tmp_path / "a.db", **FIXED)
    assert writer_of(run).flush(30)
    lock.execute("BEGIN EXCLUSIVE")
    run.update({"m": 9.0}, 7)
    failed = threading.Event()
    fail = store_writer.StoreWriter._fail

    def note(self: store_writer.StoreWriter, error: Exception) -> None:
        fail(self, error)
        if self._closed:
            failed.set()

    def let_go() -> None:
        assert failed.wait(30)  # it has failed at its end, and is tried again
        lock.execute("COMMIT")

    writer_of(run)._fail = note.__get__(writer_of(run))  # type: ignore[method-assign]
    release = threading.Thread(target=let_go)
    release.start()
    run.close()
    release.join()
    record = kept_in(tmp_path / "a.db")
    assert (record.run.status, record.crossings["t"].position.samples) == ("closed", 7)
    assert record.ledger == run.ledger


def left_by_a_run(tmp_path: Path, lock: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a run end whose store is locked for good."""
    monkeypatch.setattr(recorder, "CLOSE_SECONDS", 0.3)
    run = track(thresholds=[threshold()], run="r", store=tmp_path / "a.db", **FIXED)
    assert writer_of(run).flush(30)
    lock.execute("BEGIN EXCLUSIVE")
    run.update({"m": 1.0}, 6)
    run.update({"m": 9.0}, 7)
    run.close()
    writer_of(run)._thread.join(30)  # else it may write, once it can
    lock.execute("COMMIT")
    assert kept_in(tmp_path / "a.db").crossings == {}


def test_what_can_not_be_written_is_left_and_taken_in_by_the_next_run(
    tmp_path: Path, lock: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left_by_a_run(tmp_path, lock, monkeypatch)
    (file,) = tmp_path.glob("a.db.left-*.json")
    assert f"it is left in {file}, and taken in by the next" in caplog.text
    track(thresholds=[], run="other", store=tmp_path / "a.db", **FIXED).close()
    record = kept_in(tmp_path / "a.db")
    assert (record.run.status, record.crossings["t"].position.samples) == ("closed", 7)
    assert [event.kind for event in record.events] == ["crossing", "stop"]
    assert [point.samples for point in record.curves[0].points] == [6, 7]
    assert not file.exists()


def test_what_was_left_is_taken_in_by_results(
    tmp_path: Path, lock: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_run(tmp_path, lock, monkeypatch)
    command = [sys.executable, "-m", "milepost", "results", "--json", "--store", str(tmp_path / "a.db")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"TMPDIR": "/nowhere"})
    assert '"samples_to_threshold":7' in shown.stdout
    assert "is taken in" in shown.stderr
    assert list(tmp_path.glob("*left*")) == []


def test_folder_that_can_not_be_written_gives_way_to_that_for_temporary_files(
    tmp_path: Path, lock: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = write_whole

    def elsewhere(path: Path, content: bytes) -> None:
        if path.parent == tmp_path:
            raise PermissionError(13, "Permission denied")
        plain(path, content)

    monkeypatch.setattr(left, "write_whole", elsewhere)
    left_by_a_run(tmp_path, lock, monkeypatch)
    (kept,) = (tmp_path / "temporary").glob("milepost-*/*.left-*.json")
    assert kept.parent.stat().st_mode & 0o77 == 0
    track(thresholds=[], run="other", store=tmp_path / "a.db", **FIXED).close()
    assert kept_in(tmp_path / "a.db").crossings["t"].position.samples == 7


def test_file_that_nobody_left_is_said_and_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    odd = tmp_path / "a.db.left-1.json"
    odd.write_text('{"run": [[[')
    track(thresholds=[threshold()], run="r", store=tmp_path / "a.db", **FIXED).close()
    assert f"{odd}: what a run left there can't be taken in" in caplog.text
    assert odd.exists()
    assert kept_in(tmp_path / "a.db").run.status == "closed"


def test_store_that_is_removed_under_a_run_is_written_anew_and_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    track(thresholds=[threshold()], run="r", store="a.db", **FIXED).close()
    run = track(thresholds=[threshold()], run="r", store="a.db", **FIXED)
    run.update({"m": 1.0}, 6)
    run.update({"m": 9.0}, 7)
    assert writer_of(run).flush(30)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # as Hydra does
    for file in tmp_path.glob("a.db*"):
        file.unlink()
    run.update({"m": 9.0}, 8)
    run.close()
    record = kept_in(tmp_path / "a.db")
    assert (record.run.status, record.crossings["t"].position.samples) == ("closed", 7)
    assert len(record.processes) == 2
    assert record.ledger == run.ledger
    assert [event.kind for event in record.events] == ["stop", "resume", "crossing", "stop"]
    assert [point.samples for point in record.curves[0].points] == [6, 7, 8]
    assert caplog.text.count("the file of its store was removed") == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_store_that_was_late_is_waited_for_again_only_once_it_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = threading.Event()
    hang.set()
    write = Store.write

    def slowly(self: Store, record: Any) -> None:
        assert hang.wait(60)
        write(self, record)

    monkeypatch.setattr(Store, "write", slowly)
    targets = [threshold(float(number), name=f"t{number}") for number in range(1, 6)]
    run = track(thresholds=targets, run="r", store=tmp_path / "a.db", **FIXED)
    writer = writer_of(run)
    assert writer.flush(30)
    waited: list[float] = []
    wait_for = writer._changed.wait_for

    def noted(ready: Any, seconds: float | None = None) -> Any:
        if threading.current_thread() is threading.main_thread() and not ready():
            waited.append(seconds or 0.0)
        return wait_for(ready, seconds)

    monkeypatch.setattr(writer._changed, "wait_for", noted)
    hang.clear()
    for number in range(1, 4):
        assert run.update({"m": float(number)}, number)
    assert waited == [0.25]  # the first alone
    hang.set()
    assert writer.flush(30) or not writer._failing
    while writer._written < writer._put:
        pass
    monkeypatch.setattr(store_writer, "WELL_SECONDS", 60.0)
    run.update({"m": 4.0}, 4)
    while writer._written < writer._put:
        pass
    assert not writer._is_slow
    run.close()
    assert len(kept_in(tmp_path / "a.db").crossings) == 4
