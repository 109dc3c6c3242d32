import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from milepost.errors import StateError
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import HalfLife, PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import START, FakeClock, ledger, quote, same, threshold
from tests.tracked_run.helpers import tracked as tracked_run
from tests.tracking.helpers import raw, resumed, tracked, tracker_at

definitions = st.lists(
    st.builds(
        PerformanceThreshold,
        name=st.uuids().map(str),
        metric=st.sampled_from(["m", "n"]),
        target_value=st.sampled_from([0.0, 1.0, 2.0]),
        comparison=st.sampled_from([">=", ">", "<=", "<"]),
        smoothing_factor=st.sampled_from([0.1, 1.0]),
        half_life=st.sampled_from([None, HalfLife(samples=20.0), HalfLife(seconds=3.0)]),
        bias_correction=st.booleans(),
        confirm=st.integers(1, 3),
    ),
    min_size=1,
    max_size=6,
)


steps = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 9), st.floats(-3, 4) | st.just(math.nan), st.booleans()), max_size=30
)


def assert_same(ours: ThresholdResult, theirs: ThresholdResult) -> None:
    """Equal to the bit, but for money, which is added up over other segments, and for what a state holds."""
    for key in ThresholdResult.__struct_fields__:
        left, right = getattr(ours, key), getattr(theirs, key)
        if "cost" in key:
            assert same(left, right), key
        elif key != "checkpointed":
            assert left == right, key


@given(definitions, steps, st.integers(0, 30), st.booleans(), st.booleans())
def test_loading_a_saved_state_changes_nothing_that_follows(
    wanted: list[PerformanceThreshold],
    history: list[tuple[int, int, float, bool]],
    saved_after: int,
    by_clock: bool,
    same_process: bool,
) -> None:
    clock = FakeClock()
    plain = PerformanceThresholdTracker(wanted, ledger=ledger(), clock=clock)
    saved = PerformanceThresholdTracker(wanted, ledger=ledger(), clock=clock)
    samples = 0
    for index, (samples_more, seconds, value, both) in enumerate(history):
        if index == saved_after:
            state = json.loads(json.dumps(saved.state_dict()))
            if not same_process:
                # Another process, whose own segment has not begun: it takes over where the state left off.
                own = ledger().opened(wall_time=clock.now(), quote=quote(3.6), billed_from=clock.now())
                own = type(own)(own.segments[-1:])
                saved = PerformanceThresholdTracker(wanted, ledger=own, clock=clock)
            saved.load_state_dict(state)
        clock.advance(seconds)
        samples += samples_more
        metrics = {"m": value, "n": -value} if both else {"m": value}
        elapsed = None if by_clock else clock.seconds
        for ours, theirs in zip(
            plain.update(metrics, samples, elapsed), saved.update(metrics, samples, elapsed), strict=True
        ):
            assert_same(ours, theirs)
    for name, result in plain.get_results().items():
        assert_same(result, saved.get_results()[name])
    assert plain.calculate_total_cost() == pytest.approx(saved.calculate_total_cost())


