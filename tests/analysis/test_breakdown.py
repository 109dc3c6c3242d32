"""A node costs a dollar a second, unless told otherwise."""

from typing import Any

import msgspec
import pytest

from milepost.analysis.breakdown import (
    breakdown,
    has_wall_clock,
    is_assumed,
    is_priced,
    machine,
    machine_uses,
    segment_costs,
    total_usd,
)
from milepost.money.breakdown import Spent
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.quote import BillingRule
from milepost.runs.record import RunRecord
from tests.analysis.records import DOLLAR_A_SECOND, on, run_of
from tests.helpers import START, quote

PRICE = quote(DOLLAR_A_SECOND)
ASSUMED = msgspec.structs.replace(PRICE, assumed=True)
FLEET = Instance(instance_type="own.8x", market="on_demand", region="here", num_nodes=2)
SPOT = Instance(instance_type="own.8x", market="spot", region="here", zone="here-a")


def stretch(
    instance: Instance = SPOT,
    price: Any = PRICE,
    *,
    before: Ledger | None = None,
    since: float = 0.0,
    lasted: float = 60.0,
    trained: float | None = None,
    why: str = "closed",
    **fields: Any,
) -> Ledger:
    """Return a ledger with one more segment: when it began, how long it lasted and trained, seconds; how it ended."""
    book = (before or Ledger()).opened(instance, price, wall_time=START + since, **fields)
    elapsed = lasted if trained is None else trained
    return book.marked("end", Position(0, elapsed, START + since + lasted, book.segments[-1].id, 1), why)


def run(name: str, book: Ledger) -> RunRecord:
    return on(book, run_of(name, [1.0]))


BOOTED = stretch(FLEET, billed_from=START - 10)
"""Two nodes: 10 s of start-up, 60 s of training."""

STALLED = stretch(price=ASSUMED, lasted=50.0, trained=30.0)
HALF_PRICED = stretch(price=None, before=BOOTED, since=60.0, lasted=40.0)


def test_money_of_runs_is_added_up_by_purpose() -> None:
    unpriced = run("unpriced", HALF_PRICED)
    found = breakdown([run("stalled", STALLED), unpriced, run("booted", BOOTED)])
    assert [each.purpose for each in found.spent] == ["training", "startup", "stalled"]
    assert [each.seconds for each in found.spent] == pytest.approx([90.0, 10.0, 20.0])
    assert [each.usd for each in found.spent] == pytest.approx([150.0, 20.0, 20.0])
    assert found.total_usd == pytest.approx(190.0)
    assert (found.unpriced, found.assumed) == (("unpriced",), True)
    assert not breakdown([run("booted", BOOTED)]).assumed


def test_run_that_paid_nothing_is_unpriced_only_where_its_price_is_not_known() -> None:
    assert breakdown([run("empty", Ledger())]).unpriced == ()
    assert breakdown([run("short", stretch(lasted=0.0))]).unpriced == ()
    nothing = breakdown([run("short", stretch(price=None, lasted=0.0))])
    assert (nothing.spent, nothing.total_usd, nothing.unpriced) == ((), 0.0, ("short",))


def test_total_is_not_known_where_a_part_is_not() -> None:
    known, unknown = Spent("training", None, 1.0, 2.5), Spent("lost", None, 1.0, None)
    assert total_usd([known, known]) == 5.0
    assert total_usd([known, unknown]) is None
    assert total_usd([]) == 0.0


def test_ledger_says_whether_its_prices_and_times_are_known() -> None:
    assert [is_priced(book) for book in (BOOTED, HALF_PRICED, STALLED)] == [True, False, True]
    assert [is_assumed(book) for book in (BOOTED, HALF_PRICED, STALLED)] == [False, False, True]
    clockless = msgspec.structs.replace(BOOTED.segments[0], has_wall_clock=False)
    assert [has_wall_clock(book) for book in (BOOTED, Ledger((clockless,)))] == [True, False]


def test_segments_that_share_a_machine_pay_for_their_time_once_and_stand_in_their_order() -> None:
    """On machine x until 60; on y until 100; on x again, from 50 on as it says, though that was paid for."""
    book = stretch(instance_start="x")
    book = stretch(FLEET, before=book, since=60.0, lasted=40.0, instance_start="y")
    book = stretch(before=book, since=70.0, lasted=30.0, billed_from=START + 50, instance_start="x")
    costs = [(use.start - START, use.end - START, usd) for use, usd in segment_costs(book)]
    assert costs == [(0.0, 60.0, 60.0), (60.0, 100.0, 80.0), (60.0, 100.0, 40.0)]
    assert [use.segment.id for use, _ in segment_costs(book)] == [segment.id for segment in book.segments]
    assert segment_costs(Ledger()) == []


def test_segment_costs_nothing_where_its_machine_was_taken_back_for_free() -> None:
    rule = BillingRule(free_if_reclaimed_within_seconds=3600.0)
    book = stretch(why="preempted", billing=rule)
    book = stretch(price=None, before=book, since=60.0, lasted=10.0)
    assert [usd for _, usd in segment_costs(book)] == [0.0, None]


def test_machines_are_told_apart_by_type_market_and_place_the_dearest_first() -> None:
    """A minimum of 60 s is billed for the spot node; the fleet was used twice, the second time at half the price."""
    spot = stretch(price=ASSUMED, lasted=50.0, billing=BillingRule(minimum_seconds=60.0))
    cheaper = stretch(FLEET, quote(DOLLAR_A_SECOND / 2), lasted=70.0)
    runs = [run("spot", spot), run("booted", BOOTED), run("cheaper", cheaper), run("half", HALF_PRICED)]
    uses = machine_uses(runs)
    assert list(uses) == ["own.8x on-demand here", "own.8x spot here-a"]
    fleet, single = uses.values()
    assert fleet.runs == {"booted", "cheaper", "half"}
    assert (fleet.node_seconds, fleet.unpriced_seconds) == (420.0, 0.0)  # 3 × 70 s of two nodes
    assert [fleet.usd, fleet.billed_usd] == pytest.approx([350.0, 350.0])
    assert fleet.usd_per_hour == pytest.approx(DOLLAR_A_SECOND * 350 / 420)
    assert (single.node_seconds, single.unpriced_seconds) == (50.0, 40.0)
    assert [single.usd, single.billed_usd] == pytest.approx([50.0, 60.0])
    assert (fleet.assumed, single.assumed) == (False, True)


def test_time_that_nobody_billed_has_a_price_all_the_same() -> None:
    rule = BillingRule(free_if_reclaimed_within_seconds=3600.0)
    free = stretch(Instance(instance_type="a1", market="spot"), why="preempted", billing=rule)
    uses = machine_uses([run("free", free), run("booted", BOOTED)])
    assert list(uses) == ["own.8x on-demand here", "a1 spot"]
    assert uses["a1 spot"].usd_per_hour == pytest.approx(DOLLAR_A_SECOND)
    assert uses["a1 spot"].billed_usd == 0.0


def test_machine_without_a_price_has_no_price_an_hour() -> None:
    (only,) = machine_uses([run("unpriced", stretch(price=None)), run("empty", Ledger())]).values()
    assert (only.usd_per_hour, only.billed_usd, only.unpriced_seconds) == (None, 0.0, 60.0)


def test_machine_is_named_by_what_is_known_of_it() -> None:
    assert machine(stretch(Instance()).segments[0]) == "unknown"
    block = Instance(instance_type="p5.48xlarge", market="capacity_block", region="r")
    assert machine(stretch(block).segments[0]) == "p5.48xlarge capacity-block r"
