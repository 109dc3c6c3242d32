"""Folders that DVCLive itself wrote."""

import math
import shutil
from pathlib import Path

import pytest

from milepost.replaying.replay import replay
from tests.histories.helpers import column, logs_of, one, skipped_of
from tests.histories.trackers import Row, log, needs_trackers

pytestmark = [needs_trackers, pytest.mark.filterwarnings("ignore")]

BEGAN = 1_700_000_000.0


def rows(steps: range, began: float = BEGAN) -> list[Row]:
    """Return a row a minute: a loss at every step, a reward at every other."""
    found: list[Row] = []
    for minute, step in enumerate(steps, 1):
        told = {"train/loss": math.nan if step == 30 else 1 / step} | ({"reward": step / 10} if step % 20 == 0 else {})
        found.append((began + 60 * minute, step, told))
    return found


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return folders of a run with times, and of one without that was resumed from step 80, each once."""
    folder = tmp_path_factory.mktemp("dvclive")
    first, second = (BEGAN, rows(range(10, 110, 10))), (BEGAN + 7200, rows(range(90, 210, 10), BEGAN + 7200))
    params = {"seed": 3, "optimizer": {"lr": 0.1}}
    log("dvclive", {folder / "timed": [first]}, params=params)
    log("dvclive", {folder / "untimed": [first, second]}, timestamp=False)
    return folder


def test_a_run_is_read_as_it_was_logged(logged: Path) -> None:
    history = one(logged / "timed")
    assert (history.run, history.seed, history.config) == ("dvclive", 3, {"seed": 3, "optimizer.lr": 0.1})
    assert (history.samples_unit, history.samples_source, history.untimed_because) == ("steps", "step", None)
    assert column(history, "samples") == list(range(10, 110, 10))
    assert column(history, "wall_time") == [BEGAN + 60 * minute for minute in range(1, 11)]
    assert repr(column(history, "train/loss")[:4]) == repr([0.1, 0.05, math.nan, 0.025])
    assert column(history, "reward")[:4] == [None, 2.0, None, 4.0]


def test_its_files_are_no_logs_of_their_own(logged: Path) -> None:
    assert [(found.reader.name, found.run) for found in logs_of(logged / "timed")] == [("dvclive", "dvclive")]
    assert [each.path.rpartition("/")[2] for each in skipped_of(logged / "timed")] == ["params.yaml"]


def test_a_run_without_times_keeps_its_order_and_says_why_there_are_no_minutes(logged: Path) -> None:
    history = one(logged / "untimed")
    assert column(history, "samples") == [*range(10, 110, 10), *range(90, 210, 10)]
    assert column(history, "reward")[9:14] == [10.0, None, 10.0, None, 12.0]
    assert "timestamp=True" in str(history.untimed_because)
    (result,) = replay(logged / "untimed", thresholds=["reward >= 15"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (160, None)


def copied(logged: Path, name: str, tmp_path: Path) -> Path:
    """Return a copy of a run's folder of metrics."""
    shutil.copytree(logged / name, tmp_path / "copy")
    return tmp_path / "copy" / "dvclive" / "plots" / "metrics"


def test_times_that_begin_with_a_resume_are_told_apart_from_steps(logged: Path, tmp_path: Path) -> None:
    metrics = copied(logged, "untimed", tmp_path)
    # DVCLive appends rows of three fields under its header of two.
    for name, first in (("train/loss", 5), ("reward", 2)):
        timed = (logged / "timed" / "dvclive" / "plots" / "metrics" / f"{name}.tsv").read_text().splitlines()
        untimed = (metrics / f"{name}.tsv").read_text().splitlines()
        (metrics / f"{name}.tsv").write_text("\n".join([*untimed[: first + 1], *timed[first + 1 :], ""]))
    history = one(tmp_path)
    assert column(history, "samples") == list(range(10, 110, 10))
    assert column(history, "wall_time")[5:] == [BEGAN + 60 * minute for minute in range(6, 11)]
    assert column(history, "reward")[1::2] == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_a_metric_without_times_takes_those_of_its_steps(logged: Path, tmp_path: Path) -> None:
    file = copied(logged, "timed", tmp_path) / "reward.tsv"
    file.write_text("step\treward\n" + "".join(f"{step}\t{step / 10}\n" for step in range(20, 120, 20)))
    (result,) = replay(tmp_path, thresholds=["reward >= 6"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (60, 5.0)  # since the first row


def test_what_a_killed_writer_left_is_no_row(logged: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = copied(logged, "timed", tmp_path) / "train" / "loss.tsv"
    file.write_text(file.read_text().rstrip("\n")[:-5])
    losses = column(one(tmp_path), "train/loss")
    assert len(losses) - losses.count(None) == 9
    assert "1 rows have no step and value" in caplog.text
