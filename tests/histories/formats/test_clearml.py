"""Offline sessions that ClearML itself wrote."""

import math
import shutil
from pathlib import Path

import pytest

from milepost.errors import HistoryError
from tests.histories.helpers import column, logs_of, one, skipped_of
from tests.histories.trackers import log, needs_trackers

pytestmark = [needs_trackers, pytest.mark.filterwarnings("ignore")]

BEGAN = 1_700_000_000.0


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clearml") / "sessions"
    rows = [
        (BEGAN + 60 * at, at * 10, {"train/loss": math.nan if at == 3 else 1 / at, "reward": float(at)})
        for at in range(1, 11)
    ]
    log("clearml", {folder: [(BEGAN, rows)]})
    return folder


def test_a_session_is_read_once_from_its_folder(logged: Path) -> None:
    history = one(logged)
    assert history.run.startswith("offline-")
    assert (history.group, history.seed, history.config) == ("cartpole", 3, {"lr": "0.1", "seed": "3"})
    assert (history.samples_unit, history.samples_source) == ("steps", "step")
    assert column(history, "samples") == list(range(10, 110, 10))
    assert column(history, "wall_time") == [BEGAN + 60 * at for at in range(1, 11)]
    assert column(history, "reward") == [float(at) for at in range(1, 11)]
    assert [each.reason for each in skipped_of(logged)] == ["is of the ClearML session whose folder lies beside it"]


def test_its_zeros_may_be_nan_and_that_is_said(logged: Path) -> None:
    history = one(logged)
    assert column(history, "train/loss")[:3] == [1.0, 0.5, 0.0]
    assert history.notes == ("ClearML writes 0.0 for NaN and infinity: a 0 of 'train/loss' may be one",)


def test_zip_file_tells_the_same_as_its_folder(logged: Path, tmp_path: Path) -> None:
    (archive,) = logged.glob("*.zip")
    shutil.copy(archive, tmp_path)
    packed, unpacked = one(tmp_path), one(logged)
    assert packed.run == unpacked.run
    assert packed.config == unpacked.config
    for name in ("samples", "wall_time", "train/loss", "reward"):
        assert column(packed, name) == column(unpacked, name)


def test_what_is_broken_is_said(logged: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder,) = (each for each in logged.iterdir() if each.is_dir())
    shutil.copytree(folder, tmp_path / "cut")
    file = tmp_path / "cut" / "metrics.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])  # it was killed at its second flush
    assert len(column(one(tmp_path / "cut"), "reward")) == 10
    assert "1 lines are no whole lists" in caplog.text
    (archive,) = logged.glob("*.zip")
    (tmp_path / "broken").mkdir()
    data = bytearray(archive.read_bytes())
    data[60:80] = bytes(20)
    (tmp_path / "broken" / "a.zip").write_bytes(data)
    assert len(logs_of(tmp_path / "broken")) == 1
    with pytest.raises(HistoryError):
        one(tmp_path / "broken")
