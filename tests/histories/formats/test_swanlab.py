"""Files that SwanLab itself wrote."""

import math
import shutil
from pathlib import Path

import pytest

from milepost.errors import HistoryError
from tests.histories.helpers import column, logs_of, one, read, skipped_of
from tests.histories.trackers import Row, log, needs_trackers

pytestmark = [needs_trackers, pytest.mark.filterwarnings("ignore")]

BEGAN = 1_700_000_000.0
ROWS: list[Row] = [
    (BEGAN + 60 * at, at * 10, {"train/loss": {3: math.nan, 4: math.inf}.get(at, 1 / at)}) for at in range(1, 11)
]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swanlab")
    # What is logged again at a step of before is dropped by SwanLab.
    log("swanlab", {folder / "offline": [(BEGAN, [*ROWS, (BEGAN + 660, 20, {"train/loss": 0.01})])]})
    log("swanlab", {folder / "local": [(BEGAN, ROWS)]}, mode="local")
    return folder


@pytest.mark.parametrize("mode", ["offline", "local"])
def test_a_run_is_read_as_it_was_logged(logged: Path, mode: str) -> None:
    (found,) = logs_of(logged / mode)
    history = one(logged / mode)
    assert found.files[0].endswith(f"run-{history.run}.swanlab")
    assert (history.group, history.seed, history.started_at) == ("cartpole", 3, BEGAN)
    assert history.config == {"lr": 0.1, "optimizer.beta": 0.9, "seed": 3}
    assert (history.samples_unit, history.samples_source) == ("steps", "step")
    assert column(history, "samples") == list(range(10, 110, 10))
    assert column(history, "wall_time") == [BEGAN + 60 * at for at in range(1, 11)]
    assert repr(column(history, "train/loss")[:4]) == repr([1.0, 0.5, math.nan, math.inf])
    assert not skipped_of(logged / mode)


def file_of(logged: Path, tmp_path: Path) -> Path:
    (path,) = (logged / "offline").rglob("*.swanlab")
    return Path(shutil.copy(path, tmp_path))


def test_what_a_killed_writer_left_of_its_last_record_is_passed_over(
    logged: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = file_of(logged, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"train/loss") + 12])
    assert column(one(tmp_path), "samples") == list(range(10, 100, 10))
    assert "cut short" in caplog.text


def test_what_stands_before_a_broken_record_is_read(logged: Path, tmp_path: Path) -> None:
    path = file_of(logged, tmp_path)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"train/loss")] ^= 1
    path.write_bytes(data)
    chunks = one(tmp_path).rows()
    samples = next(chunks).samples
    assert samples is not None
    assert samples.to_list() == list(range(10, 100, 10))
    with pytest.raises(HistoryError, match="wrong checksum"):
        next(chunks)


def test_files_of_other_releases_are_said(logged: Path, tmp_path: Path) -> None:
    path = file_of(logged, tmp_path)
    path.write_bytes(path.read_bytes()[:6] + b"\1" + path.read_bytes()[7:])
    with pytest.raises(HistoryError, match="version 1 of SwanLab's files, expected 2"):
        read(tmp_path)
