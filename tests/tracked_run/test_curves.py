"""Curves of metrics that every update bears, and of those that only some do, against all their observations."""

import math
from typing import Any

import pytest

from milepost.money.position import Position
from milepost.runs.record import MOST_POINTS, Curve, CurvePoint
from milepost.tracked_run.curves import Curves
from milepost.tracking.series import Series
from milepost.tracking.thresholds import Smoothing

RAW = Smoothing(smoothing_factor=1.0)


class Run:
    """Updates, looked at when curves say so."""

    def __init__(self, *metrics: str, known: tuple[Curve, ...] = ()) -> None:
        self.series = {metric: Series(metric, RAW, []) for metric in metrics}
        self.curves = Curves(self.series.values(), known)
        self.updates = self.looks = 0
        self.due = 1

    def update(self, **metrics: Any) -> None:
        self.updates += 1
        for name, value in metrics.items():
            if isinstance(value, float) and math.isfinite(value):
                self.series[name].total, self.series[name].weight = value, 1.0
        at = Position(self.updates, self.updates / 2, 0.0)
        if any(name in metrics for name in self.curves.rare):
            self.curves.sample_rare(metrics, at)
        if self.updates == self.due:
            self.looks += 1
            self.due += self.curves.sample(metrics, at)

    def taken(self) -> dict[str, Curve]:
        return {curve.metric: curve for curve in self.curves.take()}


@pytest.mark.parametrize(
    ("updates", "stride", "looks"),
    [
        (1, 1, 1),
        (1999, 1, 1999),
        (2000, 2, 2000),
        (4001, 4, 2000 + 1000 + 1),
        (18_000, 16, 2000 + 1000 + 1000 + 1000 + 125),  # at 2,000, 4,000, 8,000 and 16,000 the stride doubles
    ],
)
def test_metric_of_every_update_is_looked_at_once_in_a_stride(updates: int, stride: int, looks: int) -> None:
    run = Run("m", "n")
    for at in range(updates):
        run.update(m=float(at), n=-float(at))
    curves = run.taken()
    assert [point.raw for point in curves["m"].points] == [float(at) for at in range(0, updates, stride)]
    assert [point.raw for point in curves["n"].points] == [-float(at) for at in range(0, updates, stride)]
    assert (curves["m"].stride, run.looks) == (stride, looks)


def test_curve_of_a_run_that_has_come_far_goes_on_in_its_stride() -> None:
    stride = 4 * MOST_POINTS + 192  # 8,192, a power of two
    left = CurvePoint(10 * stride, 0, 0.0, 1.0, 1.0)
    run = Run("m", known=(Curve("m", RAW, stride, (left,)),))
    for at in range(2 * stride + 1):
        run.update(m=float(at))
    assert run.looks == 3
    assert [(point.position, point.raw) for point in run.taken()["m"].points] == [
        (11 * stride, 0.0),
        (12 * stride, float(stride)),
        (13 * stride, 2.0 * stride),
    ]


def test_what_is_no_finite_number_is_counted_and_leaves_no_point() -> None:
    run = Run("m")
    for value in (1.0, math.nan, "three", math.inf, 5, 6.0):
        run.update(m=value)
    assert [(point.position, point.raw, point.smoothed) for point in run.taken()["m"].points] == [
        (0, 1.0, 1.0),
        (4, 5.0, 1.0),  # the smoother of this test takes floats alone
        (5, 6.0, 6.0),
    ]


def test_rare_metric_is_seen_whenever_it_is_there() -> None:
    run = Run("m", "rare")
    for at in range(100):
        run.update(**({"m": 1.0, "rare": float(at)} if at % 7 == 3 else {"m": 1.0}))
    curves = run.taken()
    assert [(point.position, point.samples, point.raw) for point in curves["rare"].points] == [
        (place, at + 1, float(at)) for place, at in enumerate(range(3, 100, 7))
    ]
    assert [point.raw for point in curves["m"].points] == [1.0] * 100
