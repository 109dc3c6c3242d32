"""What becomes of an update that does not simply follow the one before it: the first, a fall, a hole, a boundary.

See ``docs/positions.md``.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from milepost.money.position import Position
from milepost.tracking.falls import Falls, Placed
from milepost.tracking.result import ROUNDING, ROUNDING_SECONDS, ThresholdResult
from milepost.tracking.row import Row, read
from milepost.tracking.timer import ProcessStart
from milepost.tracking.trail import LEAST_HOLE_SECONDS

if TYPE_CHECKING:
    from milepost.tracking.tracker import PerformanceThresholdTracker


class Moves:
    """Judges the updates of a tracker that do not simply follow.

    Args:
        tracker: The tracker.

    Attributes:
        falls: Decides what falls of the count are.
    """

    def __init__(self, tracker: "PerformanceThresholdTracker") -> None:
        self._tracker = tracker
        self.falls = Falls(tracker, self._place)
        self._first_hole: tuple[float, int] | None = None  # between the first two updates, and after how many samples

    def place(
        self, metrics: Mapping[str, Any], samples: Any, elapsed_seconds: float | None, wall: float, wall_is_given: bool
    ) -> Placed:
        """Say where an update stands."""
        row = read(self._tracker.timer, metrics, samples, elapsed_seconds, wall, wall_is_given)
        if row is None:
            return ()
        return self._place(row) if self.falls.fall is None else self.falls.take(row)

    def _place(self, row: Row) -> Placed:
        timer = self._tracker.timer
        boundary, timer.boundary = timer.boundary, None
        timer.row_bound = None
        if self.falls.is_still_unwatched(None if boundary else row):
            return ()
        first, samples = timer.first_samples is None, row.samples + timer.count_offset
        if row.bound == "unknown":
            return self._untimed(row, samples)
        elapsed = timer.take_up(row.elapsed_seconds, row.wall_time, row.wall_is_given)
        timer.row_bound = row.bound
        if first:
            timer.first_samples = row.samples
        if boundary is not None:
            return self._cross(row, samples, elapsed, boundary)
        if first:
            return self._follow(samples, elapsed, row)
        if samples < timer.samples:
            return self.falls.begin(row, samples, elapsed)
        if elapsed < timer.elapsed_seconds:
            elapsed = self._time_fell(row, elapsed)
        elif row.wall_time < timer.wall_time:
            self._bridge(row, elapsed - timer.elapsed_seconds)
        elif elapsed - timer.elapsed_seconds >= timer.hole_seconds:
            elapsed = self._hole(row, elapsed)
        return self._follow(samples, elapsed, row)

    def _follow(self, samples: int, elapsed: float, row: Row) -> Position:
        timer = self._tracker.timer
        if samples >= timer.trail.due:
            timer.trail.add(samples, elapsed)
        timer.settle()
        return timer.position(samples, elapsed, row.wall_time)

    def _untimed(self, row: Row, samples: int) -> Placed:
        """Take an update whose time can't be: it is observed where the last one was."""
        timer = self._tracker.timer
        if samples < timer.samples and timer.first_samples is not None:
            return ()
        if timer.first_samples is None:
            timer.first_samples = row.samples
            timer.forget_opened()
        timer.segment()
        timer.elapsed_source = timer.elapsed_source or ("wall" if row.elapsed_seconds is None else "caller")
        timer.row_bound = "unknown"
        timer.settle()
        return timer.position(samples, timer.elapsed_seconds, timer.wall_time)

    def _time_fell(self, row: Row, elapsed: float) -> float:
        """Return the elapsed seconds of an update whose clock went back, though its count did not."""
        timer = self._tracker.timer
        last = timer.elapsed_seconds
        if row.elapsed_seconds is None:
            step = timer.trail.row_seconds() or 0.0
            self._bridge(row, step)
            timer.origin = row.wall_time - (last + step)
            return last + step
        before = last - timer.told_offset
        if row.elapsed_seconds <= before / 2:
            is_seen = row.samples + timer.count_offset == timer.samples  # another process came to the same count
            since = 0.0 if is_seen else row.elapsed_seconds
            self._restart_timer(row, row.elapsed_seconds, last)
            timer.told_offset += since - row.elapsed_seconds
            return last + since
        if last - elapsed > ROUNDING_SECONDS + last * ROUNDING:
            timer.bound = "unknown"
            timer.untimed_because = (
                f"elapsed time went back from {before:g} to {row.elapsed_seconds:g} s, and not to where a timer "
                "begins: it is no clock"
            )
            timer.said.warn("elapsed", timer.untimed_because)
        return last

    def _bridge(self, row: Row, seconds: float) -> None:
        """Have wall time that went back go on from the last, so many seconds later."""
        timer = self._tracker.timer
        if timer.segment().has_wall_clock:
            timer.said.warn(
                "clock",
                "wall time went back by %.1f s after the update at %s: that is bridged by %.1f s",
                *(timer.wall_time - row.wall_time, timer.samples, seconds),
            )
        gained = timer.wall_time + seconds - row.wall_time
        timer.wall_offset += gained
        row.wall_time += gained

    def _restart_timer(self, row: Row, since_start: float, last: float) -> None:
        """Have a timer that began anew go on from its last value; what was between the processes is left out."""
        timer = self._tracker.timer
        self._say_restart(since_start, last)
        if timer.can_split:
            timer.split(timer.samples, last, max(timer.wall_time, row.wall_time - since_start))
        timer.told_offset = last

    def _say_restart(self, since_start: float, last: float) -> None:
        timer = self._tracker.timer
        timer.restarts += 1
        timer.said.warn(
            "timer",
            "elapsed time began anew at %.1f s after %.1f s: it is taken to go on from there",
            since_start,
            last,
        )

    def _hole(self, row: Row, elapsed: float) -> float:
        """Return the elapsed seconds of an update that comes long after the one before."""
        timer = self._tracker.timer
        step = timer.trail.row_seconds()
        after = elapsed - timer.elapsed_seconds
        timer.hole_seconds = min(timer.gap_seconds, timer.trail.hole_seconds() or LEAST_HOLE_SECONDS)
        if after >= timer.gap_seconds:
            elapsed = timer.elapsed_seconds + (step or 0.0)
            timer.said.warn("gap", "a hole of %.1f min after the update at %s is left out", after / 60, timer.samples)
            if timer.can_split:
                timer.split(timer.samples, timer.elapsed_seconds, row.wall_time - (step or 0.0))
            timer.origin = row.wall_time - elapsed
            if row.elapsed_seconds is not None:
                timer.told_offset = elapsed - row.elapsed_seconds
        elif row.wall_is_given and step is not None and after >= timer.hole_seconds:
            self._say_hole(after, timer.samples, step)
        elif row.wall_is_given and step is None:
            self._first_hole = after, timer.samples
        return elapsed

    def _say_hole(self, after: float, samples: int, usual: float) -> None:
        self._tracker.timer.said.warn(
            "hole",
            "a hole of %.1f min after the update at %s, where %.1f min are usual, counts as training: if no machine "
            "was there, leave such out with a gap (--gap 10m)",
            *(after / 60, samples, usual / 60),
        )

    def close(self) -> tuple[ThresholdResult, ...]:
        """Take up what still waits for updates after it, and say what they were to tell: there are none."""
        least, usual = self._tracker.timer.trail.hole_seconds(), self._tracker.timer.trail.row_seconds()
        if self._first_hole is not None and least is not None and usual is not None and self._first_hole[0] >= least:
            self._say_hole(*self._first_hole, usual)
        return self.falls.close()

    def _cross(self, row: Row, samples: int, elapsed: float, boundary: ProcessStart) -> Placed:
        """Take the first update of another process: its counters and its timer go on, or training went back.

        Elapsed time goes on from the last update before (or from where the lineage had come to this count), plus the
        time since the process started, where its own timer or its start tells that; else that is a lower bound.
        """
        timer, told = self._tracker.timer, row.elapsed_seconds
        last = timer.last
        started = self._start_of(row, boundary)
        since = None if started is None else row.wall_time - started
        assert timer.first_samples is not None
        if samples < timer.samples and row.samples <= timer.first_samples < timer.samples:
            self.falls.begin_anew(row)
            samples = row.samples + timer.count_offset
        went_back = samples < timer.samples
        base, bound = self.falls.lineage_at(samples, None) if went_back else (last.elapsed_seconds, None)
        is_anew = told is not None and (
            (elapsed < last.elapsed_seconds and (not went_back or self.falls.has_new_timer(row, base)))
            or (
                since is not None
                and not boundary.has_loaded
                and abs(told - since) <= ROUNDING_SECONDS + since * ROUNDING
            )
        )
        if told is not None:
            since = told if is_anew else None
            if is_anew and started is None:
                started = max(last.wall_time, row.wall_time - told)
        if went_back:
            if told is not None and not is_anew:
                base, bound = self.falls.lineage_at(samples, elapsed)
            self.falls.leave(samples, None)
        seen = bound is None and (went_back or (samples == timer.samples and not boundary.has_loaded))
        if told is not None and not is_anew and bound is None:
            at_row = base if went_back else elapsed
        elif seen:
            at_row = base
        elif boundary.has_loaded and told is None:  # the timer was brought to where the state left off
            at_row, bound = base + max(0.0, elapsed - last.elapsed_seconds), None
        else:
            at_row, bound = base + (since or 0.0), None if since is not None else "lower"
        timer.bound = bound or timer.bound
        if boundary.has_loaded:
            if went_back:
                begun = timer.segment().marks[0]
                timer.ledger = timer.ledger.started_at(base, samples, begun.resumes)
        elif timer.can_split:
            timer.split(samples, base, row.wall_time if started is None else started)
        if is_anew and not went_back:
            self._say_restart(told or 0.0, last.elapsed_seconds)
        at = timer.position(samples, at_row, row.wall_time)
        if timer.timed_here:
            timer.origin = row.wall_time - at_row
        elif told is not None:
            timer.told_offset = at_row - told
        if went_back:
            timer.samples, timer.elapsed_seconds, timer.wall_time = samples, at_row, row.wall_time
            self.falls.say_rewind(last, at, row)
        return self._follow(samples, at_row, row)

    def _start_of(self, row: Row, boundary: ProcessStart) -> float | None:
        """Return when the process of an update started, where that is told and lies between the updates."""
        started, last = boundary.started_at, self._tracker.timer.wall_time
        if started is None or started > row.wall_time:
            return None
        return max(started, last)
