"""Crossings, found by the tracker and by a search through the whole history."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import COMPARISONS, Comparison, HalfLife, PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import START, feed, threshold

values = st.sampled_from([0.0, 1.0, 1.5, 2.0, 2.0000001, 2.5, 3.0]) | st.floats(-5, 5)
history = st.lists(values | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=40)


def search(history: list[float], wanted: PerformanceThreshold) -> dict[str, Any]:
    """Find the crossing the slow way: every smoothed value by its definition, every window of observations."""
    points = [(index, value) for index, value in enumerate(history, start=1) if math.isfinite(value)]
    seen: list[tuple[int, float]] = []
    total = weight = 0.0
    mean = math.nan
    decay = 1.0 - wanted.smoothing.smoothing_factor
    for order, (index, value) in enumerate(points):
        if wanted.half_life is not None:
            assert wanted.half_life.seconds is not None
            decay = 0.5 ** ((index - points[order - 1][0]) / wanted.half_life.seconds) if order else 1.0
        if wanted.bias_correction:
            total, weight = decay * total + value, decay * weight + 1.0
            mean = total / weight
        else:
            mean = value if order == 0 else decay * mean + (1.0 - decay) * value
        seen.append((index, mean))

    def holds(mean: float) -> bool:
        target = wanted.target_value
        return {
            ">=": mean >= target,
            ">": mean > target,
            "<=": mean <= target,
            "<": mean < target,
            "==": abs(mean - target) <= wanted.tolerance,
        }[wanted.comparison]

    for first in range(len(seen) - wanted.confirm + 1):
        window = seen[first : first + wanted.confirm]
        if all(holds(mean) for _, mean in window):
            return {
                "samples_to_threshold": 10 * window[0][0],
                "minutes_to_threshold": window[0][0] / 60,
                "smoothed_value_at_threshold": window[0][1],
                "confirmed_at_samples": 10 * window[-1][0],
                "already_met": first == 0,
                "after_samples": None if first == 0 else 10 * seen[first - 1][0],
                "retained": holds(seen[-1][1]),
            }
    return {"samples_to_threshold": None, "after_samples": None, "retained": None}


smoothings = st.one_of(
    st.fixed_dictionaries({"smoothing_factor": st.sampled_from([0.1, 0.5, 1.0]), "bias_correction": st.booleans()}),
    st.fixed_dictionaries({"half_life": st.just(HalfLife(seconds=2.0)), "bias_correction": st.booleans()}),
)


@given(history, st.data())
def test_first_crossing_is_that_of_a_full_search(history: list[float], data: st.DataObject) -> None:
    """Many thresholds at once, sharing smoothers: sorting and dropping them must not matter."""
    wanted = []
    for index in range(data.draw(st.integers(1, 8))):
        comparison = data.draw(st.sampled_from(COMPARISONS))
        wanted.append(
            PerformanceThreshold(
                f"t{index}",
                "m",
                data.draw(st.sampled_from([0.0, 1.0, 2.0, 2.5])),
                comparison,
                tolerance=0.25 if comparison == "==" else 0.0,
                confirm=data.draw(st.integers(1, 3)),
                **data.draw(smoothings),
            )
        )
    tracker = PerformanceThresholdTracker(wanted)
    feed(tracker, history)
    results = tracker.get_results()
    for each in wanted:
        found = results[each.name]
        expected = search(history, each)
        assert {key: getattr(found, key) for key in expected} == expected
        finite = sum(math.isfinite(value) for value in history)
        assert (found.observations, found.skipped) == (finite, len(history) - finite)


def cross(history: list[float], **fields: Any) -> ThresholdResult:
    tracker = PerformanceThresholdTracker([threshold(**fields)])
    feed(tracker, history)
    return tracker.get_results()["t"]


def test_loss_does_not_fire_on_a_high_first_value() -> None:
    result = cross([3.0], target=0.5, comparison="<=", smoothing_factor=0.1)
    assert result.status == "not_reached"
    assert result.samples_to_threshold is None


@pytest.mark.parametrize("bias_correction", [True, False])
def test_constant_crosses_at_its_first_observation(bias_correction: bool) -> None:
    result = cross([2.1, 2.1, 2.1], smoothing_factor=0.1, bias_correction=bias_correction)
    assert result.samples_to_threshold == 10
    assert result.already_met
    assert result.after_samples is None


def test_one_nan_does_not_block_a_crossing() -> None:
    result = cross([1.0, math.nan, 3.0, 3.0], smoothing_factor=0.5)
    assert (result.samples_to_threshold, result.skipped, result.observations) == (30, 1, 3)
    assert result.after_samples == 10  # the observation before, not the update before


@pytest.mark.parametrize(
    ("comparison", "at_target"), [(">=", True), (">", False), ("<=", True), ("<", False), ("==", True)]
)
def test_strict_comparisons_need_more_than_the_target(comparison: Comparison, at_target: bool) -> None:
    assert cross([2.0], comparison=comparison).achieved is at_target


def test_jumping_over_the_target_is_no_crossing_of_equality() -> None:
    assert not cross([1.0, 3.0, 1.0], comparison="==", tolerance=0.5).achieved
    assert cross([1.0, 2.5, 3.0], comparison="==", tolerance=0.5).samples_to_threshold == 20


def test_confirmed_crossing_is_dated_back() -> None:
    result = cross([1.0, 2.5, 1.0, 2.5, 2.75, math.nan, 3.0, 1.0], confirm=3)
    assert result.samples_to_threshold == 40
    assert result.smoothed_value_at_threshold == 2.5
    assert result.confirmed_at_samples == 70
    assert (result.after_samples, result.after_minutes) == (30, 3 / 60)
    assert result.retained is False


def test_unconfirmed_crossing_is_not_reached() -> None:
    assert cross([2.5, 2.5], confirm=3).status == "not_reached"


def test_thresholds_are_achieved_in_their_order_and_once() -> None:
    tracker = PerformanceThresholdTracker([threshold(float(n), name=f"t{n}") for n in (3, 1, 2)])
    assert tracker.update({"m": 0.5}, 1, 1.0) == ()
    assert [result.threshold for result in tracker.update({"m": 2.5}, 2, 2.0)] == ["t1", "t2"]
    assert [result.threshold for result in tracker.update({"m": 9.0}, 3, 3.0)] == ["t3"]
    assert tracker.update({"m": 9.0}, 4, 4.0) == ()
    assert tracker.is_complete()


def test_wall_time_gives_elapsed_where_nothing_else_does() -> None:
    tracker = PerformanceThresholdTracker([threshold()])
    for index, value in enumerate([1.0, 3.0]):
        tracker.update({"m": value}, samples=index, wall_time=START + 90 * index)
    result = tracker.get_results()["t"]
    assert (result.minutes_to_threshold, result.elapsed_source) == (1.5, "wall")


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=50))
def test_crossing_lies_between_its_bracket_and_itself(values: list[float]) -> None:
    result = cross(values, target=0.0, smoothing_factor=0.3)
    if result.achieved and not result.already_met:
        assert result.after_samples is not None
        assert result.samples_to_threshold is not None
        assert (result.after_samples, result.samples_to_threshold) in pairwise(range(10, 10 * len(values) + 1, 10))