def test_resume_from_an_older_checkpoint_loses_work_but_no_crossing() -> None:
    """Checkpoint at 100 s, crossing at 150 s, killed at 200 s; on a dearer machine it is passed again."""
    clock = FakeClock()
    first = tracker_at(clock)
    clock.advance(100)
    first.update({"m": 0.0}, 100)
    assert first.get_results()["t"].checkpointed is None
    state = first.state_dict()
    clock.advance(50)
    first.update({"m": 3.0}, 150)
    assert first.get_results()["t"].checkpointed is False  # a state exists, and does not hold it
    clock.advance(50)
    first.update({"m": 3.0}, 200)
    first.load_state_dict(state)  # the trainer goes back, in this process
    result = first.get_results()["t"]
    assert (result.achieved, result.samples_to_threshold, result.checkpointed) == (True, 150, False)
    assert result.cost_to_threshold == pytest.approx(0.15)
    clock.advance(60)
    first.update({"m": 3.0}, 160)
    # Training has passed its samples again; the model that it has come to is in no state as yet.
    assert first.get_results()["t"].checkpointed is False
    first.state_dict()
    first.checkpointed()
    assert first.get_results()["t"].checkpointed is True
    assert first.calculate_total_cost() == pytest.approx(0.26)
    assert first.here.elapsed_seconds == pytest.approx(160)

    clock.advance(1000)  # another machine, from the checkpoint alone
    own = type(first.ledger)().opened(quote=quote(36.0), wall_time=clock.now())
    second = PerformanceThresholdTracker([threshold()], ledger=own, clock=clock)
    second.load_state_dict(state)
    assert second.get_results()["t"].status == "not_reached"
    clock.advance(50)
    (result,) = second.update({"m": 3.0}, 150)
    assert result.minutes_to_threshold == pytest.approx(150 / 60)
    assert result.cost_to_threshold == pytest.approx(0.1 + 0.5)
    assert result.usd_per_hour == 36.0
    assert result.checkpointed is False


def test_state_loaded_after_updates_of_this_process_keeps_both_stories() -> None:
    clock = FakeClock()
    first = tracker_at(clock)
    clock.advance(100)
    first.update({"m": 0.0}, 100)
    state = first.state_dict()
    second = PerformanceThresholdTracker(
        [threshold()], ledger=type(first.ledger)().opened(quote=quote(36.0), wall_time=clock.now()), clock=clock
    )
    clock.advance(10)
    second.update({"m": 0.0}, 5)
    second.load_state_dict(state)
    clock.advance(10)
    (result,) = second.update({"m": 3.0}, 110)
    assert result.cost_to_threshold == pytest.approx(0.1 + 0.1)
    assert second.calculate_total_cost() == pytest.approx(0.1 + 0.1 + 0.1)


def test_without_a_ledger_a_run_goes_on_under_the_terms_of_its_state() -> None:
    """100 s at a dollar a second are known; 20 s more pass here, and 10 s of set-up before them are no training."""
    first, _ = tracked()
    first.update({"m": 0.0}, 100, 100.0)
    clock = FakeClock()
    clock.advance(10)
    second = PerformanceThresholdTracker([raw()], clock=clock)
    second.load_state_dict(first.state_dict())
    clock.advance(20)
    (result,) = second.update({"m": 3.0}, 120)
    assert (result.minutes_to_threshold, result.cost_to_threshold) == (2.0, 120.0)
    assert [segment.quote for segment in second.ledger.segments] == [quote(3600.0)] * 2


def test_threshold_that_was_redefined_does_not_inherit_a_crossing(caplog: pytest.LogCaptureFixture) -> None:
    before = PerformanceThresholdTracker([threshold(2.0)])
    before.update({"m": 3.0}, 1, 1.0)
    after = PerformanceThresholdTracker([threshold(5.0)])
    after.load_state_dict(before.state_dict())
    assert after.get_results()["t"].achieved is False
    assert "is defined otherwise now" in caplog.text
    assert after.get_results()["t"].final_smoothed_value == 3.0  # the smoother is the same


@pytest.mark.parametrize("state", [{}, {"version": 99}, {"version": 1}, {"version": 1, "samples": "x"}, [], None])
def test_what_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(StateError, match="state"):
        PerformanceThresholdTracker([threshold()]).load_state_dict(state)


@pytest.mark.parametrize("target", [np.float32(2), np.float64(2), np.int64(2), Fraction(2), Decimal(2)])
def test_target_of_any_number_type_is_kept_in_a_state(target: Any) -> None:
    run, _ = tracked(raw(target, confirm=np.int64(2)))
    run.update({"m": 1.0}, 1)
    state = json.loads(json.dumps(run.state_dict()))
    again, _ = tracked(raw(target, confirm=2))
    again.load_state_dict(state)
    assert again.here.samples == 1


