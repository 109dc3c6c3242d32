"""Folders that TorchRL's own ``CSVLogger`` wrote."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
from tests.histories.helpers import column, logs_of, one, read

pytestmark = pytest.mark.skipif(not find_spec("torchrl"), reason="TorchRL is not installed")

WRITER = """
import json, sys
import torch
from torchrl.record.loggers.csv import CSVLogger
for name, processes in json.load(sys.stdin).items():
    for rows in processes:
        logger = CSVLogger(name, sys.argv[1])
        logger.log_hparams({"seed": 3, "lr": 0.1})
        for key, value, step in rows:
            logger.log_scalar(key, float(value), step=torch.tensor(step) if name == "tensors" else step)
        del logger
"""


def training(first: int, last: int, evaluated: set[int]) -> list[tuple[str, str, int]]:
    """Return what is logged from one iteration to another: of 1000 frames each, with the reward rising by one."""
    rows = []
    for at in range(first, last + 1):
        rows.append(("train/reward", str(float(at)), at * 1000))
        rows.append(("loss", "nan" if at == 2 else str(1 / at), at * 1000))
        if at in evaluated:
            rows.append(("eval/reward", str(float(at)), at * 1000))
    return rows


LOGGED: dict[str, list[Any]] = {
    "plain": [training(1, 8, {4, 8})],
    # Killed after 9; another process goes on from a checkpoint of 5, and is evaluated less often.
    "resumed": [training(1, 9, {2, 4, 6, 8}), training(6, 20, {15, 18})],
    "twice": [training(1, 9, {4}), training(1, 6, {4})],
    "tensors": [training(1, 3, set())],
    "unnumbered": [[("reward", str(at), None) for at in range(4)]],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torchrl")
    command = [sys.executable, "-W", "ignore", "-c", WRITER, str(folder)]
    subprocess.run(command, input=json.dumps(LOGGED), text=True, check=True, capture_output=True)
    return folder


def test_names_of_all_folders_are_one_run(folder: Path) -> None:
    history = one(folder / "plain")
    assert (history.run, history.seed, history.config["lr"]) == ("plain", 3, "0.1")
    assert (history.samples_unit, history.samples_source) == ("steps", "step")
    assert set(history.metrics or ()) == {"eval/reward", "loss", "train/reward"}
    assert column(history, "samples") == [at * 1000 for at in range(1, 9)]
    assert repr(column(history, "loss")[:3]) == repr([1.0, float("nan"), 1 / 3])
    assert column(history, "eval/reward") == [None] * 3 + [4.0] + [None] * 3 + [8.0]
    assert history.untimed_because == "TorchRL's CSVLogger keeps no time"


def test_runs_are_called_after_their_folders(folder: Path) -> None:
    found = [history.run for history in read(folder)]
    assert found == ["plain", "resumed", "tensors", "twice", "twice#2", "unnumbered"]
    assert one(folder / "plain" / "scalars").run == "plain"


def test_training_that_went_back(folder: Path) -> None:
    history = one(folder / "resumed")
    counts = column(history, "samples")
    assert counts == [at * 1000 for at in (*range(1, 10), *range(6, 21))]
    # An evaluation stands beside the training of its own process.
    assert [at for at, value in enumerate(column(history, "eval/reward")) if value is not None] == [1, 3, 5, 7, 18, 21]
    (result,) = replay(folder / "resumed", thresholds=["train/reward >= 12"], price_per_hour=1.0)
    assert (result.samples_to_threshold, result.samples_unit, result.minutes_to_threshold) == (12_000, "steps", None)
    assert (result.rewinds, result.after_samples) == (1, 11_000)
    assert result.cost_to_threshold is None


def test_training_that_began_anew_is_another(folder: Path) -> None:
    first, second = read(folder / "twice", wanted=Wanted(metrics=frozenset({"train/reward"})))
    assert column(first, "train/reward") == [float(at) for at in range(1, 10)]
    assert column(second, "train/reward") == [float(at) for at in range(1, 7)]
    assert second.notes == ("its steps begin anew: 2 trainings",)


def test_steps_that_are_tensors_or_not_told(folder: Path) -> None:
    assert column(one(folder / "tensors"), "samples") == [1000, 2000, 3000]
    assert column(one(folder / "unnumbered"), "samples") == [0, 1, 2, 3]
    history = one(folder / "plain", wanted=Wanted(samples_column="step", samples_per_step=4))
    assert (history.samples_unit, column(history, "samples")[0]) == ("samples", 4000)


def test_last_row_without_its_end_is_left_out(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copytree(folder / "plain", tmp_path / "run")
    path = tmp_path / "run" / "scalars" / "loss.csv"
    path.write_text(path.read_text()[:-2])  # "8000,0.125" without its end
    told = [value for value in column(one(tmp_path / "run"), "loss") if value is not None]
    assert (len(told), told[-1]) == (7, 1 / 7)
    assert "no 'step,value'" in caplog.text


def test_other_tables_below_a_folder_of_that_name_are_none(tmp_path: Path) -> None:
    (tmp_path / "scalars").mkdir()
    (tmp_path / "scalars" / "log.csv").write_text("step,loss\n1,0.5\n2,0.4\n")
    (tmp_path / "scalars" / "three.csv").write_text("1,2,3\n2,3,4\n")
    assert "torchrl-csv" not in [log.reader.name for log in logs_of(tmp_path)]
