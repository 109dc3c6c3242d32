"""Ctrl-C ends a command, whatever Python was at when it came."""

import signal
from collections.abc import Iterator

import pytest

from milepost.cli import interrupts


@pytest.fixture(autouse=True)
def _as_at_the_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(interrupts, "_seen", False)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupt_that_python_drops_is_raised_at_the_next_look() -> None:
    class Cleared:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    interrupts.watch()
    interrupts.check()
    cleared = Cleared()
    del cleared  # what is raised there, Python only writes to standard error
    assert interrupts.were_seen()
    with pytest.raises(KeyboardInterrupt):
        interrupts.check()


def test_an_interrupt_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts.watch()
    signal.raise_signal(signal.SIGINT)
    assert not interrupts.were_seen()
