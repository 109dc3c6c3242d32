"""Faults that a review found, pinned: each of these once gave a wrong number, an exception or a silent loss."""

import json
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from milepost.config import get_default_arena_thresholds
from milepost.errors import ConfigError
from milepost.money.costs import billed_cost
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.quote import BillingRule
from milepost.tracked_run import track
from milepost.tracking.thresholds import HalfLife, PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import START, FakeClock, ledger, quote, threshold


def raw(target: Any = 2.0, name: str = "t", **fields: Any) -> PerformanceThreshold:
    return PerformanceThreshold(name, "m", target, smoothing_factor=1.0, **fields)


def tracker(*thresholds: PerformanceThreshold, usd_per_hour: float | None = 3600.0) -> tuple[Any, FakeClock]:
    clock = FakeClock()
    book = None if usd_per_hour is None else ledger(usd_per_hour)
    return PerformanceThresholdTracker(thresholds or (raw(),), ledger=book, clock=clock), clock


@pytest.mark.parametrize("target", [np.float32(2), np.float64(2), np.int64(2), Fraction(2), Decimal(2)])
def test_target_of_any_number_type_is_kept_in_a_state(target: Any) -> None:
    run, _ = tracker(raw(target, confirm=np.int64(2)))
    run.update({"m": 1.0}, 1)
    state = json.loads(json.dumps(run.state_dict()))
    again, _ = tracker(raw(target, confirm=2))
    again.load_state_dict(state)
    assert again.here.samples == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"target_value": "2.0"},
        {"target_value": True},
        {"target_value": 10**400},
        {"metric": None},
        {"name": None},
        {"confirm": 2.5},
        {"confirm": "2"},
        {"smoothing_factor": "0.1"},
        {"tolerance": None},
    ],
)
def test_field_of_another_type_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"^{next(iter(fields))}: found"):
        PerformanceThreshold(**{"name": "t", "metric": "m", "target_value": 2.0, **fields})


@pytest.mark.parametrize("inside", [False, True])
def test_pause_stops_the_timer_of_a_trainer_that_gives_wall_times(inside: bool) -> None:
    run, clock = tracker()
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


def test_nothing_comes_after_the_end() -> None:
    run, clock = tracker()
    clock.advance(10)
    run.update({"m": 1.0}, 1)
    run.mark("end", "preempted")
    run.state_dict()
    clock.advance(200)
    assert (run.calculate_total_cost(), run.calculate_total_cost(billed=True)) == (10.0, 10.0)
    assert run.ledger.segments[0].marks[-1].name == "preempted"
    with track(thresholds=[raw()], price_per_hour=1.0, sinks=[]) as closed:
        closed.update({"m": 1.0}, 1)
    assert closed.update({"m": 3.0}, 2) == ()
    assert closed.get_results()["t"].status == "not_reached"


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("field", ["samples", "elapsed_seconds", "wall_time"])
def test_position_that_is_no_number_is_passed_over_at_any_update(
    field: str, bad: float, caplog: pytest.LogCaptureFixture
) -> None:
    run, _ = tracker()
    good = {"samples": 10, "elapsed_seconds": 1.0, "wall_time": START + 1}
    run.update({"m": 1.0}, **good)
    assert run.update({"m": 3.0}, **{**good, "samples": 20, field: bad}) == ()
    assert "an update was passed over" in caplog.text
    (result,) = run.update({"m": 3.0}, samples=30, elapsed_seconds=2.0, wall_time=START + 2)
    figures = (result.cost_to_threshold, result.billed_cost_to_threshold, run.calculate_total_cost())
    assert figures == (2.0, 2.0, 2.0)


class _Stubborn:
    def __float__(self) -> float:
        raise ValueError


