"""Held against NumPy's own float32."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from milepost.tracking.precision import in_single, is_single, least, most, single
from milepost.tracking.thresholds import COMPARISONS, TESTS, Comparison
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import threshold

numbers = st.one_of(
    st.floats(-10, 10),
    st.floats(-3.5e38, 3.5e38),
    st.floats(-1e-44, 1e-44),
    st.sampled_from([0.0, -0.0, 0.1, 0.9, 2.0**-149, 3.4028235677973366e38, 1e300, -1e300]),
)


def as_single(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))


@given(numbers)
def test_rounding_is_that_of_numpy(value: float) -> None:
    assert single(value) == as_single(value)


@given(numbers.filter(lambda value: math.isfinite(as_single(value))))
def test_ends_of_what_rounds_to_a_float32(value: float) -> None:
    rounded = as_single(value)
    low, high = least(rounded), most(rounded)
    assert low <= rounded <= high
    assert as_single(low) == as_single(high) == rounded
    assert as_single(math.nextafter(low, -math.inf)) < rounded < as_single(math.nextafter(high, math.inf))


@given(numbers, numbers, st.sampled_from([each for each in COMPARISONS if each != "=="]))
def test_threshold_in_single_precision_compares_as_float32_does(
    target: float, value: float, comparison: Comparison
) -> None:
    wanted = in_single(threshold(target, comparison))
    for each in (value, target, as_single(target), math.nextafter(target, math.inf), math.nextafter(target, -math.inf)):
        if not math.isfinite(each):  # never averaged
            continue
        expected = TESTS[comparison](as_single(each), as_single(target), 0.0)
        assert wanted.satisfied_by(each) is expected


@given(st.floats(-10, 10), st.floats(-10, 10), st.sampled_from([0.0, 0.1, 0.5, 3.0]))
def test_equality_in_single_precision(target: float, value: float, tolerance: float) -> None:
    wanted = in_single(threshold(target, "==", tolerance=tolerance))
    apart = abs(as_single(value) - as_single(target))
    if abs(apart - tolerance) > 1e-5:  # at the very end of the tolerance either is right
        assert wanted.satisfied_by(value) is (apart <= tolerance)
    assert wanted.satisfied_by(target)


@pytest.mark.parametrize(
    ("value", "told"),
    [(np.float32(0.5), True), (np.array(0.5, "f4"), True), (np.float64(0.5), False), (0.5, False), (1, False)],
)
def test_what_is_single(value: object, told: bool) -> None:
    assert is_single(value) is told


@pytest.mark.parametrize("reached", [np.float32(0.9), np.array(0.9, "f4")])
def test_live_float32_meets_what_it_was_meant_to_meet(reached: object) -> None:
    """0.9 as float32 is 0.89999998."""
    tracker = PerformanceThresholdTracker([threshold(0.9)])
    assert float(reached) < 0.9  # type: ignore[arg-type]
    tracker.update({"m": np.float32(0.1)}, 1)
    assert len(tracker.update({"m": reached}, 2)) == 1
    plain = PerformanceThresholdTracker([threshold(0.9)])
    assert plain.update({"m": float(reached)}, 1) == ()  # type: ignore[arg-type]


def test_torch_tells_its_precision() -> None:
    torch = pytest.importorskip("torch")
    assert is_single(torch.tensor(0.5))
    assert not is_single(torch.tensor(0.5, dtype=torch.float64))
