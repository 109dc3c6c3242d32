"""Thresholds that can't be met, or that say so late."""

import math
from collections.abc import Iterator

from milepost.doctor.finding import Case, Finding
from milepost.tracking.thresholds import HalfLife, PerformanceThreshold

MOVED = 0.9
"""A moving average has followed its metric when it has moved so much of the way."""

MANY_OBSERVATIONS = 100
"""A moving average that takes longer than this to follow says late what happened early."""


def observations_to_follow(smoothing_factor: float) -> int:
    """Return after how many observations a moving average has moved 90 % of the way to where its metric jumped.

    After n observations it has moved ``1 − (1 − α)^n`` of the way, once it runs.
    """
    return 1 if smoothing_factor >= 1 else math.ceil(math.log(1 - MOVED) / math.log1p(-smoothing_factor))


def check(case: Case) -> Iterator[Finding]:
    """Look at each threshold's smoothing, confirmation and comparison."""
    if not case.settings.thresholds:
        yield Finding("warning", "thresholds", "no threshold is set: nothing will be said.", "Add one to the file.")
    for threshold in case.settings.thresholds:
        yield from _lag(threshold)
        yield from _equality(threshold)


def _lag(threshold: PerformanceThreshold) -> Iterator[Finding]:
    if (half_life := threshold.half_life) is not None:
        what = f"{threshold.name}: the average has followed {threshold.metric} {_lag_of(half_life)} later."
        yield Finding("note", "smoothing", what, "Choose a shorter half-life if that is long beside the run.")
        return
    observations = observations_to_follow(threshold.smoothing_factor)
    if observations > MANY_OBSERVATIONS:
        yield Finding(
            "warning",
            "smoothing",
            f"{threshold.name}: with smoothing_factor {threshold.smoothing_factor:g} it takes {observations:,} "
            f"observations of {threshold.metric} until the average has moved {MOVED:.0%} of the way, so the crossing "
            "is seen that much late, and so is its cost.",
            f"Raise smoothing_factor (0.1 takes {observations_to_follow(0.1)}), or log the metric more often.",
        )


def _lag_of(half_life: HalfLife) -> str:
    """Say how far behind an average is: ``0.5^(Δ/half-life) = 0.1`` at 3.32 half-lives."""
    half_lives = math.log2(1 / (1 - MOVED))
    if half_life.samples is not None:
        return f"{half_lives * half_life.samples:,.0f} samples"
    return f"{half_lives * (half_life.seconds or 0.0):,.0f} s"


def _equality(threshold: PerformanceThreshold) -> Iterator[Finding]:
    if threshold.comparison != "==" or threshold.tolerance > 0:
        return
    smoothed = threshold.half_life is not None or threshold.smoothing_factor < 1
    if smoothed or threshold.confirm > 1:
        times = f" {threshold.confirm} times in a row" if threshold.confirm > 1 else ""
        target = f"{threshold.target_value:g}{times}"
        what = f"{threshold.name}: an average is hardly ever exactly {target}: it can't be met."
        yield Finding("error", "confirm", what, "Give a tolerance, or compare by >= or <=.")
