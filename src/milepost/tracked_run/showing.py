"""Shows a run in its sinks; a slow one has a thread of its own, so that training never waits for it."""

import threading
import time
from collections import deque
from collections.abc import Sequence

from milepost.log import logger
from milepost.runs.record import RunEvent
from milepost.sinks.sink import Sink
from milepost.tracked_run.part import Part
from milepost.tracking.keys import Figure

MOST_EVENTS = 1000
"""Events that wait for a slow sink; the oldest go first."""

CLOSE_SECONDS = 5.0
"""How long the end of a run waits for slow sinks; a fifth of it where the run was cut short."""


class Showing(Part):
    """Shows a run in a sink."""

    def __init__(self, sink: Sink) -> None:
        self.name = sink.name
        self._sink = sink

    def _open(self) -> None:
        self._sink.open(self.run.described)

    def _heartbeat(self) -> None:
        self._write()

    def _event(self, event: RunEvent) -> None:
        self._show(event)
        if event.kind == "crossing" or (event.kind == "price" and not self.run.is_closed):
            self._write()

    def _closed(self, why: str) -> None:
        self._write()
        self._call("close", self._sink.close)

    def _write(self) -> None:
        """Bring the sink up to date."""
        self._call("write", self._sink.write, self.run.figures(), self.run.here.samples)

    def _show(self, event: RunEvent) -> None:
        """Show that something happened."""
        self._call("event", self._sink.event, event)

    def _title(self, what: str) -> str:
        return f"the sink {self.name}" if what == "write" else f"{what} of the sink {self.name}"


class ShowingBehind(Showing):
    """Shows a run in a slow sink, on a thread of its own."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(sink)
        self._changed = threading.Condition()
        self._events: deque[RunEvent] = deque(maxlen=MOST_EVENTS)
        self._figures: tuple[Sequence[Figure], int] | None = None  # the latest, and where the run was
        self._is_over = False
        self._wait_until = 0.0
        self._wait_seconds = CLOSE_SECONDS
        self._thread = threading.Thread(target=self._work, name=f"milepost-sink-{sink.name}", daemon=True)

    def _open(self) -> None:
        self._thread.start()

    def _event(self, event: RunEvent) -> None:
        super()._event(event)
        if event.kind == "stop":  # so that slow sinks catch up side by side, and while a price is waited for
            self._write()
            is_cut_short = event.detail.get("why") not in ("closed", "failed")
            self._wait_seconds = CLOSE_SECONDS / 5 if is_cut_short else CLOSE_SECONDS
            self._wait_until = time.monotonic() + self._wait_seconds

    def _closed(self, why: str) -> None:
        self._write()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join(max(self._wait_until - time.monotonic(), self._wait_seconds / 5))
        if self._thread.is_alive():
            logger("tracked_run").warning(
                "the sink %s is slower than the end of the run waits: its last figures may be missing there", self.name
            )

    def _write(self) -> None:
        with self._changed:
            self._figures = self.run.figures(), self.run.here.samples
            self._changed.notify_all()

    def _show(self, event: RunEvent) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _work(self) -> None:
        is_over = not self._call("open", self._sink.open, self.run.described)
        while not is_over:
            with self._changed:
                self._changed.wait_for(lambda: self._events or self._figures or self._is_over)
                events, figures, is_over = [*self._events], self._figures, self._is_over
                self._events.clear()
                self._figures = None
            for event in events:
                self._call("event", self._sink.event, event)
            if figures is not None:
                self._call("write", self._sink.write, *figures)
            if is_over:
                self._call("close", self._sink.close)


def showing(sink: Sink) -> Showing:
    """Return the part that shows a run in a sink."""
    return ShowingBehind(sink) if sink.slow else Showing(sink)
