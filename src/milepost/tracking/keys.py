"""What is shown of a run, by no outside system's name; and the keys under which W&B has it."""

from collections.abc import Mapping
from typing import NamedTuple

from milepost.money.segment import Segment
from milepost.tracking.result import ThresholdResult

Scalar = float | bool | str

PREFIX = "performance_threshold"

SAMPLES = f"{PREFIX}/samples"
"""Where the run stands; the other keys are charted against it. Its last piece is the unit, where that is another."""

OF_A_RESULT = (
    "achieved",
    "target_value",
    "already_met",
    "final_smoothed_value",
    "samples_to_threshold",
    "minutes_to_threshold",
    "cost_to_threshold",
    "samples_unit",
    "start_known",
    "bound",
    "rewinds",
    "late_observations",
    "restarts",
)
"""Attributes of a result that are shown; where it does not count samples, the key of these says what it counts."""


class Figure(NamedTuple):
    """One figure of a run.

    Attributes:
        threshold: The threshold that it is a figure of; None for what is the whole run's.
        key: Which one: ``cost_to_threshold``, ``cost_so_far`` …
        value: What it is.
    """

    threshold: str | None
    key: str
    value: Scalar

    @property
    def name(self) -> str:
        """Its key in W&B: ``performance_threshold/THRESHOLD/KEY``, or ``performance_threshold/KEY``."""
        return f"{PREFIX}/{self.key}" if self.threshold is None else f"{PREFIX}/{self.threshold}/{self.key}"


def figures(
    results: Mapping[str, ThresholdResult], cost_so_far: float | None, segment: Segment | None, wall_time: float
) -> tuple[Figure, ...]:
    """Return what is known of a run; what is not is left out.

    Args:
        results: Its results, by threshold name.
        cost_so_far: USD for everything so far, lost work included.
        segment: The segment under way.
        wall_time: Unix seconds (UTC) of now: prices change.
    """
    quote = segment.quote if segment else None
    known = (
        *((name, _key(key, result), getattr(result, key)) for name, result in results.items() for key in OF_A_RESULT),
        (None, "cost_so_far", cost_so_far),
        (None, "usd_per_hour", quote.usd_per_hour_at(wall_time) if quote else None),
        (None, "price_source", quote.source if quote else None),
        (None, "price_assumed", quote.assumed if quote else None),
    )
    return tuple(Figure(*each) for each in known if each[-1] is not None)


def _key(attribute: str, result: ThresholdResult) -> str:
    """Return the key of an attribute: ``steps_to_threshold``, where samples are counted in steps."""
    return f"{result.samples_unit or 'samples'}_to_threshold" if attribute == "samples_to_threshold" else attribute
