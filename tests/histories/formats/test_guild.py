"""Runs of Guild AI, which took their scalars from a program's output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from milepost.replaying.replay import replay
from tests.histories.helpers import column, logs_of, one

ROOT = Path(__file__).parents[3]
PACKAGES = next((ROOT / ".venv-trackers" / "bare").glob("lib/*/site-packages"), None)

pytestmark = pytest.mark.skipif(PACKAGES is None, reason="no such environment: make .venv-trackers/bare/.made")

PROGRAM = """
gain = 1
for step in range(1, 6):
    print(f"step: {step * 1000}")
    print(f"loss: {1 / step if step != 2 else float('nan')}")
    print(f"reward: {step * gain}.0")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guild")
    (folder / ".guild").mkdir()
    (folder / "train.py").write_text(PROGRAM)
    environ = os.environ | {"PYTHONPATH": str(PACKAGES), "GUILD_HOME": str(folder / ".guild"), "HOME": str(folder)}
    guild = [sys.executable, "-W", "ignore", "-c", "from guild.main_bootstrap import main; main()"]
    command = [*guild, "run", "train.py", "--yes", "--no-gpus", "gain=2"]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_hidden_run_is_found_and_called_by_its_id(folder: Path) -> None:
    (run,) = (folder / ".guild" / "runs").iterdir()
    assert len(logs_of(folder / ".guild" / "runs")) == 1
    history = one(folder)
    assert (history.run, history.config, history.samples_unit) == (run.name, {"gain": 2}, "steps")
    assert [value for value in column(history, "reward") if value is not None] == [2.0, 4.0, 6.0, 8.0, 10.0]
    # What is no number by Guild's own pattern, such as nan, it does not take.
    assert len([value for value in column(history, "loss") if value is not None]) == 4
    assert history.started_at is not None
    assert 0 < (history.run_seconds or 0) < 90


def test_scalars_of_output_have_no_clock(folder: Path) -> None:
    (result,) = replay(folder, thresholds=["reward >= 4"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (2000, None)
    assert "no time" in (result.untimed_because or "")
