"""Replaying runs that are over, against only reading what is needed for it."""

import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.timing import Ratio, peak_bytes, side_by_side
from milepost.replaying.replay import replay
from milepost.replaying.workers.scheduling import Engine

RUNS, POINTS = 200, 100_000
COLUMNS = ["samples", "elapsed_seconds", "wall_time", "reward"]
TARGETS = [f"reward >= {10 * at + 5} @ 0.1" for at in range(20)]
FACTOR = 0.1


def of_the_kernel() -> Iterator[Ratio]:
    """The compiled pass over 20 million values in 200 series, each with one target that is not reached."""
    import numpy as np
    import pandas as pd
    import polars as pl

    values = np.random.default_rng(0).standard_normal((RUNS, POINTS))
    series = np.repeat(np.arange(RUNS), POINTS)
    flat = values.ravel()
    frame = pd.DataFrame({"series": series, "value": flat})
    table = pl.DataFrame({"series": series, "value": flat})
    gaps = values.copy()
    gaps[np.random.default_rng(1).random(gaps.shape) < 0.01] = math.nan

    def with_pandas() -> Any:
        smoothed = frame.groupby("series")["value"].ewm(alpha=FACTOR).mean()
        met = smoothed.to_numpy() >= 5.0
        return frame["series"][met].drop_duplicates()

    def with_polars() -> Any:
        smoothed = pl.col("value").ewm_mean(alpha=FACTOR).over("series")
        return table.with_columns(smoothed=smoothed).filter(pl.col("smoothed") >= 5.0).unique("series", keep="first")

    one, twenty = [5.0], list(np.linspace(5.0, 9.0, 20))
    what = f"kernel on {RUNS} series of {POINTS:,} float64"
    yield side_by_side(f"{what} against `numpy.max`", lambda: _observe(values, one), values.max, bound=2, rounds=21)
    yield side_by_side(
        f"{what} against pandas' `groupby().ewm().mean()` and its first crossing",
        *(lambda: _observe(values, one), with_pandas),
        bound=1 / 20,
        rounds=3,
    )
    yield side_by_side(
        f"{what} against Polars' `ewm_mean().over()` and its first crossing",
        *(lambda: _observe(values, one), with_polars),
        bound=1 / 10,
        rounds=5,
    )
    yield side_by_side(
        "kernel with 20 targets of one average against 1",
        *(lambda: _observe(values, twenty), lambda: _observe(values, one)),
        bound=1.3,
        rounds=21,
    )
    yield side_by_side(
        "kernel with a NaN in 1 % of the values against none",
        *(lambda: _observe(gaps, one), lambda: _observe(values, one)),
        bound=2,
        rounds=21,
    )


def of_parquet() -> Iterator[Ratio]:
    """A backfill: 200 runs of 100,000 rows, 20 thresholds, all of which are reached."""
    import polars as pl

    with tempfile.TemporaryDirectory() as folder:
        files = _write(Path(folder))
        yield side_by_side(
            f"replay of {RUNS} Parquet runs of {POINTS:,} rows, 20 thresholds, against reading the columns with Polars",
            lambda: _replay(folder, workers=1),
            lambda: [pl.read_parquet(file, columns=COLUMNS) for file in files],
            bound=1.3,
            rounds=7,
        )


def of_a_footer() -> Iterator[Ratio]:
    """Runs whose footers say that a target was never reached."""
    import polars as pl

    with tempfile.TemporaryDirectory() as folder:
        files = _write(Path(folder))
        yield side_by_side(
            f"the same runs with `--no-final` and a target that their footers rule out, against reading {len(files)}",
            lambda: replay(folder, thresholds=["reward >= 10000 @ 0.1"], price_per_hour=1.0, final=False),
            lambda: [pl.read_parquet(file, columns=COLUMNS) for file in files],
            bound=0.05,
            rounds=5,
        )


