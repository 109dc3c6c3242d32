"""What a checkpoint holds of a tracked run: JSON-able, versioned, ledger included."""

from collections.abc import Mapping
from typing import Any

import msgspec

from milepost.errors import StateError
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.tracking.crossing import Crossing
from milepost.tracking.thresholds import PerformanceThreshold, Smoothing
from milepost.tracking.timer import ElapsedSource

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
