from milepost.money.costs import cost
from milepost.money.ledger import Ledger
from milepost.money.lineage import position_at
from milepost.money.position import Position
from tests.helpers import START, ledger


def test_samples_are_found_on_the_lineage() -> None:
    book = ledger()
    segment = book.segments[0]
    for samples, seconds in ((100, 10.0), (300, 20.0)):
        book = book.marked("heartbeat", Position(samples, seconds, START + seconds, segment.id))
    here = Position(300, 20.0, START + 20, segment.id, 3)
    assert position_at(book, here, 200) == 15.0
    assert position_at(book, here, 50) == 5.0
    assert position_at(book, here, 0) == 0.0
    assert position_at(book, here, 300) == 20.0


def test_ledger_that_goes_round_in_circles_hangs_nobody() -> None:
    book = ledger().opened(wall_time=START + 9)
    first, second = book.segments
    book = Ledger((book.started_at(0.0, 0, (second.id, 1)).segments[1], first))
    assert cost(book, Position(1, 5.0, START + 20, first.id, 1)) is not None
