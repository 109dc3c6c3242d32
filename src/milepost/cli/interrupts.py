"""Ctrl-C that is not lost: while Python clears something up, an interrupt is dropped, or becomes something else."""

import signal
from types import FrameType

_seen = False


def watch() -> None:
    """Keep in mind from now on that Ctrl-C was pressed; what it does stays as it is."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)


def were_seen() -> bool:
    """Say whether Ctrl-C was pressed."""
    return _seen


def check() -> None:
    """Stop here if Ctrl-C was pressed, and the work went on all the same."""
    if _seen:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    global _seen
    _seen = True
    signal.default_int_handler(number, frame)
