import json
import logging
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import ConfigError, StateError
from milepost.tracking.event import Event
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import HalfLife, PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import START, FakeClock, ledger, quote, same, threshold


def tracker_at(
    clock: FakeClock, *thresholds: PerformanceThreshold, usd: float | None = 3.6, **fields: Any
) -> PerformanceThresholdTracker:
    return PerformanceThresholdTracker(thresholds or [threshold()], ledger=ledger(usd), clock=clock, **fields)


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "value",
    [2.5, 3, True + 1, np.float64(2.5), np.float32(2.5), np.int64(3), np.array(2.5), np.float16(2.5)],
    ids=lambda value: f"{type(value).__name__}",
)
def test_numbers_of_every_kind_are_observed(value: Any) -> None:
    tracker = PerformanceThresholdTracker([threshold()])
    assert len(tracker.update({"m": value}, 1)) == 1
    final = tracker.get_results()["t"].final_smoothed_value
    assert type(final) is float
    assert final == float(value)


@pytest.mark.parametrize("grad", [False, True])
def test_torch_scalars_are_observed(grad: bool) -> None:
    torch = pytest.importorskip("torch")
    tracker = PerformanceThresholdTracker([threshold()])
    tracker.update({"m": torch.tensor(1.5, requires_grad=grad)}, 1)
    tracker.update({"m": torch.tensor(2.5, dtype=torch.bfloat16)}, 2)
    assert tracker.get_results()["t"].samples_to_threshold == 2


@pytest.mark.parametrize("value", ["2.5", None, [2.5], np.array([2.5]), {"mean": 2.5}, 2.5 + 1j], ids=repr)
def test_what_is_no_number_is_warned_about_once_and_named(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([threshold(metric="env/reward")])
    for samples in range(3):
        assert tracker.update({"env/reward": value}, samples) == ()
    assert [record.getMessage() for record in caplog.records] == [
        f"metric 'env/reward': found {type(value).__name__}, expected a number"
    ]
    assert tracker.get_results()["t"].observations == 0
    assert len(tracker.update({"env/reward": 2.5}, 9)) == 1


def test_an_integer_beyond_float_is_skipped_like_an_infinity() -> None:
    tracker = PerformanceThresholdTracker([threshold()])
    tracker.update({"m": 10**400}, 1)
    tracker.update({"m": np.float32("inf")}, 2)
    assert tracker.get_results()["t"].skipped == 2


def test_never_observed_is_not_not_reached(caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([threshold(), threshold(name="typo", metric="env/rewrd")])
    tracker.update({"m": 1.0, "env/reward": 1.0}, 1)
    statuses = {name: result.status for name, result in tracker.get_results().items()}
    assert statuses == {"t": "not_reached", "typo": "never_observed"}
    for _ in range(2):
        tracker.warn_of_missing(["m", "env/reward"])
    assert [record.getMessage() for record in caplog.records] == [
        "metric 'env/rewrd' was never observed; nearest: env/reward"
    ]


def test_unavailable_metric_is_warned_about_at_once(caplog: pytest.LogCaptureFixture) -> None:
    PerformanceThresholdTracker([threshold(metric="los")], available_metrics=["loss", "reward"])
    assert "nearest: loss" in caplog.text


@pytest.mark.parametrize("position", [(math.nan, None), (1, math.inf), (1, math.nan)])
def test_update_at_no_position_is_passed_over(position: tuple[Any, Any], caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([threshold()])
    assert tracker.update({"m": 9.0}, *position) == ()
    assert "passed over" in caplog.text
    assert tracker.get_results()["t"].observations == 0
    assert len(tracker.update({"m": 9.0}, 2, 2.0)) == 1


def test_two_thresholds_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'t'"):
        PerformanceThresholdTracker([threshold(), threshold()])


# ── time and money ────────────────────────────────────────────────────────────────────────────────────────────────


def test_clock_less_pauses_is_elapsed_and_all_of_it_is_billed() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock)
    tracker.update({"m": 0.0}, 0)
    clock.advance(100)
    tracker.pause("evaluation")
    clock.advance(40)
    tracker.pause()
    clock.advance(5)
    tracker.resume()
    clock.advance(5)
    tracker.update({"m": 1.0}, 50)  # logged by the evaluation: the timer stands still
    tracker.resume()
    clock.advance(100)
    (result,) = tracker.update({"m": 3.0}, 100)
    assert result.minutes_to_threshold == pytest.approx(200 / 60)
    assert result.cost_to_threshold == pytest.approx(0.2)
    assert result.billed_cost_to_threshold == pytest.approx(0.25)
    assert result.elapsed_source == "clock"
    marks = [(mark.kind, mark.name) for mark in tracker.ledger.segments[0].marks]
    assert marks == [
        ("start", None),
        ("phase", "evaluation"),
        ("pause", None),
        ("phase", "evaluation"),
        ("resume", None),
        ("crossing", None),
    ]


def test_elapsed_of_the_caller_is_taken_as_it_is() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock)
    clock.advance(7)
    (result,) = tracker.update({"m": 3.0}, samples=1000, elapsed_seconds=3600.0)
    assert result.minutes_to_threshold == 60.0
    assert result.cost_to_threshold == pytest.approx(3.6)
    assert result.billed_cost_to_threshold == pytest.approx(0.007)
    assert result.elapsed_source == "caller"


def test_cost_of_the_bracket_is_that_of_the_observation_before() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock)
    for value in (0.0, 1.0, 3.0):
        clock.advance(100)
        tracker.update({"m": value}, 1)
    result = tracker.get_results()["t"]
    assert result.after_minutes == pytest.approx(200 / 60)
    assert result.after_cost == pytest.approx(0.2)


