"""The clock of a run, and where its elapsed time comes from."""

import time
from collections.abc import Callable
from typing import Literal

ElapsedSource = Literal["caller", "clock", "wall"]


class Clock:
    """Wall time that cannot jump: UTC is read once, and advanced by the monotonic clock.

    Args:
        monotonic: Seconds that only go forward.
        utc: Unix seconds (UTC), read once.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, utc: Callable[[], float] = time.time) -> None:
        self.monotonic = monotonic
        self.offset = utc() - monotonic()
        self._utc = utc

    def now(self) -> float:
        """Return Unix seconds (UTC)."""
        return self.monotonic() + self.offset

    def passed_over_seconds(self) -> float:
        """Return by how much the system's clock has jumped since."""
        return self._utc() - self.now()


SYSTEM_CLOCK = Clock()
