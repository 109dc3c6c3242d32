"""Logs that verl's own file logger wrote."""

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest

from milepost.replaying.replay import replay
from tests.histories.helpers import column, logs_of, one

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-trackers" / "bare" / "bin" / "python"
SCRIPT = ROOT / "tests" / "histories" / "environments" / "in_bare_verl.py"

pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="no such environment: make .venv-trackers/bare/.made")

SCORE, VALIDATED = "critic/score/mean", "val-core/openai/gsm8k/reward/mean@1"


def steps(first: int, last: int) -> list[Any]:
    """Return what PPO logs of steps: each takes a minute, every second is validated, the second has no score."""
    lines: list[Any] = []
    for at in range(first, last + 1):
        data = {SCORE: None if at == 2 else at / 10, "timing_s/step": 60.0, "timing_s/gen": 40.0}
        data |= {"perf/time_per_step": 60.0, "training/global_step": at, "training/epoch": 0}
        lines.append((at, data | ({VALIDATED: at / 10, "timing_s/testing": 30.0} if at % 2 == 0 else {})))
    return lines


LOGS: dict[str, list[Any]] = {
    "ppo.jsonl": [[(0, {VALIDATED: 0.05}), *steps(1, 10)]],
    "resumed.jsonl": [steps(1, 10), steps(8, 14)],
    "sft.jsonl": [
        [
            (at, {"train/loss": 1 / at, "train/global_tokens": 512, "train/total_tokens(B)": at * 512 / 1e9})
            for at in range(1, 6)
        ]
    ],
    "wide.jsonl": [[(at, {f"some/metric/number/{name}": 0.1 for name in range(300)}) for at in range(1, 4)]],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verl")
    told = {str(folder / name): processes for name, processes in LOGS.items()}
    command = [str(PYTHON), "-W", "ignore", str(SCRIPT)]
    done = subprocess.run(command, input=json.dumps(told), text=True, capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_time_is_that_of_all_steps(folder: Path) -> None:
    history = one(folder / "ppo.jsonl")
    assert (history.run, history.samples_unit, history.samples_source) == ("ppo", "steps", "step")
    assert column(history, "samples") == list(range(11))
    assert column(history, "elapsed_seconds") == [None, *(60.0 * at for at in range(1, 11))]
    assert repr(column(history, SCORE)[1:4]) == repr([0.1, math.nan, 0.3])
    (result,) = replay(folder / "ppo.jsonl", thresholds=[f"{VALIDATED} >= 0.6"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (6, 6.0)
    assert result.cost_to_threshold == pytest.approx(0.6)


def test_file_that_was_begun_anew_says_so(folder: Path) -> None:
    history = one(folder / "resumed.jsonl")
    assert column(history, "samples")[0] == 8
    assert "begins at step 8" in history.notes[0]
    (result,) = replay(folder / "resumed.jsonl", thresholds=[f"{SCORE} >= 1"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold, result.cost_to_threshold) == (10, None, None)


def test_tokens_of_supervised_training_are_samples(folder: Path) -> None:
    history = one(folder / "sft.jsonl")
    assert (history.samples_unit, history.samples_source) == ("samples", "train/total_tokens")
    assert column(history, "samples") == [512 * at for at in range(1, 6)]
    assert "timing_s/step" in (history.untimed_because or "")


def test_logs_are_told_by_content(folder: Path, tmp_path: Path) -> None:
    assert {log.reader.name for log in logs_of(folder)} == {"verl"}
    (tmp_path / "other.jsonl").write_text('{"step":1,"data":3}\n{"step":2,"data":4}\n')
    (tmp_path / "more.jsonl").write_text('{"step":1,"data":{"loss":1},"time":3}\n{"step":2,"data":{},"time":4}\n')
    assert {log.reader.name for log in logs_of(tmp_path)} == {"jsonl"}


def test_line_that_was_cut_short_is_left_out(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "ppo.jsonl").write_bytes((folder / "ppo.jsonl").read_bytes()[:-9])
    assert column(one(tmp_path / "ppo.jsonl"), "samples") == list(range(10))
    assert "1 lines are none of verl's" in caplog.text
