import json

import numpy as np
import pytest

from milepost.money.breakdown import spending
from milepost.tracking.event import Event
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import START, FakeClock, ledger, threshold
from tests.tracking.helpers import raw, resumed, tracked, tracker_at


def test_samples_that_go_back_are_a_rewind_and_the_timer_follows() -> None:
    """Seen at 100 samples after 10 s: there it goes on, 30 s in, and 15 s later it has 300."""
    clock = FakeClock()
    events: list[Event] = []
    tracker = tracker_at(clock, on_event=events.append)
    for samples in (0, 100, 200):
        tracker.update({"m": 0.0}, samples)
        clock.advance(10)
    for samples in (100, 150, 200):  # it takes two more updates to say that it is no late observation
        tracker.update({"m": 0.0}, samples)
        clock.advance(5)
    (result,) = tracker.update({"m": 3.0}, 300)
    assert [event.kind for event in events] == ["rewind", "crossing"]
    assert result.minutes_to_threshold == pytest.approx(25 / 60)
    assert result.cost_to_threshold == pytest.approx(0.025)
    assert tracker.calculate_total_cost() == pytest.approx(0.045)
    assert result.after_samples == 200
    assert result.after_minutes == pytest.approx(20 / 60)
    assert (result.rewinds, result.late_observations, result.bound) == (1, 0, None)


def test_rewind_to_where_the_lineage_was_not_seen_is_a_lower_bound() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock)
    for samples in (0, 100, 200):
        tracker.update({"m": 0.0}, samples)
        clock.advance(10)
    for samples in (150, 160, 170):  # last seen below: 100 samples, after 10 s
        tracker.update({"m": 0.0}, samples)
        clock.advance(5)
    (result,) = tracker.update({"m": 3.0}, 300)
    assert result.minutes_to_threshold == pytest.approx(25 / 60)
    assert result.bound == "lower"


def test_crossing_at_the_update_that_goes_back_is_told_at_once_and_stays_where_it_is() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock)
    for samples in (0, 100, 200):
        tracker.update({"m": 0.0}, samples)
        clock.advance(10)
    (result,) = tracker.update({"m": 3.0}, 100)
    assert result.samples_to_threshold == 100
    assert result.minutes_to_threshold == pytest.approx(10 / 60)
    assert (result.after_samples, result.after_minutes) == (0, 0.0)  # the last before it in its lineage
    assert result.billed_cost_to_threshold == pytest.approx(0.03)  # all that was used until then
    clock.advance(5)
    assert tracker.update({"m": 3.0}, 150) == tracker.update({"m": 3.0}, 160) == ()
    result = tracker.get_results()["t"]
    assert result.samples_to_threshold == 100
    assert result.minutes_to_threshold == pytest.approx(10 / 60)
    assert result.rewinds == 1


def test_crossing_of_an_update_that_waits_is_told_when_it_is_decided() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock)
    for samples in (0, 100, 200):
        tracker.update({"m": 0.0}, samples)
        clock.advance(10)
    tracker.update({"m": 0.0}, 100)
    clock.advance(5)
    assert tracker.update({"m": 3.0}, 150) == ()
    clock.advance(5)
    (result,) = tracker.update({"m": 3.0}, 160)
    assert result.samples_to_threshold == 150
    assert result.minutes_to_threshold == pytest.approx(15 / 60)


@pytest.mark.parametrize("saves_meanwhile", [False, True])
def test_straggler_is_no_rewind(saves_meanwhile: bool) -> None:
    """A value of 100 samples that comes after that of 200, and then training goes on: nothing is lost."""
    clock = FakeClock()
    tracker = tracker_at(clock, raw(9.0))
    for samples in (0, 100, 200, 100, 300):
        tracker.update({"m": 0.0}, samples)
        if saves_meanwhile:
            json.dumps(tracker.state_dict())
        clock.advance(10)
    (result,) = tracker.update({"m": 9.0}, 400)
    assert result.minutes_to_threshold == pytest.approx(50 / 60)
    assert (result.rewinds, result.late_observations, result.bound) == (0, 1, None)
    assert result.observations == 6


