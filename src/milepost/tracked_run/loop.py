"""The loop of a tracked run: which of its parts are due, and in what order they are called."""

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from milepost.config import Config
from milepost.log import logger
from milepost.money.segment import PREEMPTED
from milepost.runs.record import Run, RunEvent
from milepost.tracked_run.missing import MissingMetrics
from milepost.tracked_run.part import NEVER, Part
from milepost.tracked_run.succession import Earlier
from milepost.tracked_run.view import RunView

JUMP_SECONDS = 10.0
"""What the system's clock gains or loses between two heartbeats beyond this is a jump, and not its rate."""

MOST_NAMES = 20_000
"""Of metrics, among which one that is missed is looked for."""

MOST_AT_ONCE = 1000
"""Things done in one turn; the rest waits for the next: parts may answer each other's events without end."""


class Loop(RunView):
    """Calls the parts of a run. The order is that of the parts; they are closed in the reverse.

    Where the run may be another one than that which its job tracked before, the first update tells, or a state that is
    loaded; until then there are no parts.

    Args:
        settings: The configuration that it goes by.
        described: What is known of the run itself.
        earlier: The run that its job tracked before, where that is over.

    Attributes:
        holds_updates: Whether `admits` is to be asked about an update: the run is over, or it is not known yet which it
            is.
        wanted: Metrics that parts want to see whenever an update bears them.
        due_updates: After how many updates the next part is due.
        samples_per_step: How many samples each that the program tells is; None for one.
    """

    def __init__(self, settings: Config, described: Run, earlier: Earlier | None = None, **fields: Any) -> None:
        self.holds_updates = earlier is not None
        self._earlier = earlier
        self.wanted: tuple[str, ...] = ()
        self.due_updates = NEVER
        self.samples_per_step = settings.samples_per_step
        self._parts: list[Part] = []
        self._updating: list[Part] = []  # those that look at updates
        self._next_heartbeat = -math.inf
        self._jumped_seconds = 0.0  # what the system's clock has gained on ours
        self._names: set[str] = set()
        self._pid = os.getpid()
        super().__init__(settings, described, **fields)
        self._missing = MissingMetrics(self.tracker)

    def begin(self, parts: Iterable[Part]) -> None:
        """Open the parts, and have it known that the run is under way, so that whatever happens to it is known of."""
        self._parts = list(parts)
        if self._earlier is None:
            self._begin()

    def admits(self, samples: float) -> bool:
        """Say whether an update is to be taken: none is once the run is over. The first may tell which run it is."""
        if self.is_closed or math.isnan(samples):
            return False
        if (earlier := self._earlier) is not None and earlier.begins_anew(samples):
            logger("tracked_run").warning(
                "run %r was closed, and this training starts at %s samples, where that had started: it is taken for "
                "another one, %r. Name the trainings of a job to tell them apart: track(name=…)",
                *(self.described.id, samples, earlier.another),
            )
            self.described = msgspec.structs.replace(self.described, id=earlier.another)
            self.tracker.run = earlier.another
            self._earlier, self.holds_updates = None, False
            self._begin()
        else:
            self.go_on()
        return True

    def go_on(self) -> None:
        """Go on with the run that its job tracked before, where that has been left open."""
        if self._earlier is not None:
            earlier, self._earlier, self.holds_updates = self._earlier.record, None, False
            self._go_on_with(earlier)
            self._begin()

    def _begin(self) -> None:
        for part in self._parts:
            part.open(self)
        self.tell("start")
        self.catch_up()
        self._plan()

    def catch_up(self) -> None:
        """Do what was to be done soon."""
        for _ in range(MOST_AT_ONCE):
            try:
                do = self.soon.popleft()
            except IndexError:
                return
            do()

    def update_parts(self, metrics: Mapping[str, Any]) -> None:
        """Call the parts that are due after so many updates, and those that want a metric."""
        due_updates = NEVER
        wanted: tuple[str, ...] = ()
        for part in self._updating:
            part.updated(metrics)
            if part.due_updates < due_updates:
                due_updates = part.due_updates
            wanted += part.wanted
        self.due_updates, self.wanted = due_updates, wanted

    def look(self, metrics: Mapping[str, Any]) -> None:
        """Mark that the run is alive where that is due, and have all parts hear of what there is to hear."""
        now = self.clock.monotonic()
        for part in self._updating:
            if now >= part.due_at:
                part.updated(metrics)
        if len(self._names) < MOST_NAMES:
            self._names.update(metrics)
        if beats := self._beat_asked or now >= self._next_heartbeat:
            self._beat_asked = False
            self._look_at_the_clock()
            if self._next_heartbeat > -math.inf:
                self.tracker.mark("heartbeat", None if self.notice is None else PREEMPTED)
                self._missing.look(metrics)
            self._next_heartbeat = now + self.heartbeat_seconds
        self.catch_up()
        if beats:
            for part in self._parts:
                part.heartbeat()
        self._plan()

    def end(self, why: str) -> None:
        """Mark the end of the run, and close its parts; a second call does nothing."""
        if self.is_closed or os.getpid() != self._pid:
            return
        self.go_on()
        self.is_closed = self.holds_updates = True
        if self.notice is not None:
            why = PREEMPTED
        elif why == "closed":
            why = self.stop_asked or why
        try:
            self.tracker.close()
            self.tracker.mark("end", why)
            self.tell("stop", {"why": why})
            self.catch_up()
            self._missing.close(self._names)
        finally:
            for part in reversed(self._parts):
                part.closed(why)
                self.catch_up()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _deliver(self, event: RunEvent) -> None:
        for part in self._parts:
            part.event(event)

    def _announce(self, event: RunEvent) -> None:
        for part in self._parts:
            part.announced(event)

    def _plan(self) -> None:
        """Work out when which part is to be looked at."""
        self._updating = [
            part
            for part in self._parts
            if part.is_open and (part.wanted or part.due_updates < NEVER or part.due_at < math.inf)
        ]
        self.wanted = tuple(name for part in self._updating for name in part.wanted)
        self.due_updates = min((part.due_updates for part in self._updating), default=NEVER)
        self.due_at = min((part.due_at for part in self._updating), default=math.inf)
        self.due_at = min(self.due_at, self._next_heartbeat)
        if self._beat_asked:  # on another thread, meanwhile
            self.due_at = -math.inf

    def _look_at_the_clock(self) -> None:
        """Say so where the system's clock has jumped; nothing here goes by it."""
        gained = self.clock.passed_over_seconds()
        jumped, self._jumped_seconds = gained - self._jumped_seconds, gained
        if abs(jumped) > JUMP_SECONDS:
            logger("tracked_run").warning(
                "the system's clock jumped by %+.0f s; elapsed time and dollars go by the monotonic clock, as before",
                jumped,
            )
            self.tell("clock_jump", {"seconds": jumped})