def test_row_of_confirmations_is_broken_whatever_was_added_at_a_resume() -> None:
    early, _ = tracked(raw(2.0, "b", confirm=3))
    for at in (1, 2):
        early.update({"m": 2.5}, 10 * at, 1.0 * at)
    late, _ = tracked(raw(1.0, "a", confirm=9), raw(2.0, "b", confirm=3))
    late.load_state_dict(early.state_dict())
    late.update({"m": 0.5}, 30, 3.0)
    late.update({"m": 2.5}, 40, 4.0)
    assert late.get_results()["b"].status == "not_reached"


@pytest.mark.parametrize(("restored", "already_met"), [(3.0, True), (1.0, False)])
def test_threshold_added_at_a_resume_has_no_bracket_that_nobody_saw(restored: float, already_met: bool) -> None:
    early, _ = tracked(raw(9.0, "far"))
    early.update({"m": restored}, 100, 10.0)
    late, _ = tracked(raw(9.0, "far"), raw(2.0, "new"))
    late.load_state_dict(early.state_dict())
    (result,) = late.update({"m": 3.0}, 110, 11.0)
    assert (result.already_met, result.after_samples) == (already_met, None if already_met else 100)


def test_threshold_added_at_a_resume_that_is_no_longer_met_is_crossed_later() -> None:
    early, _ = tracked(raw(9.0, "far"))
    early.update({"m": 3.0}, 100, 10.0)
    late, _ = tracked(raw(9.0, "far"), raw(2.0, "new"))
    late.load_state_dict(early.state_dict())
    late.update({"m": 1.0}, 110, 11.0)
    (result,) = late.update({"m": 3.0}, 120, 12.0)
    assert (result.already_met, result.after_samples) == (False, 110)


def test_clock_of_a_process_that_has_not_begun_is_not_charged_to_who_tells_the_time() -> None:
    first, _ = tracked()
    first.update({"m": 1.0}, 10, 100.0)
    second, clock = tracked()
    second.load_state_dict(first.state_dict())
    clock.advance(120)
    assert second.state_dict()["elapsed_seconds"] == 100.0


def test_name_that_is_no_text_is_kept_as_text_in_a_state() -> None:
    run, _ = tracked()
    run.pause(3)
    run.resume()
    run.mark("end", 4)
    state = run.state_dict()
    again, _ = tracked()
    again.load_state_dict(state)
    named = [(mark.kind, mark.name) for mark in again.ledger.segments[0].marks if mark.name is not None]
    assert named == [("phase", "3"), ("end", "4")]


