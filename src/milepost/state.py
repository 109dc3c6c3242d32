"""What a checkpoint holds of a tracked run: JSON-able, versioned, ledger included."""

from collections.abc import Mapping
from typing import Any

import msgspec

from milepost.crossing import Crossing, Position
from milepost.errors import StateError
from milepost.ledger import Ledger
from milepost.thresholds import ElapsedSource, PerformanceThreshold, Smoothing

STATE_VERSION = 1


class SmootherState(msgspec.Struct, frozen=True):
    """A smoother, and where its metric was last observed."""

    metric: str
    smoothing: Smoothing
    total: float
    weight: float
    samples: float
    elapsed_seconds: float
    observations: int
    skipped: int
    last: Position | None


class ThresholdState(msgspec.Struct, frozen=True):
    """A threshold as it was defined, and how far the run had come with it."""

    threshold: PerformanceThreshold
    held: int
    candidate: Crossing | None
    crossing: Crossing | None


class TrackerState(msgspec.Struct, frozen=True):
    """All that a later process needs to go on from here."""

    version: int
    samples: int
    elapsed_seconds: float
    elapsed_source: ElapsedSource | None
    ledger: Ledger
    smoothers: tuple[SmootherState, ...]
    thresholds: tuple[ThresholdState, ...]

    def to_builtins(self) -> dict[str, Any]:
        """Return it as dictionaries, lists, strings and numbers."""
        builtins: dict[str, Any] = msgspec.to_builtins(self)
        return builtins

    @classmethod
    def read(cls, state: Mapping[str, Any]) -> "TrackerState":
        """Read what `to_builtins` wrote.

        Raises:
            StateError: It is of another version, or not such a state.
        """
        version = state.get("version") if isinstance(state, Mapping) else None
        if version != STATE_VERSION:
            raise StateError(
                f"state: found version {version!r}, expected {STATE_VERSION}; "
                "it was saved by another release of Milepost, or is no state of a tracked run"
            )
        try:
            return msgspec.convert(state, cls)
        except (msgspec.ValidationError, ValueError) as error:
            raise StateError(f"state: {error}; expected what state_dict() gave") from error


class Checkpoints:
    """Which crossings a saved state holds, so that a resume would not lose them."""

    __slots__ = ("_exist", "_held", "_lost")

    def __init__(self) -> None:
        self._exist = False
        self._held: set[str] = set()
        self._lost: set[str] = set()

    def saved(self, crossings: Mapping[str, Crossing]) -> None:
        """Note that a state was taken which holds these crossings, by threshold name."""
        self._exist = True
        self._held.update(crossings)
        self._lost.clear()

    def loaded(self, crossings: Mapping[str, Crossing], in_state: set[str]) -> None:
        """Note that training goes on from a state which holds those named ``in_state``."""
        self._exist = True
        self._held = crossings.keys() & in_state
        self._lost = crossings.keys() - in_state

    def gone_back(self, crossings: Mapping[str, Crossing], from_samples: int, to_samples: int) -> None:
        """Note that training went back to ``to_samples``, by no state that we know of."""
        self._held.update(name for name in self._lost if from_samples >= crossings[name].position.samples)
        self._lost = {name for name, crossing in crossings.items() if crossing.position.samples > to_samples}
        self._held -= self._lost

    def hold(self, name: str, crossing: Crossing, samples: int) -> bool | None:
        """Say whether a crossing is safe, now that training has come to ``samples``; None without any state."""
        if not self._exist:
            return None
        return name in self._held or (name in self._lost and samples >= crossing.position.samples)
