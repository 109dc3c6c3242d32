import pytest

from milepost.tracking.result import CrossingCosts
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import FakeClock, quote, threshold
from tests.tracking.helpers import tracked, tracker_at


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


def test_costs_of_a_crossing_are_reckoned_anew_only_for_a_new_price() -> None:
    run, clock = tracked()
    clock.advance(10)
    run.update({"m": 3.0}, 1)
    costs, crossing = CrossingCosts(), run.crossings["t"]
    first = costs.of("t", crossing, run.ledger)
    run.mark("heartbeat")
    assert costs.of("t", crossing, run.ledger) is first
    run.ledger = run.ledger.restated(run.ledger.segments[0].id, quote(7200.0))
    assert (first["cost_to_threshold"], run.get_results()["t"].cost_to_threshold) == (10.0, 20.0)
    assert costs.of("t", crossing, run.ledger)["cost_to_threshold"] == 20.0