def test_evaluation_of_an_earlier_checkpoint_stands_where_training_was_then() -> None:
    clock = FakeClock()
    tracker = tracker_at(clock, raw(9.0), raw(5.0, "loss"))
    tracker = PerformanceThresholdTracker(
        [threshold(9.0, name="e", metric="eval"), threshold(9.0, name="l", metric="loss")],
        ledger=ledger(3.6),
        clock=clock,
    )
    for samples in range(0, 500, 100):
        tracker.update({"loss": 0.0}, samples)
        clock.advance(10)
    (result,) = tracker.update({"eval": 9.0}, 200)  # now: 400 samples, 50 s
    assert result.samples_to_threshold == 200
    assert result.minutes_to_threshold == pytest.approx(20 / 60)
    assert result.cost_to_threshold == pytest.approx(0.02)
    assert result.billed_cost_to_threshold == pytest.approx(0.05)
    (result,) = tracker.update({"loss": 9.0}, 500)
    assert result.minutes_to_threshold == pytest.approx(50 / 60)
    assert result.after_samples == 400
    assert (result.rewinds, result.late_observations) == (0, 1)


@pytest.mark.parametrize("also_watched", [False, True])
def test_evaluations_after_training_change_nothing_of_it(also_watched: bool) -> None:
    clock = FakeClock()
    wanted = [threshold(9.0, name="l", metric="loss"), threshold(9.0, name="e", metric="eval")]
    tracker = PerformanceThresholdTracker(wanted[: 1 + also_watched], ledger=ledger(3.6), clock=clock)
    for samples in range(0, 500, 100):
        tracker.update({"loss": samples / 100}, samples)
        clock.advance(10)
    for samples in range(0, 500, 100):
        tracker.update({"eval": 1.0}, samples)
    (result,) = tracker.update({"loss": 9.0}, 500)
    assert result.minutes_to_threshold == pytest.approx(50 / 60)
    assert result.rewinds == 0
    assert result.restarts == 0


def test_nothing_that_follows_a_fall_leaves_it_a_late_observation() -> None:
    tracker = tracker_at(FakeClock())
    for samples in (0, 100, 200, 100):
        tracker.update({"m": 0.0}, samples)
    tracker.close()
    result = tracker.get_results()["t"]
    assert (result.rewinds, result.late_observations, tracker.last.samples) == (0, 1, 200)


def test_counter_of_each_epoch_goes_on_from_its_last_value() -> None:
    """Three epochs of 300 samples, a row every 100 and 10 s: 0.9 is met by the 7th, the first of the third epoch."""
    tracker = PerformanceThresholdTracker([raw(0.65)])
    rows = [(100 + 100 * (at % 3), at / 10) for at in range(9)]
    for at, (samples, value) in enumerate(rows):
        tracker.update({"m": value}, samples, wall_time=START + 10 * at)
    tracker.close()
    result = tracker.get_results()["t"]
    assert (result.samples_to_threshold, result.restarts, result.rewinds) == (800, 2, 0)
    assert result.minutes_to_threshold == pytest.approx(70 / 60)
    assert result.bound == "lower"


def test_timer_that_goes_back_with_the_count_is_that_of_another_process() -> None:
    """A log with both clocks: 100 s to 100 samples; two hours later it goes on from 50, with its timer at 50 s."""
    tracker = PerformanceThresholdTracker([raw(200.0)], ledger=ledger(3600.0))
    for at in range(10, 101, 10):
        tracker.update({"m": float(at)}, at, float(at), wall_time=START + at)
    for at in range(50, 201, 10):
        tracker.update({"m": float(at)}, at, float(at), wall_time=START + 7200 + at)
    tracker.close()
    result = tracker.get_results()["t"]
    assert result.minutes_to_threshold == pytest.approx(200 / 60)
    assert result.rewinds == 1
    assert result.cost_to_threshold == pytest.approx(200.0)
    assert result.billed_cost_to_threshold == pytest.approx(100 + 150)  # two hours without a machine are not paid for


