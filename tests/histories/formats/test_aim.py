"""Repositories that Aim itself wrote."""

import json
import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import MissingExtra
from milepost.histories.formats.aim import AimReader
from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
from tests.histories.helpers import column, read, skipped_of

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-trackers" / "aim" / "bin" / "python"
SCRIPT = ROOT / "tests" / "histories" / "environments" / "in_aim.py"

pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="no such environment: make .venv-trackers/aim/.made")

BEGAN = 1_700_000_000.0


def rows(first: int, last: int, began: float) -> list[Any]:
    """Return what is tracked each minute from one on: 1000 steps, a reward in two contexts, a loss."""
    return [
        (
            began + 60 * (at - first + 1),
            at * 1000,
            [
                ("reward", float(at), {"subset": "train"}),
                ("reward", at / 2, {"subset": "val", "fold": 1}),
                ("loss", math.nan if at == 2 else 1 / at, None),
                ("__system__cpu", 50.0, None),
            ],
        )
        for at in range(first, last + 1)
    ]


def run(*processes: tuple[float, list[Any]], **told: Any) -> dict[str, Any]:
    return {"processes": [{"started_at": began, "rows": rows} for began, rows in processes], **told}


RUNS: dict[str, dict[str, Any]] = {
    "plain": run((BEGAN, rows(1, 5, BEGAN)), experiment="cartpole"),
    # An hour after the last value, another process goes on from the checkpoint of 7000.
    "resumed": run((BEGAN + 1, rows(1, 9, BEGAN + 1)), (BEGAN + 4141, rows(8, 15, BEGAN + 4141))),
    "decimal": run((BEGAN + 2, [(BEGAN + 2 + 60 * at, at / 2, [("fine", at, None)]) for at in range(1, 5)])),
    "repeated": run(
        (BEGAN + 3, [(BEGAN + 63, 1000, [("loss", 1.0, None)]), (BEGAN + 123, 1000, [("loss", 2.0, None)])])
    ),
    "empty": run((BEGAN + 4, [])),
    "archived": run((BEGAN + 5, rows(1, 5, BEGAN)), is_archived=True),
    "killed": run((BEGAN + 6, rows(1, 5, BEGAN + 6)), is_killed=True),
}
"""The oldest first."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("aim")
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")} | {"HOME": str(folder)}
    told = json.dumps({"repository": str(folder), "runs": RUNS})
    command = [str(PYTHON), "-W", "ignore", str(SCRIPT)]
    done = subprocess.run(command, input=told, text=True, env=environ, capture_output=True, timeout=90)
    assert done.returncode == 9, done.stderr[-2000:]
    return folder


def test_each_run_of_a_repository_is_a_run_but_those_that_were_archived(folder: Path) -> None:
    histories = read(folder)
    assert len({history.run for history in histories}) == len(RUNS) - 1
    assert [history.group for history in histories] == ["cartpole", *["default"] * (len(RUNS) - 2)]
    assert [note for history in histories for note in history.notes if "archived" in note] == [
        f"1 runs of {folder}/.aim/run_metadata.sqlite that are archived are not read"
    ]
    assert skipped_of(folder) == []


def test_a_run_is_read_as_it_was_tracked(folder: Path) -> None:
    history = read(folder / ".aim")[0]
    assert history.metrics == ("__system__cpu", "loss", 'reward fold=1, subset="val"', 'reward subset="train"')
    assert (history.seed, history.started_at, history.samples_unit) == (3, BEGAN, "steps")
    assert history.config == {
        "seed": 3,
        "lr": 0.1,
        "optimizer.name": "adam",
        "layers.0": 64,
        "layers.1": 32,
        "fast": True,
    }
    assert column(history, "samples") == [1000, 2000, 3000, 4000, 5000]
    assert column(history, "wall_time") == [BEGAN + 60 * at for at in range(1, 6)]
    assert repr(column(history, "loss")) == repr([1.0, math.nan, 1 / 3, 0.25, 0.2])
    assert column(history, 'reward fold=1, subset="val"') == [0.5, 1.0, 1.5, 2.0, 2.5]


def test_what_a_rewind_lost_is_written_over_and_the_pause_is_no_training(folder: Path) -> None:
    result = replayed(folder, "resumed", 'reward subset="train" >= 12')
    # 7 minutes to the checkpoint, then from the start of the second process on.
    assert (result.samples_to_threshold, result.minutes_to_threshold, result.rewinds) == (12_000, 12.0, 0)


def test_steps_that_are_no_whole_numbers_count_nothing(folder: Path) -> None:
    result = replayed(folder, "decimal", "fine >= 3")
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (None, 3.0)


def test_a_step_that_is_tracked_again_has_its_last_value(folder: Path) -> None:
    history = read(folder)[names().index("repeated")]
    assert (column(history, "loss"), column(history, "wall_time")) == ([2.0], [BEGAN + 123])


def test_what_a_killed_process_left_is_read(folder: Path) -> None:
    run = read(folder)[names().index("killed")].run
    files = {path.suffix: path.stat().st_size for path in (folder / ".aim" / "seqs" / "chunks" / run).iterdir()}
    assert files[".log"] > 0  # RocksDB's own log, which nobody has sorted into tables
    assert ".sst" not in files
    assert replayed(folder, "killed", 'reward fold=1, subset="val" >= 2').minutes_to_threshold == 4.0


def test_a_run_without_metrics_and_a_broken_one_say_so_and_the_rest_is_read(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run = read(folder)[0].run
    for path in (tmp_path / ".aim" / "seqs" / "chunks" / run).glob("*.sst"):
        path.write_bytes(path.read_bytes()[:-100])
    results = replay(tmp_path, thresholds=['reward subset="train" >= 2', "loss <= 1"])
    assert {result.run for result in results} == {each.run for each in read(folder)} - {run, empty(folder)}
    assert len(results.skipped) == 2, results.skipped


def test_metrics_of_the_machine_are_read_where_they_are_wanted(folder: Path) -> None:
    for wanted, metrics in (("loss", ("loss",)), ("__system__cpu", ("__system__cpu", "loss"))):
        found = read(folder, wanted=Wanted(metrics=frozenset({wanted})))[0].metrics
        assert found is not None
        assert [name for name in found if "reward" not in name] == [*metrics]


def test_reading_writes_nothing(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    contents = {path: path.read_bytes() for path in before if path.is_file()}
    read(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert all(path.read_bytes() == content for path, content in contents.items())


def test_what_is_missing_is_named_and_logs_beside_it_are_read(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder / ".aim", tmp_path / ".aim")
    (tmp_path / "log.csv").write_text("step,loss\n1,3\n2,2\n3,1\n")
    (found, *_) = read(folder)
    monkeypatch.setattr("milepost.histories.formats.aim.find_spec", lambda name: name != "aimrocks")
    assert [history.run for history in read(tmp_path)] == ["log"]
    told = "reading Aim's repositories needs aimrocks: pip install 'milepost[aim]'"
    assert {each.reason for each in skipped_of(tmp_path)} == {told}
    with pytest.raises(MissingExtra, match=r"milepost\[aim\]"):
        list(AimReader().histories([str(folder / ".aim" / "run_metadata.sqlite")], found.run, Wanted()))


def names() -> list[str]:
    """Return the names of the runs that are read, in their order."""
    return [name for name, told in RUNS.items() if not told.get("is_archived")]


def empty(folder: Path) -> str:
    return read(folder)[names().index("empty")].run


def replayed(folder: Path, name: str, threshold: str) -> Any:
    """Return the result of a run."""
    run = read(folder)[names().index(name)].run
    (result,) = (each for each in replay(folder, thresholds=[threshold], price_per_hour=6.0) if each.run == run)
    return result
