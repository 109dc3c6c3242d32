"""What an update of the tracker costs, and what importing it costs."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import Ratio, Work, side_by_side
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker

CALLS = 200
"""Updates in one piece of work: the timer's own cost is spread over them."""

METRICS = {f"env_agent/metric_{index}": index + 0.5 for index in range(5)}


def thresholds(number: int, metrics: int = 5, first_target: float = 100.0) -> list[PerformanceThreshold]:
    """Return thresholds spread over metrics; at 100 and above none is reached, below 0 all are at once."""
    return [
        PerformanceThreshold(f"t{index}", f"env_agent/metric_{index % metrics}", first_target + index)
        for index in range(number)
    ]


def updates(wanted: list[PerformanceThreshold], metrics: dict[str, float]) -> Work:
    """Return a piece of work: `CALLS` updates of a tracker that goes on from piece to piece."""
    tracker = PerformanceThresholdTracker(wanted)
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


UPDATES = """
import sys, time, milepost
metrics = {f"env_agent/metric_{index}": index + 0.5 for index in range(5)}
wanted = [
    milepost.PerformanceThreshold(f"t{index}", f"env_agent/metric_{index % 5}", 100.0 + index)
    for index in range(int(sys.argv[1]))
]
update = milepost.PerformanceThresholdTracker(wanted).update
fastest = float("inf")
for first in range(0, 80_000, 200):
    start = time.perf_counter()
    for at in range(first, first + 200):
        update(metrics, at)
    fastest = min(fastest, time.perf_counter() - start)
print(fastest / 200)
"""


def against_another(tree: Path) -> Iterator[Ratio]:
    """Updates against those of another checkout, such as that of the commit before: in fresh processes, in turns.

    Medians, over processes, of the fastest of 400 pieces: where things lie in memory moves a process by some percent.
    """

    def fastest(source: Path, number: int) -> float:
        environ = os.environ | {"PYTHONPATH": str(source)}
        command = [sys.executable, "-c", UPDATES, str(number)]
        return float(subprocess.run(command, env=environ, capture_output=True, check=True).stdout)

    for number in (1, 20, 200):
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(15):
            for source, spent in zip((Path("src"), tree / "src"), times, strict=True):
                spent.append(fastest(source.resolve(), number))
        name = f"`update()`, {number} thresholds on 5 metrics, against that of {tree}"
        yield Ratio(name, statistics.median(times[0]), statistics.median(times[1]), 1.03)


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
