"""Takes up a run where its store last saw it."""

from milepost.log import logger
from milepost.money.ledger import Ledger
from milepost.runs.record import RunRecord
from milepost.tracking.counting import OF_THE_CALLER, UPDATES
from milepost.tracking.state import STATE_VERSION, SmootherState, ThresholdState, TimerState, TrackerState
from milepost.tracking.tracker import PerformanceThresholdTracker

JUMP_SECONDS = 10.0
"""Clocks of two machines that differ by no more than this are right."""


def take_up(tracker: PerformanceThresholdTracker, record: RunRecord) -> None:
    """Have a tracker go on with a run: its ledger, its crossings, and the position of its last mark.

    Smoothers start anew: where they stood is in the trainer's checkpoints alone.
    """
    ledger: Ledger = record.ledger
    if (here := ledger.here) is None:
        return
    results = {result.threshold: result for result in record.results}
    units = {result.samples_unit for result in record.results}
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
        timer=TimerState(counting=UPDATES if "updates" in units else OF_THE_CALLER),
    )
    checkpointed = {name: result.checkpointed for name, result in results.items() if result.achieved}
    are_known = any(known is not None for known in checkpointed.values())
    tracker.go_on_from(state, checkpointed if are_known else None)
    logger("tracked_run").debug("goes on with run %r, known up to %s", record.run.id, here)
    if (back_seconds := here.wall_time - tracker.last.wall_time) > JUMP_SECONDS:
        logger("tracked_run").warning(
            "run %r was last seen %.0f s from now, by the clock of then: one of the two is wrong. No second is counted "
            "twice or left out",
            *(record.run.id, back_seconds),
        )
