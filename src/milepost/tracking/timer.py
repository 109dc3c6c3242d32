"""The clocks of a run: wall time that cannot jump, and the training timer, with where the run stands on it."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from milepost.log import Once
from milepost.money.ledger import Ledger
from milepost.money.position import Bound, Position
from milepost.money.segment import INTERRUPTED, MarkKind, Segment
from milepost.tracking.counting import MOST_SAMPLES, OF_THE_CALLER, UPDATES
from milepost.tracking.trail import LEAST_HOLE_SECONDS, Trail

ElapsedSource = Literal["caller", "clock", "wall"]


class ProcessStart(msgspec.Struct, frozen=True):
    """Where another process goes on with a run.

    Attributes:
        started_at: Unix seconds (UTC) at which it started; None where nothing tells.
        has_loaded: Whether it has loaded a state, and its segment of the ledger is open.
    """

    started_at: float | None = None
    has_loaded: bool = False


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
        trail: Where the lineage has been.
        due: Samples from which on an update leaves a position in the trail.
        expects: As ``timed_here``, where an update that simply follows needs no closer look; None where each does.
        is_open: Whether a fall of the count is still to be decided.
        hole_seconds: An update so long after the one before is looked at more closely, too.
        gap_seconds: A hole of so long is left out, as its user says.
        bound: What elapsed seconds are from here on, where they are not exact.
        row_bound: What they are at the update under way, where that is another.
        told_bound: What those of the next update are, as its log says.
        start_known: Whether it is known when the run began.
        boundary: Set where the next update is the first of another process.
        late: Where the last late observation stands, and how many updates there were with it.
        counting: What samples count in.
        first_samples: What the first update told.
        first_clocks: Elapsed seconds and wall time of the first update, where it told both.
        count_offset: What is added to the samples that are told, since their counter began anew.
        told_offset: What is added to the elapsed seconds that are told, since their timer began anew.
        wall_offset: What is added to the wall times that are told, since their clock was put back.
        rewinds: How often training went back.
        late_observations: How many updates were of an earlier position.
        restarts: How often a counter or a timer began anew.
        is_of_log: Whether updates come from a log: one whose time can't be is observed then, and else passed over.
        untimed_because: Why minutes are not known, where ``bound`` is ``unknown``.
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
        self.trail = Trail()
        self.due = 0
        self.expects: bool | None = None
        self.is_open = False
        self.hole_seconds = LEAST_HOLE_SECONDS
        self.gap_seconds = math.inf
        self.bound: Bound | None = None
        self.row_bound: Bound | None = None
        self.told_bound: Bound | None = None
        self.start_known: bool | None = None
        self.boundary: ProcessStart | None = None
        self.late: tuple[Position | None, int] = (None, 0)
        self.counting = OF_THE_CALLER
        self.first_samples: int | None = None
        self.first_clocks: tuple[float, float] | None = None
        self.count_offset = 0
        self.told_offset = 0.0
        self.wall_offset = 0.0
        self.rewinds = self.late_observations = self.restarts = 0
        self.untimed_because: str | None = None
        self.is_of_log = False
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

    @property
    def last_observed(self) -> Position:
        """Where what the last update bore was observed: elsewhere than the run stands, where that was late."""
        at, updates = self.late
        return at if at is not None and updates == self.updates else self.last

    def before(self, samples: int) -> Position:
        """Return where the lineage was last seen below a count; its start where it never was."""
        start = self.segment().marks[0]
        found = self.trail.before(samples)
        at, elapsed = found or (min(start.samples, samples), start.elapsed_seconds)
        return self.position(at, elapsed, self.wall_time)

    def here_at(self, wall: float) -> Position:
        """Return where the run is at a wall time: only the caller knows how far a timer of theirs has come since."""
        told = self.timed_here is False or (self.timed_here is None and self.elapsed_source == "caller")
        stopped = self.pauses or told
        return self.position(self.samples, self.elapsed_seconds if stopped else self.at(wall), wall)

    def position(self, samples: int, elapsed: float, wall: float) -> Position:
        """Return a position in the segment under way, after the marks that it has."""
        segment = self.segment()
        bound = self.row_bound or self.bound
        return Position(int(samples), float(elapsed), float(wall), segment.id, len(segment.marks), bound)

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

    def take_up(self, elapsed_seconds: float | None, wall: float, wall_is_given: bool) -> float:
        """Take up the clocks that an update tells, where it is the first or tells others than the one before.

        Returns:
            Its elapsed seconds.
        """
        first, untold = self.timed_here is None, self.elapsed_source is None
        told_until_now = self.timed_here is False and elapsed_seconds is None
        other_clock = wall_is_given and not self._wall_is_given
        self._wall_is_given = wall_is_given
        self.elapsed_source = "caller" if elapsed_seconds is not None else "wall" if wall_is_given else "clock"
        if first:
            self.forget_opened()
            if self.start_known is None:
                begun = self.ledger.current is not None and wall >= self.wall_time
                self.start_known = elapsed_seconds is not None or not wall_is_given or begun
            if wall_is_given:
                self._start_by(wall)
        elif other_clock:
            self._change_clock(wall)
        elif told_until_now and not self.pauses:
            self.origin = self.wall_time - self.elapsed_seconds
        self.timed_here = elapsed_seconds is None
        self.segment()
        if elapsed_seconds is None:
            return self.elapsed_seconds if self.pauses else self.at(wall)
        if first:  # the clock counted until now, and its time is not the caller's
            self.ledger = self.ledger.untimed(in_all_it_resumes=untold)
            self.elapsed_seconds = self.segment().marks[0].elapsed_seconds
            if wall_is_given and self.first_clocks is None and self.segment().has_wall_clock:
                self.first_clocks = elapsed_seconds + self.told_offset, wall
        return elapsed_seconds + self.told_offset

    def leave_out(self, gap_seconds: float) -> None:
        """Have holes of so many seconds between two updates left out."""
        self.gap_seconds = gap_seconds
        self.hole_seconds = min(self.hole_seconds, gap_seconds)

    def tell_bound(self, bound: Bound | None) -> None:
        """Say what the time of the next update is, where that is not exact."""
        self.told_bound = bound
        self.settle()

    @property
    def is_shifted(self) -> bool:
        """Whether what is told of positions is not what they are."""
        return bool(self.count_offset or self.told_offset or self.wall_offset)

    def settle(self) -> None:
        """Say which updates are to be looked at more closely."""
        odd = self.is_shifted or self.is_open or self.boundary is not None or self.row_bound or self.told_bound
        by_clock = self.gap_seconds < math.inf and not self._wall_is_given
        self.due, self.expects = self.trail.due, None if odd or by_clock else self.timed_here

    def count_update(self) -> int:
        """Return the samples of an update that tells none: the last that were told, else the number of updates."""
        if self.first_samples is None:
            self.counting = UPDATES
        return self.samples + 1 if self.counting == UPDATES else self.samples - self.count_offset

    def leave_a_trail(self, samples: int, elapsed_seconds: float) -> bool:
        """Take note of where an update stands that is due for the trail; say whether its samples are a number."""
        if is_number := -math.inf < samples < MOST_SAMPLES:
            self.trail.add(int(samples), float(elapsed_seconds))
            self.due = self.trail.due
        return is_number

    def split(self, samples: int, elapsed_seconds: float, wall_time: float) -> None:
        """End the segment under way at the last update, and open another: the time between is not paid for."""
        before = self.segment()
        self.mark("end", self.last, INTERRUPTED)
        ledger = self.ledger.continued(samples, elapsed_seconds, wall_time, None)
        number = len(ledger.segments)
        named = msgspec.structs.replace(
            ledger.segments[-1],
            id=f"{ledger.segments[0].id}.{number}",
            instance_start=f"{ledger.segments[0].instance_start}.{number}",
            has_wall_clock=before.has_wall_clock,
        )
        self.ledger = msgspec.structs.replace(ledger, segments=(*ledger.segments[:-1], named))

    @property
    def can_split(self) -> bool:
        """Whether wall times tell when a process was there: a log's do, and not those of the process itself."""
        return self._wall_is_given and self.segment().has_wall_clock

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
        self.row_bound = None
        self.samples, self.elapsed_seconds, self.wall_time = last.samples, last.elapsed_seconds, last.wall_time

    def _change_clock(self, wall: float) -> None:
        """Go on by wall times that are told from here on: how long ago the last update was, they don't tell."""
        self.bound = self.bound or "lower"
        if wall < self.segment().marks[0].wall_time:
            self.ledger = self.ledger.started_by(wall)
        self.wall_time, self.origin = wall, wall - self.elapsed_seconds

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