@pytest.mark.parametrize(
    "value", [Fraction(10**400), np.array(10**400, dtype=object), Decimal("sNaN"), _Stubborn()], ids=repr
)
def test_value_that_gives_no_number_spoils_no_other(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    run, _ = tracker(raw(), PerformanceThreshold("o", "other", 5.0))
    for _ in range(2):
        run.update({"m": value, "other": 1.0}, 1)
    assert run.get_results()["o"].observations == 2
    assert run.get_results()["t"].observations == 0


def test_row_of_confirmations_is_broken_whatever_was_added_at_a_resume() -> None:
    early, _ = tracker(raw(2.0, "b", confirm=3))
    for at in (1, 2):
        early.update({"m": 2.5}, 10 * at, 1.0 * at)
    late, _ = tracker(raw(1.0, "a", confirm=9), raw(2.0, "b", confirm=3))
    late.load_state_dict(early.state_dict())
    late.update({"m": 0.5}, 30, 3.0)
    late.update({"m": 2.5}, 40, 4.0)
    assert late.get_results()["b"].status == "not_reached"


@pytest.mark.parametrize(("restored", "already_met"), [(3.0, True), (1.0, False)])
def test_threshold_added_at_a_resume_has_no_bracket_that_nobody_saw(restored: float, already_met: bool) -> None:
    early, _ = tracker(raw(9.0, "far"))
    early.update({"m": restored}, 100, 10.0)
    late, _ = tracker(raw(9.0, "far"), raw(2.0, "new"))
    late.load_state_dict(early.state_dict())
    (result,) = late.update({"m": 3.0}, 110, 11.0)
    assert (result.already_met, result.after_samples) == (already_met, None if already_met else 100)


def test_threshold_added_at_a_resume_that_is_no_longer_met_is_crossed_later() -> None:
    early, _ = tracker(raw(9.0, "far"))
    early.update({"m": 3.0}, 100, 10.0)
    late, _ = tracker(raw(9.0, "far"), raw(2.0, "new"))
    late.load_state_dict(early.state_dict())
    late.update({"m": 1.0}, 110, 11.0)
    (result,) = late.update({"m": 3.0}, 120, 12.0)
    assert (result.already_met, result.after_samples) == (False, 110)


@pytest.mark.parametrize("read", ["get_results", "get_wandb_metrics", "calculate_total_cost", "get_cost_lines"])
def test_reading_before_the_first_update_moves_no_figure(read: str) -> None:
    run, _ = tracker(usd_per_hour=None)
    getattr(run, read)()
    run.update({"m": 1.0}, 10, wall_time=1_000_000.0)
    (result,) = run.update({"m": 3.0}, 20, wall_time=1_000_060.0)
    assert (result.minutes_to_threshold, result.after_minutes) == (1.0, 0.0)


@pytest.mark.parametrize("before", ["pause", "state_dict"])
def test_time_before_the_first_update_is_not_charged_to_who_tells_the_time(before: str) -> None:
    run, clock = tracker()
    clock.advance(100)
    getattr(run, before)()
    if before == "pause":
        clock.advance(50)
        run.resume()
    run.update({"m": 1.0}, 10, 1.0)
    (result,) = run.update({"m": 3.0}, 20, 2.0)
    assert (result.cost_to_threshold, run.calculate_total_cost()) == (2.0, 2.0)


def test_counter_that_is_changed_in_place_is_read_once() -> None:
    run, _ = tracker()
    samples = np.array(0)
    for value in (1.0, 3.0):
        samples += 10
        run.update({"m": value}, samples, float(samples))
    assert run.get_results()["t"].after_samples == 10
    samples -= 15
    run.update({"m": 3.0}, samples, 5.0)
    assert [mark.kind for mark in run.ledger.segments[0].marks].count("rewind") == 1


@pytest.mark.parametrize("fields", [{"share": -1.0}, {"share": math.nan}, {"share": 2.0}, {"num_nodes": 0}])
def test_instance_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(fields))}: found"):
        Instance(**fields)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sinks: [wandbb]", "nearest: 'wandb'"),
        ("prices: {sources: [awss]}", "prices.sources: found 'awss'"),
        ("prices: {table: nowhere.csv}", "nowhere.csv: expected a readable CSV file"),
    ],
)
def test_configuration_found_by_name_gives_way_whole(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "configs" / "performance_thresholds"
    folder.mkdir(parents=True)
    (folder / "arena.yaml").write_text(f"thresholds: [{{name: t, metric: m, target_value: 1}}]\n{text}\n")
    monkeypatch.chdir(tmp_path)
    with track("arena") as run:
        assert run.thresholds == tuple(get_default_arena_thresholds())
    assert said in caplog.text
    with pytest.raises(ConfigError, match=r"^arena: ") as caught:
        track("arena", strict=True)
    assert said in str(caught.value)
    with pytest.raises(ConfigError, match=r"arena\.yaml: "):
        track(folder / "arena.yaml")


def test_configuration_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"config: found \{\}"):
        track({})  # type: ignore[arg-type]


