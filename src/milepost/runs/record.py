"""All that is known of a run: what is written to a store at one moment, and what is read back."""

from typing import Any

import msgspec

from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.tracking.crossing import Crossing
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold, Smoothing

MOST_POINTS = 2000
"""Points of a curve that are kept; beyond that, every other one is left out."""

REPLAYED = "replayed"
"""Status of a run that was read from its log: another replay of it takes its place."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run, however many processes it took.

    Attributes:
        id: Its id.
        group: What it belongs to, such as the seeds of one recipe.
        name: What people call it.
        tags: Words that it is found by.
        config: The settings that it was trained with.
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
    config: dict[str, Any] = {}
    git_commit: str | None = None
    seed: int | None = None
    host: str | None = None
    status: str = "running"
    started_at: float
    alive_at: float


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process that tracks a run.

    Attributes:
        id: Made by itself.
        host: Its machine.
        pid: Its number there.
        birth: What tells it from a later process of that number, where the system tells.
        started_at: Unix seconds (UTC) at which it began to track.
        alive_at: Unix seconds (UTC) at which it was last known to live.
        heartbeat_seconds: How often it says that it lives.
        has_ended: Whether it said that it ended.
    """

    id: str
    host: str
    pid: int
    birth: str | None = None
    started_at: float
    alive_at: float
    heartbeat_seconds: float
    has_ended: bool = False


class CurvePoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One observation of a metric.

    Attributes:
        position: Which of the metric's observations it is, over all processes of the run.
        samples: What the trainer had counted.
        elapsed_seconds: Seconds on the training timer.
        raw: The value.
        smoothed: The smoothed value.
    """

    position: int
    samples: int
    elapsed_seconds: float
    raw: float
    smoothed: float


class Curve(msgspec.Struct, frozen=True):
    """A thinned metric under one smoothing.

    Attributes:
        metric: Its key.
        smoothing: How it is smoothed.
        stride: Only observations whose position is a multiple of this are kept: a power of two.
        points: Those that are kept, or that are new, in order.
    """

    metric: str
    smoothing: Smoothing
    stride: int
    points: tuple[CurvePoint, ...]


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


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a run at one moment: what is written to a store, and what is read back.

    Attributes:
        run: The run.
        processes: The processes that tracked it, in order of their starts. Who writes a record names itself alone; none
            where nobody tracked it, as in a replay.
        thresholds: What is to be reached.
        results: What there is to say of each threshold.
        crossings: The crossings of those that were reached, by name.
        ledger: What the run ran on.
        opened_by: Id of the process that opened a segment, by the segment's id.
        curves: Its thinned metrics. Who writes a record has but the points that are new since the one before.
        events: What happened, in order.
    """

    run: Run
    processes: tuple[Process, ...] = ()
    thresholds: tuple[PerformanceThreshold, ...]
    results: tuple[ThresholdResult, ...]
    crossings: dict[str, Crossing]
    ledger: Ledger
    opened_by: dict[str, str] = {}
    curves: tuple[Curve, ...] = ()
    events: tuple[RunEvent, ...] = ()
