"""The clocks of a run: wall time that cannot jump, and the training timer, with where the run stands on it."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from milepost.log import Once
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.segment import MarkKind, Segment

ElapsedSource = Literal["caller", "clock", "wall"]


class Clock:
    """Wall time that cannot jump: UTC is read once, and advanced by the monotonic clock.

    Args:
        monotonic: Seconds that only go forward.
        utc: Unix seconds (UTC), read once.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, utc: Callable[[], float] = time.time) -> None:
        self.monotonic = monotonic
        self.offset = utc() - monotonic()
        self._utc = utc

    def now(self) -> float:
        """Return Unix seconds (UTC)."""
        return self.monotonic() + self.offset

    def passed_over_seconds(self) -> float:
        """Return by how much the system's clock has jumped since."""
        return self._utc() - self.now()


SYSTEM_CLOCK = Clock()


class Timer:
    """The training timer of a run, and where the run stands: samples, elapsed and wall time, and marks in its ledger.

    Args:
        ledger: What the run is on; its last segment is the one under way, at whose start the run stands.
        clock: Wall and training time, where the caller gives none.

    Attributes:
        said: Warnings, each of which is given once.
        ledger: The ledger as it stands.
        updates: Updates that were taken.
        samples: Where the last of them stood.
        elapsed_seconds: Likewise.
        wall_time: Likewise.
        origin: The wall time at which the timer stood at 0, as it goes on now.
        pauses: Names of the pauses under way, outermost first; the timer stands still as long as there is one.
        timed_here: Whether elapsed seconds are reckoned here, from wall time or the clock, and not told by the caller;
            None before the first update.
        elapsed_source: Where they come from.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.said = Once("tracker")
        self.ledger = ledger
        self._clock = clock
        start = ledger.current.marks[0] if ledger.current else None
        self.updates = 0
        self.samples: int = start.samples if start else 0
        self.elapsed_seconds: float = start.elapsed_seconds if start else 0.0
        self.wall_time: float = start.wall_time if start else clock.now()
        self.origin: float = self.wall_time - self.elapsed_seconds
        self.pauses: list[str | None] = []
        self.timed_here: bool | None = None
        self.elapsed_source: ElapsedSource | None = None
        self._wall_is_given = False
        # Wall and monotonic time at the first of the pauses under way.
        self._paused_at = (self.wall_time, clock.monotonic())
        # Whether the segment is nobody's, for results that were asked for before there was a ledger.
        self._opened_here = False

    def at(self, wall_time: Any) -> Any:
        """Return elapsed seconds at wall times, as the timer has them that goes on as at the last update.

        Args:
            wall_time: Unix seconds (UTC); a float, or a NumPy array of them.
        """
        return wall_time - self.origin

    @property
    def here(self) -> Position:
        """Where the run is now; where it ended, once that is marked."""
        if self.ledger.current and (last := self.ledger.current.marks[-1]).kind == "end":
            return self.position(last.samples, last.elapsed_seconds, last.wall_time)
        return self.here_at(self.wall_time if self._wall_is_given else self._clock.now())

    @property
    def last(self) -> Position:
        """Where the last update stood."""
        return self.position(self.samples, self.elapsed_seconds, self.wall_time)

    def here_at(self, wall: float) -> Position:
        """Return where the run is at a wall time: only the caller knows how far a timer of theirs has come since."""
        told = self.timed_here is False or (self.timed_here is None and self.elapsed_source == "caller")
        stopped = self.pauses or told
        return self.position(self.samples, self.elapsed_seconds if stopped else self.at(wall), wall)

    def position(self, samples: int, elapsed: float, wall: float) -> Position:
        """Return a position in the segment under way, after the marks that it has."""
        segment = self.segment()
        return Position(int(samples), float(elapsed), float(wall), segment.id, len(segment.marks))

    def segment(self) -> Segment:
        """Return the segment under way; one without a price is opened where there is none."""
        if self.ledger.current is None:
            why = "the tracker was given no ledger"
            self.ledger = self.ledger.opened(wall_time=self.wall_time, unpriced_because=why)
            self._opened_here = True
        assert self.ledger.current is not None
        return self.ledger.current

    def forget_opened(self) -> None:
        """Take back the segment that results asked for too early, unless something has been marked in it."""
        if self._opened_here and len(self.ledger.segments) == 1 and len(self.ledger.segments[0].marks) == 1:
            self.ledger = msgspec.structs.replace(self.ledger, segments=())
        self._opened_here = False

    def mark(self, kind: MarkKind, at: Position, name: str | None = None) -> None:
        """Add a mark to the segment under way, unless that has ended: nothing comes after that."""
        if self.segment().end is None:
            self.ledger = self.ledger.marked(kind, at, name)

    def pause(self, name: str | None = None) -> None:
        """Stop the timer. Pauses may be nested; each is ended by one `resume`."""
        here = self.here
        if not self.pauses:
            self._paused_at = (here.wall_time, self._clock.monotonic())
        self.elapsed_seconds = here.elapsed_seconds
        self._mark_pause(name, here)
        self.pauses.append(name)

    def resume(self) -> None:
        """Start the timer again, after as many calls as there were to `pause`."""
        if not self.pauses:
            self.said.warn("resume", "resume() was called without a pause()")
            return
        here = self.here
        if self._wall_is_given:  # nobody gives one for the end of a pause: it lasted as long as the clock says
            wall, ticked = self._paused_at
            self.wall_time = max(here.wall_time, wall + self._clock.monotonic() - ticked)
            here = self.position(here.samples, here.elapsed_seconds, self.wall_time)
        self.pauses.pop()
        if self.pauses:
            self._mark_pause(self.pauses[-1], here)
        else:
            self.origin = here.wall_time - here.elapsed_seconds
            self.mark("resume", here)

    def judge(
        self, samples: int, elapsed_seconds: float | None, wall: float, wall_is_given: bool
    ) -> tuple[float, bool] | None:
        """Judge a position that does not simply follow the last one: the first, one that went back, or none at all.

        Returns:
            Its elapsed seconds, and whether the run went back to it; None where the update is to be passed over.
        """
        if not all(math.isfinite(each) for each in (samples, elapsed_seconds or 0.0, wall)):
            found = f"samples={samples!r}, elapsed_seconds={elapsed_seconds!r}, wall_time={wall!r}"
            self.said.warn("position", "an update was passed over: found %s, expected finite numbers", found)
            return None
        wall = float(wall)
        first, untold = self.timed_here is None, self.elapsed_source is None
        self._wall_is_given = wall_is_given
        self.elapsed_source = "caller" if elapsed_seconds is not None else "wall" if wall_is_given else "clock"
        if first:
            self.forget_opened()
        if first and wall_is_given:
            self._start_by(wall)
        if self.timed_here is False and elapsed_seconds is None and not self.pauses:
            self.origin = self.wall_time - self.elapsed_seconds
        self.timed_here = elapsed_seconds is None
        self.segment()
        if elapsed_seconds is not None:
            elapsed = elapsed_seconds
            if first:  # the clock counted until now, and its time is not the caller's
                self.ledger = self.ledger.untimed(in_all_it_resumes=untold)
                self.elapsed_seconds = self.segment().marks[0].elapsed_seconds
        else:
            elapsed = self.elapsed_seconds if self.pauses else self.at(wall)
        follows = elapsed >= self.elapsed_seconds or (first and self.timed_here)
        return elapsed, samples < self.samples or not follows

    def follow(self, updates: int, last: Position, crossed: Iterable[Position]) -> None:
        """Take up where updates led to that simply followed each other, and were taken outside of the tracker.

        Args:
            updates: How many there were.
            last: Where the last of them stands.
            crossed: Where those stand that achieved thresholds, in order.
        """
        for position in crossed:
            self.mark("crossing", position)
        self.updates += updates
        self.samples, self.elapsed_seconds, self.wall_time = last.samples, last.elapsed_seconds, last.wall_time

    def _start_by(self, wall: float) -> None:
        """Have what this process does start with its first observation at the latest: that tells its own wall time."""
        segment = self.ledger.current
        if segment is None:
            self.wall_time = self.origin = wall
        elif wall < (start := segment.marks[0]).wall_time:
            self.said.warn(
                "wall",
                "wall_time: found %.1f at the first update, %.1f s before tracking began by the clock: "
                "the run is taken to have started with that update",
                *(wall, start.wall_time - wall),
            )
            self.ledger = self.ledger.started_by(wall)
            self.elapsed_seconds, self.wall_time = start.elapsed_seconds, wall
            self.origin = wall - self.elapsed_seconds
            self._paused_at = (wall, self._clock.monotonic())

    def _mark_pause(self, name: str | None, at: Position) -> None:
        self.mark("pause" if name is None else "phase", at, name)
