"""Falls of a count inside one process: an evaluation of an earlier checkpoint, a rewind, or a counter that began anew.

What a fall means shows in what comes after it. The update itself stands where the lineage had its count, whatever it
is, and what it crosses is crossed at once; the updates after it wait, two at most, until that is decided. See
``docs/positions.md``.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING, Literal

import msgspec

from milepost.log import logger
from milepost.money.position import Bound, Position
from milepost.tracking.event import Event
from milepost.tracking.observing import observe, observe_late
from milepost.tracking.result import ThresholdResult
from milepost.tracking.row import Row
from milepost.tracking.trail import Trail

if TYPE_CHECKING:
    from milepost.tracking.tracker import PerformanceThresholdTracker

Placed = Position | tuple[ThresholdResult, ...]
"""Where an update stands, which is still to be observed; or what it achieved, where it has been, or has to wait."""

MOST_WAITING = 2
"""Updates after a fall that tell what it was."""


class Own(Enum):
    """How an update that falls stands to the observations of its own metrics before it."""

    FORWARD = "each is beyond its last"
    BACK = "one at least is before its last"
    UNKNOWN = "it bears none that is watched"


class Fall(msgspec.Struct):
    """A fall that is still to be decided, with the updates that wait for that.

    Attributes:
        kind: ``count`` where it is late, or a rewind; ``anew`` where the counter may have begun anew.
        row: The update that fell.
        is_held: Whether it waits, too: where its own position is in question. Else it has been observed.
        before: Where the run stood before it.
        is_cut: Whether a hole or a timer that fell, too, says that another process goes on there.
        waiting: The updates after it.
    """

    kind: Literal["count", "anew"]
    row: Row
    is_held: bool
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
        last: The one that came furthest since.
        passed: Where they were, by the clocks that go on as before the fall.
        rows: How many there are.
    """

    first: Row
    keys: frozenset[str]
    before: Position
    is_cut: bool
    last: Row
    passed: Trail
    rows: int = 1


