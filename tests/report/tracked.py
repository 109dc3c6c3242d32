"""Runs really tracked into a store, by a clock that is set by hand: what the pictures are of."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec

from milepost.config import Config
from milepost.money.segment import PREEMPTED
from milepost.runs.record import RunRecord
from milepost.store.store import Store
from milepost.tracked_run import opening
from milepost.tracked_run.opening import track
from milepost.tracked_run.run import TrackedRun
from tests.helpers import FakeClock, threshold

HOSTILE = "<img src=x onerror=alert(1)>"
THRESHOLDS = (threshold(2.0, name="two"), threshold(5.0, name="five"))
FLEET = {"provider": "own", "instance_type": "own.8x", "market": "on_demand", "region": "here", "num_nodes": 2}
USD_PER_HOUR = 1800.0
"""Of a node: two of them cost a dollar a second."""


@contextmanager
def tracked(
    clock: FakeClock, store: Path, run: str, group: str | None = None, config: Config | None = None, **fields: Any
) -> Iterator[TrackedRun]:
    """Track a run whose process started 30 s before."""
    plain: dict[str, Any] = {"thresholds": THRESHOLDS, "price_per_hour": USD_PER_HOUR, "instance": FLEET, "sinks": []}
    with (
        mock.patch.object(opening, "SYSTEM_CLOCK", clock),
        mock.patch.object(opening, "process_age_seconds", return_value=30.0),
        mock.patch.object(opening, "_runs_opened", 0),
        track(config, run=run, group=group, store=store, **(plain | fields)) as tracked_run,
    ):
        yield tracked_run


def climb(run: TrackedRun, clock: FakeClock, seconds: int, to: float, *, start: int = 0) -> None:
    """Update a run every second; its metric climbs evenly ``to`` a value in 100 s, ten samples a second."""
    for second in range(start + 1, start + seconds + 1):
        clock.advance(1.0)
        run.update({"m": to * second / 100}, second * 10)


def make_store(path: Path) -> Path:
    """Make a store of five runs, and return its path.

    Two seeds of a group, one of which never gets to five; one that is preempted at 60 s, resumed from 40 s elsewhere,
    and bears a hostile name; one without a price; and one that was there from the start.
    """
    clock = FakeClock()
    with tracked(clock, path, "seed-1", "seeds") as run:
        climb(run, clock, 100, 6.0)
        with run.phase("evaluation"):
            clock.advance(10.0)
    with tracked(clock, path, "seed-2", "seeds") as run:
        climb(run, clock, 120, 3.0)
    with tracked(clock, path, HOSTILE, "<b>bold</b>") as run:
        climb(run, clock, 40, 6.0)
        state = run.state_dict()
        climb(run, clock, 20, 6.0, start=40)
        run._live.mark("end", PREEMPTED)
    elsewhere = FLEET | {"instance_type": "own.16x", "num_nodes": 1}
    with tracked(clock, path, HOSTILE, "<b>bold</b>", instance=elsewhere) as run:
        run.load_state_dict(state)
        clock.advance(5.0)
        climb(run, clock, 60, 6.0, start=40)
    with tracked(
        clock, path, "unpriced", config=Config(thresholds=THRESHOLDS, prices="off"), price_per_hour=None
    ) as run:
        climb(run, clock, 50, 6.0)
    with tracked(clock, path, "ready") as run:
        for second in range(1, 51):
            clock.advance(1.0)
            run.update({"m": 9.0}, second * 10)
    return path


def every_run(path: Path) -> list[RunRecord]:
    """Return all runs of a store."""
    store = Store(path)
    try:
        return [record for run in store.runs() if (record := store.load(run.id)) is not None]
    finally:
        store.close()


def copies(record: RunRecord, number: int, groups: int = 5) -> list[RunRecord]:
    """Return so many runs like one, under other ids and in several groups."""
    return [
        msgspec.structs.replace(
            record,
            run=msgspec.structs.replace(record.run, id=f"run-{at:04d}", group=f"group-{at % groups}"),
            results=tuple(
                msgspec.structs.replace(result, run=f"run-{at:04d}", group=f"group-{at % groups}")
                for result in record.results
            ),
        )
        for at in range(number)
    ]
