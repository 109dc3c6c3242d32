"""Feeds a history to the live tracker's own code, and long chunks of it to that code compiled."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import msgspec

from milepost.errors import HistoryError
from milepost.histories.history import History, Outline
from milepost.log import Once
from milepost.money.ledger import Ledger
from milepost.replaying.axes import replay_axes
from milepost.replaying.compiled import when_compiled
from milepost.replaying.pruning import is_decided, needed, pass_over
from milepost.replaying.replayed import Replayed
from milepost.replaying.row_by_row import Feed
from milepost.replaying.updates import Clocks, Updates, updates_of
from milepost.tracking.counting import Counting
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.timer import Clock
from milepost.tracking.tracker import PerformanceThresholdTracker

ENDED = "closed"
"""Name of the end mark of a run that is replayed: its log is over."""


LATEST_START = 253_402_300_800.0
"""Unix seconds of the year 10000: what starts then or later starts at no date."""


def replay_history(
    history: History,
    thresholds: Sequence[PerformanceThreshold],
    open_ledger: Callable[[History, float], Ledger],
    *,
    group: str | None = None,
    with_curves: bool = False,
    final: bool = True,
    gap_seconds: float = math.inf,
    said: "Counter[str] | None" = None,
) -> Replayed:
    """Return what the live tracker says of a history.

    The log's own elapsed seconds are taken where it has them, and else its wall time. A log without any clock has
    no minutes and no dollars; one that counts no samples has no samples. Billed cost is known where wall time is.

    Args:
        history: The run, as its log tells it.
        thresholds: What is to be reached.
        open_ledger: Returns a ledger with a segment under way, for a history that starts at a wall time (Unix seconds).
        group: What the run belongs to.
        with_curves: Whether its curves are wanted.
        final: Whether it matters how the run ended: ``final_smoothed_value``, ``retained``, and how many observations
            there were. Where it does not, no more is read than the crossings need.
        gap_seconds: A hole of so long between two rows is left out.
        said: What was said of other runs, by what about: of many the same is not said.

    Raises:
        HistoryError: The log tells no row at all, or lacks the clock of a threshold's half-life.
    """
    if history.axes:
        by_axis = partial(
            replay_history,
            open_ledger=open_ledger,
            group=group,
            with_curves=with_curves,
            final=final,
            gap_seconds=gap_seconds,
            said=said,
        )
        return replay_axes(history, thresholds, by_axis)
    outline = None if final or history.outline is None else history.outline()
    if outline is not None and is_decided(thresholds, outline):
        unread = _unread(history, thresholds, open_ledger, outline, group)
        if unread is not None:
            return unread
    feed: Feed | None = None
    clocks = Clocks()
    fault: str | None = None
    skipped_rows = 0

    def needed_of(chunk: int) -> Collection[str]:
        assert outline is not None
        every = {threshold.metric for threshold in thresholds}
        return every if feed is None else needed(feed.tracker.series, outline, chunk)

    try:
        for rows in history.rows() if outline is None else history.rows(needed_of):
            clocks.look_at(rows)
            updates, skipped = updates_of(rows, clocks)
            skipped_rows += skipped
            if not len(updates):
                continue
            if feed is None:
                tracker = _begin(history, thresholds, open_ledger, clocks, updates)
                tracker.run, tracker.group = history.run, group
                tracker.timer.leave_out(gap_seconds)
                tracker.timer.said = Once("tracker", history.run, said)
                feed = Feed(tracker, clocks.start, with_curves=with_curves)
            for series in feed.tracker.series:
                if series.is_single is None and series.metric in rows.single:
                    series.tell_precision(True)
            when_compiled.take(feed, updates)
            if outline is not None and rows.read is not None:
                pass_over(feed.tracker.series, outline, *rows.read)
            timer = feed.tracker.timer
            if outline is not None and (timer.is_open or timer.rewinds or timer.restarts):
                # What was not read may have to tell what a fall of the count is.
                whole = msgspec.structs.replace(history, outline=None)
                return replay_history(
                    *(whole, thresholds, open_ledger), group=group, final=False, gap_seconds=gap_seconds, said=said
                )
            if not final and feed.tracker.is_complete():
                break
    except HistoryError as error:
        fault = str(error)
    if feed is None:
        raise HistoryError(fault or f"{history.run}: {_no_row(history, clocks)}")
    tracker = feed.tracker
    tracker.close()
    tracker.mark("end", ENDED)
    results = tuple(_known(result, history, clocks, final) for result in tracker.get_results().values())
    crossings = tracker.crossings
    if not clocks.has_time:
        crossings = {name: msgspec.structs.replace(each, elapsed_source=None) for name, each in crossings.items()}
    curves = tuple(curve.taken() for curve in feed.curves)
    return Replayed(history, results, crossings, tracker.ledger, curves, fault, skipped_rows)


def _no_row(history: History, clocks: Clocks) -> str:
    """Say what is wrong with a log of which nothing is an update."""
    if history.samples_unit is None and not clocks.has_time:
        return (
            "tells none of the metrics, and no column is known to count or to tell time: no log of a training, as it "
            "seems (--samples-column, --time-column)"
        )
    return "found no row that tells a position, expected one an update"


def _begin(
    history: History,
    thresholds: Sequence[PerformanceThreshold],
    open_ledger: Callable[[History, float], Ledger],
    clocks: Clocks,
    updates: Updates,
) -> PerformanceThresholdTracker:
    _require_clocks(history, thresholds, clocks)
    clocks.start_by(history, updates)
    start = clocks.start
    if not abs(start) < LATEST_START:  # also where it is NaN
        raise HistoryError(
            f"{history.run}: found a start at {start:g} s of Unix time, expected one before the year 10000"
        )
    ledger = open_ledger(history, start)
    if not clocks.has_wall:
        timed = [msgspec.structs.replace(segment, has_wall_clock=False) for segment in ledger.segments]
        ledger = msgspec.structs.replace(ledger, segments=tuple(timed))
    return _tracker(history, thresholds, ledger, start, clocks.start_known)


def _tracker(
    history: History, thresholds: Sequence[PerformanceThreshold], ledger: Ledger, start: float, start_known: bool
) -> PerformanceThresholdTracker:
    clock = Clock(monotonic=lambda: 0.0, utc=lambda: start)
    tracker = PerformanceThresholdTracker(thresholds, ledger=ledger, clock=clock)
    tracker.timer.is_of_log, tracker.timer.start_known = True, start_known and not history.counts_from_first
    tracker.timer.counting = Counting(history.samples_unit, history.samples_source, history.uncounted_because)
    return tracker


def _unread(
    history: History,
    thresholds: Sequence[PerformanceThreshold],
    open_ledger: Callable[[History, float], Ledger],
    outline: Outline,
    group: str | None,
) -> Replayed | None:
    """Return what there is to say of a run that reached nothing, as its outline tells; None where its price needs more.

    A spot price is that of a time, which only the run's rows tell.
    """
    clocks = Clocks(outline.clocks)
    _require_clocks(history, thresholds, clocks)
    ledger = open_ledger(history, 0.0)
    if any(segment.instance.market == "spot" for segment in ledger.segments):
        return None
    tracker = _tracker(history, thresholds, ledger, 0.0, clocks.has_elapsed or history.started_at is not None)
    tracker.run, tracker.group = history.run, group
    told: dict[str, Any] = {"status": "not_reached", "elapsed_source": "caller" if clocks.has_elapsed else "wall"}
    results = tuple(
        _known(msgspec.structs.replace(result, **told), history, clocks, final=False)
        for result in tracker.get_results().values()
    )
    return Replayed(history, results, {}, ledger, (), None, 0)


def _require_clocks(history: History, thresholds: Sequence[PerformanceThreshold], clocks: Clocks) -> None:
    for threshold in thresholds:
        half_life = threshold.half_life
        if half_life is None:
            continue
        if half_life.samples is not None and clocks.has_samples and history.samples_unit != "samples":
            raise HistoryError(
                f"{history.run}: threshold {threshold.name!r} has a half-life in samples, and the log counts "
                f"{history.samples_unit}; say how many samples each is with --samples-per-step N, or which column "
                "counts samples with --samples-column"
            )
        if half_life.samples is not None and not clocks.has_samples:
            raise HistoryError(
                f"{history.run}: threshold {threshold.name!r} has a half-life in samples, and the log counts none "
                f"({history.uncounted_because or 'say which column does with --samples-column'})"
            )
        if half_life.seconds is not None and not clocks.has_time:
            raise HistoryError(
                f"{history.run}: threshold {threshold.name!r} has a half-life in seconds, and the log has no clock "
                f"({history.untimed_because or 'say which column tells time with --time-column'})"
            )


def _known(result: ThresholdResult, history: History, clocks: Clocks, final: bool) -> ThresholdResult:
    """Return a result without what the log can't tell, or was not asked."""
    unknown: dict[str, Any] = {}
    if not final:
        unknown |= dict.fromkeys(("final_smoothed_value", "retained", "observations", "skipped"))
        unknown |= dict.fromkeys(("rewinds", "late_observations", "restarts"))
    if not clocks.has_samples:
        unknown |= {"samples_to_threshold": None, "after_samples": None, "confirmed_at_samples": None}
        unknown |= {"samples_unit": None, "samples_source": None}
    if not clocks.has_time:
        unknown |= dict.fromkeys(("minutes_to_threshold", "after_minutes", "cost_to_threshold", "after_cost"))
        unknown |= dict.fromkeys(("billed_cost_to_threshold", "elapsed_source", "start_known", "bound"))
        unknown |= {"untimed_because": history.untimed_because or "the log tells no time"}
    if history.run_seconds is not None and math.isfinite(history.run_seconds):
        unknown["run_minutes"] = history.run_seconds / 60
    return msgspec.structs.replace(result, **unknown, checkpointed=None)
