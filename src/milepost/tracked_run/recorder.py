"""Gathers what a tracked run knows, for its store."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from milepost.log import logger
from milepost.money.ledger import Ledger
from milepost.runs.identity import find_git_commit
from milepost.runs.record import RunEvent, RunRecord
from milepost.runs.settings import flat_config
from milepost.runs.told import as_tags, as_text
from milepost.tracked_run.curves import Curves
from milepost.tracked_run.part import Part
from milepost.tracked_run.store_writer import StoreWriter

COMMIT_SECONDS = 0.25
"""How long a crossing may hold training up until it is on disk: the one wait in Milepost."""

CLOSE_SECONDS = 60.0
"""How long the end of a run waits for its store: a machine may be busy, and a store locked."""

CUT_SHORT_SECONDS = 5.0
"""How long it waits where somebody is about to end the process."""

NOT_KEPT = ("start", "price")
"""Events that the store has no use for: it tells the start and the prices of a run anyway."""


class Recorder(Part):
    """Puts snapshots of a tracked run into its store. The first of its parts, so that all else is told what is kept."""

    name = "recorder"
    every_updates = 1

    def __init__(self, writer: StoreWriter) -> None:
        self.writer = writer
        self._events: list[RunEvent] = []
        self._status = "running"
        self._recorded: Ledger | None = None
        self._asked_wandb = False

    def _open(self) -> None:
        self.writer.run = self.run.described.id
        known = self.run.known
        self.curves = Curves(self.run.tracker.series, known.curves if known else ())

    def _updated(self, metrics: Mapping[str, Any]) -> None:
        tracker = self.run.tracker
        if tracker.moves.falls.waiting:  # not observed as yet
            return
        curves, at = self.curves, tracker.timer.last_observed
        if self.wanted:
            curves.sample_rare(metrics, at)
        if self.is_due:
            self.every_updates = curves.sample(metrics, at)
            self.wanted = curves.rare

    def _heartbeat(self) -> None:
        self._record()

    def _event(self, event: RunEvent) -> None:
        if event.kind not in NOT_KEPT:
            self._events.append(event)
        if event.kind == "stop":
            self._status = event.detail["why"]
        if event.kind in ("start", "crossing", "stop"):
            self._record()
        if event.kind in ("start", "crossing") and not self.writer.flush(COMMIT_SECONDS):
            self.writer.say_late(COMMIT_SECONDS)

    def _announced(self, event: RunEvent) -> None:
        self.writer.add(event)  # at once: nobody knows whether there will be another update

    def _closed(self, why: str) -> None:
        if self._events or self._status != why or self.run.ledger != self._recorded:
            self._status = why
            self._record()
        if not self.writer.close(CLOSE_SECONDS if why in ("closed", "failed") else CUT_SHORT_SECONDS):
            left = self.writer.leave()
            message = "run %r: its end could not be kept: " + (
                "no folder takes it either"
                if left is None
                else f"it is left in {left}, and taken in by the next `milepost results`, or run, with that store"
            )
            logger("store").error(message, self.run.described.id)

    def _record(self) -> None:
        """Hand over what is known now."""
        self._adopt_wandb()
        run, here = self.run, self.run.here
        process = msgspec.structs.replace(
            self.writer.process, alive_at=here.wall_time, has_ended=self._status != "running"
        )
        events, self._recorded = tuple(self._events), run.ledger
        self.writer.put(
            RunRecord(
                run=msgspec.structs.replace(run.described, status=self._status, alive_at=here.wall_time),
                processes=(process,),
                thresholds=run.thresholds,
                results=tuple(run.results().values()),
                crossings=run.crossings,
                ledger=run.ledger,
                opened_by={} if here.segment is None else {here.segment: process.id},
                events=events,
                curves=self.curves.take(),
            )
        )
        del self._events[: len(events)]

    def _adopt_wandb(self) -> None:
        """Take over what W&B's active run is called and configured with, where the program has not said so."""
        active = None if self._asked_wandb else getattr(sys.modules.get("wandb"), "run", None)
        if active is None:
            return
        self._asked_wandb = True
        run = self.run.described
        self.run.described = msgspec.structs.replace(
            run,
            name=run.name or as_text("name", active.name),
            group=run.group or as_text("group", active.group or None),
            tags=run.tags or as_tags(active.tags),
            config=run.config or flat_config(dict(active.config)),
        )


def with_git_commit(snapshot: RunRecord) -> RunRecord:
    """Return a snapshot that names the commit of the code that the run runs, as git tells it in the working folder."""
    commit = snapshot.run.git_commit or find_git_commit(Path.cwd())
    return msgspec.structs.replace(snapshot, run=msgspec.structs.replace(snapshot.run, git_commit=commit))
