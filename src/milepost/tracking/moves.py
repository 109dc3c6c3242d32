"""What becomes of an update that does not simply follow the one before it: the first, a fall, a hole, a boundary.

Where a count falls inside one process, what that means shows in what comes after it: an evaluation of an earlier
checkpoint, training that went back, or a counter that began anew. The update itself stands where the lineage had its
count, whatever it is, and what it crosses is crossed at once; the updates after it wait, two at most, until that is
decided. See ``docs/positions.md``.
"""

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from milepost.log import logger
from milepost.money.position import Bound, Position
from milepost.tracking.event import Event
from milepost.tracking.result import ThresholdResult
from milepost.tracking.row import Row, read
from milepost.tracking.timer import LEAST_HOLE_SECONDS, ProcessStart

if TYPE_CHECKING:
    from milepost.tracking.tracker import PerformanceThresholdTracker

Placed = Position | tuple[ThresholdResult, ...]
"""Where an update stands, which is still to be observed; or what it achieved, where it has been, or has to wait."""

HOLE_ROWS = 20
"""A hole is so many times the median distance from one update to the next."""

MOST_WAITING = 2
"""Updates after a fall that tell what it was."""

ROUNDING_SECONDS = 1.0
"""A timer that falls by no more has been rounded, or told by two loggers."""


class Own(Enum):
    """How an update that falls stands to the observations of its own metrics before it."""

    FORWARD = "each is beyond its last"
    BACK = "one at least is before its last"
    UNKNOWN = "it bears none that is watched"


class Fall(msgspec.Struct):
    """A fall that is still to be decided, with the updates that wait for that.

    Attributes:
        kind: ``count`` where it is late, or a rewind; ``anew`` where the counter may have begun anew.
        row: The update that fell; already observed where it is of the kind ``count``.
        before: Where the run stood before it.
        is_cut: Whether a hole or a timer that fell, too, says that another process goes on there.
        waiting: The updates after it.
    """

    kind: Literal["count", "anew"]
    row: Row
    before: Position
    is_cut: bool
    waiting: list[Row] = []


class Unwatched(msgspec.Struct):
    """A fall of updates that bear nothing watched: what it was shows when one does.

    Attributes:
        first: The first of them.
        keys: Its keys, where all that was logged is told.
        before: Where the run stood before it.
        is_cut: As of a `Fall`.
        rows: How many there are.
    """

    first: Row
    keys: frozenset[str]
    before: Position
    is_cut: bool
    rows: int = 1


