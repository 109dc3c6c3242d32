"""A history of several axes is replayed axis by axis, and comes to one run."""

import pytest

pytest.importorskip("polars")

from milepost.histories.history import History, Rows
from milepost.money.costs import cost
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.replaying.engine import replay_history
from milepost.replaying.replayed import Replayed
from milepost.tracking.thresholds import parse_threshold
from tests.helpers import START


def opened(history: History, start: float) -> Ledger:
    return Ledger().opened(Instance(), Quote(usd_per_hour=6.0, source="user"), wall_time=start)


def axis(metric: str, values: list[float], samples: list[int], minutes: list[float]) -> History:
    rows = Rows.of({metric: values}, samples=samples, wall_time=[START + 60 * each for each in minutes])
    return History(run="r", rows=lambda: iter([rows]), metrics=(metric,), started_at=START, samples_unit="steps")


LOSS = axis("loss", [4.0, 3.0, 2.0, 1.0], [10, 20, 30, 40], [10, 20, 30, 40])
VAL = axis("val", [0.5, 0.7, 0.9], [1, 2, 3], [11, 25, 41])


def run(*expressions: str) -> Replayed:
    history = History(run="r", rows=lambda: iter([]), axes=(LOSS, VAL))
    return replay_history(history, [parse_threshold(each) for each in expressions], opened)


def test_each_threshold_has_the_counts_and_times_of_its_metrics_axis() -> None:
    done = run("val >= 0.7", "loss <= 2", "other >= 1")
    val, loss, other = done.results
    assert (val.samples_to_threshold, val.minutes_to_threshold, val.after_samples) == (2, 25.0, 1)
    assert (loss.samples_to_threshold, loss.minutes_to_threshold, loss.after_samples) == (30, 30.0, 20)
    assert other.status == "never_observed"
    assert val.cost_to_threshold == pytest.approx(2.5)
    assert loss.billed_cost_to_threshold == pytest.approx(3.0)


def test_another_threshold_changes_nothing() -> None:
    together, alone = run("val >= 0.7", "loss <= 2").results[0], run("val >= 0.7").results[0]
    assert together == alone


def test_crossings_of_every_axis_stand_in_the_ledger_that_is_kept() -> None:
    done = run("loss <= 2", "val >= 0.7")
    for result in done.results:
        crossing = done.crossings[result.threshold]
        assert done.ledger.segment(crossing.position.segment) is not None
        assert cost(done.ledger, crossing.position) == pytest.approx(result.cost_to_threshold)
    assert done.ledger.segments[-1].marks[-1].wall_time == START + 60 * 41  # the one that goes on for longest
