"""Feeds a history to the live tracker's own code."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from milepost.crossing import Crossing
from milepost.errors import HistoryError
from milepost.histories.history import History, Rows
from milepost.ledger import Ledger
from milepost.thresholds import PerformanceThreshold, ThresholdResult
from milepost.tracker import Clock, PerformanceThresholdTracker

if TYPE_CHECKING:
    import polars

ENDED = "closed"
"""Name of the end mark of a run that is replayed: its log is over."""


LATEST_START = 253_402_300_800.0
"""Unix seconds of the year 10000: what starts then or later starts at no date."""


class Replayed(NamedTuple):
    """What came of a history.

    Attributes:
        history: The history.
        results: What there is to say of each threshold, in their order.
        crossings: The crossings, by threshold name.
        ledger: What it ran on, as far as is known, with the marks that its log tells.
        fault: What is wrong with its log, where it broke off.
        skipped_rows: Rows that tell no position.
    """

    history: History
    results: tuple[ThresholdResult, ...]
    crossings: dict[str, Crossing]
    ledger: Ledger
    fault: str | None
    skipped_rows: int


Watch = Callable[[PerformanceThresholdTracker, Mapping[str, float]], None]


def replay_history(
    history: History,
    thresholds: Sequence[PerformanceThreshold],
    open_ledger: Callable[[History, float], Ledger],
    *,
    group: str | None = None,
    watch: Callable[[PerformanceThresholdTracker], Watch] | None = None,
) -> Replayed:
    """Return what the live tracker says of a history.

    The log's own elapsed seconds are taken where it has them, and else its wall time. A log without any clock has
    no minutes and no dollars; one that counts no samples has no samples. Billed cost is known where wall time is.

    Args:
        history: The history.
        thresholds: What is to be reached.
        open_ledger: Returns a ledger with a segment under way, for a history that starts at a wall time (Unix seconds).
        group: What the run belongs to.
        watch: Called with the tracker before the first row; what it returns is called after every row.

    Raises:
        HistoryError: The log tells no row at all, or lacks the clock of a threshold's half-life.
    """
    tracker: PerformanceThresholdTracker | None = None
    each_row: Watch | None = None
    clocks = _Clocks(history)
    fault: str | None = None
    skipped_rows = 0
    try:
        for rows in history.rows():
            clocks.look_at(rows)
            for metrics, samples, elapsed, wall in _updates(rows, clocks):
                if samples is None or (elapsed is None and wall is None):
                    skipped_rows += 1
                    continue
                if tracker is None:
                    tracker = _begin(history, thresholds, open_ledger, clocks, elapsed, wall)
                    tracker.run, tracker.group = history.run, group
                    each_row = watch(tracker) if watch else None
                if wall is None:
                    assert elapsed is not None
                    wall = clocks.start + elapsed
                tracker.update(metrics, samples, elapsed, wall_time=wall)
                if each_row is not None:
                    each_row(tracker, metrics)
    except HistoryError as error:
        fault = str(error)
    if tracker is None:
        raise HistoryError(fault or f"{history.run}: found no row that tells a position, expected one an update")
    tracker.mark("end", ENDED)
    results = tuple(_known(result, history, clocks) for result in tracker.get_results().values())
    crossings = tracker.crossings
    if not (clocks.has_elapsed or clocks.has_wall):
        crossings = {name: msgspec.structs.replace(each, elapsed_source=None) for name, each in crossings.items()}
    return Replayed(history, results, crossings, tracker.ledger, fault, skipped_rows)


class _Clocks:
    """Which clocks a log has, and where they start.

    Attributes:
        start: Wall time of the start, Unix seconds (UTC); 0 where the log tells none.
        has_samples: Whether it counts samples.
        has_elapsed: Whether it tells elapsed time.
        has_wall: Whether it tells wall time.
    """

    def __init__(self, history: History) -> None:
        self.start = 0.0
        self.has_samples = self.has_elapsed = self.has_wall = False

    def look_at(self, rows: Rows) -> None:
        """Take note of the clocks of a stretch."""
        self.has_samples = self.has_samples or rows.samples is not None
        self.has_elapsed = self.has_elapsed or rows.elapsed_seconds is not None
        self.has_wall = self.has_wall or rows.wall_time is not None


def _begin(
    history: History,
    thresholds: Sequence[PerformanceThreshold],
    open_ledger: Callable[[History, float], Ledger],
    clocks: _Clocks,
    elapsed: float | None,
    wall: float | None,
) -> PerformanceThresholdTracker:
    _require_clocks(history, thresholds, clocks)
    if history.started_at is not None:
        clocks.start = history.started_at
    elif wall is not None:
        clocks.start = wall - (elapsed or 0.0)
    start = clocks.start
    if not abs(start) < LATEST_START:  # also where it is NaN
        raise HistoryError(
            f"{history.run}: found a start at {start:g} s of Unix time, expected one before the year 10000"
        )
    ledger = open_ledger(history, start)
    if not clocks.has_wall:
        timed = [msgspec.structs.replace(segment, has_wall_clock=False) for segment in ledger.segments]
        ledger = msgspec.structs.replace(ledger, segments=tuple(timed))
    return PerformanceThresholdTracker(thresholds, ledger=ledger, clock=Clock(monotonic=lambda: 0.0, utc=lambda: start))


def _require_clocks(history: History, thresholds: Sequence[PerformanceThreshold], clocks: _Clocks) -> None:
    for threshold in thresholds:
        half_life = threshold.half_life
        if half_life is None:
            continue
        if half_life.samples is not None and not clocks.has_samples:
            raise HistoryError(
                f"{history.run}: threshold {threshold.name!r} has a half-life in samples, and the log counts none "
                f"({history.uncounted_because or 'say which column does with --samples-column'})"
            )
        if half_life.seconds is not None and not (clocks.has_elapsed or clocks.has_wall):
            raise HistoryError(
                f"{history.run}: threshold {threshold.name!r} has a half-life in seconds, and the log has no clock "
                f"({history.untimed_because or 'say which column tells time with --time-column'})"
            )


Update = tuple[dict[str, float], int | None, float | None, float | None]


def _updates(rows: Rows, clocks: _Clocks) -> Iterator[Update]:
    """Yield the rows of a stretch as `PerformanceThresholdTracker.update` takes them.

    A row before the first that tells a clock takes what that tells: sparse logs have a row for each of several loggers.
    """
    height = rows.metrics.height if rows.metrics.width else _height(rows)
    samples = _filled(rows.samples, height, 0 if not clocks.has_samples else None)
    has_clock = clocks.has_elapsed or clocks.has_wall
    elapsed = _filled(rows.elapsed_seconds, height, None if has_clock else 0.0)
    wall = _filled(rows.wall_time, height, None)
    columns = [(name, rows.metrics[name].to_list()) for name in rows.metrics.columns]
    for at in range(height):
        metrics = {name: value for name, values in columns if (value := values[at]) is not None}
        yield metrics, samples[at], elapsed[at], wall[at]


def _filled(column: "polars.Series | None", height: int, missing: float | None) -> list[Any]:
    return [missing] * height if column is None else column.fill_null(strategy="backward").to_list()


def _height(rows: Rows) -> int:
    columns = (rows.samples, rows.elapsed_seconds, rows.wall_time)
    return max((len(column) for column in columns if column is not None), default=0)


def _known(result: ThresholdResult, history: History, clocks: _Clocks) -> ThresholdResult:
    """Return a result without what the log can't tell."""
    unknown: dict[str, Any] = {}
    if not clocks.has_samples:
        unknown |= {"samples_to_threshold": None, "after_samples": None, "confirmed_at_samples": None}
    if not (clocks.has_elapsed or clocks.has_wall):
        unknown |= dict.fromkeys(("minutes_to_threshold", "after_minutes", "cost_to_threshold", "after_cost"))
        unknown["billed_cost_to_threshold"] = None
        unknown["elapsed_source"] = None
    if history.run_seconds is not None and math.isfinite(history.run_seconds):
        unknown["run_minutes"] = history.run_seconds / 60
    return msgspec.structs.replace(result, **unknown, checkpointed=None)
