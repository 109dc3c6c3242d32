"""Trials by the dozen, and by the hundred in ``make soak`` (``MILEPOST_SOAK=1``)."""

import gc
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from milepost.config import Config
from milepost.money.costs import billed_cost
from milepost.runs.ends import with_ends
from milepost.store.store import Store
from milepost.tracked_run.opening import track
from milepost.tracked_run.process import is_alive
from milepost.tracked_run.run import TrackedRun
from tests.helpers import threshold
from tests.tracked_run.helpers import writer_of

SOAK = os.environ.get("MILEPOST_SOAK") == "1"
TRIALS = 200 if SOAK else 20
UPDATES_A_SECOND = 10_000
HEARTBEAT_SECONDS = 0.4
WRITING_SECONDS = 0.25 if SOAK else 5.0
"""How long after a heartbeat its mark may still be on its way to the disk; a machine may be busy."""

COMMIT_SECONDS = 0.25 if SOAK else 60.0
"""How long a crossing waits for the disk there: outside of the soak, what is on it is meant, and not how fast."""

TRAINER = f"""
import json, sys, time
import milepost
from milepost.config import Config
from milepost.tracked_run import recorder
recorder.COMMIT_SECONDS = {COMMIT_SECONDS}
threshold = milepost.PerformanceThreshold
thresholds = tuple(threshold(f"t{{at}}", "m", at, smoothing_factor=1.0) for at in range(5, 4000, 37))
config = Config(thresholds=thresholds, heartbeat_seconds={HEARTBEAT_SECONDS})
run = milepost.track(
    config, run=sys.argv[1], store=sys.argv[2], price_per_hour=3600.0, instance={{"provider": "own"}}, sinks=[]
)
next_at = time.monotonic()
for samples in range(1, 100_000):
    achieved = run.update({{"m": float(samples)}}, samples)
    names = [result.threshold for result in achieved]
    print(json.dumps([names, run.here.wall_time]), flush=True)
    next_at += 0.001
    time.sleep(max(0.0, next_at - time.monotonic()))
"""


@pytest.mark.soak
@pytest.mark.parametrize("trial", range(TRIALS))
def test_kill_at_a_random_moment_loses_no_crossing_and_doubles_none(trial: int, tmp_path: Path) -> None:
    path = tmp_path / "milepost.db"
    trainer = subprocess.Popen(
        [sys.executable, "-c", TRAINER, "r", str(path)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert trainer.stdout is not None
    told = random.Random(trial).randrange(1, 1500)
    lines = [trainer.stdout.readline() for _ in range(told)]
    trainer.send_signal(signal.SIGKILL)
    rest, _ = trainer.communicate()
    lines += rest.splitlines(keepends=True)
    updates = [json.loads(line) for line in lines if line.endswith("\n")]
    returned = {name for names, _ in updates for name in names}
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) - count(DISTINCT threshold) FROM results").fetchall() == [(0,)]
        crossed = connection.execute("SELECT detail FROM events WHERE kind = 'crossing'").fetchall()
    connection.close()
    store = Store(path)
    kept = store.load("r")
    store.close()
    assert kept is not None
    assert returned <= set(kept.crossings)
    named = [name for (detail,) in crossed for name in json.loads(detail)["thresholds"]]
    assert sorted(named) == sorted(kept.crossings)
    assert {result.threshold for result in kept.results if result.achieved} == set(kept.crossings)
    ended = with_ends(kept, kept.processes[0].host, updates[-1][1] + 3600, is_alive)
    segment = ended.ledger.segments[0]
    assert ended.run.status == "interrupted"
    assert updates[-1][1] - segment.marks[-1].wall_time <= HEARTBEAT_SECONDS + WRITING_SECONDS
    assert ended.ledger.here is not None
    ran_seconds = segment.marks[-1].wall_time - segment.billed_from
    assert billed_cost(ended.ledger, ended.ledger.here) == pytest.approx(ran_seconds)


def _feed(run: TrackedRun, updates: int, first: int) -> None:
    """Give updates to a run, in the soak `UPDATES_A_SECOND` of them; the queue is emptied all the while."""
    writer = writer_of(run)
    started = time.monotonic()
    for samples in range(first, first + updates):
        run.update({"m": samples % 97 / 97, "rare": 1.0} if samples % 1000 == 0 else {"m": samples % 97 / 97}, samples)
        if SOAK and samples % 100 == 0:
            time.sleep(max(0.0, started + (samples - first) / UPDATES_A_SECOND - time.monotonic()))
        if samples % UPDATES_A_SECOND == 0:
            assert writer.flush(60)
            assert writer._pending is None
    if SOAK:
        assert time.monotonic() - started < 1.2 * updates / UPDATES_A_SECOND


@pytest.mark.soak
def test_many_updates_hold_memory_flat_and_the_queue_empty(tmp_path: Path) -> None:
    """In the soak for a minute, at 10,000 a second; otherwise a twentieth of them, as they come."""
    updates = 60 * UPDATES_A_SECOND if SOAK else 30_000
    thresholds = (threshold(1e9), threshold(1e9, name="rare", metric="rare"))
    config = Config(thresholds=thresholds, heartbeat_seconds=1.0 if SOAK else 0.02)
    run = track(config, run="r", store=tmp_path / "a.db", price_per_hour=1.0, sinks=[])
    writer = writer_of(run)
    _feed(run, updates // 2, 0)
    assert writer.flush(60)
    gc.collect()  # what nobody holds is no growth
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    _feed(run, updates // 2, updates // 2)
    assert writer.flush(60)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert writer._pending is None
    assert grown < 500_000
    run.close()
    store = Store(tmp_path / "a.db")
    kept = store.load("r")
    store.close()
    assert kept is not None
    points = {curve.metric: curve.points for curve in kept.curves}
    assert all(len(curve) <= 2000 for curve in points.values())
    assert points["m"][-1].samples > 0.9 * updates
    assert [point.samples for point in points["rare"]][:3] == [0, 1000, 2000]
