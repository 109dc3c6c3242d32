import json

import numpy as np
import pytest

from milepost.tracking.event import Event
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import START, FakeClock, ledger, threshold
from tests.tracking.helpers import raw, resumed, tracked, tracker_at


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


def test_counter_that_is_changed_in_place_is_read_once() -> None:
    run, _ = tracked()
    samples = np.array(0)
    for value in (1.0, 3.0):
        samples += 10
        run.update({"m": value}, samples, float(samples))
    assert run.get_results()["t"].after_samples == 10
    samples -= 15
    run.update({"m": 3.0}, samples, 5.0)
    assert [mark.kind for mark in run.ledger.segments[0].marks].count("rewind") == 1


def test_wall_time_that_goes_back_makes_no_minutes_negative(caplog: pytest.LogCaptureFixture) -> None:
    run, _ = tracked(raw(2.0), raw(5.0, "u"))
    run.update({"m": 1.0}, 10, wall_time=START + 10)
    (first,) = run.update({"m": 3.0}, 20, wall_time=START - 100)
    (then,) = run.update({"m": 6.0}, 30, wall_time=START - 40)
    assert (first.minutes_to_threshold, then.minutes_to_threshold) == (0.0, 1.0)
    assert "elapsed time went back from 10.0 s to -110.0 s" not in caplog.text
    assert "elapsed time went back from 10.0 s to 0.0 s" in caplog.text


def test_counter_of_numpy_may_go_back_at_the_first_update_after_a_resume() -> None:
    """Without a state the run stands at its last mark, 100 samples; the trainer goes on from 40, in its own process."""
    first, _ = tracked()
    first.update({"m": 1.0}, 100, 10.0)
    second, clock = resumed(first.state_dict())
    clock.advance(5)
    second.update({"m": 1.0}, np.int64(40))
    json.dumps(second.state_dict())
    start = second.ledger.segments[-1].marks[0]
    assert (start.samples, type(start.samples), type(start.elapsed_seconds)) == (40, int, float)