def test_timer_that_begins_anew_goes_on_from_its_last_value(caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([threshold()], ledger=ledger())
    tracker.update({"m": 0.0}, 1, 20.0)
    (result,) = tracker.update({"m": 3.0}, 2, 10.0)
    assert result.cost_to_threshold == pytest.approx(0.03)
    assert result.restarts == 1
    assert "elapsed time began anew at 10.0 s after 20.0 s" in caplog.text


def test_timer_that_falls_and_does_not_begin_anew_is_no_clock(caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([threshold()], ledger=ledger())
    tracker.update({"m": 0.0}, 1, 61.0)
    tracker.update({"m": 0.0}, 2, 61.8)
    (result,) = tracker.update({"m": 3.0}, 3, 58.2)
    assert (result.minutes_to_threshold, result.cost_to_threshold, result.billed_cost_to_threshold) == (None,) * 3
    assert result.untimed_because is not None
    assert "no clock" in result.untimed_because
    assert "no clock" in caplog.text


def test_counter_that_is_changed_in_place_is_read_once() -> None:
    run, _ = tracked()
    samples = np.array(0)
    for value in (1.0, 3.0):
        samples += 10
        run.update({"m": value}, samples, float(samples))
    assert run.get_results()["t"].after_samples == 10
    for _ in range(3):
        samples -= 3
        run.update({"m": 3.0}, samples, 20.0)
    assert [mark.kind for mark in run.ledger.segments[0].marks].count("rewind") == 1


def test_wall_time_that_goes_back_is_bridged_by_the_median_distance(caplog: pytest.LogCaptureFixture) -> None:
    """A zoneless log across the end of summer time: rows every 10 s, and an hour that is told twice."""
    tracker = PerformanceThresholdTracker([raw(9.0)], ledger=ledger(3600.0))
    for at in range(10):
        tracker.update({"m": float(at)}, at, wall_time=START + 10 * at - (3600 if at > 5 else 0))
    (result,) = (tracker.get_results()["t"],)
    assert result.minutes_to_threshold == pytest.approx(1.5)
    assert result.billed_cost_to_threshold == pytest.approx(90.0)
    assert "wall time went back by 3590.0 s" in caplog.text


def test_hole_counts_and_is_said_unless_it_is_to_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """Rows every minute, and two hours of nothing after the 20th."""
    for gap, minutes, billed in ((None, 159.0, 159.0), (600.0, 39.0 + 1, 40.0)):
        tracker = PerformanceThresholdTracker([raw(39.0)], ledger=ledger(60.0))
        if gap is not None:
            tracker.timer.leave_out(gap)
        for at in range(40):
            tracker.update({"m": float(at)}, at, wall_time=START + 60 * at + (7200 if at >= 20 else 0))
        result = tracker.get_results()["t"]
        assert result.minutes_to_threshold == pytest.approx(minutes - (1 if gap else 0))
        assert result.billed_cost_to_threshold == pytest.approx(billed - (1 if gap else 0))
    assert "a hole of 121.0 min after the update at 19, where 1.0 min are usual, counts as training" in caplog.text
    assert "a hole of 121.0 min after the update at 19 is left out" in caplog.text


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


@pytest.mark.parametrize("waiting", [0, 1])
def test_fall_is_decided_where_another_process_goes_on(waiting: int) -> None:
    """A straggler, perhaps one more row, and then a process that goes on from 300 samples after an hour."""
    tracker = PerformanceThresholdTracker([raw(9.0)], ledger=ledger(3600.0))
    for at, samples in enumerate((0, 100, 200, 300, *(150, 160)[: 1 + waiting])):
        tracker.update({"m": 0.0}, samples, wall_time=START + 10 * at)
    tracker.begin_process(START + 3600)
    for at, samples in enumerate((310, 400), 1):
        tracker.update({"m": samples / 40}, samples, wall_time=START + 3600 + 10 * at)
    result = tracker.get_results()["t"]
    assert result.samples_to_threshold == 400
    assert result.minutes_to_threshold == pytest.approx((30 + 20) / 60)  # and not the hour between
    assert result.observations == 7 + waiting


def test_hole_between_the_first_two_updates_is_said_once_others_tell_what_is_usual(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracker = PerformanceThresholdTracker([raw(9.0)])
    for at in range(5):
        tracker.update({"m": 1.0}, at, wall_time=START + 60 * at + (7200 if at else 0))
    assert "a hole of" not in caplog.text
    tracker.close()
    assert "a hole of 121.0 min after the update at 0, where 1.0 min are usual" in caplog.text


def test_counter_that_begins_anew_with_another_process_goes_on() -> None:
    """Two processes of 10 rows each, which both count from 100: at the boundary the count goes on from 1000."""
    tracker = PerformanceThresholdTracker([raw(15.0)], ledger=ledger(3600.0))
    for at in range(1, 11):
        tracker.update({"m": float(at)}, 100 * at, wall_time=START + at)
    tracker.begin_process(START + 100)
    for at in range(1, 11):
        tracker.update({"m": float(10 + at)}, 100 * at, wall_time=START + 100 + at)
    result = tracker.get_results()["t"]
    assert (result.samples_to_threshold, result.restarts, result.rewinds) == (1500, 1, 0)
    assert result.minutes_to_threshold == pytest.approx(15 / 60)
    assert result.billed_cost_to_threshold == pytest.approx(15.0)


def test_row_that_two_processes_tell_stands_where_it_stood_first() -> None:
    """The second process begins with the checkpoint's own row, ten seconds after its start."""
    tracker = PerformanceThresholdTracker([raw(300.0)], ledger=ledger(3600.0))
    for at in (100, 200):
        tracker.update({"m": float(at)}, at, wall_time=START + at / 10)
    tracker.begin_process(START + 1000)
    for at in (200, 300):
        tracker.update({"m": float(at)}, at, wall_time=START + 990 + at / 10)
    result = tracker.get_results()["t"]
    assert result.minutes_to_threshold == pytest.approx(30 / 60)
    assert result.bound is None


def test_late_crossing_leaves_no_stall_in_the_ledger() -> None:
    clock = FakeClock()
    tracker = PerformanceThresholdTracker([threshold(9.0, metric="eval")], ledger=ledger(3600.0), clock=clock)
    for samples in range(0, 500, 100):
        tracker.update({"loss": 1.0}, samples)
        clock.advance(10)
    (result,) = tracker.update({"eval": 9.0}, 200)
    assert result.cost_to_threshold == pytest.approx(20.0)
    assert {each.purpose: each.seconds for each in spending(tracker.ledger, tracker.here)} == {"training": 50.0}


def test_crossing_at_the_first_update_after_a_hole_is_not_billed_for_it() -> None:
    """Seven rows ten seconds apart; 50 minutes later it goes on from the sixth, which reaches the target."""
    tracker = PerformanceThresholdTracker([raw(5.0)], ledger=ledger(3600.0))
    for at in range(7):
        tracker.update({"m": 1.0}, 512 * at, wall_time=START + 10 * at)
    for at, value in ((5, 5.0), (6, 5.0), (7, 5.0)):
        tracker.update({"m": value}, 512 * at, wall_time=START + 3000 + 10 * at)
    result = tracker.get_results()["t"]
    assert (result.samples_to_threshold, result.rewinds) == (2560, 1)
    assert result.minutes_to_threshold == pytest.approx(50 / 60)
    assert result.billed_cost_to_threshold == pytest.approx(60.0)