def test_end_names_the_nearest_of_a_metric_that_was_never_observed(caplog: pytest.LogCaptureFixture) -> None:
    with track(thresholds=[PerformanceThreshold("t", "train/loss", 0.5, "<=")], price_per_hour=1.0, sinks=[]) as run:
        run.update({"train/los": 1.0}, 1)
    assert "metric 'train/loss' was never observed; nearest: train/los" in caplog.text


def test_what_rounding_adds_is_billed_at_the_closing_price() -> None:
    book = Ledger().opened(
        Instance(), quote(3600.0, (20, 7200.0)), wall_time=START, billing=BillingRule(minimum_seconds=60.0)
    )
    end = Position(0, 0.0, START + 10, book.segments[0].id, 1)
    book = book.marked("end", end, "closed")
    assert billed_cost(book, Position(0, 0.0, START + 10, book.segments[0].id, 2)) == pytest.approx(60.0)


def test_price_that_stands_in_is_better_than_none_when_ledgers_meet() -> None:
    none = ledger(None)
    stand_in = none.restated(none.segments[0].id, quote(2.0, provisional=True))
    for merged in (none.merged(stand_in), stand_in.merged(none)):
        assert merged.segments[0].quote == quote(2.0, provisional=True)


def test_costs_of_a_crossing_are_reckoned_anew_only_for_a_new_price(monkeypatch: pytest.MonkeyPatch) -> None:
    from milepost.tracking import result as module

    run, clock = tracker()
    clock.advance(10)
    run.update({"m": 3.0}, 1)
    counted: list[Any] = []

    def count(*arguments: Any) -> dict[str, float]:
        counted.append(arguments)
        return {"cost_to_threshold": 5.0}

    monkeypatch.setattr(module, "cost_figures", count)
    for _ in range(3):
        run.mark("heartbeat")
        assert run.get_results()["t"].cost_to_threshold == 10.0
    assert counted == []
    run.ledger = run.ledger.restated(run.ledger.segments[0].id, quote(7200.0))
    assert run.get_results()["t"].cost_to_threshold == 5.0


def test_second_run_of_a_process_is_not_billed_from_its_start() -> None:
    starts = []
    for _ in range(2):
        with track(thresholds=[threshold()], price_per_hour=1.0, sinks=[]) as run:
            segment = run.ledger.segments[0]
            starts.append(segment.marks[0].wall_time - segment.billed_from)
    assert starts[1] == 0.0


def test_clock_of_a_process_that_has_not_begun_is_not_charged_to_who_tells_the_time() -> None:
    first, _ = tracker()
    first.update({"m": 1.0}, 10, 100.0)
    second, clock = tracker()
    second.load_state_dict(first.state_dict())
    clock.advance(120)
    assert second.state_dict()["elapsed_seconds"] == 100.0


def test_name_that_is_no_text_is_kept_as_text_in_a_state() -> None:
    run, _ = tracker()
    run.pause(3)
    run.resume()
    run.mark("end", 4)
    state = run.state_dict()
    again, _ = tracker()
    again.load_state_dict(state)
    named = [(mark.kind, mark.name) for mark in again.ledger.segments[0].marks if mark.name is not None]
    assert named == [("phase", "3"), ("end", "4")]


