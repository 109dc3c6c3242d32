"""Where in a run something stands: samples, training time, wall time."""

from typing import Literal

import msgspec

Bound = Literal["lower", "upper", "unknown"]


class Position(msgspec.Struct, frozen=True):
    """Where in a run an observation stands.

    Attributes:
        samples: What the trainer has counted so far.
        elapsed_seconds: Seconds on the training timer.
        wall_time: Unix seconds (UTC).
        segment: Id of the ledger's segment, where there is a ledger.
        marks: Marks that the segment had by then: they tell which lineage the position belongs to.
        bound: None where ``elapsed_seconds`` is exact; ``lower`` or ``upper`` where it is a bound, ``unknown`` where
            the observation told no time that can be: it is then that of the last one that did.
    """

    samples: int
    elapsed_seconds: float
    wall_time: float
    segment: str | None = None
    marks: int = 0
    bound: Bound | None = None
