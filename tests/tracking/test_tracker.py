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
