"""Runs that Neptune's own client logged offline."""

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from milepost.replaying.replay import replay
from tests.histories.helpers import column, logs_of, one, read

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-trackers" / "neptune" / "bin" / "python"
SCRIPT = ROOT / "tests" / "histories" / "environments" / "in_neptune.py"

pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="no such environment: make .venv-trackers/neptune/.made")

BEGAN = 1_700_000_000.0


def rows(first: int, last: int, began: float) -> list[Any]:
    """Return what is logged each minute from one on: 1000 steps, a reward that rises by one, a loss."""
    return [
        (began + 60 * (at - first + 1), at * 1000, {"train/reward": float(at), "loss": math.nan if at == 2 else 1 / at})
        for at in range(first, last + 1)
    ]


RUNS: dict[str, list[dict[str, Any]]] = {
    "plain": [
        {"started_at": BEGAN, "rows": rows(1, 5, BEGAN), "previews": [(BEGAN + 400, 6000, {"train/reward": 99.0})]}
    ],
    # An hour after the last value, another process goes on from the checkpoint of 7000.
    "resumed": [
        {"started_at": BEGAN, "rows": rows(1, 9, BEGAN)},
        {"started_at": BEGAN + 4140, "rows": rows(8, 15, BEGAN + 4140)},
    ],
    "decimal": [{"started_at": BEGAN, "rows": [(BEGAN + 60 * at, at / 2, {"fine": float(at)}) for at in range(1, 5)]}],
    "killed": [{"started_at": BEGAN, "rows": rows(1, 5, BEGAN), "is_killed": True}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("neptune")
    told = {str(folder / ".neptune" / name): processes for name, processes in RUNS.items()}
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")} | {"HOME": str(folder)}
    command = [str(PYTHON), "-W", "ignore", str(SCRIPT)]
    done = subprocess.run(command, input=json.dumps(told), text=True, env=environ, capture_output=True, timeout=90)
    assert done.returncode == 9, done.stderr[-2000:]
    return folder


def test_a_run_is_read_as_it_was_logged(folder: Path) -> None:
    history = one(folder / ".neptune" / "plain")
    assert (history.run, history.group, history.seed) == ("ws/proj/plain", "cartpole", 3)
    assert history.config == {"seed": 3, "params/lr": 0.1, "fast": True, "optimizer": "adam"}
    assert (history.started_at, history.samples_unit) == (BEGAN, "steps")
    assert column(history, "samples") == [1000, 2000, 3000, 4000, 5000]  # a preview is no value yet
    assert column(history, "wall_time") == [BEGAN + 60 * at for at in range(1, 6)]
    assert repr(column(history, "loss")) == repr([1.0, math.nan, 1 / 3, 0.25, 0.2])


def test_hidden_folder_of_runs_is_looked_into(folder: Path) -> None:
    assert sorted(history.run for history in read(folder)) == [f"ws/proj/{name}" for name in sorted(RUNS)]


def test_processes_of_one_run_are_one(folder: Path) -> None:
    log, *others = logs_of(folder / ".neptune" / "resumed")
    assert (len(log.files), others) == (2, [])
    assert "read as one run" in log.notes[0]
    (result,) = replay(folder / ".neptune" / "resumed", thresholds=["train/reward >= 12"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.rewinds) == (12_000, 1)
    # 7 minutes to the checkpoint, then from the start of the second process on.
    assert result.minutes_to_threshold == 12.0
    assert len(logs_of(folder / ".neptune" / "resumed", join=False)) == 2


def test_steps_that_are_no_whole_numbers_count_nothing(folder: Path) -> None:
    (result,) = replay(folder / ".neptune" / "decimal", thresholds=["fine >= 3"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (None, 3.0)


def test_what_a_killed_process_left_is_read(folder: Path) -> None:
    (database,) = (folder / ".neptune" / "killed").rglob("*.sqlite3")
    assert database.with_name(f"{database.name}-wal").exists()
    assert column(one(folder / ".neptune" / "killed"), "train/reward") == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_reading_writes_nothing(folder: Path) -> None:
    (database,) = (folder / ".neptune" / "plain").rglob("*.sqlite3")
    before = database.read_bytes()
    one(folder / ".neptune" / "plain")
    assert [each.name for each in database.parent.iterdir()] == [database.name]
    assert database.read_bytes() == before
