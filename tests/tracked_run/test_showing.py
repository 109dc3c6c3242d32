"""Sinks of a tracked run: what they are handed, and what training feels of those that fail or hang."""

import logging
import threading
import time
from collections.abc import Sequence

import pytest

from milepost.runs.record import Run, RunEvent
from milepost.sinks.sink import Sink
from milepost.tracked_run import showing as module
from milepost.tracked_run.showing import showing
from milepost.tracking.keys import Figure
from tests.helpers import FakeClock, threshold
from tests.tracked_run.helpers import tracked


class Board(Sink):
    """Writes down what it is handed, and on which thread."""

    name = "board"

    def __init__(self, name: str = "board", *, slow: bool = False) -> None:
        super().__init__()
        self.name = name
        self.slow = slow
        self.calls: list[str] = []
        self.figures: dict[tuple[str | None, str], object] = {}
        self.threads: set[str] = set()

    def _note(self, call: str) -> None:
        self.threads.add(threading.current_thread().name)
        self.calls.append(call)

    def open(self, run: Run) -> None:
        self._note(f"open {run.id}")

    def _write(self, changed: Sequence[Figure], samples: int) -> bool:
        self._note(f"write {samples}")
        self.figures |= {figure[:2]: figure.value for figure in changed}
        return True

    def event(self, event: RunEvent) -> None:
        self._note(event.kind)

    def close(self) -> None:
        self._note("close")


class Hanging(Board):
    """Hangs in one of its methods until it is released."""

    def __init__(self, method: str, name: str = "hanging") -> None:
        super().__init__(name, slow=True)
        self.method = method
        self.hangs, self.released = threading.Event(), threading.Event()

    def _note(self, call: str) -> None:
        super()._note(call)
        if call.startswith(self.method):
            self.hangs.set()
            self.released.wait(60)


def closed(sink: Board) -> bool:
    """Wait until a slow sink's thread is over."""
    for thread in threading.enumerate():
        if thread.name == f"milepost-sink-{sink.name}":
            thread.join(60)
    return sink.calls[-1] == "close"


@pytest.mark.parametrize("slow", [False, True])
def test_sink_is_opened_written_told_of_events_and_closed(slow: bool) -> None:
    clock = FakeClock()
    board = Board(slow=slow)
    run = tracked(showing(board), thresholds=(threshold(3.0),), clock=clock, heartbeat_seconds=10.0)
    for samples in range(1, 13):
        clock.advance(1.0)
        run.update({"m": float(samples)}, samples)
    run.close()
    assert [call for call in board.calls if not call.startswith("write")] == [
        *("open r", "start", "crossing", "stop", "close"),
    ]
    if slow:  # what it was handed while it was busy may have been passed over
        assert board.threads == {"milepost-sink-board"}
        assert board.calls.count("write 12") >= 1
        assert board.calls[-1] == "close"
    else:
        assert board.threads == {"MainThread"}
        assert board.calls == [
            *("open r", "start", "write 1", "crossing", "write 3", "write 11", "stop", "write 12", "close"),
        ]
    assert board.figures["t", "samples_to_threshold"] == 3
    assert board.figures[None, "cost_so_far"] == pytest.approx(12 * 3.6 / 3600)


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("method", ["open", "write", "crossing", "close"])
def test_sink_that_fails_is_named_once_and_stops_no_other(
    method: str, slow: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Board):
        def _note(self, call: str) -> None:
            super()._note(call)
            if call.startswith(method):
                raise ConnectionError("the service is gone")

    clock = FakeClock()
    before, broken, after = Board("before"), Broken("broken", slow=slow), Board("after")
    run = tracked(*map(showing, (before, broken, after)), thresholds=(threshold(3.0),), clock=clock)
    for samples in range(1, 40):
        clock.advance(1.0)
        assert len(run.update({"m": float(samples)}, samples)) == (samples == 3)
    run.close()
    (said,) = caplog.records
    what = {"write": "the sink broken", "crossing": "event of the sink broken"}.get(
        method, f"{method} of the sink broken"
    )
    assert said.getMessage() == f"{what} failed; training goes on, and this is said once"
    assert said.exc_info is not None
    assert after.calls == before.calls
    assert after.calls[-2:] == ["write 39", "close"]
    if method == "open":
        assert broken.calls == ["open r"]  # it is left out
    else:
        assert broken.calls[-1] == "close"