class Moves:
    """Judges the updates of a tracker that do not simply follow.

    Args:
        tracker: The tracker.

    Attributes:
        fall: The fall that is still to be decided.
    """

    def __init__(self, tracker: "PerformanceThresholdTracker") -> None:
        self._tracker = tracker
        self.fall: Fall | None = None
        self._unwatched: Unwatched | None = None

    def place(
        self, metrics: Mapping[str, Any], samples: Any, elapsed_seconds: float | None, wall: float, wall_is_given: bool
    ) -> Placed:
        """Say where an update stands."""
        row = read(self._tracker.timer, metrics, samples, elapsed_seconds, wall, wall_is_given)
        return () if row is None else self._take(row)

    @property
    def is_open(self) -> bool:
        """Whether a fall is still to be decided."""
        return self.fall is not None or self._unwatched is not None

    @property
    def waiting(self) -> tuple[Row, ...]:
        """Updates that have not been observed as yet."""
        if self.fall is None:
            return ()
        return (*([self.fall.row] if self.fall.kind == "anew" else []), *self.fall.waiting)

    def load(self, waiting: Iterable[Row]) -> None:
        """Go on from a state: what was open here is void, and what waited there is observed where it was."""
        self.fall = self._unwatched = None
        for row in waiting:
            timer = self._tracker.timer
            self._observe_at(row, row.samples + timer.count_offset, row.elapsed(timer))

    def close(self) -> tuple[ThresholdResult, ...]:
        """Decide what is still open: nothing follows."""
        achieved: tuple[ThresholdResult, ...] = ()
        while self.fall is not None:
            fall = self.fall
            if fall.kind == "anew":
                achieved += self._decide("anew" if fall.waiting and _rises([fall.row, *fall.waiting]) else "late")
            else:
                achieved += self._decide("rewind" if fall.waiting else "late")
        if self._unwatched is not None:
            self._is_still_unwatched(None)
        return achieved

    def _take(self, row: Row) -> Placed:
        if self.fall is None:
            return self._place(row)
        if self._tracker.timer.boundary is not None:  # what came before it is over
            top = self.fall.before.samples
            decided = self._decide("rewind" if self.fall.waiting and row.samples <= top else "late")
            return self._then(decided, row)
        self.fall.waiting.append(row.kept(self._tracker.series))
        verdict = self._verdict(self.fall)
        return () if verdict is None else self._decide(verdict)

    def _then(self, achieved: tuple[ThresholdResult, ...], row: Row) -> tuple[ThresholdResult, ...]:
        """Take a row after others, which have achieved something."""
        placed = self._take(row)
        return achieved + (self._tracker.observe(row.metrics, placed) if isinstance(placed, Position) else placed)

    def _place(self, row: Row) -> Placed:
        timer = self._tracker.timer
        boundary, timer.boundary = timer.boundary, None
        timer.row_bound = None
        if self._unwatched is not None and self._is_still_unwatched(None if boundary else row):
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
            return self._fall(row, samples, elapsed)
        if elapsed < timer.elapsed_seconds:
            elapsed = self._time_fell(row, elapsed)
        elif row.wall_time < timer.wall_time:
            self._bridge(row, elapsed - timer.elapsed_seconds)
        elif elapsed - timer.elapsed_seconds >= timer.hole_seconds and row.elapsed_seconds is None:
            elapsed = self._hole(row, elapsed)
        return self._follow(samples, elapsed, row)

    def _follow(self, samples: int, elapsed: float, row: Row) -> Position:
        timer = self._tracker.timer
        if samples >= timer.trail.due:
            timer.trail.add(samples, elapsed, timer.updates)
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
        timer.row_bound = "unknown"
        timer.settle()
        return timer.position(samples, timer.elapsed_seconds, timer.wall_time)

    def _fall(self, row: Row, samples: int, elapsed: float) -> Placed:
        """Take an update whose count is below that of the one before."""
        tracker, timer = self._tracker, self._tracker.timer
        own = self._own(row, samples)
        if own is Own.FORWARD:
            return self._late(row, samples, elapsed)
        assert timer.first_samples is not None
        told = row.elapsed_seconds is not None
        rises = elapsed > timer.elapsed_seconds if told else row.wall_time > timer.wall_time
        is_cut = elapsed < timer.elapsed_seconds if told else self._is_hole(row.wall_time - timer.wall_time)
        timer.due = 0
        if own is Own.UNKNOWN:
            self._unwatched = Unwatched(row.kept(tracker.series), frozenset(row.metrics), timer.last, is_cut)
            return ()
        anew = row.samples <= timer.first_samples and rises
        self.fall = Fall("anew" if anew else "count", row.kept(tracker.series), timer.last, is_cut, [])
        return () if anew else self._observe_at(row, samples, elapsed)

    def _verdict(self, fall: Fall) -> Literal["late", "rewind", "anew"] | None:
        """Say what a fall was, as far as the updates after it tell."""
        waiting, offset = fall.waiting, self._tracker.timer.count_offset
        if waiting[-1].samples + offset > fall.before.samples:
            return "rewind" if fall.is_cut else "late"
        if len(waiting) < MOST_WAITING:
            return None
        return "anew" if fall.kind == "anew" and _rises([fall.row, *waiting]) else "rewind"

    def _decide(self, verdict: Literal["late", "rewind", "anew"]) -> tuple[ThresholdResult, ...]:
        """Take up what a fall turned out to be, and then the updates that waited for that."""
        tracker, timer, fall = self._tracker, self._tracker.timer, self.fall
        assert fall is not None
        self.fall = None
        row, waiting = fall.row, fall.waiting
        samples = row.samples + timer.count_offset
        achieved: tuple[ThresholdResult, ...] = ()
        if verdict == "anew":
            self._begin_anew(row)
            waiting = [row, *waiting]
        else:
            told = row.elapsed_seconds
            elapsed = timer.at(row.wall_time) if told is None else told + timer.told_offset
            if fall.kind == "anew":
                achieved = self._observe_at(row, samples, elapsed)
            if verdict == "rewind":
                self._rewind(row, fall.before, elapsed, fall.is_cut)
            else:
                self._count_late(row)
        timer.settle()
        for number, each in enumerate(waiting):
            if self.fall is not None:  # one of them fell again
                placed: Placed = self._take(each)
            elif verdict == "late" and number < len(waiting) - 1 and each.samples + timer.count_offset < timer.samples:
                placed = self._late(each, each.samples + timer.count_offset, each.elapsed(timer))
            else:
                placed = self._place(each)
            achieved += tracker.observe(each.metrics, placed) if isinstance(placed, Position) else placed
        return achieved

    def _own(self, row: Row, samples: int) -> Own:
        timer, own = self._tracker.timer, Own.UNKNOWN
        for series in self._tracker.series:
            if row.bears(series.metric) and series.weight:
                own = Own.FORWARD
                if samples < (series.left_at.samples if series.left_at else timer.samples):
                    return Own.BACK
            elif row.bears(series.metric):
                own = Own.FORWARD
        return own

    def _late(self, row: Row, samples: int, elapsed: float) -> tuple[ThresholdResult, ...]:
        self._count_late(row)
        return self._observe_at(row, samples, elapsed)

    def _count_late(self, row: Row) -> None:
        timer = self._tracker.timer
        timer.late_observations += 1
        timer.said.warn(
            "late",
            "an update at %s came when training had come to %s: it is taken as a late observation of that position",
            *(row.samples, timer.samples - timer.count_offset),
        )

    def _observe_at(self, row: Row, samples: int, elapsed: float) -> tuple[ThresholdResult, ...]:
        """Observe an update where the lineage had its count, without the run's going there."""
        timer = self._tracker.timer
        back, bound = self._lineage_at(samples, elapsed if row.elapsed_seconds is not None else None)
        outer, timer.row_bound = timer.row_bound, bound or timer.row_bound
        at = timer.position(samples, back, row.wall_time)
        timer.row_bound = outer
        timer.settle()
        if self.fall is not None:
            timer.due = 0
        return self._tracker.observe_late(row.metrics, at)

    def _lineage_at(self, samples: int, told: float | None) -> tuple[float, Bound | None]:
        """Return the elapsed seconds of the lineage at a count, and what they are where they are not exact.

        Args:
            samples: The count.
            told: Elapsed seconds that the update tells: right where they lie in what the lineage leaves open.
        """
        timer = self._tracker.timer
        found = timer.trail.find(samples)
        if found is not None and found[1]:
            return found[0], None
        below = found[0] if found else min(timer.ledger.segments[0].marks[0].elapsed_seconds, timer.elapsed_seconds)
        if told is not None and below <= told <= timer.elapsed_seconds:
            return told, None
        return below, "lower"

    def _rewind(self, row: Row, gone: Position, elapsed: float, is_cut: bool) -> None:
        """Go back to the count of an update.

        Args:
            row: The update.
            gone: Where the run stood before it.
            elapsed: Where the timer is by its own reckoning.
            is_cut: Whether another process goes on there.
        """
        timer = self._tracker.timer
        samples = row.samples + timer.count_offset
        back, bound = self._lineage_at(samples, elapsed if row.elapsed_seconds is not None else None)
        is_cut = is_cut and timer.can_split
        if timer.timed_here and not is_cut:  # it trained until now, and that is lost
            gone = timer.position(timer.samples, max(timer.elapsed_seconds, elapsed), row.wall_time)
        self._leave(samples, bound)
        if is_cut:
            timer.wall_time = gone.wall_time
            timer.split(samples, back, row.wall_time)
        else:
            timer.mark("heartbeat", gone)
        at = timer.position(samples, back, row.wall_time)
        if not is_cut:
            timer.mark("rewind", at)
        self._stand_at(at, row)
        self._say_rewind(gone, at, row)

    def _leave(self, samples: int, bound: Bound | None) -> None:
        """Leave what lies beyond a count, which training goes back to."""
        timer = self._tracker.timer
        self._tracker.go_back(samples)
        timer.trail.cut(samples)
        timer.bound = bound or timer.bound

    def _say_rewind(self, gone: Position, at: Position, row: Row) -> None:
        timer = self._tracker.timer
        if at.samples >= timer.trail.due:
            timer.trail.add(at.samples, at.elapsed_seconds, timer.updates)
        timer.rewinds += 1
        timer.said.warn("rewind", "training went back from %s to %s, and goes on from there", gone.samples, row.samples)
        logger("tracker").debug("went back from %s to %s", gone, at)
        self._tracker.tell(Event("rewind", at))

    def _stand_at(self, at: Position, row: Row) -> None:
        """Have the run stand at a position, and its clocks go on from there."""
        timer = self._tracker.timer
        timer.samples, timer.elapsed_seconds, timer.wall_time = at.samples, at.elapsed_seconds, at.wall_time
        timer.origin = at.wall_time - at.elapsed_seconds
        if row.elapsed_seconds is not None:
            timer.told_offset = at.elapsed_seconds - row.elapsed_seconds
        timer.settle()

    def _begin_anew(self, row: Row) -> None:
        """Have a counter that began anew go on from its last value."""
        timer = self._tracker.timer
        timer.restarts += 1
        timer.said.warn(
            "anew",
            "the count of samples began anew at %s after %s: it is taken to go on from there",
            *(row.samples, timer.samples - timer.count_offset),
        )
        timer.count_offset = timer.samples

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
            self._restart_timer(row, row.elapsed_seconds, last)
            return last + row.elapsed_seconds
        if last - elapsed > ROUNDING_SECONDS + last / 100:
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
                "wall time went back by %.1f s after %s samples: that is bridged by %.1f s",
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

    def _is_hole(self, seconds: float) -> bool:
        return seconds >= max(LEAST_HOLE_SECONDS, HOLE_ROWS * (self._tracker.timer.trail.row_seconds() or math.inf))

    def _hole(self, row: Row, elapsed: float) -> float:
        """Return the elapsed seconds of an update that comes long after the one before, by wall time."""
        timer = self._tracker.timer
        step = timer.trail.row_seconds()
        after = elapsed - timer.elapsed_seconds
        timer.hole_seconds = min(timer.gap_seconds, max(LEAST_HOLE_SECONDS, HOLE_ROWS * (step or 0.0)))
        if after >= timer.gap_seconds:
            elapsed = timer.elapsed_seconds + (step or 0.0)
            timer.said.warn("gap", "a hole of %.1f min after %s samples is left out", after / 60, timer.samples)
            if timer.can_split:
                timer.split(timer.samples, timer.elapsed_seconds, row.wall_time - (step or 0.0))
            timer.origin = row.wall_time - elapsed
        elif step is not None and after >= timer.hole_seconds and row.wall_is_given:
            timer.said.warn(
                "hole",
                "a hole of %.1f min after %s samples, where %.1f min are usual, counts as training: if no machine was "
                "there, leave such out with a gap (--gap 10m)",
                *(after / 60, timer.samples, step / 60),
            )
        return elapsed

    def _cross(self, row: Row, samples: int, elapsed: float, boundary: ProcessStart) -> Placed:
        """Take the first update of another process: its counters and its timer go on, or training went back.

        Elapsed time goes on from the last update before (or from where the lineage had come to this count), plus the
        time since the process started, where its own timer or its start tells that; else that is a lower bound.
        """
        timer, told = self._tracker.timer, row.elapsed_seconds
        last = timer.last
        started = self._start_of(row, boundary)
        since = None if started is None else row.wall_time - started
        is_anew = told is not None and (
            elapsed < last.elapsed_seconds
            or (since is not None and not boundary.has_loaded and abs(told - since) <= ROUNDING_SECONDS + since / 100)
        )
        if told is not None:
            since = told if is_anew else None
        assert timer.first_samples is not None
        if samples < timer.samples and boundary.has_loaded and row.samples <= timer.first_samples < timer.samples:
            self._begin_anew(row)
            samples = row.samples + timer.count_offset
        base, bound = last.elapsed_seconds, None
        if went_back := samples < timer.samples:
            base, bound = self._lineage_at(samples, elapsed if told is not None and not is_anew else None)
            self._leave(samples, None)
        if told is not None and not is_anew and bound is None:
            at_row = base if went_back else elapsed
        elif went_back and bound is None:
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
            self._say_rewind(last, at, row)
        return self._follow(samples, at_row, row)

    def _start_of(self, row: Row, boundary: ProcessStart) -> float | None:
        """Return when the process of an update started, where that is told and lies between the updates."""
        started, last = boundary.started_at, self._tracker.timer.wall_time
        if started is None or started > row.wall_time:
            return None
        return max(started, last)

    def _is_still_unwatched(self, row: Row | None) -> bool:
        """Say what a fall of updates was that bear nothing watched, now that one does, or that nothing follows.

        Returns:
            Whether the update is another of them, and it is still open.
        """
        timer, fell = self._tracker.timer, self._unwatched
        assert fell is not None
        went_back = False
        if row is not None:
            samples = row.samples + timer.count_offset
            own, passes = self._own(row, samples), samples > fell.before.samples
            if not passes and own is Own.UNKNOWN:
                fell.rows += 1
                return True
            # What falls and passes its maximum under the same names went back; evaluations bear other names.
            same = own is Own.BACK or (bool(fell.keys & row.metrics.keys()) if fell.keys else not passes)
            went_back = fell.is_cut or (same and fell.rows > MOST_WAITING)
        self._unwatched = None
        first = fell.first
        if not went_back:
            timer.late_observations += fell.rows
        elif timer.first_samples is not None and first.samples <= timer.first_samples and not fell.is_cut:
            self._begin_anew(first)
        else:
            self._rewind(first, fell.before, first.elapsed(timer), fell.is_cut)
        timer.settle()
        return False


def _rises(rows: list[Row]) -> bool:
    """Say whether the count of updates rises, after it may have begun anew, until it falls again as low as before."""
    counts = [row.samples for row in rows]
    return counts[1] > counts[0] and (len(counts) < 3 or counts[2] > counts[1] or counts[2] <= counts[0])
