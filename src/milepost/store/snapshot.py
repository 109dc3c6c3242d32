"""What is written to a store at one moment: everything that is known of a run, so that a later one replaces it."""

from typing import Any

import msgspec

from milepost.crossing import Position
from milepost.ledger import Ledger
from milepost.thresholds import PerformanceThreshold, ThresholdResult


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run, however many processes it took.

    Attributes:
        id: Its id.
        group: What it belongs to, such as the seeds of one recipe.
        name: What people call it.
        tags: Words that it is found by.
        git_commit: Commit of the code that it runs.
        seed: Its random seed.
        host: The machine of its first process.
        status: ``running``, or why it is over.
        started_at: Unix seconds (UTC) of its first start.
        alive_at: Unix seconds (UTC) of its last mark.
    """

    id: str
    group: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    git_commit: str | None = None
    seed: int | None = None
    host: str | None = None
    status: str = "running"
    started_at: float
    alive_at: float


class RunEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a run.

    Attributes:
        id: Made by its writer.
        kind: A ``crossing``, ``rewind``, ``resume``, ``preemption`` or ``stop``.
        position: Where the run was.
        detail: What else there is to say.
    """

    id: str
    kind: str
    position: Position
    detail: dict[str, Any] = {}


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a run at one moment.

    Attributes:
        run: The run.
        thresholds: What is to be reached.
        results: What there is to say of each threshold.
        crossings: Positions of those that were reached, by name.
        ledger: What the run ran on.
        events: What happened since the snapshot before.
    """

    run: Run
    thresholds: tuple[PerformanceThreshold, ...]
    results: tuple[ThresholdResult, ...]
    crossings: dict[str, Position]
    ledger: Ledger
    events: tuple[RunEvent, ...] = ()
