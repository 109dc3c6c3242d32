"""What every sink does with figures."""

from collections.abc import Sequence

import pytest

from milepost.sinks.sink import Figure, Sink
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import feed, ledger, threshold


class Board(Sink):
    """Shows figures by key, where it can."""

    name = "board"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, object]]] = []
        self.can_write = True

    def _write(self, changed: Sequence[Figure], samples: int) -> bool:
        self.rows.append((samples, {figure.key: figure.value for figure in changed}))
        return self.can_write


def test_what_has_not_changed_is_not_written_again() -> None:
    board = Board()
    board.write([Figure("t", "achieved", False), Figure(None, "cost_so_far", 1.0)], 1)
    board.write([Figure("t", "achieved", False), Figure(None, "cost_so_far", 2.0)], 2)
    board.write([Figure("t", "achieved", False), Figure(None, "cost_so_far", 2.0)], 3)
    board.write([Figure("u", "achieved", False)], 4)
    assert board.rows == [
        (1, {"achieved": False, "cost_so_far": 1.0}),
        (2, {"cost_so_far": 2.0}),
        (4, {"achieved": False}),
    ]


def test_what_could_not_be_written_is_handed_in_again() -> None:
    board = Board()
    board.can_write = False
    board.write([Figure(None, "cost_so_far", 1.0)], 1)
    board.can_write = True
    board.write([Figure(None, "cost_so_far", 1.0)], 2)
    board.write([Figure(None, "cost_so_far", 1.0)], 3)
    assert [samples for samples, _ in board.rows] == [1, 2]


def test_figures_have_names_of_no_system_and_know_those_of_wandb() -> None:
    tracker = PerformanceThresholdTracker([threshold(name="a.b_c-d")], ledger=ledger())
    feed(tracker, [1.0, 3.0])
    metrics = tracker.get_wandb_metrics()
    figures = [Figure.named(*each) for each in metrics.items()]
    assert {figure.name: figure.value for figure in figures} == metrics
    assert Figure("a.b_c-d", "samples_to_threshold", 20) in figures
    assert Figure(None, "usd_per_hour", 3.6) in figures
    assert {figure.threshold for figure in figures} == {"a.b_c-d", None}


@pytest.mark.parametrize(
    ("figure", "name"),
    [
        (Figure("t", "achieved", True), "performance_threshold/t/achieved"),
        (Figure(None, "cost_so_far", 0.5), "performance_threshold/cost_so_far"),
    ],
)
def test_name_in_wandb_is_the_given_one(figure: Figure, name: str) -> None:
    assert (figure.name, Figure.named(name, figure.value)) == (name, figure)
