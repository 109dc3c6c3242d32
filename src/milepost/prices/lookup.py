"""Asks a live source in a process of its own: what its client imports and parses never holds up a training thread.

botocore alone takes some 0.3 s to import and reads EC2's service description in one call that lets no other thread
of its process run; a thread of the training process would make an ``update()`` wait that long.
"""

import os
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.roster import find_source
from milepost.prices.source import LivePriceSource

if TYPE_CHECKING:
    import subprocess

LIMIT_SECONDS = 60.0
"""How long a lookup may take in all: some answers have many pages."""


class _Task(msgspec.Struct, frozen=True):
    source: str
    instance: Instance
    since: datetime | None


class _Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    quote: Quote | None = None
    unavailable: str = "the lookup failed"
    failed: bool = False


class Apart:
    """Runs lookups, one after the other, each in a process of its own. `close` may be called from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def __call__(self, source: str, instance: Instance, since: datetime | None) -> Quote:
        """Return the price of one such instance; see `LivePriceSource.quote`."""
        if not sys.executable or getattr(sys, "frozen", False):  # a program that is its own interpreter
            return inline(source, instance, since)
        import subprocess

        with self._lock:
            if self._closed:
                raise PriceUnavailable("the run is over", failed=True)
            try:
                self._process = subprocess.Popen(
                    # -P: what lies in the working directory, such as a queue.py, is not imported in its place.
                    [sys.executable, "-P", "-m", "milepost.prices.lookup"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
            except OSError as error:
                raise PriceUnavailable(f"the lookup could not be started: {error.strerror}", failed=True) from None
        with self._process as process:
            try:
                out, _ = process.communicate(msgspec.json.encode(_Task(source, instance, since)), LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise PriceUnavailable(f"it did not answer within {LIMIT_SECONDS:g} s", failed=True) from None
        try:
            outcome = msgspec.json.decode(out, type=_Outcome)
        except msgspec.MsgspecError:
            outcome = _Outcome(failed=True)
        if outcome.quote is None:
            raise PriceUnavailable(outcome.unavailable, failed=outcome.failed)
        return outcome.quote

    def close(self) -> None:
        """Give up the lookup under way, and start no other."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()


def inline(source: str, instance: Instance, since: datetime | None) -> Quote:
    """Return the price of one such instance, asked for in this process."""
    found = find_source(source)
    return found.quote(instance, since) if isinstance(found, LivePriceSource) else found.quote(instance)


def _main() -> None:
    """Read a task from standard input, and write what came of it to standard output."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=_Task)
    try:
        outcome = _Outcome(quote=inline(task.source, task.instance, task.since))
    except PriceUnavailable as error:
        outcome = _Outcome(unavailable=str(error), failed=error.failed)
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    _main()
