"""Takes many rows of a history through a tracker at once, by NumPy or the kernel: from and to the tracker's own state.

A row that does not simply follow the one before it (the first of a run, one that goes back) is taken by the tracker
itself. What they find is put where the tracker would have put it: nothing after it can tell the difference.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from milepost.histories.decoding import compiler
from milepost.money.position import Position
from milepost.replaying.compiled import layout, vectors
from milepost.replaying.curves import HistoryCurve
from milepost.replaying.row_by_row import Feed
from milepost.replaying.updates import Updates
from milepost.tracking.crossing import Crossing, Detector
from milepost.tracking.series import Series
from milepost.tracking.tracker import PerformanceThresholdTracker

Array = np.ndarray[Any, Any]

COMPARISONS = {
    ">=": layout.RISING,
    ">": layout.RISING_STRICTLY,
    "<=": layout.FALLING,
    "<": layout.FALLING_STRICTLY,
    "==": layout.LEVEL,
}


FEW_ROWS = 16
"""So few rows are not worth a call of the kernel."""

FIRST_WINDOW = 1024
"""After a row that goes back, so many are looked at for another; twice as many where there is none."""


class Block(NamedTuple):
    """Rows that simply follow each other.

    Attributes:
        columns: Values by metric, Float64, contiguous; NaN where a row has none. Metrics that no row bears are not in.
        nulls: How many of each metric's rows bear no value, as against a NaN.
        samples: Int64, contiguous.
        elapsed_seconds: Float64, contiguous.
        wall_time: Float64.
    """

    columns: Mapping[str, Array]
    nulls: Mapping[str, int]
    samples: Array
    elapsed_seconds: Array
    wall_time: Array


def arithmetic_of(tracker: PerformanceThresholdTracker) -> Any | None:
    """Return what works out a tracker's values: NumPy where none is smoothed, else the kernel.

    None where that is needed, and Numba is not there or refuses to be loaded.
    """
    if all(series.is_raw for series in tracker.series):
        return vectors
    return compiler.load("milepost.replaying.compiled.kernel")


def take_all(feed: Feed, updates: Updates) -> None:
    """Take a chunk, as many rows at once as simply follow each other."""
    tracker, timer = feed.tracker, feed.tracker.timer
    arithmetic = arithmetic_of(tracker)
    if arithmetic is None:
        feed.take_each(updates, 0, len(updates))
        return
    samples = updates.samples.to_numpy()
    told = None if updates.elapsed_seconds is None else updates.elapsed_seconds.to_numpy()
    if updates.wall_time is not None:
        wall: Array = updates.wall_time.to_numpy()
    else:
        assert told is not None
        wall = feed.start + told
    columns, nulls = _columns_of(updates, {series.metric for series in tracker.series})
    curves = [(curve, np.array(curve.rows, np.int64)) for curve in feed.curves]
    single = sorted({*updates.boundaries, *(row for each in updates.at_most for row in (each, each + 1))})
    first, window = 0, len(samples)
    while first < len(samples):
        alone = bisect_left(single, first)
        stop = min(first + window, len(samples), *single[alone : alone + 1])
        count = 0
        if stop > first and timer.timed_here is (told is None) and not (tracker.timer.is_open or timer.boundary):
            rows = slice(first, stop)
            counted, walls = samples[rows], wall[rows]
            if timer.is_shifted:
                counted, walls = counted + timer.count_offset, walls + timer.wall_offset
            elapsed = timer.at(walls) if told is None else told[rows] + timer.told_offset
            last = (timer.samples, timer.elapsed_seconds, timer.wall_time)
            count = arithmetic.following(counted, elapsed, walls, *last, timer.hole_seconds)
            window = 2 * window if count == stop - first else FIRST_WINDOW
        stop = first + max(count, 1)
        if count < FEW_ROWS:
            feed.take_each(updates, first, stop)
        else:
            rows = slice(first, stop)
            block = Block(
                {metric: column[rows] for metric, column in columns.items()},
                {metric: int(column[rows].sum()) for metric, column in nulls.items()},
                counted[:count],
                elapsed[:count],
                walls[:count],
            )
            _take(tracker, arithmetic, block, [(curve, _within(kept, first, stop)) for curve, kept in curves], first)
        first = stop


def _columns_of(updates: Updates, metrics: Collection[str]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the columns that are watched and bear a value, and which of their rows are null, where any is."""
    columns, nulls = {}, {}
    for column in updates.metrics:
        if column.name in metrics and (missing := column.null_count()) < len(column):
            columns[column.name] = np.ascontiguousarray(column.to_numpy())
            if missing:
                nulls[column.name] = column.is_null().to_numpy()
    return columns, nulls


def _within(rows: Array, first: int, stop: int) -> Array:
    """Return those of ascending rows that lie in a block, counted from its beginning."""
    return rows[np.searchsorted(rows, first) : np.searchsorted(rows, stop)] - first


