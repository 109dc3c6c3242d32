"""What every sink does."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

Scalar = float | bool | str


class Sink(ABC):
    """Shows a run's figures somewhere. Called by the tracked run, on the thread that trains: it must not wait.

    Only what has changed is written.
    """

    name: str

    def __init__(self) -> None:
        self._written: dict[str, Scalar] = {}

    def write(self, metrics: Mapping[str, Scalar], samples: int) -> None:
        """Show what changed since the last call.

        Args:
            metrics: Everything known, under the keys that sinks share (``performance_threshold/…``).
            samples: Where the run is.
        """
        changed = {key: value for key, value in metrics.items() if self._written.get(key) != value}
        if changed and self._write(changed, samples):
            self._written.update(changed)

    @abstractmethod
    def _write(self, changed: Mapping[str, Scalar], samples: int) -> bool:
        """Write these keys; say whether that was possible, or else they are handed in again."""