class Falls:
    """Decides what the falls of a tracker's count are.

    Args:
        tracker: The tracker.
        place: Says where an update stands that has waited.

    Attributes:
        fall: The fall that is still to be decided.
    """

    def __init__(self, tracker: "PerformanceThresholdTracker", place: Callable[[Row], Placed]) -> None:
        self._tracker = tracker
        self._place = place
        self.fall: Fall | None = None
        self._unwatched: Unwatched | None = None

    @property
    def waiting(self) -> tuple[Row, ...]:
        """Updates that have not been observed as yet."""
        if self.fall is None:
            return ()
        return (*([self.fall.row] if self.fall.is_held else []), *self.fall.waiting)

    def load(self, waiting: Iterable[Row]) -> None:
        """Go on from a state: what was open here is void, and what waited there is observed where it was."""
        timer = self._tracker.timer
        self.fall, self._unwatched, timer.is_open = None, None, False
        timer.settle()
        for row in waiting:
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
        self.is_still_unwatched(None)
        return achieved

    def take(self, row: Row) -> Placed:
        """Take an update after a fall that is still to be decided."""
        assert self.fall is not None
        timer = self._tracker.timer
        if timer.boundary is not None:  # what came before it is over
            boundary, timer.boundary = timer.boundary, None
            top = self.fall.before.samples
            achieved = self._decide("rewind" if self.fall.waiting and row.samples <= top else "late")
            achieved += self.close()  # one of those that waited may have fallen again
            timer.boundary = boundary
            return achieved + self._settled(row, self._place(row))
        self.fall.waiting.append(row.kept(self._tracker.series))
        verdict = self._verdict(self.fall)
        return () if verdict is None else self._decide(verdict)

    def _settled(self, row: Row, placed: Placed) -> tuple[ThresholdResult, ...]:
        """Return what an update achieves; observes it, where that is still to be done."""
        return observe(self._tracker, row.metrics, placed) if isinstance(placed, Position) else placed

    def begin(self, row: Row, samples: int, elapsed: float) -> Placed:
        """Take an update whose count is below that of the one before."""
        tracker, timer = self._tracker, self._tracker.timer
        own = self._own(row, samples)
        if own is Own.FORWARD:
            return self._late(row, samples, elapsed)
        assert timer.first_samples is not None
        told = row.elapsed_seconds is not None
        rises = elapsed > timer.elapsed_seconds if told else row.wall_time > timer.wall_time
        # Where the timer tells less than wall time, it stood still meanwhile: no machine was there.
        gained = elapsed - timer.elapsed_seconds if told else 0.0
        is_cut = gained < 0 or self._is_hole(row.wall_time - timer.wall_time - gained)
        timer.is_open = True
        timer.settle()
        if own is Own.UNKNOWN:
            kept = row.kept(tracker.series)
            self._unwatched = Unwatched(kept, frozenset(row.metrics), timer.last, is_cut, kept, Trail())
            return ()
        anew = row.samples <= timer.first_samples and rises
        held = anew or (is_cut and timer.can_split)  # of another process, it is billed with that
        self.fall = Fall("anew" if anew else "count", row.kept(tracker.series), held, timer.last, is_cut, [])
        return () if held else self._observe_at(row, samples, elapsed)

    def _is_hole(self, seconds: float) -> bool:
        least = self._tracker.timer.trail.hole_seconds()
        return least is not None and seconds >= least

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
        timer, fall = self._tracker.timer, self.fall
        assert fall is not None
        self.fall, timer.is_open = None, False
        row, waiting = fall.row, fall.waiting
        samples = row.samples + timer.count_offset
        achieved: tuple[ThresholdResult, ...] = ()
        if verdict == "anew":
            self.begin_anew(row)
            waiting = [row, *waiting]
        else:
            told = row.elapsed_seconds
            elapsed = timer.at(row.wall_time) if told is None else told + timer.told_offset
            if verdict == "rewind":
                self._rewind(row, fall.before, elapsed, fall.is_cut)
                achieved = self._settled(row, timer.last) if fall.is_held else ()
            else:
                self._count_late(row)
                achieved = self._observe_at(row, samples, elapsed) if fall.is_held else ()
        timer.settle()
        for number, each in enumerate(waiting):
            if self.fall is not None:  # one of them fell again
                placed: Placed = self.take(each)
            elif verdict == "late" and number < len(waiting) - 1 and each.samples + timer.count_offset < timer.samples:
                placed = self._late(each, each.samples + timer.count_offset, each.elapsed(timer))
            else:
                placed = self._place(each)
            achieved += self._settled(each, placed)
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
        back, bound = self.lineage_at(samples, elapsed if row.elapsed_seconds is not None else None)
        outer, timer.row_bound = timer.row_bound, bound or timer.row_bound
        at = timer.position(samples, back, row.wall_time)
        timer.row_bound = outer
        timer.settle()
        return observe_late(self._tracker, row.metrics, at)

    def lineage_at(self, samples: int, told: float | None) -> tuple[float, Bound | None]:
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

    def has_new_timer(self, row: Row, back: float) -> bool:
        """Say whether the timer that an update tells began anew with its process, and does not go on from a checkpoint.

        Args:
            row: The update, whose count went back.
            back: Elapsed seconds of the lineage at that count.
        """
        timer = self._tracker.timer
        last, there = timer.elapsed_seconds - timer.told_offset, back - timer.told_offset
        assert row.elapsed_seconds is not None
        return row.elapsed_seconds <= (min(last, there) if there > 0 else last) / 2

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
        back, bound = self.lineage_at(samples, elapsed if row.elapsed_seconds is not None else None)
        started = row.wall_time
        if is_cut and row.elapsed_seconds is not None and self.has_new_timer(row, back):
            started = max(gone.wall_time, row.wall_time - row.elapsed_seconds)
            back, bound = (back, None) if bound is None else (back + row.elapsed_seconds, None)
        is_cut = is_cut and timer.can_split
        if timer.timed_here and not is_cut:  # it trained until now, and that is lost
            gone = timer.position(timer.samples, max(timer.elapsed_seconds, elapsed), row.wall_time)
        self.leave(samples, bound)
        if is_cut:
            timer.wall_time = gone.wall_time
            timer.split(samples, back, started)
        else:
            timer.mark("heartbeat", gone)
        at = timer.position(samples, back, row.wall_time)
        if not is_cut:
            timer.mark("rewind", at)
        self._stand_at(at, row)
        self.say_rewind(gone, at, row)

    def leave(self, samples: int, bound: Bound | None) -> None:
        """Leave what lies beyond a count, which training goes back to."""
        timer = self._tracker.timer
        self._tracker.go_back(samples)
        timer.trail.cut(samples)
        timer.bound = bound or timer.bound

    def say_rewind(self, gone: Position, at: Position, row: Row) -> None:
        """Count a rewind from one position to another, and tell whoever listens."""
        timer = self._tracker.timer
        if at.samples >= timer.trail.due:
            timer.trail.add(at.samples, at.elapsed_seconds)
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

    def begin_anew(self, row: Row) -> None:
        """Have a counter that began anew go on from its last value."""
        timer = self._tracker.timer
        timer.restarts += 1
        timer.said.warn(
            "anew",
            "the count began anew at %s after %s: it is taken to go on from there",
            *(row.samples, timer.samples - timer.count_offset),
        )
        timer.count_offset = timer.samples

    def is_still_unwatched(self, row: Row | None) -> bool:
        """Say what a fall of updates was that bear nothing watched, now that one does, or that nothing follows.

        Returns:
            Whether the update is another of them, and it is still open.
        """
        timer, fell = self._tracker.timer, self._unwatched
        if fell is None:
            return False
        went_back = False
        if row is not None:
            samples = row.samples + timer.count_offset
            own, passes = self._own(row, samples), samples > fell.before.samples
            if not passes and own is Own.UNKNOWN and not (fell.is_cut and self._is_cut_again(row, fell)):
                fell.rows += 1
                if row.samples >= fell.last.samples:
                    fell.last = msgspec.structs.replace(row, metrics={})
                    if samples >= fell.passed.due:
                        fell.passed.add(samples, row.elapsed(timer))
                return True
            # What falls and passes its maximum under the same names went back; evaluations bear other names.
            same = own is Own.BACK or (bool(fell.keys & row.metrics.keys()) if fell.keys else not passes)
            went_back = fell.is_cut or (same and fell.rows > MOST_WAITING)
        self._unwatched, timer.is_open = None, False
        first = fell.first
        if not went_back:
            timer.late_observations += fell.rows
        elif timer.first_samples is not None and first.samples <= timer.first_samples and not fell.is_cut:
            self.begin_anew(first)
        else:
            self._rewind(first, fell.before, first.elapsed(timer), fell.is_cut)
            self._pass(fell)
        timer.settle()
        return False

    def _is_cut_again(self, row: Row, fell: Unwatched) -> bool:
        """Say whether yet another process goes on since training fell: it fell again, or its timer began anew."""
        told, last = row.elapsed_seconds, fell.last.elapsed_seconds
        if row.samples >= fell.last.samples:
            return told is not None and last is not None and told <= last / 2 and told < last
        gained = 0.0 if told is None or last is None else told - last
        return gained < 0 or self._is_hole(row.wall_time - fell.last.wall_time - gained)

    def _pass(self, fell: Unwatched) -> None:
        """Have the run come, after a rewind, as far as updates did that bore nothing watched."""
        timer, last = self._tracker.timer, fell.last
        if last.samples <= fell.first.samples:
            return
        at_last = last.elapsed(timer)  # the clocks go on from where it went back to
        passed = fell.passed.state
        shift = at_last - passed.elapsed_seconds[-1] if passed.samples else 0.0
        for samples, elapsed in zip(passed.samples, passed.elapsed_seconds, strict=True):
            if samples >= timer.trail.due:
                timer.trail.add(samples, elapsed + shift)
        timer.samples = last.samples + timer.count_offset
        timer.elapsed_seconds, timer.wall_time = at_last, last.wall_time


def _rises(rows: list[Row]) -> bool:
    """Say whether the count of updates rises, after it may have begun anew, until it falls again as low as before."""
    counts = [row.samples for row in rows]
    return counts[1] > counts[0] and (len(counts) < 3 or counts[2] > counts[1] or counts[2] <= counts[0])
