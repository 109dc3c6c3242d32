"""A run while it goes on, as its parts see it."""

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from milepost.config import Config
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.segment import new_id
from milepost.runs.record import Run, RunEvent, RunRecord
from milepost.tracked_run.restoring import take_up
from milepost.tracking.crossing import Crossing
from milepost.tracking.event import Event
from milepost.tracking.keys import Figure
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.timer import SYSTEM_CLOCK, Clock
from milepost.tracking.tracker import PerformanceThresholdTracker


class RunView(ABC):
    """What the parts of a tracked run know of it, and what they may ask of it.

    Only the thread that trains may ask, but for ``ledger``, ``updates``, `announce`, `ask_to_stop`, `beat_soon` and
    `do_soon`, which are for any thread.

    Args:
        settings: The configuration that it goes by.
        described: What is known of the run itself.
        ledger: What it runs on.
        known: What its store knew of it before this process.
        store: Path or URL of that store; None where it is kept nowhere.
        clock: Wall time that cannot jump.

    Attributes:
        tracker: What training's observations go to. For the tracked run itself: a part that updates it spoils the run.
        updates: How many updates this process has taken.
        heartbeat_seconds: How long it is from one heartbeat to the next.
        stop_asked: Why the program was asked to stop; None where it was not.
        notice: What the provider has said of taking the machine back; None where it has not.
        is_closed: Whether the run is over, and its parts are being closed.
        soon: What is to be done before the next call of a method of the tracked run.
        due_at: When the tracked run looks at its parts, by the monotonic clock.
    """

    def __init__(
        self,
        settings: Config,
        described: Run,
        *,
        ledger: Ledger | None = None,
        known: RunRecord | None = None,
        store: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.settings = settings
        self.described = described
        self.known = known
        self.store = store
        self.clock = clock
        self.soon: deque[Callable[[], object]] = deque()
        self.due_at = -math.inf
        self.updates = 0
        self.heartbeat_seconds = settings.heartbeat_seconds
        self.stop_asked: str | None = None
        self.notice: str | None = None
        self.is_closed = False
        self._beat_asked = False
        self._figures: tuple[Figure, ...] = ()
        self._figures_of: tuple[int, Ledger] | None = None  # the moment at which they were true
        self.tracker = PerformanceThresholdTracker(
            settings.thresholds, ledger=ledger, clock=clock, on_event=self._happened
        )
        self.tracker.run, self.tracker.group = described.id, described.group
        self.tracker.timer.leave_out(settings.gap_seconds)
        if known is not None:
            self._go_on_with(known)

    # ── what is known ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def thresholds(self) -> tuple[PerformanceThreshold, ...]:
        """What is to be reached."""
        return self.tracker.thresholds

    @property
    def ledger(self) -> Ledger:
        """What the run ran on, when, and at what price."""
        return self.tracker.ledger

    @property
    def here(self) -> Position:
        """Where the run is now."""
        return self.tracker.here

    @property
    def last(self) -> Position:
        """Where its last update stood."""
        return self.tracker.last

    @property
    def crossings(self) -> dict[str, Crossing]:
        """The crossings of the thresholds that were achieved, by name."""
        return self.tracker.crossings

    def results(self) -> dict[str, ThresholdResult]:
        """Return a result for each threshold, by name, as the ledger and its prices stand now."""
        return self.tracker.get_results()

    def cost(self, *, billed: bool = False) -> float | None:
        """Return the USD for everything so far, lost work included; None where a part of it has no price."""
        return self.tracker.calculate_total_cost(billed=billed)

    def figures(self) -> tuple[Figure, ...]:
        """Return what sinks show of all this, reckoned once for all that ask between two updates or marks."""
        if self._figures_of is None or self._figures_of != (self.updates, self.ledger):
            self._figures_of = self.updates, self.ledger
            self._figures = self.tracker.get_figures()
        return self._figures

    # ── what may be asked ────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, kind: str, detail: Mapping[str, Any] | None = None) -> None:
        """Have all parts hear that something happened here, once the call under way is over; a store keeps it."""
        self._deliver_soon(_event(kind, self.here, detail))

    def announce(self, kind: str, detail: Mapping[str, Any] | None = None) -> None:
        """Have all parts hear at once of what may not wait for the next update, as of the last position marked."""
        if (here := self.ledger.here) is not None:
            event = _event(kind, here, detail)
            self._announce(event)
            self._deliver_soon(event)

    def do_soon(self, do: Callable[[], object]) -> None:
        """Have something done on the thread that trains, before the next call of a method of the tracked run."""
        self.soon.append(do)

    def beat_soon(self, every_seconds: float | None = None) -> None:
        """Have the next update be a heartbeat, and those that follow come at least so often."""
        if every_seconds is not None:
            self.heartbeat_seconds = min(self.heartbeat_seconds, every_seconds)
        self._beat_asked = True
        self.due_at = -math.inf

    def ask_to_stop(self, why: str) -> None:
        """Take note that the program was asked to stop. A signal's handler may: it stands in the middle of anything."""
        self.stop_asked = why
        self.beat_soon()

    def restate(self, ledger: Ledger) -> None:
        """Put a ledger with other prices in the place of the one that there is: every figure follows from it."""
        if ledger != self.tracker.ledger:
            self.tracker.ledger = ledger
            self.tell("price")

    @abstractmethod
    def end(self, why: str) -> None:
        """Mark the end of the run, and close its parts; a second call does nothing."""

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _go_on_with(self, known: RunRecord) -> None:
        self.known = known
        take_up(self.tracker, known)

    @abstractmethod
    def _deliver(self, event: RunEvent) -> None:
        """Have all parts hear of an event."""

    @abstractmethod
    def _announce(self, event: RunEvent) -> None:
        """Have all parts hear of an event on a thread that is none of theirs."""

    def _deliver_soon(self, event: RunEvent) -> None:
        self.do_soon(partial(self._deliver, event))

    def _happened(self, event: Event) -> None:
        """Take note of what the tracker says that happened; it is in the middle of something."""
        detail = {"thresholds": [result.threshold for result in event.results]} if event.results else {}
        self._deliver_soon(RunEvent(id=new_id(), kind=event.kind, position=event.position, detail=detail))


def _event(kind: str, at: Position, detail: Mapping[str, Any] | None) -> RunEvent:
    plain = msgspec.to_builtins(dict(detail or {}), str_keys=True, enc_hook=repr)  # it has to go into a store
    return RunEvent(id=new_id(), kind=kind, position=at, detail=plain)