def of_two_workers() -> Iterator[Ratio]:
    """Two workers against one, their start included: processes, and a Ray cluster of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder))
        engines: tuple[Engine, ...] = ("processes", "ray")
        for engine in engines:
            yield side_by_side(
                f"replay of the same runs by `--engine {engine}`, 2 workers against 1",
                lambda engine=engine: _replay(folder, workers=2, engine=engine),  # type: ignore[misc]
                lambda engine=engine: _replay(folder, workers=1, engine="here" if engine == "processes" else engine),  # type: ignore[misc]
                bound=math.inf,
                rounds=3,
            )


def of_memory() -> Iterator[Ratio]:
    """Peak memory of a process that replays 10,000 runs, links to 200 files, against 200."""
    with tempfile.TemporaryDirectory() as folder:
        files = _write(Path(folder) / "real")
        many = Path(folder) / "many"
        many.mkdir()
        for at in range(10_000):
            (many / f"run-{at:05}.parquet").symlink_to(files[at % RUNS])
        of_many, of_few = _peak_bytes(many), _peak_bytes(Path(folder) / "real")
        name = f"peak memory of a replay of 10,000 runs of {POINTS:,} rows against {RUNS}"
        yield Ratio(name, of_many, of_few, bound=1.2, of_memory=True)


def of_a_small_replay() -> Iterator[Ratio]:
    """The whole command on one small CSV file against importing Polars alone."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.csv"
        log.write_text("samples,elapsed_seconds,reward\n" + "".join(f"{at},{at},{at}\n" for at in range(100)))
        milepost = [sys.executable, "-m", "milepost", "replay", str(log), "--threshold", "reward >= 50"]
        yield side_by_side(
            "`milepost replay` of a small CSV file, the whole process, against `python -c 'import polars'`",
            lambda: subprocess.run(milepost, check=True, capture_output=True),
            lambda: subprocess.run([sys.executable, "-c", "import polars"], check=True),
            bound=2,
            rounds=15,
        )


def _observe(values: Any, targets: list[float]) -> Any:
    import numpy as np

    from milepost.replaying.compiled import kernel, layout

    count, rows = values.shape
    series = np.zeros(count + 1, layout.SERIES)
    series["decay"], series["half_life"], series["bias_correction"] = 1 - FACTOR, math.nan, True
    series["left"], series["first_target"] = layout.FLOWING, np.arange(count + 1) * len(targets)
    pending = np.zeros(count * len(targets), layout.TARGETS)
    pending["target"], pending["confirm"], pending["confirmed"] = np.tile(targets, count), 1, layout.NEVER
    positions = _positions(rows)
    kernel.observe(tuple(values), *positions, series, pending, np.zeros(0, layout.KEPT))
    return pending["confirmed"]


@cache
def _positions(rows: int) -> tuple[Any, Any]:
    import numpy as np

    return np.arange(rows), np.arange(rows, dtype=float)


def _replay(folder: str, *, workers: int, engine: Engine | None = None) -> None:
    chosen = engine or ("here" if workers == 1 else "processes")
    found = replay(folder, thresholds=TARGETS, price_per_hour=1.0, engine=chosen, workers=workers)
    assert found.runs == RUNS
    assert sum(result.achieved for result in found) > 18 * RUNS


def _write(folder: Path) -> list[Path]:
    """Write runs whose reward climbs to 200 with noise, as most of what is logged is."""
    import numpy as np
    import polars as pl

    folder.mkdir(exist_ok=True)
    chance = np.random.default_rng(0)
    files = []
    for at in range(RUNS):
        seconds = np.cumsum(chance.random(POINTS))
        columns = {
            "samples": np.arange(POINTS) * 64,
            "elapsed_seconds": seconds,
            "wall_time": 1.7e9 + seconds,
            "reward": np.linspace(0, 200, POINTS) + 30 * chance.standard_normal(POINTS),
        }
        files.append(folder / f"run-{at:03}.parquet")
        pl.DataFrame(columns).write_parquet(files[-1])
    return files


def _peak_bytes(folder: Path) -> float:
    """Return the peak memory of a process that replays a folder."""
    command = [sys.executable, "-m", "milepost", "replay", str(folder), "--threshold", TARGETS[-1], "--workers", "1"]
    return peak_bytes([*command, "--json"])
