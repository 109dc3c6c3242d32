"""Gathers what a tracked run knows, for its store."""

import sys
from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from milepost.log import logger
from milepost.money.ledger import Ledger
from milepost.money.segment import new_id
from milepost.runs.identity import find_git_commit
from milepost.runs.record import Run, RunEvent, RunRecord
from milepost.runs.settings import flat_config
from milepost.tracked_run.curves import Curves
from milepost.tracked_run.store_writer import StoreWriter
from milepost.tracking.event import Event
from milepost.tracking.tracker import PerformanceThresholdTracker

COMMIT_SECONDS = 0.25
"""How long a crossing may hold training up until it is on disk: the one wait in Milepost."""

CLOSE_SECONDS = 60.0
"""How long the end of a run waits for its store: a machine may be busy, and a store locked."""

CUT_SHORT_SECONDS = 5.0
"""How long it waits where somebody is about to end the process."""


class Recorder:
    """Puts snapshots of a tracked run into its store.

    Args:
        writer: Writes them.
        run: What is known of the run.
        tracker: The run's tracker.
        known: What the store knew of the run before.
        events: What the tracker says that happens.

    Attributes:
        curves: The run's thinned metrics.
    """

    def __init__(
        self,
        writer: StoreWriter,
        run: Run,
        tracker: PerformanceThresholdTracker,
        known: RunRecord | None,
        events: deque[Event],
    ) -> None:
        self.curves = Curves(tracker.series, known.curves if known else ())
        self._writer = writer
        self._run = run
        self._tracker = tracker
        self._events = events
        self._added: list[RunEvent] = []
        self._asked_wandb = self._has_stopped = False

    def add(self, kind: str, detail: dict[str, Any]) -> None:
        """Have it written, with what is recorded next, that something happened here."""
        self._added.append(RunEvent(id=new_id(), kind=kind, position=self._tracker.here, detail=detail))

    def note_preemption(self, ledger: Ledger, notice: str) -> None:
        """Have it written that the provider takes the machine back. May be called on any thread."""
        if (here := ledger.here) is not None:
            detail = {"notice": notice, "segment": here.segment}
            self._writer.add(RunEvent(id=new_id(), kind="preemption", position=here, detail=detail))

    def record(self, status: str = "running", *, has_ended: bool = False) -> None:
        """Hand over what is known now."""
        self._adopt_wandb()
        tracker, here = self._tracker, self._tracker.here
        events, self._added = self._added, []
        while self._events:
            events.append(_run_event(self._events.popleft()))
        if has_ended and not self._has_stopped:
            self._has_stopped = True
            events.append(RunEvent(id=new_id(), kind="stop", position=here, detail={"why": status}))
        self._run = msgspec.structs.replace(self._run, status=status, alive_at=here.wall_time)
        process = msgspec.structs.replace(self._writer.process, alive_at=here.wall_time, has_ended=has_ended)
        self._writer.put(
            RunRecord(
                run=self._run,
                processes=(process,),
                thresholds=tracker.thresholds,
                results=tuple(tracker.get_results().values()),
                crossings=tracker.crossings,
                ledger=tracker.ledger,
                opened_by={} if here.segment is None else {here.segment: process.id},
                events=tuple(events),
                curves=self.curves.take(),
            )
        )

    def commit(self) -> None:
        """Wait until what was handed over is on disk, so long as that is bearable."""
        if not self._writer.flush(COMMIT_SECONDS):
            self._writer.say_late(COMMIT_SECONDS)

    def close(self, *, is_cut_short: bool) -> None:
        """Wait until all is on disk, and let go of the store."""
        if not self._writer.close(CUT_SHORT_SECONDS if is_cut_short else CLOSE_SECONDS):
            logger("store").error("run %r: its end could not be kept", self._run.id)

    def _adopt_wandb(self) -> None:
        """Take over what W&B's active run is called and configured with, where the program has not said so."""
        active = None if self._asked_wandb else getattr(sys.modules.get("wandb"), "run", None)
        if active is None:
            return
        self._asked_wandb = True
        run = self._run
        self._run = msgspec.structs.replace(
            run,
            name=run.name or active.name,
            group=run.group or active.group or None,
            tags=run.tags or tuple(active.tags or ()),
            config=run.config or flat_config(dict(active.config)),
        )


def _run_event(event: Event) -> RunEvent:
    detail = {"thresholds": [result.threshold for result in event.results]} if event.results else {}
    return RunEvent(id=new_id(), kind=event.kind, position=event.position, detail=detail)


def with_git_commit(snapshot: RunRecord) -> RunRecord:
    """Return a snapshot that names the commit of the code that the run runs, as git tells it in the working folder."""
    commit = snapshot.run.git_commit or find_git_commit(Path.cwd())
    return msgspec.structs.replace(snapshot, run=msgspec.structs.replace(snapshot.run, git_commit=commit))