@pytest.mark.parametrize("value", [np.ma.masked, np.ma.array(2.5, mask=True), np.ma.array(math.nan, mask=True)])
def test_masked_value_is_no_number(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    run, _ = tracker(raw(2.0))
    run.update({"m": 1.0}, 1)
    assert run.update({"m": value}, 2) == ()
    result = run.get_results()["t"]
    assert (result.final_smoothed_value, result.observations, result.skipped) == (1.0, 1, 0)
    assert f"found {type(value).__name__}, expected a number" in caplog.text
    assert len(run.update({"m": np.ma.array(2.5)}, 3)) == 1


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
    run, _ = tracker(PerformanceThreshold("t", "m", target, **smoothing))
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


def resumed(state: dict[str, Any], usd_per_hour: float = 3600.0) -> tuple[Any, FakeClock]:
    """A later process on a machine at that price, whose clock has run for a minute before it loads the state."""
    run, clock = tracker(usd_per_hour=usd_per_hour)
    clock.advance(60)
    run.load_state_dict(json.loads(json.dumps(state)))
    return run, clock


@pytest.mark.parametrize("paused", [False, True])
def test_timer_that_begins_anew_after_a_resume_is_warned_about(paused: bool, caplog: pytest.LogCaptureFixture) -> None:
    first, _ = tracker()
    first.update({"m": 1.0}, 10, 100.0)
    second, _ = resumed(first.state_dict())
    if paused:
        second.pause()
        second.resume()
    second.update({"m": 1.0}, 20, 0.0)
    assert "elapsed time went back from 100.0 s to 0.0 s" in caplog.text
    assert [mark.kind for mark in second.ledger.segments[-1].marks].count("rewind") == 1
    (result,) = second.update({"m": 3.0}, 30, 5.0)
    assert (result.minutes_to_threshold, result.cost_to_threshold) == (pytest.approx(5 / 60), 5.0)
    assert second.calculate_total_cost() == 105.0


def test_timer_that_goes_on_after_a_resume_is_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    first, _ = tracker()
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
    first, clock = tracker(usd_per_hour=36_000.0)
    clock.advance(20)
    second, clock = resumed(first.state_dict(), usd_per_hour=36_000.0)
    clock.advance(20)
    third, _ = resumed(second.state_dict())
    third.update({"m": 1.0}, 0, 0.5)
    (result,) = third.update({"m": 3.0}, 10, 5.0)
    assert (result.cost_to_threshold, third.calculate_total_cost()) == (5.0, 5.0)
    assert not caplog.records


@pytest.mark.parametrize("before", ["nothing", "state_dict", "pause"])
def test_first_wall_time_before_the_clock_is_the_start(before: str, caplog: pytest.LogCaptureFixture) -> None:
    """An hour before the process: a minute from the first observation to the one that crosses."""
    run, clock = tracker()
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
    run, clock = tracker()
    run.pause()
    run.update({"m": 1.0}, 10, wall_time=START - 3600.0)
    clock.advance(300)
    run.resume()
    (result,) = run.update({"m": 3.0}, 20, wall_time=START - 3290.0)
    assert (result.minutes_to_threshold, result.billed_cost_to_threshold) == (pytest.approx(10 / 60), 310.0)


def test_first_wall_time_after_a_resume_leaves_what_was_before_it(caplog: pytest.LogCaptureFixture) -> None:
    first, _ = tracker()
    first.update({"m": 1.0}, 10, wall_time=START + 100)
    second, _ = resumed(first.state_dict())
    second.update({"m": 1.0}, 10, wall_time=START - 50)
    (result,) = second.update({"m": 3.0}, 20, wall_time=START - 40)
    assert (result.minutes_to_threshold, result.cost_to_threshold) == (pytest.approx(110 / 60), 110.0)
    assert "50.0 s before tracking began by the clock" in caplog.text


def test_wall_time_that_goes_back_makes_no_minutes_negative(caplog: pytest.LogCaptureFixture) -> None:
    run, _ = tracker(raw(2.0), raw(5.0, "u"))
    run.update({"m": 1.0}, 10, wall_time=START + 10)
    (first,) = run.update({"m": 3.0}, 20, wall_time=START - 100)
    (then,) = run.update({"m": 6.0}, 30, wall_time=START - 40)
    assert (first.minutes_to_threshold, then.minutes_to_threshold) == (0.0, 1.0)
    assert "elapsed time went back from 10.0 s to -110.0 s" not in caplog.text
    assert "elapsed time went back from 10.0 s to 0.0 s" in caplog.text