@pytest.mark.parametrize("method", ["open", "write", "start"])
def test_training_never_waits_for_a_slow_sink_and_the_latest_figures_take_the_place_of_earlier_ones(
    method: str,
) -> None:
    clock = FakeClock()
    hanging, other = Hanging(method), Board("other")
    run = tracked(showing(hanging), showing(other), thresholds=(threshold(3.0),), clock=clock, heartbeat_seconds=1.0)
    clock.advance(1.0)
    run.update({"m": 1.0}, 1)
    assert hanging.hangs.wait(30)
    for samples in range(2, 50):
        clock.advance(1.0)
        run.update({"m": float(samples)}, samples)
    assert other.figures["t", "samples_to_threshold"] == 3
    assert [call for call in hanging.calls if call.startswith("write")] in ([], ["write 1"])
    hanging.released.set()
    run.close()
    assert closed(hanging)
    written = [call for call in hanging.calls if call.startswith("write")]
    assert written[-1] == "write 49"
    assert len(written) <= 3  # the first, the latest, and at most one that the end came after
    assert hanging.figures == other.figures
    assert [call for call in hanging.calls if call in ("start", "crossing", "stop")] == ["start", "crossing", "stop"]


@pytest.mark.parametrize("method", ["open", "write", "stop", "close"])
def test_end_waits_for_a_slow_sink_for_a_bounded_time_and_says_so(
    method: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.2)
    clock = FakeClock()
    hanging, other = Hanging(method), Board("other")
    run = tracked(showing(other), showing(hanging), thresholds=(threshold(3.0),), clock=clock)
    clock.advance(1.0)
    run.update({"m": 4.0}, 7)
    run.close()
    assert hanging.hangs.wait(30)
    assert other.calls[-1] == "close"
    assert [record.getMessage() for record in caplog.records] == [
        "the sink hanging is slower than the end of the run waits: its last figures may be missing there"
    ]
    hanging.released.set()
    assert closed(hanging)


@pytest.mark.parametrize(("why", "seconds"), [("closed", 1.5), ("failed", 1.5), ("terminated", 7.5)])
def test_slow_sinks_are_waited_for_side_by_side(why: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a fifth of the time where somebody is about to end the process."""
    monkeypatch.setattr(module, "CLOSE_SECONDS", seconds)
    clock = FakeClock()
    boards = [Hanging("write", f"hanging-{at}") for at in range(3)]
    run = tracked(*map(showing, boards), clock=clock)
    clock.advance(1.0)
    run.update({"m": 1.0}, 1)
    assert all(board.hangs.wait(30) for board in boards)
    started = time.monotonic()
    run.close(why)
    took = time.monotonic() - started
    assert 1.5 <= took < 4.0  # 1.5 + 2 × 0.3: each has a fifth at least; one after the other they had 4.5
    for board in boards:
        board.released.set()
        assert closed(board)


def test_events_that_wait_for_a_slow_sink_are_bounded_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EVENTS", 3)
    clock = FakeClock()
    hanging = Hanging("open")
    part = showing(hanging)
    run = tracked(part, clock=clock)
    assert hanging.hangs.wait(30)
    for at in range(10):
        part.run.tell(f"event {at}")
        run.get_results()
    hanging.released.set()
    run.close()
    assert closed(hanging)
    assert [call for call in hanging.calls if call.startswith(("event", "stop"))][-3:] == ["event 8", "event 9", "stop"]
    assert "event 6" not in hanging.calls


def test_quiet_run_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    with caplog.at_level(logging.DEBUG):
        run = tracked(showing(Board(slow=True)), showing(Board()), clock=clock)
        run.update({"m": 1.0}, 1)
        run.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
