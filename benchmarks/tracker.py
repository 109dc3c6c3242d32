"""What an update of the tracker costs, and what importing it costs."""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.timing import Ratio, Work, side_by_side
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker

CALLS = 200
"""Updates in one piece of work: the timer's own cost is spread over them."""

METRICS = {f"env_agent/metric_{index}": index + 0.5 for index in range(5)}


def thresholds(
    number: int, metrics: int = 5, first_target: float = 100.0, make: Any = PerformanceThreshold
) -> list[PerformanceThreshold]:
    """Return thresholds spread over metrics; at 100 and above none is reached, below 0 all are at once."""
    return [make(f"t{index}", f"env_agent/metric_{index % metrics}", first_target + index) for index in range(number)]


def updates(
    wanted: list[PerformanceThreshold], metrics: dict[str, float], make: Any = PerformanceThresholdTracker
) -> Work:
    """Return a piece of work: `CALLS` updates of a tracker that goes on from piece to piece."""
    tracker = make(wanted)
    samples = 0

    def work() -> None:
        nonlocal samples
        update = tracker.update
        for at in range(samples, samples + CALLS):
            update(metrics, at)
        samples += CALLS

    return work


def against_wandb() -> Iterator[Ratio]:
    """An update against logging the same dictionary to W&B, offline."""
    import wandb

    with tempfile.TemporaryDirectory() as folder:
        run = wandb.init(project="benchmark", mode="offline", dir=folder, settings=wandb.Settings(silent=True))
        for number in (5, 20):
            metrics = METRICS | {f"losses/loss_{index}": index / 7 for index in range(number - 5)}

            def log(metrics: dict[str, float] = metrics) -> None:
                for _ in range(20):
                    run.log(metrics)

            name = f"`update()`, 20 thresholds on 5 metrics, against `wandb.log` of the same {number} keys"
            yield side_by_side(name, updates(thresholds(20), metrics), log, bound=0.01, calls=(CALLS, 20))
        run.finish()


def of_updates() -> Iterator[Ratio]:
    """Updates against updates."""
    many = METRICS | {f"other/metric_{index}": 1.0 for index in range(995)}
    few = METRICS | {f"other/metric_{index}": 1.0 for index in range(5)}
    calls = (CALLS, CALLS)
    twenty = thresholds(20)
    yield side_by_side(
        "a dict of 1,000 keys against one of 10", updates(twenty, many), updates(twenty, few), bound=1.2, calls=calls
    )
    ten = {f"env_agent/metric_{index}": index + 0.5 for index in range(10)}
    yield side_by_side(
        "2,000 thresholds on 10 metrics against 20",
        updates(thresholds(2000, metrics=10), ten),
        updates(thresholds(20, metrics=10), ten),
        bound=3.0,
        calls=calls,
    )
    crossed = updates(thresholds(20, first_target=-100.0), METRICS)
    crossed()
    yield side_by_side(
        "all 20 thresholds crossed against none", crossed, updates(twenty, METRICS), bound=1.0, calls=calls, rounds=400
    )


def against_another(tree: Path) -> Iterator[Ratio]:
    """Updates against those of another checkout, such as that of the commit before: both in this process, in turns."""
    make_threshold, make_tracker = _of_another(tree)
    for number in (1, 20, 200):
        theirs = updates(thresholds(number, make=make_threshold), METRICS, make_tracker)
        yield side_by_side(
            f"`update()`, {number} thresholds on 5 metrics, against that of {tree}",
            *(updates(thresholds(number), METRICS), theirs),
            bound=1.03,
            rounds=41,
            calls=(CALLS, CALLS),
            best_of=100,
        )


def _of_another(tree: Path) -> tuple[Any, Any]:
    """Return the classes of thresholds and trackers of another checkout."""
    mine = _loaded()
    sys.path.insert(0, str(tree / "src"))
    try:
        milepost = importlib.import_module("milepost")
        return milepost.PerformanceThreshold, milepost.PerformanceThresholdTracker
    finally:
        sys.path.pop(0)
        _loaded()
        sys.modules.update(mine)


def _loaded() -> dict[str, ModuleType]:
    """Return the modules of Milepost that are loaded, and forget them."""
    names = [name for name in sys.modules if name.partition(".")[0] == "milepost"]
    return {name: sys.modules.pop(name) for name in names}


TRACKER = "import milepost\nmilepost.PerformanceThresholdTracker([milepost.PerformanceThreshold('a', 'm', 1.0)])"


def of_imports() -> Iterator[Ratio]:
    """Importing Milepost and making a tracker against importing NumPy, in fresh processes with cached bytecode."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def timed(code: str) -> Work:
        script = f"import time\nstart = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"
        return lambda: (
            subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, check=True).stdout
        )

    ratios = []
    for code in (TRACKER, "import numpy"):
        run = timed(code)
        run()  # writes the bytecode
        ratios.append(run)
    import statistics

    inside: tuple[list[float], list[float]] = ([], [])
    for _ in range(40):
        for run, times in zip(ratios, inside, strict=True):
            times.append(float(run()))  # type: ignore[arg-type]
    yield Ratio(
        "`import milepost` and making a tracker against `import numpy`",
        statistics.median(inside[0]),
        statistics.median(inside[1]),
        0.4,
    )
