from typing import Any

import msgspec
import pytest

from milepost.money.breakdown import spending
from milepost.money.costs import billed_cost
from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.quote import BillingRule
from milepost.money.segment import MarkKind
from tests.helpers import START, ledger, quote


def rows(book: Ledger, until: Position) -> list[tuple[Any, ...]]:
    return [(each.purpose, each.name, each.seconds, each.usd) for each in spending(book, until)]


def test_every_second_that_was_paid_for_has_a_purpose() -> None:
    """At a dollar a second: 5 s until tracking began, 20 of training, 10 of evaluation, 10 of training, 10 stalled.

    Then it goes back to second 10 of the timer, and trains for 10 more. 65 s are billed as 120; the disk costs a dollar
    a second.
    """
    book = Ledger(storage=Storage(730.0, 3600.0), network=Network(2.0, 1.5)).opened(
        Instance(),
        quote(3600.0),
        wall_time=START,
        billed_from=START - 5,
        billing=BillingRule(granularity_seconds=60.0),
    )
    marks: tuple[tuple[MarkKind, int, int, str | None], ...] = (
        *(("phase", 20, 20, "evaluation"), ("resume", 30, 20, None), ("heartbeat", 40, 30, None)),
        *(("heartbeat", 50, 30, None), ("rewind", 50, 10, None), ("end", 60, 20, "closed")),
    )
    for kind, wall, elapsed, name in marks:
        book = book.marked(kind, Position(0, elapsed, START + wall), name)
    assert book.here is not None
    assert rows(book, book.here) == [
        ("training", None, pytest.approx(20.0), pytest.approx(20.0)),
        ("lost", None, pytest.approx(20.0), pytest.approx(20.0)),
        ("startup", None, pytest.approx(5.0), pytest.approx(5.0)),
        ("phase", "evaluation", pytest.approx(10.0), pytest.approx(10.0)),
        ("stalled", None, pytest.approx(10.0), pytest.approx(10.0)),
        ("rounding", None, None, pytest.approx(55.0)),
        ("storage", None, None, pytest.approx(65.0)),
        ("network", None, None, pytest.approx(3.0)),
    ]
    assert billed_cost(book, book.here) == pytest.approx(120.0)


def test_part_without_a_price_leaves_its_own_purpose_unknown() -> None:
    book = ledger(3600.0)
    book = book.marked("end", Position(0, 10.0, START + 10), "preempted")
    book = book.opened(wall_time=START + 20, billed_from=START + 15, elapsed_seconds=10.0)
    here = Position(0, 30.0, START + 40, book.segments[1].id, 1)
    assert rows(book, here) == [
        ("training", None, pytest.approx(30.0), None),
        ("startup", None, pytest.approx(5.0), None),
    ]
    before = msgspec.structs.replace(here, segment=book.segments[0].id, marks=2, elapsed_seconds=10.0)
    before = msgspec.structs.replace(before, wall_time=START + 10)
    assert rows(book, before) == [("training", None, pytest.approx(10.0), pytest.approx(10.0))]
