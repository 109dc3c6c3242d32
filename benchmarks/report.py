"""What drawing a report of many runs takes."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

import milepost
from benchmarks.timing import Ratio
from milepost.runs.record import MOST_POINTS, Curve, CurvePoint, RunRecord
from milepost.store.store import Store

RUNS = 50
ROUNDS = 3
BOUND_SECONDS = 5.0


def of_a_report() -> Iterator[Ratio]:
    """A whole ``milepost report`` of 50 runs with full curves of two metrics, from start to file, against its bound."""
    command = [sys.executable, "-m", "milepost", "report", "--store", "milepost.db", "-o", "report.html"]
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder) / "milepost.db")
        took = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            took.append(time.perf_counter() - start)
    name = f"`milepost report` of {RUNS} runs, 2 metrics of {MOST_POINTS:,} points each, against {BOUND_SECONDS:g} s"
    yield Ratio(name, statistics.median(took), BOUND_SECONDS, 1.0)


def _fill(path: Path) -> None:
    """Keep runs of several groups, each tracked once and written under other ids."""
    thresholds = [
        milepost.PerformanceThreshold(f"{metric}_{target}", metric, float(target))
        for metric in ("reward", "score")
        for target in (2, 5)
    ]
    with milepost.track(thresholds=thresholds, run="one", price_per_hour=1.0, store=path, sinks=[]) as run:
        for at in range(200):
            run.update({"reward": at / 20, "score": at / 40}, at * 4096)
    store = Store(path)
    one = store.load("one")
    assert one is not None
    store.delete("one")
    for at in range(RUNS):
        store.write(_copy(one, at))
    store.close()


def _copy(record: RunRecord, at: int) -> RunRecord:
    points = tuple(
        CurvePoint(place, place * 4096, place * 1.7, place / 400, place / 401) for place in range(MOST_POINTS)
    )
    segments = tuple(
        msgspec.structs.replace(segment, id=f"{segment.id}-{at}", instance_start=f"{segment.instance_start}-{at}")
        for segment in record.ledger.segments
    )
    crossings = {
        name: msgspec.structs.replace(
            crossing,
            position=msgspec.structs.replace(crossing.position, segment=f"{crossing.position.segment}-{at}"),
        )
        for name, crossing in record.crossings.items()
    }
    return msgspec.structs.replace(
        record,
        run=msgspec.structs.replace(record.run, id=f"run-{at:03d}", group=f"group-{at % 5}"),
        processes=(),
        results=tuple(msgspec.structs.replace(result, run=f"run-{at:03d}") for result in record.results),
        crossings=crossings,
        ledger=msgspec.structs.replace(record.ledger, segments=segments),
        opened_by={},
        curves=tuple(Curve(curve.metric, curve.smoothing, 1, points) for curve in record.curves),
        events=(),
    )