def test_late_price_restates_results() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock, usd=None)
    clock.advance(100)
    (result,) = tracker.update({"m": 3.0}, 1)
    assert result.cost_to_threshold is None
    assert result.usd_per_hour is None
    assert tracker.calculate_total_cost() is None
    segment = tracker.ledger.segments[0]
    tracker.ledger = tracker.ledger.restated(segment.id, quote(3.6, assumed=True))
    result = tracker.get_results()["t"]
    assert result.cost_to_threshold == pytest.approx(0.1)
    assert result.price_assumed is True
    assert tracker.calculate_total_cost() == pytest.approx(0.1)


def test_without_a_ledger_minutes_are_known_and_dollars_are_not() -> None:
    clock = FakeClock()
    tracker = PerformanceThresholdTracker([threshold()], clock=clock)
    clock.advance(60)
    (result,) = tracker.update({"m": 3.0}, 1)
    assert result.minutes_to_threshold == 1.0
    assert result.cost_to_threshold is None
    assert "performance_threshold/cost_so_far" not in tracker.get_wandb_metrics()


def test_wandb_metrics_hold_what_is_known_and_no_more() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock, threshold(), threshold(9.0, name="far"))
    clock.advance(60)
    tracker.update({"m": 3.0}, 100)
    prefix = "performance_threshold/"
    assert tracker.get_wandb_metrics() == {
        f"{prefix}t/achieved": True,
        f"{prefix}t/target_value": 2.0,
        f"{prefix}t/already_met": True,
        f"{prefix}t/final_smoothed_value": 3.0,
        f"{prefix}t/samples_to_threshold": 100,
        f"{prefix}t/minutes_to_threshold": 1.0,
        f"{prefix}t/cost_to_threshold": pytest.approx(0.06),
        f"{prefix}far/achieved": False,
        f"{prefix}far/target_value": 9.0,
        f"{prefix}far/already_met": False,
        f"{prefix}far/final_smoothed_value": 3.0,
        f"{prefix}cost_so_far": pytest.approx(0.06),
        f"{prefix}usd_per_hour": 3.6,
        f"{prefix}price_source": "user",
        f"{prefix}price_assumed": False,
    }


# ── going back ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_samples_that_go_back_are_a_rewind_and_the_timer_follows() -> None:
    clock = FakeClock()
    events: list[Event] = []
    tracker = tracker_at(clock, on_event=events.append)
    for samples in (0, 100, 200):
        tracker.update({"m": 0.0}, samples)
        tracker.mark("heartbeat")
        clock.advance(10)
    tracker.update({"m": 0.0}, 150)  # 30 s in; the lineage had these samples at 15 s
    clock.advance(5)
    (result,) = tracker.update({"m": 3.0}, 200)
    assert [event.kind for event in events] == ["rewind", "crossing"]
    assert result.minutes_to_threshold == pytest.approx(20 / 60)
    assert result.cost_to_threshold == pytest.approx(0.02)
    assert tracker.calculate_total_cost() == pytest.approx(0.035)
    assert result.after_samples == 150
    assert result.after_minutes == pytest.approx(15 / 60)


def test_observation_before_a_rewind_is_still_the_one_before() -> None:
    tracker = PerformanceThresholdTracker([threshold()])
    tracker.update({"m": 0.0}, 200, 20.0)
    (result,) = tracker.update({"m": 3.0}, 100, 10.0)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (100, 10 / 60)
    assert (result.after_samples, result.after_minutes) == (200, 20 / 60)


def test_elapsed_alone_going_back_is_recorded_and_named(caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([threshold()], ledger=ledger())
    tracker.update({"m": 0.0}, 1, 20.0)
    (result,) = tracker.update({"m": 3.0}, 2, 10.0)
    assert result.cost_to_threshold == pytest.approx(0.01)
    assert "went back from 20.0 s to 10.0 s" in caplog.text


# ── saved states ──────────────────────────────────────────────────────────────────────────────────────────────────

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
    assert first.get_results()["t"].checkpointed is True  # training has passed its samples again
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


def test_debug_loggers_are_silent_until_asked() -> None:
    PerformanceThresholdTracker([threshold()], available_metrics=["x"])
    handlers = logging.getLogger("milepost").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


def test_positions_of_numpy_are_plain_numbers_in_results() -> None:
    tracker = PerformanceThresholdTracker([threshold()])
    (result,) = tracker.update({"m": 3.0}, np.int64(7), np.float32(60.0), wall_time=np.float64(START))  # type: ignore[arg-type]
    assert type(result.samples_to_threshold) is int
    assert type(result.minutes_to_threshold) is float
    json.dumps(tracker.state_dict())
