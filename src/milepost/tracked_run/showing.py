"""Shows a run in its sinks."""

from milepost.runs.record import RunEvent
from milepost.sinks.sink import Sink
from milepost.tracked_run.part import Part


class Showing(Part):
    """Shows a run in a sink.

    Args:
        sink: Where.
    """

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
