"""What happens to a run, for whoever listens."""

from typing import Literal

import msgspec

from milepost.money.position import Position
from milepost.tracking.result import ThresholdResult


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a run, handed to ``on_event``.

    Attributes:
        kind: A ``crossing``, a ``rewind`` to an earlier position, or the ``resume`` of a saved state.
        position: Where the run was.
        results: Of a crossing: the results of the thresholds achieved.
    """

    kind: Literal["crossing", "rewind", "resume"]
    position: Position
    results: tuple[ThresholdResult, ...] = ()
