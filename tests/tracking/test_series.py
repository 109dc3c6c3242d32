import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import threshold
from tests.tracking.helpers import raw, tracked


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


class _Stubborn:
    def __float__(self) -> float:
        raise ValueError


@pytest.mark.parametrize(
    "value", [Fraction(10**400), np.array(10**400, dtype=object), Decimal("sNaN"), _Stubborn()], ids=repr
)
def test_value_that_gives_no_number_spoils_no_other(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    run, _ = tracked(raw(), PerformanceThreshold("o", "other", 5.0))
    for _ in range(2):
        run.update({"m": value, "other": 1.0}, 1)
    assert run.get_results()["o"].observations == 2
    assert run.get_results()["t"].observations == 0


@pytest.mark.parametrize("value", [np.ma.masked, np.ma.array(2.5, mask=True), np.ma.array(math.nan, mask=True)])
def test_masked_value_is_no_number(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    run, _ = tracked(raw(2.0))
    run.update({"m": 1.0}, 1)
    assert run.update({"m": value}, 2) == ()
    result = run.get_results()["t"]
    assert (result.final_smoothed_value, result.observations, result.skipped) == (1.0, 1, 0)
    assert f"found {type(value).__name__}, expected a number" in caplog.text
    assert len(run.update({"m": np.ma.array(2.5)}, 3)) == 1
