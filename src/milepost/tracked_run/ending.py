"""Notices the end of the process: at exit, and by the signals that ask for it."""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

SIGNALS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}
"""What a run is called that was ended by each."""

Handler = Callable[[int, FrameType | None], object]


class EndWatch:
    """Tells a tracked run of the end of its process, and then lets the program's own handlers have their way.

    A program with a handler of its own decides itself when to end: the run is told that a stop was asked for. Where
    the signal is left to the system, which ends the process, the run is ended first. A signal that is ignored ends
    nothing.

    Args:
        stop_asked: Called with why, when the program is about to decide; must not wait, since it interrupts whatever
            the main thread is doing.
        end: Called with why, just before the process ends.
    """

    def __init__(self, stop_asked: Callable[[str], None], end: Callable[[str], None]) -> None:
        self._stop_asked = stop_asked
        self._end = end
        self._pid = os.getpid()
        self._handlers: dict[signal.Signals, tuple[Handler, Handler | None]] = {}
        atexit.register(self._at_exit)
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            for number in SIGNALS:
                self._install(number)

    def close(self) -> None:
        """Stop watching, and put back the program's handlers, but for those that it has replaced itself."""
        atexit.unregister(self._at_exit)
        if threading.current_thread() is not threading.main_thread():
            return
        for number, (own, before) in self._handlers.items():
            if signal.getsignal(number) is own:
                signal.signal(number, signal.SIG_DFL if before is None else before)
        self._handlers.clear()

    def _install(self, number: signal.Signals) -> None:
        before = signal.getsignal(number)
        if before is signal.SIG_IGN or before is None:
            return
        theirs = before if callable(before) else None

        def handle(received: int, frame: FrameType | None) -> None:
            here = os.getpid() == self._pid  # a child that was forked off inherits the handler, and not the run
            if theirs is not None:
                if here:
                    self._stop_asked(SIGNALS[number])
                theirs(received, frame)
                return
            if here:
                self._end(SIGNALS[number])
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

        signal.signal(number, handle)
        self._handlers[number] = (handle, theirs)

    def _at_exit(self) -> None:
        if os.getpid() != self._pid:
            return
        error = getattr(sys, "last_type", None)
        if error is None:
            self._end("closed")
        else:
            self._end("interrupted" if issubclass(error, KeyboardInterrupt) else "failed")