def _take(
    tracker: PerformanceThresholdTracker,
    arithmetic: Any,
    block: Block,
    curves: Sequence[tuple[HistoryCurve, Array]],
    first: int,
) -> None:
    """Take a block through a tracker, and give curves what was at their rows; ``first`` is that of the block."""
    rows = len(block.samples)
    for series in tracker.series:
        if series.metric not in block.columns:
            series.leave(tracker.last)
            series.absent += rows
    present = [series for series in tracker.series if series.metric in block.columns]
    pending = [[each for each in series.detectors if each.crossing is None] for series in present]
    states = _states_of(present, pending)
    targets = _targets_of([each for detectors in pending for each in detectors])
    by_series = {curve.series: (curve, kept) for curve, kept in curves}
    wanted = _kept_of(states, [by_series[series][1] if by_series else () for series in present])
    columns = tuple(block.columns[series.metric] for series in present)
    if present:
        arithmetic.observe(columns, block.samples, block.elapsed_seconds, states, targets, wanted)

    crossed = sorted({int(row) for row in targets["confirmed"] if row != layout.NEVER})
    here = tracker.last

    def position(row: int, marks: int) -> Position:
        return msgspec.structs.replace(
            here,
            samples=int(block.samples[row]),
            elapsed_seconds=float(block.elapsed_seconds[row]),
            wall_time=float(block.wall_time[row]),
            marks=here.marks + marks,
        )

    def seen_at(row: int) -> Position:
        """Where a row was as it was taken: a crossing there is marked after that."""
        return position(row, bisect_left(crossed, row))

    def last_seen_at(row: int, series: Series) -> Position:
        """Where the last value was, as the rows after it see it."""
        if row == layout.EARLIER:
            return series.left_at or here
        return position(row, bisect_right(crossed, row))

    elapsed_source = tracker.timer.elapsed_source
    assert elapsed_source is not None
    for number, series in enumerate(present):
        told = targets[states[number]["first_target"] : states[number + 1]["first_target"]]
        for detector, target in zip(pending[number], told, strict=True):
            _settle(detector, target, series, seen_at, last_seen_at, elapsed_source)
        _advance(series, states[number], block.nulls.get(series.metric, 0), last_seen_at)
    tracker.timer.trail.extend(block.samples, block.elapsed_seconds)
    tracker.timer.follow(rows, position(-1, 0), [position(row, 0) for row in crossed])
    tracker.sort_series()
    for series, each in zip(present, states, strict=False):
        if by_series:
            curve, kept = by_series[series]
            values = wanted["value"][each["end_kept"] - len(kept) : each["end_kept"]]
            for row, value in zip(kept, values, strict=True):
                smoothed = None if np.isnan(value) else float(value)
                observed = curve.observation(first + int(row))
                curve.keep(observed, int(block.samples[row]), float(block.elapsed_seconds[row]), smoothed)


def _states_of(every_series: Sequence[Series], pending: Sequence[Sequence[Detector]]) -> Array:
    states = np.zeros(len(every_series) + 1, layout.SERIES)
    first = 0
    for each, series, detectors in zip(states, every_series, pending, strict=False):
        half_life = series.smoothing.half_life
        each["decay"] = series.decay
        each["half_life"] = np.nan if half_life is None else half_life.samples or half_life.seconds or np.nan
        each["by_samples"] = half_life is not None and half_life.samples is not None
        each["bias_correction"] = series.smoothing.bias_correction
        each["total"], each["weight"] = series.total, series.weight
        each["samples"], each["elapsed_seconds"] = series.samples, series.elapsed_seconds
        each["left"] = layout.FLOWING if series.left_at is None else layout.EARLIER
        each["first_target"] = first
        first += len(detectors)
    states[-1]["first_target"] = first
    return states


def _targets_of(detectors: Sequence[Detector]) -> Array:
    targets = np.zeros(len(detectors), layout.TARGETS)
    for each, detector in zip(targets, detectors, strict=True):
        threshold = detector.judged
        each["comparison"] = COMPARISONS[threshold.comparison]
        each["target"], each["tolerance"] = threshold.target_value, threshold.tolerance
        each["confirm"], each["held"] = threshold.confirm, detector.held
        each["met_before"] = detector.met_before
        each["candidate"] = layout.EARLIER
    targets["confirmed"] = layout.NEVER
    return targets


def _kept_of(states: Array, rows: Sequence[Any]) -> Array:
    kept = np.zeros(sum(map(len, rows)), layout.KEPT)
    end = 0
    for each, wanted in zip(states, rows, strict=False):
        each["next_kept"] = end
        kept["row"][end : end + len(wanted)] = wanted
        each["end_kept"] = end = end + len(wanted)
    return kept


def _settle(
    detector: Detector,
    target: Any,
    series: Series,
    seen_at: Callable[[int], Position],
    last_seen_at: Callable[[int, Series], Position],
    elapsed_source: Any,
) -> None:
    """Bring a detector to where the kernel left its threshold."""
    confirmed, candidate = int(target["confirmed"]), int(target["candidate"])
    detector.held, detector.met_before = int(target["held"]), bool(target["met_before"])
    if not detector.held and confirmed == layout.NEVER:
        detector.candidate = None
        return
    if candidate != layout.EARLIER:
        at, before = seen_at(candidate), int(target["before"])
        detector.candidate = Crossing(
            position=at,
            value=float(target["value"]),
            before=None if before == layout.NEVER else last_seen_at(before, series),
            confirmed_at_samples=at.samples,
            elapsed_source=elapsed_source,
        )
    if confirmed != layout.NEVER:
        assert detector.candidate is not None
        confirmed_at = seen_at(confirmed).samples
        detector.crossing = msgspec.structs.replace(detector.candidate, confirmed_at_samples=confirmed_at)
        detector.candidate = None


def _advance(series: Series, states: Any, nulls: int, last_seen_at: Callable[[int, Series], Position]) -> None:
    """Bring a series to where the kernel left its state."""
    misses, left = int(states["misses"]), int(states["left"])
    series.total, series.weight = float(states["total"]), float(states["weight"])
    series.samples, series.elapsed_seconds = float(states["samples"]), float(states["elapsed_seconds"])
    series.absent += misses
    series.skipped += misses - nulls
    series.left_at = None if left == layout.FLOWING else last_seen_at(left, series)
    series.renew()