@pytest.mark.parametrize("paused", [False, True])
def test_timer_that_begins_anew_after_a_resume_goes_on_from_its_state(
    paused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = tracked()
    first.update({"m": 1.0}, 10, 100.0)
    second, _ = resumed(first.state_dict())
    if paused:
        second.pause()
        second.resume()
    second.update({"m": 1.0}, 20, 0.0)
    assert "elapsed time began anew at 0.0 s after 100.0 s" in caplog.text
    (result,) = second.update({"m": 3.0}, 30, 5.0)
    assert (result.minutes_to_threshold, result.cost_to_threshold) == (pytest.approx(105 / 60), 105.0)
    assert second.calculate_total_cost() == 105.0


def test_timer_that_goes_on_after_a_resume_is_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    first, _ = tracked()
    first.update({"m": 1.0}, 10, 100.0)
    second, clock = resumed(first.state_dict())
    second.pause()
    clock.advance(60)
    second.resume()
    (result,) = second.update({"m": 3.0}, 20, 100.5)
    assert result.cost_to_threshold == 100.5
    assert not caplog.records


def test_set_up_before_a_state_that_nobody_trained_for_is_no_training_time(caplog: pytest.LogCaptureFixture) -> None:
    """Two processes save and die before the first update; then the trainer's own timer begins at 0."""
    first, clock = tracked(usd_per_hour=36_000.0)
    clock.advance(20)
    second, clock = resumed(first.state_dict(), usd_per_hour=36_000.0)
    clock.advance(20)
    third, _ = resumed(second.state_dict())
    third.update({"m": 1.0}, 0, 0.5)
    (result,) = third.update({"m": 3.0}, 10, 5.0)
    assert (result.cost_to_threshold, third.calculate_total_cost()) == (5.0, 5.0)
    assert not caplog.records


def test_set_up_in_a_state_is_no_training_time_once_its_own_process_has_trained() -> None:
    """The state was taken before the first update: that its clock's time was set-up is known later, and elsewhere."""
    first, clock = tracked()
    clock.advance(2)
    state = first.state_dict()
    for second in range(1, 6):
        first.update({"m": 1.0}, 10 * second, float(second))
    kept = first.state_dict()  # as a store would have it
    for loaded in ([state], [kept, state]):
        later, _ = resumed(loaded[0])
        for each in loaded[1:]:
            later.load_state_dict(each)
        for second in range(1, 4):
            later.update({"m": float(second)}, 10 * second, float(second))
        result = later.get_results()["t"]
        assert (result.samples_to_threshold, result.minutes_to_threshold) == (20, 2 / 60)
        assert (result.cost_to_threshold, result.after_cost) == (2.0, 1.0)
    first.load_state_dict(state)  # and in the process itself
    for second in range(1, 4):
        first.update({"m": float(second)}, 10 * second, float(second))
    result = first.get_results()["t"]
    assert (result.cost_to_threshold, result.after_cost) == (2.0, 1.0)


def test_first_wall_time_after_a_resume_leaves_what_was_before_it(caplog: pytest.LogCaptureFixture) -> None:
    first, _ = tracked()
    first.update({"m": 1.0}, 10, wall_time=START + 100)
    second, _ = resumed(first.state_dict())
    second.update({"m": 1.0}, 10, wall_time=START - 50)
    (result,) = second.update({"m": 3.0}, 20, wall_time=START - 40)
    assert (result.minutes_to_threshold, result.cost_to_threshold) == (pytest.approx(110 / 60), 110.0)
    assert "50.0 s before tracking began by the clock" in caplog.text


def spoilt(state: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of a state with another value at a path."""
    copy: Any = json.loads(json.dumps(state))
    *above, last = path.split(".")
    within = copy
    for name in above:
        within = within[int(name) if isinstance(within, list) else name]
    within[int(last) if isinstance(within, list) else last] = value
    return dict(copy)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("elapsed_seconds", math.nan, "found nan at elapsed_seconds"),
        ("elapsed_seconds", -1.0, "found elapsed time of -1.0 s"),
        ("smoothers.0.total", math.inf, "found inf at smoothers.0.total"),
        ("ledger.segments.0.marks.0.1", math.nan, "found nan at ledger.segments.0.marks.0.1"),
        ("ledger.segments.0.marks", [], "found no marks in segment"),
        ("ledger.segments.0.quote.usd_per_hour", -3.6, "found a price below 0 of segment"),
        ("ledger.segments.0.quote.steps", [[START, -1.0]], "found a price below 0 of segment"),
    ],
)
def test_state_that_can_not_be_is_refused_and_a_run_begins_anew(
    path: str, value: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    tracker = PerformanceThresholdTracker([threshold()], ledger=ledger(), clock=clock)
    tracker.update({"m": 1.0}, 1)
    bad = spoilt(tracker.state_dict(), path, value)
    with pytest.raises(StateError, match=said):
        tracker.load_state_dict(bad)
    run = tracked_run(clock=clock, thresholds=(threshold(),))
    run.load_state_dict(bad)
    assert f"{said}" in caplog.text
    assert "the run begins anew here, and not where it left off" in caplog.text
    assert run.update({"m": 9.0}, 5)[0].samples_to_threshold == 5
