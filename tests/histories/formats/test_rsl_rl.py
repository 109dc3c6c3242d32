"""Event files that rsl_rl's own logger wrote: iterations for steps, and rewards a second time with seconds for them."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from milepost.replaying.replay import replay
from tests.histories.helpers import one

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "tests" / "histories" / "environments" / "in_bare_rsl_rl.py"
PACKAGES = next((ROOT / ".venv-trackers" / "bare").glob("lib/*/site-packages"), None)

pytestmark = pytest.mark.skipif(
    PACKAGES is None or not find_spec("tensordict"), reason="no such environment: make .venv-trackers/bare/.made"
)

BEGAN = 1_700_000_000.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Iterations of 60 s, or of 1 s, where seconds look like iterations; and one that was resumed after two hours."""
    folder = tmp_path_factory.mktemp("rsl_rl")
    told = {
        "slow": [[list(range(20)), 60.0, BEGAN]],
        "quick": [[list(range(20)), 1.0, BEGAN]],
        "resumed": [[list(range(10)), 60.0, BEGAN], [list(range(8, 20)), 60.0, BEGAN + 7800]],
    }
    environ = os.environ | {"PYTHONPATH": str(PACKAGES)}
    command = [sys.executable, "-W", "ignore", str(SCRIPT)]
    lines = json.dumps({str(folder / name): processes for name, processes in told.items()})
    done = subprocess.run(command, input=lines, text=True, env=environ, capture_output=True, timeout=90)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.parametrize(("name", "minutes"), [("slow", 16.0), ("quick", 16 / 60)])
def test_iterations_are_steps(folder: Path, name: str, minutes: float) -> None:
    # The mean is that of up to 100 episodes, 16 an iteration: at 15, of the last 6 and a part of one.
    (result,) = replay(folder / name, thresholds=["Train/mean_reward >= 11.9"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.samples_unit) == (15, "steps")
    assert result.minutes_to_threshold == pytest.approx(minutes)


@pytest.mark.parametrize("name", ["slow", "quick"])
def test_seconds_for_steps_count_nothing(folder: Path, name: str) -> None:
    results = replay(
        folder / name, thresholds=["Train/mean_reward >= 11.9", "Train/mean_reward/time >= 11.9"], price_per_hour=6.0
    )
    by_step, by_time = results
    assert (by_time.samples_to_threshold, by_time.samples_unit) == (None, None)
    assert by_time.minutes_to_threshold == by_step.minutes_to_threshold
    assert "are seconds" in (by_time.uncounted_because or "")
    assert by_step == replay(folder / name, thresholds=["Train/mean_reward >= 11.9"], price_per_hour=6.0)[0]


def test_steps_are_samples_where_the_user_says_how_many(folder: Path) -> None:
    (result,) = replay(folder / "slow", thresholds=["Loss/value <= 0.1"], price_per_hour=6.0, samples_per_step=24 * 16)
    assert (result.samples_to_threshold, result.samples_unit) == (9 * 24 * 16, "samples")


def test_a_resume_goes_back_to_its_checkpoint(folder: Path) -> None:
    assert one(folder / "resumed").started_at == BEGAN
    (result,) = replay(folder / "resumed", thresholds=["Loss/value <= 0.06"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.rewinds) == (16, 1)
    # 8 iterations to the checkpoint, and 9 more.
    assert result.minutes_to_threshold == pytest.approx(17.0)
