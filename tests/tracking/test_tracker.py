import logging

import pytest

from milepost.errors import ConfigError
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import threshold


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


def test_two_thresholds_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'t'"):
        PerformanceThresholdTracker([threshold(), threshold()])


def test_debug_loggers_are_silent_until_asked() -> None:
    PerformanceThresholdTracker([threshold()], available_metrics=["x"])
    handlers = logging.getLogger("milepost").handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in handlers)


class Raises:
    """A value that raises when it is asked for a number, or for anything."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __float__(self) -> float:
        raise self._error

    @property
    def dtype(self) -> str:
        raise self._error


@pytest.mark.parametrize("error", [KeyError("x"), MemoryError(), OSError(), StopIteration()])
@pytest.mark.parametrize("first", [True, False])
def test_value_that_raises_costs_no_other_metric_its_crossing(error: BaseException, first: bool) -> None:
    bad, good = threshold(metric="bad"), threshold(name="good")
    tracker = PerformanceThresholdTracker([bad, good] if first else [good, bad])
    (result,) = tracker.update({"bad": Raises(error), "m": 3.0}, 7)
    assert (result.threshold, result.samples_to_threshold) == ("good", 7)
    assert tracker.crossings["good"].position.samples == 7
    assert tracker.get_results()["t"].status == "never_observed"
