"""What a run's positions count in: samples where that is known, else steps, epochs or updates."""

from typing import Literal

import msgspec

SamplesUnit = Literal["samples", "steps", "epochs", "updates"]
"""``samples``: environment steps, examples or tokens; ``steps``: a log's step of unknown meaning; ``epochs``;
``updates``: calls of `update`, where a live caller never told any count."""


MOST_SAMPLES = 2**63
"""Databases and columns hold whole numbers below this."""


class Counting(msgspec.Struct, frozen=True):
    """What a run's positions count in.

    Attributes:
        unit: The unit; None where nothing is counted.
        source: What tells it: a column, a tag, or ``caller``.
        because: Why there are no samples, where the unit is another.
    """

    unit: SamplesUnit | None = "samples"
    source: str | None = None
    because: str | None = None


OF_THE_CALLER = Counting("samples", "caller")
"""What a live caller tells."""

UPDATES = Counting("updates", None, "update() was told none: its calls are counted (samples=…)")
"""What is counted where a live caller tells nothing."""
