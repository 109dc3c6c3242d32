"""Takes up a run where its store last saw it."""

import msgspec

from milepost.log import logger
from milepost.money.ledger import Ledger
from milepost.money.segment import PREEMPTED
from milepost.runs.record import RunRecord
from milepost.tracked_run.store_writer import is_alive
from milepost.tracking.state import STATE_VERSION, SmootherState, ThresholdState, TrackerState
from milepost.tracking.tracker import PerformanceThresholdTracker

STALE_HEARTBEATS = 3
"""A process of another machine that has said nothing for so many heartbeats is taken for dead."""


JUMP_SECONDS = 10.0
"""Clocks of two machines that differ by no more than this are right."""


def with_ends(record: RunRecord, host: str, now: float) -> RunRecord:
    """Return what is known of a run with an end to what processes that are gone left open, and what that makes of it.

    Args:
        record: What the store knows.
        host: This machine, where it can be seen which processes live.
        now: Unix seconds (UTC).
    """
    alive_at: dict[str, float] = {}
    live = set()
    for process in record.processes:
        alive_at[process.id] = process.alive_at
        recent = abs(now - process.alive_at) < STALE_HEARTBEATS * process.heartbeat_seconds
        if not process.has_ended and (is_alive(process) if process.host == host else recent):
            live.add(process.id)
    reclaimed = {event.detail.get("segment") for event in record.events if event.kind == "preemption"}
    segments = []
    for segment in record.ledger.segments:
        opener = record.opened_by.get(segment.id)
        if opener not in live:
            known_until = None if opener is None else alive_at.get(opener)
            segment = segment.ended(known_until, PREEMPTED if segment.id in reclaimed else None)
        segments.append(segment)
    ledger = msgspec.structs.replace(record.ledger, segments=tuple(segments))
    run = record.run
    if run.status == "running" and not live and segments and (end := segments[-1].end):
        run = msgspec.structs.replace(run, status=end.name or "closed", alive_at=end.wall_time)
    return msgspec.structs.replace(record, run=run, ledger=ledger)


def take_up(tracker: PerformanceThresholdTracker, record: RunRecord) -> None:
    """Have a tracker go on with a run: its ledger, its crossings, and the position of its last mark.

    Smoothers start anew: where they stood is in the trainer's checkpoints alone.
    """
    ledger: Ledger = record.ledger
    if (here := ledger.here) is None:
        return
    results = {result.threshold: result for result in record.results}
    smoothers = {}
    for threshold in record.thresholds:
        if result := results.get(threshold.name):
            smoothers[threshold.metric, threshold.smoothing] = SmootherState(
                metric=threshold.metric,
                smoothing=threshold.smoothing,
                total=0.0,
                weight=0.0,
                samples=here.samples,
                elapsed_seconds=here.elapsed_seconds,
                observations=result.observations or 0,
                skipped=result.skipped or 0,
                last=None,
            )
    state = TrackerState(
        version=STATE_VERSION,
        samples=here.samples,
        elapsed_seconds=here.elapsed_seconds,
        elapsed_source=next((result.elapsed_source for result in record.results if result.elapsed_source), None),
        ledger=ledger,
        smoothers=tuple(smoothers.values()),
        thresholds=tuple(
            ThresholdState(threshold, 0, None, record.crossings.get(threshold.name)) for threshold in record.thresholds
        ),
    )
    checkpointed = {name: result.checkpointed for name, result in results.items() if result.checkpointed is not None}
    tracker.go_on_from(state, checkpointed or None)
    logger("tracked_run").debug("goes on with run %r, known up to %s", record.run.id, here)
    if (back_seconds := here.wall_time - tracker.last.wall_time) > JUMP_SECONDS:
        logger("tracked_run").warning(
            "run %r was last seen %.0f s from now, by the clock of then: one of the two is wrong. No second is counted "
            "twice or left out",
            *(record.run.id, back_seconds),
        )
