import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from milepost.tracking.smoothing import Smoother, half_life_decay
from milepost.tracking.thresholds import HalfLife, PerformanceThreshold, Smoothing
from tests.tracking.helpers import tracked

finite = st.floats(-1e6, 1e6)
logged = st.lists(finite | st.just(math.nan), min_size=1, max_size=60)
factors = st.floats(0.001, 1.0)


def smoothed(values: list[float], smoothing: Smoothing) -> list[float]:
    smoother = Smoother(smoothing)
    return [smoother.push(value, index, index) for index, value in enumerate(values) if not math.isnan(value)]


@given(logged, factors, st.booleans())
def test_average_is_that_of_pandas(values: list[float], factor: float, bias_correction: bool) -> None:
    ours = smoothed(values, Smoothing(factor, None, bias_correction))
    theirs = pd.Series(values).ewm(alpha=factor, adjust=bias_correction, ignore_na=True).mean()
    kept = [value for value, logged_value in zip(theirs, values, strict=True) if not math.isnan(logged_value)]
    assert ours == pytest.approx(kept, rel=1e-9, abs=1e-6)


@given(st.lists(finite, min_size=1))
def test_factor_of_one_is_the_raw_value_to_the_bit(values: list[float]) -> None:
    assert smoothed(values, Smoothing(1.0)) == values


@given(st.lists(st.tuples(finite, st.integers(-5, 50)), min_size=1, max_size=30), st.floats(0.5, 100), st.booleans())
def test_half_life_weighs_by_distance(points: list[tuple[float, int]], half_life: float, corrected: bool) -> None:
    smoother = Smoother(Smoothing(1.0, HalfLife(samples=half_life), corrected))
    position = 0
    seen: list[tuple[float, float]] = []  # value, decay since the one before
    for value, step in points:
        position += step
        seen.append((value, 0.5 ** (max(step, 0) / half_life)))
        ours = smoother.push(value, position, 0.0)
        # Written out: each value weighs the product of all decays that came after it.
        weights = [math.prod(decay for _, decay in seen[index + 1 :]) for index in range(len(seen))]
        if not corrected:
            weights[1:] = [w * (1 - decay) for w, (_, decay) in zip(weights[1:], seen[1:], strict=True)]
        expected = sum(w * v for w, (v, _) in zip(weights, seen, strict=True)) / (sum(weights) if corrected else 1.0)
        assert ours == pytest.approx(expected, rel=1e-9, abs=1e-5)


def test_half_life_in_seconds_follows_elapsed_time() -> None:
    smoother = Smoother(Smoothing(1.0, HalfLife(seconds=10.0)))
    smoother.push(0.0, samples=0, elapsed_seconds=0.0)
    assert smoother.push(3.0, samples=1, elapsed_seconds=10.0) == 2.0  # (0.5 · 0 + 3) / (0.5 + 1)


def test_decay_halves_at_the_half_life_and_never_grows() -> None:
    assert half_life_decay(50.0, 50.0) == 0.5
    assert half_life_decay(-50.0, 50.0) == 1.0
    assert half_life_decay(0.0, 50.0) == 1.0


def test_nothing_starts_at_zero() -> None:
    for smoothing in (Smoothing(0.1), Smoothing(0.1, None, False), Smoothing(1.0, HalfLife(samples=9))):
        assert Smoother(smoothing).value is None
        assert Smoother(smoothing).push(3.0, 1, 1.0) == 3.0


@pytest.mark.parametrize("target", [-1.0, 2.0, 1.5e308], ids=["achieved", "pending", "out of reach"])
@pytest.mark.parametrize(
    "smoothing",
    [
        {"smoothing_factor": 0.5},
        {"smoothing_factor": 1.0, "half_life": HalfLife(samples=10.0)},
        {"smoothing_factor": 0.5, "bias_correction": False},
    ],
    ids=["factor", "half-life", "uncorrected"],
)
def test_value_too_large_for_the_sum_spoils_no_later_average(target: float, smoothing: dict[str, Any]) -> None:
    """With d = 0.5, 1.5e308 twice adds up to 2.25e308, which no float holds; uncorrected, nothing is added up."""
    run, _ = tracked(PerformanceThreshold("t", "m", target, **smoothing))
    for index, value in enumerate((0.0, 1.5e308, 1.5e308)):
        run.update({"m": value}, 10 * index)
    result = run.get_results()["t"]
    overflows = "bias_correction" not in smoothing
    assert (result.observations, result.skipped) == ((2, 1) if overflows else (3, 0))
    # (0.5 · 0 + 1.5e308) / (0.5 + 1); or 0.5 · (0.5 · 0 + 0.5 · 1.5e308) + 0.5 · 1.5e308
    assert result.final_smoothed_value == pytest.approx(1e308 if overflows else 1.125e308)
    for index in range(3, 2200):
        run.update({"m": 1.0}, 10 * index)
    assert run.get_results()["t"].final_smoothed_value == pytest.approx(1.0)
