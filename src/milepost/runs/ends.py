"""Ends of runs: what becomes of a record whose processes are gone."""

from collections.abc import Callable

import msgspec

from milepost.money.segment import PREEMPTED
from milepost.runs.record import Process, RunRecord

STALE_HEARTBEATS = 3
"""A process of another machine that has said nothing for so many heartbeats is taken for dead."""


def with_ends(record: RunRecord, host: str, now: float, is_alive: Callable[[Process], bool]) -> RunRecord:
    """Return what is known of a run with an end to what processes that are gone left open, and what that makes of it.

    Args:
        record: What the store knows.
        host: This machine, where it can be seen which processes live.
        now: Unix seconds (UTC).
        is_alive: Says whether a process of this machine lives.
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
