"""Which crossings a saved state is known to hold."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from milepost.errors import StateError
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import threshold

CROSSED_AT = 50


def tracker() -> PerformanceThresholdTracker:
    return PerformanceThresholdTracker([threshold()])


def train(run: PerformanceThresholdTracker, samples: int) -> None:
    run.update({"m": 3.0 if samples >= CROSSED_AT else 1.0}, samples, float(samples))


def told(run: PerformanceThresholdTracker) -> bool | None:
    return run.get_results()["t"].checkpointed


def test_state_that_was_taken_is_not_said_to_be_saved() -> None:
    run = tracker()
    train(run, 60)
    assert told(run) is None  # no state was ever taken
    run.state_dict()
    assert told(run) is None  # and now nobody knows whether it was saved
    run.checkpointed()
    assert told(run) is True


def test_crossing_that_no_state_holds_as_yet_is_not_safe() -> None:
    run = tracker()
    train(run, 10)
    run.state_dict()
    run.checkpointed()
    train(run, 60)
    assert told(run) is False
    run.checkpointed()  # a saver that is late with the state of before
    assert told(run) is False


def test_saver_whose_saves_overlap_says_which_state_it_saved() -> None:
    run = tracker()
    train(run, 10)
    first = run.state_dict()
    train(run, 60)
    second = run.state_dict()
    run.checkpointed(first)
    assert told(run) is None
    run.checkpointed(json.loads(json.dumps(second)))
    assert told(run) is True


def test_state_that_is_loaded_was_saved() -> None:
    run = tracker()
    train(run, 60)
    state = run.state_dict()
    later = tracker()
    later.load_state_dict(state)
    assert told(later) is True


def test_state_taken_on_the_way_back_to_a_crossing_does_not_hold_it() -> None:
    run = tracker()
    train(run, 10)
    before = run.state_dict()
    train(run, 60)
    run.load_state_dict(before)
    train(run, 20)
    on_the_way = run.state_dict()
    run.checkpointed()
    assert told(run) is False
    later = tracker()
    later.load_state_dict(on_the_way)
    assert told(later) is False  # achieved all the same


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(StateError, match="found version None"):
        tracker().checkpointed({"model": 1})


ACTIONS = st.one_of(
    st.tuples(st.just("train"), st.integers(1, 30)),
    st.tuples(st.sampled_from(["take", "save", "save late", "load"]), st.integers(0, 9)),
)


@given(st.lists(ACTIONS, max_size=25))
def test_whatever_is_saved_and_loaded_what_is_told_is_true(actions: list[tuple[str, int]]) -> None:
    run = tracker()
    samples, states = 0, list[tuple[int, dict[str, Any]]]()
    safe = taken = -1  # how far states go, of the present lineage: those known to be saved, and all
    for action, number in actions:
        if action == "train":
            samples += number
            train(run, samples)
        elif action in ("take", "save"):
            states.append((samples, run.state_dict()))
            taken = max(taken, samples)
            if action == "save":
                run.checkpointed()
                safe = max(safe, samples)
        elif states:
            at, state = states[number % len(states)]
            if action == "load":
                run.load_state_dict(state)
                samples = safe = taken = at
                states = [each for each in states if each[0] <= at]
            else:
                run.checkpointed(state)
                safe = max(safe, at)
        if not run.is_complete():
            continue
        crossed = run.crossings["t"].position.samples
        held = [state for state in states if state[1]["thresholds"][0]["crossing"] is not None]
        expected = True if safe >= crossed else None if taken >= crossed or taken < 0 else False
        assert told(run) is expected, (safe, taken, crossed, len(held))
