"""What hangs on a tracked run: it is called when it is due, and what goes wrong in it stops nothing else."""

import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ParamSpec

from milepost.log import logger
from milepost.runs.record import RunEvent
from milepost.tracked_run.view import RunView

P = ParamSpec("P")
INF = math.inf

NEVER = sys.maxsize
"""Updates after which nothing is due: a whole number, since those are compared at each update."""


class Part:
    """A part of a tracked run, such as what keeps it in a store, or what watches its budget.

        class Stopwatch(Part):
            name = "stopwatch"
            every_updates = 1000

            def _updated(self, metrics):
                print(self.run.here.elapsed_seconds, metrics)

    A tracked run calls the methods without an underscore, which keep the books: when the part is due, and what it has
    failed at. A part writes those with one, as many as it needs. All but `_announced` are called on the thread that
    trains, which waits for them. What they raise is logged, once for each method; the others are called all the same.

    Attributes:
        name: What messages call it; its class's where it has none.
        every_updates: How many updates there are from one `_updated` to the next; the first update is due.
        every_seconds: How many seconds there are at least from one to the next.
        wanted: Metrics for which `_updated` is called with every update that bears one. This and the two before are set
            in `_open` at the latest, and may be changed in `_updated`.
        run: What there is to know of the run, and to ask of it; there from `_open` on.
        is_due: In `_updated`: whether it is called because it is due, and not for a metric that is wanted alone.
        is_open: Whether it is being called: after an `_open` that did not fail, until it is closed.
        due_updates: After how many updates of the run it is due.
        due_at: When it is due, by the run's monotonic clock.
    """

    name: str = ""
    every_updates: int = NEVER
    every_seconds: float = INF
    wanted: tuple[str, ...] = ()

    run: RunView
    is_due = False
    is_open = False
    due_updates: int = NEVER
    due_at: float = INF

    # ── what the tracked run calls ───────────────────────────────────────────────────────────────────────────────

    def open(self, run: RunView) -> None:
        """Take up work. A part that fails at that is left out."""
        self.run = run
        self._failures: set[str] = set()
        if self._call("open", self._open):
            self.is_open = True
            self.due_updates = run.updates + 1 if self.every_updates < NEVER else NEVER
            self.due_at = run.clock.monotonic() if self.every_seconds < INF else INF

    def updated(self, metrics: Mapping[str, Any]) -> None:
        """Look at an update, where that is due, or bears a metric that is wanted."""
        run = self.run
        self.is_due = is_due = run.updates >= self.due_updates or (
            self.due_at < INF and run.clock.monotonic() >= self.due_at
        )
        if not is_due:
            for name in self.wanted:
                if name in metrics:
                    break
            else:
                return
        try:
            self._updated(metrics)
        except Exception:
            self._say_failed("updated")
        if is_due:
            self.due_updates = min(run.updates + self.every_updates, NEVER)
            self.due_at = run.clock.monotonic() + self.every_seconds if self.every_seconds < INF else INF

    def heartbeat(self) -> None:
        """Bring up to date what is kept or shown."""
        if self.is_open:
            self._call("heartbeat", self._heartbeat)

    def event(self, event: RunEvent) -> None:
        """Take note of what happened."""
        if self.is_open:
            self._call("event", self._event, event)

    def announced(self, event: RunEvent) -> None:
        """Take note of what another thread has found out, on that thread."""
        if self.is_open:
            self._call("announced", self._announced, event)

    def closed(self, why: str) -> None:
        """Bring work to an end."""
        if self.is_open:
            self._call("closed", self._closed, why)
            self.is_open = False

    # ── what a part writes ───────────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> None:
        """Called first. What other parts do is not known as yet: wait for the event ``start``."""

    def _updated(self, metrics: Mapping[str, Any]) -> None:
        """Called with what was logged, after the tracker has taken it, where that is due: never at each update."""

    def _heartbeat(self) -> None:
        """Called at the first update, then with the first update that comes ``heartbeat_seconds`` after the last."""

    def _event(self, event: RunEvent) -> None:
        """Called when something has happened, once the call in which it did is over.

        The kinds are ``start``, ``resume``, ``rewind``, ``crossing``, ``price`` (the ledger has another price now),
        ``clock_jump``, ``preemption`` and ``stop`` (what is still to come has to come now), and what parts tell.
        """

    def _announced(self, event: RunEvent) -> None:
        """Called at once with an event that another thread announces, on that thread; `_event` follows in its turn."""

    def _closed(self, why: str) -> None:
        """Called last, in the reverse order of the parts, with why it is over: ``closed``, ``failed`` and so on."""

    # ── what a part may use ──────────────────────────────────────────────────────────────────────────────────────

    def _soon(self, what: str, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have something done on the thread that trains, before the next call of a method of the tracked run.

        For what a part has a thread of its own for: any thread may ask.
        """
        self.run.do_soon(partial(self._call, what, function, *args, **kwargs))

    def _call(self, what: str, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Call something, log what goes wrong with its traceback, once for each ``what``; say whether all went well."""
        try:
            function(*args, **kwargs)
        except Exception:
            self._say_failed(what)
            return False
        return True

    def _say_failed(self, what: str) -> None:
        if what not in self._failures:
            self._failures.add(what)
            logger("tracked_run").exception("%s failed; training goes on, and this is said once", self._title(what))

    def _title(self, what: str) -> str:
        """Return what messages call that which it failed at."""
        return f"{what} of the part {self.name or type(self).__name__}"
