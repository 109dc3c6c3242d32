import pytest

from milepost.analysis.frontier import frontier, lines_over_dollars
from milepost.runs.record import RunRecord
from milepost.tracking.thresholds import PerformanceThreshold
from tests.analysis.records import run_of
from tests.helpers import threshold

RISING = [run_of("a", [1.0, 4.0, 3.0]), run_of("b", [2.0, 2.0, 5.0, 1.0])]
"""At a dollar a point: 2 is had for a dollar, 4 for two, 5 for three; nothing that comes later is better."""


def test_lines_are_those_whose_dollars_are_known() -> None:
    unpriced = run_of("unpriced", [1.0, 2.0], usd_per_hour=None)
    smooth = run_of("smooth", [1.0], threshold(smoothing_factor=0.1))
    by_metric, left_out = lines_over_dollars([*RISING, unpriced, smooth])
    assert {name: [line.record.run.id for line in lines] for name, lines in by_metric.items()} == {
        "m (raw)": ["a", "b"],
        "m": ["smooth"],
    }
    assert [(level.usd, level.point.smoothed) for level in by_metric["m (raw)"][0].levels] == [
        (1.0, 1.0),
        (2.0, 4.0),
        (3.0, 3.0),
    ]
    assert left_out == ["unpriced"]


@pytest.mark.parametrize(
    ("runs", "thresholds", "steps"),
    [
        (RISING, [threshold()], [(1.0, 2.0), (2.0, 4.0), (3.0, 5.0), (4.0, 5.0)]),
        # A loss: 1 for a dollar is never beaten.
        (RISING, [threshold(0.5, "<=")], [(1.0, 1.0), (4.0, 1.0)]),
        (RISING[1:], [threshold(0.5, "<")], [(1.0, 2.0), (4.0, 1.0), (4.0, 1.0)]),
        # Which way is better is not known: no threshold, one on a value itself, or two that differ.
        (RISING, [], []),
        (RISING, [threshold(comparison="==")], []),
        (RISING, [threshold(), threshold(comparison="<", name="less")], []),
        ([], [threshold()], []),
    ],
)
def test_frontier_steps_to_the_best_that_so_much_has_bought(
    runs: list[RunRecord], thresholds: list[PerformanceThreshold], steps: list[tuple[float, float]]
) -> None:
    by_metric, _ = lines_over_dollars(runs)
    assert list(frontier(by_metric.get("m (raw)", []), thresholds)) == steps
