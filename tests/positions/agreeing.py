"""How a result is held against what is right."""

from typing import Any

import pytest

from milepost.tracking.result import ThresholdResult
from tests.positions.oracle import USD_PER_MINUTE, Answer, Tells


def told(result: ThresholdResult) -> dict[str, Any]:
    """Return what a result says, and whether it gives a reason for what it does not know."""
    return {
        "count": result.samples_to_threshold,
        "unit": result.samples_unit,
        "minutes": result.minutes_to_threshold,
        "bound": result.bound,
        "usd": result.cost_to_threshold,
        "billed_usd": result.billed_cost_to_threshold,
        "has_reason": result.untimed_because is not None,
    }


def expected(answer: Answer | None, tells: Tells) -> dict[str, Any]:
    """Return what it is to say."""
    count, minutes, bound, billed_minutes = answer or Answer(None, None, None, None)
    return {
        "count": count,
        "unit": tells.unit,
        "minutes": near(minutes),
        "bound": bound,
        "usd": near(minutes, USD_PER_MINUTE),
        "billed_usd": near(billed_minutes, USD_PER_MINUTE),
        "has_reason": (answer is not None and minutes is None) or not (tells.timer or tells.wall),
    }


def near(number: float | None, factor: float = 1.0) -> object:
    """Return what a figure is to be: to a millionth of a minute, or None."""
    return None if number is None else pytest.approx(number * factor, abs=1e-6)
