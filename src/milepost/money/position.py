"""Where in a run something stands: samples, training time, wall time."""

import msgspec


class Position(msgspec.Struct, frozen=True):
    """Where in a run an observation stands.

    Attributes:
        samples: What the trainer has counted so far.
        elapsed_seconds: Seconds on the training timer.
        wall_time: Unix seconds (UTC).
        segment: Id of the ledger's segment, where there is a ledger.
        marks: Marks that the segment had by then: they tell which lineage the position belongs to.
    """

    samples: int
    elapsed_seconds: float
    wall_time: float
    segment: str | None = None
    marks: int = 0
