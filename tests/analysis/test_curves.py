import msgspec
import pytest

from milepost.analysis.curves import Level, crossed, has_late, lost_of, name_of, on_the_way, watching, with_usd
from milepost.runs.record import Curve, CurvePoint
from milepost.tracking.thresholds import HalfLife, Smoothing
from tests.analysis.records import as_replayed, run_of, untimed, with_results
from tests.helpers import threshold


def curve(*points: tuple[int, float]) -> Curve:
    """A curve through samples and elapsed seconds."""
    return Curve("m", Smoothing(), 1, tuple(CurvePoint(at, *point, 0.0, 0.0) for at, point in enumerate(points)))


def places(points: list[CurvePoint]) -> list[int]:
    return [point.position for point in points]


@pytest.mark.parametrize(
    ("points", "led", "lost"),
    [
        ([(10, 1.0), (20, 2.0)], [0, 1], []),
        # Back to the checkpoint at 10: what led to 30 is lost; it went on from point 0.
        ([(10, 1.0), (20, 2.0), (30, 3.0), (20, 2.5), (30, 3.5)], [0, 3, 4], [[0, 1, 2]]),
        # Back twice, the second time behind the first.
        ([(10, 1.0), (20, 2.0), (15, 1.5), (25, 2.5), (12, 1.2)], [0, 4], [[0, 1], [2, 3]]),
        # Back behind everything: nothing stands before what was lost.
        ([(20, 2.0), (30, 3.0), (10, 1.0)], [2], [[0, 1]]),
        # Elapsed went back where samples stood still, and samples where elapsed went on.
        ([(10, 1.0), (20, 2.0), (20, 1.5)], [0, 2], [[0, 1]]),
        ([(10, 1.0), (20, 2.0), (15, 3.0)], [0, 2], [[0, 1]]),
    ],
)
def test_what_led_to_the_end_is_told_from_what_was_lost(
    points: list[tuple[int, float]], led: list[int], lost: list[list[int]]
) -> None:
    assert places(on_the_way(curve(*points))) == led
    assert [places(stretch) for stretch in lost_of(curve(*points))] == lost


@pytest.mark.parametrize(
    ("points", "led", "lost"),
    [
        # An evaluation of the checkpoint at 10, and counts that jitter by two rows: nothing is lost.
        ([(10, 1.0), (30, 3.0), (15, 1.5), (40, 4.0)], [0, 2, 1, 3], []),
        ([(30, 3.0), (10, 1.0), (20, 2.0), (40, 4.0)], [1, 2, 0, 3], []),
        # Nothing follows.
        ([(10, 1.0), (30, 3.0), (20, 2.0)], [0, 2, 1], []),
        # It went back, and not only one row of it.
        ([(10, 1.0), (30, 3.0), (20, 2.0), (25, 2.5), (28, 2.8), (40, 4.0)], [0, 2, 3, 4, 5], [[0, 1]]),
    ],
)
def test_late_observation_stands_at_its_place_and_nothing_is_lost(
    points: list[tuple[int, float]], led: list[int], lost: list[list[int]]
) -> None:
    assert places(on_the_way(curve(*points), has_late=True)) == led
    assert [places(stretch) for stretch in lost_of(curve(*points), has_late=True)] == lost


def test_run_has_late_observations_where_a_result_counts_them() -> None:
    record = run_of("a", [1.0, 2.0])
    assert not has_late(record)
    assert has_late(with_results(record, late_observations=2))


def test_points_bear_the_dollars_that_led_to_them() -> None:
    record = run_of("a", [1.0, 2.0, 3.0])
    points = on_the_way(record.curves[0])
    assert with_usd(record, points) == [Level(points[0], 1.0), Level(points[1], 2.0), Level(points[2], 3.0)]
    for unknown in (run_of("unpriced", [1.0, 2.0, 3.0], usd_per_hour=None), as_replayed(untimed(record))):
        assert [level.usd for level in with_usd(unknown, points)] == [None, None, None]


@pytest.mark.parametrize(
    ("smoothing", "name"),
    [
        (Smoothing(), "m"),
        (Smoothing(1.0), "m (raw)"),
        (Smoothing(0.5), "m (α = 0.5)"),
        (Smoothing(bias_correction=False), "m (α = 0.1, uncorrected)"),
        (Smoothing(half_life=HalfLife(samples=5000)), "m (half-life 5,000 samples)"),
        (Smoothing(half_life=HalfLife(seconds=30)), "m (half-life 30 s)"),
    ],
)
def test_metric_is_named_with_its_smoothing_where_that_is_not_the_usual_one(smoothing: Smoothing, name: str) -> None:
    assert name_of(Curve("m", smoothing, 1, ())) == name


def test_thresholds_watch_the_curve_of_their_metric_and_smoothing() -> None:
    near, far = threshold(name="near"), threshold(9.0, name="far")
    record = run_of("a", [1.0, 2.0], near, far, threshold(name="smooth", smoothing_factor=0.1))
    (raw,) = record.curves
    assert watching(record, raw) == [near, far]
    assert [result.threshold for result in crossed(record, raw)] == ["near"]
    assert watching(record, msgspec.structs.replace(raw, metric="other")) == []
