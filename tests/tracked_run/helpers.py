"""What tests of tracked runs need: one without a store or a machine, and a look at its parts."""

from typing import TypeVar

from milepost.config import Config
from milepost.money.ledger import Ledger
from milepost.runs.record import Run
from milepost.tracked_run.end_watch import EndWatch
from milepost.tracked_run.loop import Loop
from milepost.tracked_run.notice_watch import NoticeWatch
from milepost.tracked_run.part import Part
from milepost.tracked_run.recorder import Recorder
from milepost.tracked_run.run import TrackedRun
from milepost.tracked_run.store_writer import StoreWriter
from milepost.tracking.thresholds import PerformanceThreshold
from tests.helpers import START, FakeClock, ledger

P = TypeVar("P", bound=Part)


def tracked(
    *parts: Part,
    clock: FakeClock,
    thresholds: tuple[PerformanceThreshold, ...] = (),
    book: Ledger | None = None,
    heartbeat_seconds: float = 15.0,
) -> TrackedRun:
    """A run with these parts alone, at 3.6 USD an hour unless it is told otherwise."""
    settings = Config(thresholds=thresholds, heartbeat_seconds=heartbeat_seconds)
    described = Run(id="r", started_at=START, alive_at=START)
    return TrackedRun(Loop(settings, described, ledger=book or ledger(), clock=clock), parts)


def part_of(run: TrackedRun, kind: type[P]) -> P:
    """The part of a run that is of this kind."""
    assert run._loop is not None
    (found,) = [part for part in run._loop._parts if isinstance(part, kind)]
    return found


def writer_of(run: TrackedRun) -> StoreWriter:
    """What writes a run to its store."""
    return part_of(run, Recorder).writer


def kill(run: TrackedRun) -> None:
    """End a run as SIGKILL does, once what was put is written."""
    writer_of(run).close(60)
    part_of(run, EndWatch).close()
    part_of(run, NoticeWatch).close()
