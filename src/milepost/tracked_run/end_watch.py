"""Notices the end of the process: at exit, and by the signals that ask for it."""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple

from milepost.runs.record import RunEvent
from milepost.tracked_run.part import Part

SIGNALS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}
"""What a run is called that was ended by each."""

Handler = Callable[[int, FrameType | None], object]


class _Installed(NamedTuple):
    """A handler of ours, and what was there before it: the program's own, or None where the system ends the process."""

    own: Handler
    theirs: Handler | None


_watches: list["EndWatch"] = []
"""Of all tracked runs that are open: one signal ends them all."""

_installed: dict[signal.Signals, list[_Installed]] = {number: [] for number in SIGNALS}
"""The latest last. There is a second one where the program has put a handler of its own over the first."""


class EndWatch(Part):
    """Tells a tracked run of the end of its process, and then lets the program's own handlers have their way.

    A program with a handler of its own decides itself when to end: the run is told that a stop was asked for. Where
    the signal is left to the system, which ends the process, the run is ended first. A signal that is ignored ends
    nothing.
    """

    name = "end watch"

    def end(self, why: str) -> None:
        """End the run, just before the process ends."""
        self._call("end", self.run.end, why)

    def close(self) -> None:
        """Stop watching; the last to do so puts back the program's handlers, but for those that it has replaced."""
        atexit.unregister(self._at_exit)
        if self in _watches:
            _watches.remove(self)
        if not _open_here() and threading.current_thread() is threading.main_thread():
            for number, handlers in _installed.items():
                if handlers and signal.getsignal(number) is handlers[-1].own:
                    signal.signal(number, handlers[-1].theirs or signal.SIG_DFL)
                handlers.clear()

    def _open(self) -> None:
        self.pid = os.getpid()
        self._error_before = getattr(sys, "last_value", None)
        atexit.register(self._at_exit)
        _watches.append(self)
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for number in SIGNALS:
                _install(number)

    def _event(self, event: RunEvent) -> None:
        if event.kind == "stop":
            self.close()

    def _at_exit(self) -> None:
        if os.getpid() != self.pid:
            return
        error = getattr(sys, "last_value", None)
        ended_by_it = error is not self._error_before and not hasattr(sys, "ps1")  # at a prompt, errors end nothing
        self.end(why_ended(type(error) if error is not None and ended_by_it else None))


def why_ended(error: type[BaseException] | None) -> str:
    """Return what a run is called whose program or block ended by an error, or without any."""
    return "closed" if error is None else "interrupted" if issubclass(error, KeyboardInterrupt) else "failed"


def _open_here() -> list[EndWatch]:
    """Return the watches of this process: a child that was forked off inherits handlers, and not the runs."""
    return [watch for watch in _watches if watch.pid == os.getpid()]


def _install(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    handlers = _installed[number]
    if before is signal.SIG_IGN or before is None or (handlers and before is handlers[-1].own):
        return
    theirs = before if callable(before) else None

    def handle(received: int, frame: FrameType | None) -> None:
        if theirs is not None:
            for watch in _open_here():
                watch._call("signal", watch.run.ask_to_stop, SIGNALS[number])  # the program decides whether to end
            theirs(received, frame)
            return
        for watch in _open_here():
            watch.end(SIGNALS[number])
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(number, handle)
    handlers.append(_Installed(handle, theirs))
