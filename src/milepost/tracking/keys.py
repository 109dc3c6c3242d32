"""The names under which W&B and every other sink show results."""

from collections.abc import Mapping

from milepost.money.segment import Segment
from milepost.tracking.result import ThresholdResult

PREFIX = "performance_threshold"

SAMPLES = f"{PREFIX}/samples"
"""Where the run stands; the other keys are charted against it."""

OF_A_RESULT = (
    "achieved",
    "target_value",
    "already_met",
    "final_smoothed_value",
    "samples_to_threshold",
    "minutes_to_threshold",
    "cost_to_threshold",
)
"""Attributes of a result that are shown, each as ``performance_threshold/THRESHOLD/ATTRIBUTE``."""


def shown(
    results: Mapping[str, ThresholdResult], cost_so_far: float | None, segment: Segment | None, wall_time: float
) -> dict[str, float | bool | str]:
    """Return what is known of a run, by key.

    Args:
        results: Its results, by threshold name.
        cost_so_far: USD for everything so far, lost work included.
        segment: The segment under way.
        wall_time: Unix seconds (UTC) of now: prices change.
    """
    quote = segment.quote if segment else None
    known = {
        **{f"{name}/{key}": getattr(result, key) for name, result in results.items() for key in OF_A_RESULT},
        "cost_so_far": cost_so_far,
        "usd_per_hour": quote.usd_per_hour_at(wall_time) if quote else None,
        "price_source": quote.source if quote else None,
        "price_assumed": quote.assumed if quote else None,
    }
    return {f"{PREFIX}/{key}": value for key, value in known.items() if value is not None}
