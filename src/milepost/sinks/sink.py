"""What every sink does."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from milepost.runs.record import Run, RunEvent
from milepost.tracking.keys import Figure, Scalar


class Sink(ABC):
    """Shows a run's figures somewhere, and what happens to it.

    A tracked run calls `open`, then `write` whenever figures may have changed and `event` as things happen, and last
    `close`: on the thread that trains, which must not wait; or, where the sink is ``slow``, on a thread of its own,
    where the latest figures take the place of those that still waited to be written. What it raises is logged once.

    Attributes:
        name: What messages call it.
        slow: Whether it may have to wait, as for a service that is asked over a network.
    """

    name: str
    slow = False

    def __init__(self) -> None:
        self._written: dict[tuple[str | None, str], Scalar] = {}

    def open(self, run: Run) -> None:  # noqa: B027  most have nothing to do
        """Get ready to show a run, of which this much is known."""

    def write(self, figures: Iterable[Figure], samples: int) -> None:
        """Show what changed since the last call.

        Args:
            figures: Everything known.
            samples: Where the run is.
        """
        changed = [figure for figure in figures if self._written.get(figure[:2]) != figure.value]
        if changed and self._write(changed, samples):
            self._written.update({figure[:2]: figure.value for figure in changed})

    def event(self, event: RunEvent) -> None:  # noqa: B027
        """Show that something happened."""

    def close(self) -> None:  # noqa: B027
        """Let go of what is held: nothing else comes."""

    @abstractmethod
    def _write(self, changed: Sequence[Figure], samples: int) -> bool:
        """Write these figures; say whether that was possible, or else they are handed in again."""
