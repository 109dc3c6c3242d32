import json
import math
from typing import Any

import numpy as np
import pytest

from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import START, FakeClock, threshold
from tests.tracking.helpers import raw, resumed, tracked, tracker_at


@pytest.mark.parametrize("position", [(math.nan, None), (1, math.inf), (1, math.nan)])
def test_update_at_no_position_is_passed_over(position: tuple[Any, Any], caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([threshold()])
    assert tracker.update({"m": 9.0}, *position) == ()
    assert "passed over" in caplog.text
    assert tracker.get_results()["t"].observations == 0
    assert len(tracker.update({"m": 9.0}, 2, 2.0)) == 1


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


def test_positions_of_numpy_are_plain_numbers_in_results() -> None:
    tracker = PerformanceThresholdTracker([threshold()])
    (result,) = tracker.update({"m": 3.0}, np.int64(7), np.float32(60.0), wall_time=np.float64(START))  # type: ignore[arg-type]
    assert type(result.samples_to_threshold) is int
    assert type(result.minutes_to_threshold) is float
    json.dumps(tracker.state_dict())


@pytest.mark.parametrize("inside", [False, True])
def test_pause_stops_the_timer_of_a_trainer_that_gives_wall_times(inside: bool) -> None:
    run, clock = tracked()
    clock.advance(10)
    run.update({"m": 1.0}, 10, wall_time=clock.now())
    run.pause("evaluation")
    clock.advance(300)
    if inside:
        run.update({"other": 1.0}, 10, wall_time=clock.now())
    clock.advance(300)
    run.resume()
    clock.advance(10)
    (result,) = run.update({"m": 3.0}, 20, wall_time=clock.now())
    assert result.minutes_to_threshold == pytest.approx(20 / 60)
    assert result.cost_to_threshold == pytest.approx(20.0)
    assert result.billed_cost_to_threshold == pytest.approx(620.0)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("field", ["samples", "elapsed_seconds", "wall_time"])
def test_position_that_is_no_number_is_passed_over_at_any_update(
    field: str, bad: float, caplog: pytest.LogCaptureFixture
) -> None:
    run, _ = tracked()
    good = {"samples": 10, "elapsed_seconds": 1.0, "wall_time": START + 1}
    run.update({"m": 1.0}, **good)
    assert run.update({"m": 3.0}, **{**good, "samples": 20, field: bad}) == ()
    assert "an update was passed over" in caplog.text
    (result,) = run.update({"m": 3.0}, samples=30, elapsed_seconds=2.0, wall_time=START + 2)
    figures = (result.cost_to_threshold, result.billed_cost_to_threshold, run.calculate_total_cost())
    assert figures == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("read", ["get_results", "get_wandb_metrics", "calculate_total_cost", "get_cost_lines"])
def test_reading_before_the_first_update_moves_no_figure(read: str) -> None:
    run, _ = tracked(usd_per_hour=None)
    getattr(run, read)()
    run.update({"m": 1.0}, 10, wall_time=1_000_000.0)
    (result,) = run.update({"m": 3.0}, 20, wall_time=1_000_060.0)
    assert (result.minutes_to_threshold, result.after_minutes) == (1.0, 0.0)


@pytest.mark.parametrize("before", ["pause", "state_dict"])
def test_time_before_the_first_update_is_not_charged_to_who_tells_the_time(before: str) -> None:
    run, clock = tracked()
    clock.advance(100)
    getattr(run, before)()
    if before == "pause":
        clock.advance(50)
        run.resume()
    run.update({"m": 1.0}, 10, 1.0)
    (result,) = run.update({"m": 3.0}, 20, 2.0)
    assert (result.cost_to_threshold, run.calculate_total_cost()) == (2.0, 2.0)


@pytest.mark.parametrize("before", ["nothing", "state_dict", "pause"])
def test_first_wall_time_before_the_clock_is_the_start(before: str, caplog: pytest.LogCaptureFixture) -> None:
    """An hour before the process: a minute from the first observation to the one that crosses."""
    run, clock = tracked()
    clock.advance(10)
    if before == "state_dict":
        run.state_dict()
    elif before == "pause":
        run.pause()
        clock.advance(10)
        run.resume()
    run.update({"m": 1.0}, 10, wall_time=START - 3600.0)
    run.update({"m": 1.0}, 20, wall_time=START - 3590.0)
    (result,) = run.update({"m": 3.0}, 30, wall_time=START - 3540.0)
    assert (result.minutes_to_threshold, result.after_minutes) == (1.0, pytest.approx(10 / 60))
    assert (result.cost_to_threshold, result.billed_cost_to_threshold) == (60.0, 60.0)
    assert run.calculate_total_cost() == 60.0
    (warning,) = caplog.records
    assert "3600.0 s before tracking began by the clock" in warning.getMessage()


def test_pause_around_a_first_wall_time_before_the_clock_lasts_as_long_as_it_did() -> None:
    run, clock = tracked()
    run.pause()
    run.update({"m": 1.0}, 10, wall_time=START - 3600.0)
    clock.advance(300)
    run.resume()
    (result,) = run.update({"m": 3.0}, 20, wall_time=START - 3290.0)
    assert (result.minutes_to_threshold, result.billed_cost_to_threshold) == (pytest.approx(10 / 60), 310.0)


def test_nothing_comes_after_the_end() -> None:
    run, clock = tracked()
    clock.advance(10)
    run.update({"m": 1.0}, 1)
    run.mark("end", "preempted")
    run.state_dict()
    clock.advance(200)
    assert (run.calculate_total_cost(), run.calculate_total_cost(billed=True)) == (10.0, 10.0)
    assert run.ledger.segments[0].marks[-1].name == "preempted"


def test_updates_are_counted_where_nobody_tells_samples() -> None:
    run, clock = tracked()
    for value in (0.0, 1.0):
        run.update({"m": value})
        clock.advance(10)
    second, _ = resumed(run.state_dict())
    (result,) = second.update({"m": 3.0})
    assert (result.samples_to_threshold, result.after_samples, result.samples_unit) == (3, 2, "updates")
    assert result.samples_source is None
    assert "update() was told none" in str(result.uncounted_because)


def test_update_without_samples_stands_at_the_last_that_were_told() -> None:
    run, _ = tracked(raw(3.0))
    run.update({"m": 1.0}, 640)
    (result,) = run.update({"m": 3.0})
    assert (result.samples_to_threshold, result.samples_unit) == (640, "samples")


def test_wall_time_in_milliseconds_is_read_as_such(caplog: pytest.LogCaptureFixture) -> None:
    """Some rows in seconds, then in milliseconds, micro- and nanoseconds: each by itself."""
    tracker = PerformanceThresholdTracker([raw(5.0)])
    for at, unit in enumerate((1, 1, 1e3, 1e6, 1e9, 1e3)):
        tracker.update({"m": float(at)}, at, wall_time=(START + 60 * at) * unit)
    result = tracker.get_results()["t"]
    assert result.minutes_to_threshold == pytest.approx(5.0, abs=1e-5)
    assert result.bound == "lower"
    assert "found 1700000120000.0, which is no time in seconds" in caplog.text


def test_unix_time_that_is_told_as_elapsed_time_is_wall_time(caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([raw(8.0)])
    for at in range(9):
        tracker.update({"m": float(at)}, at, 0.0 if at == 0 else START + 60 * at)
    result = tracker.get_results()["t"]
    assert (result.minutes_to_threshold, result.bound) == (7.0, "lower")  # since when, only the first of them tells
    assert "which is a Unix time" in caplog.text


def test_first_wall_time_that_is_none_leaves_time_to_count_from_the_second() -> None:
    tracker = PerformanceThresholdTracker([raw(8.0)])
    for at in range(9):
        tracker.update({"m": float(at)}, at, wall_time=0.0 if at == 0 else START + 60 * at)
    result = tracker.get_results()["t"]
    assert (result.minutes_to_threshold, result.bound) == (7.0, "lower")


@pytest.mark.parametrize("elapsed", [-10.0, -1_723_972_576.0])
def test_update_of_negative_elapsed_time_is_passed_over(elapsed: float, caplog: pytest.LogCaptureFixture) -> None:
    tracker = PerformanceThresholdTracker([raw(1.0)])
    tracker.update({"m": 0.0}, 1, 60.0)
    assert tracker.update({"m": 1.0}, 2, elapsed) == ()
    assert tracker.get_results()["t"].minutes_to_threshold is None
    assert f"found elapsed_seconds={elapsed!r}" in caplog.text
