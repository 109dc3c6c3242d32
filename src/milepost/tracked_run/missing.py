"""Says which watched metrics nobody logs: the names that are nearest are looked for beside training."""

import threading
from collections.abc import Collection

from milepost.tracking.series import missing
from milepost.tracking.tracker import PerformanceThresholdTracker

WAIT_SECONDS = 1.0
"""How long the end of a run waits until that is said."""


class MissingMetrics:
    """Warns of metrics that were never observed, once of each.

    Args:
        tracker: Watches them.
    """

    def __init__(self, tracker: PerformanceThresholdTracker) -> None:
        self._tracker = tracker
        self._looked_for: set[str] = set()
        self._thread: threading.Thread | None = None

    def look(self, names: Collection[str]) -> None:
        """Look for what is missing among the names that are logged, on a thread of its own where there is something."""
        tracker = self._tracker
        unborne = set(missing(tracker.series, tracker.timer.updates, names)) - self._looked_for
        if unborne and (self._thread is None or not self._thread.is_alive()):
            self._looked_for |= unborne
            look = ([each for each in names if isinstance(each, str)],)
            self._thread = threading.Thread(target=tracker.warn_of_missing, args=look, name="milepost-missing")
            self._thread.daemon = True
            self._thread.start()

    def close(self, names: Collection[str]) -> None:
        """Look once more, and wait until it is said."""
        self._wait()
        self.look(names)
        self._wait()

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join(WAIT_SECONDS)
