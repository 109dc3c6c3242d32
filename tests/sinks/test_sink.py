"""What every sink does with figures."""

from collections.abc import Sequence

from milepost.sinks.sink import Sink
from milepost.tracking.keys import Figure


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
