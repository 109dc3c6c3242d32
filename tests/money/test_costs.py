import msgspec
import pytest
from hypothesis import given, strategies as st

from milepost.money.costs import billed_cost, cost, cost_lines, total_cost
from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.lineage import lineage
from milepost.money.position import Position
from milepost.money.quote import BillingRule
from milepost.money.segment import Mark
from tests.helpers import START, ledger, quote
from tests.money.tapes import Tape, tapes


@given(tapes())
def test_cost_is_the_integral_of_the_price_over_the_lineage(tape: Tape) -> None:
    segment = tape.ledger.segments[-1]
    here = Position(0, tape.elapsed, segment.marks[-1].wall_time, segment.id, len(segment.marks))
    assert cost(tape.ledger, here) == pytest.approx(sum(usd for _, usd in tape.path), rel=1e-9, abs=1e-12)
    assert total_cost(tape.ledger, here) == pytest.approx(tape.spent, rel=1e-9, abs=1e-12)
    assert billed_cost(tape.ledger, here) == pytest.approx(tape.billed, rel=1e-9, abs=1e-12)


def test_price_steps_are_charged_where_the_time_was_spent() -> None:
    book = ledger(3.6, (100, 7.2), (200, 1.8), num_nodes=2)
    segment = book.segments[0]
    here = Position(0, 250.0, START + 250, segment.id, 1)
    # 100 s at 0.001 USD/s, 100 s at 0.002 and 50 s at 0.0005, on two nodes.
    assert cost(book, here) == pytest.approx(2 * (0.1 + 0.2 + 0.025))


def test_a_mark_moves_no_bit() -> None:
    book = ledger(1.624, num_nodes=3)
    segment = book.segments[0]
    marked = book
    for second in (7, 13, 31, 32):
        marked = marked.marked("heartbeat", Position(second, second / 3, START + second, segment.id))
    assert cost(marked, Position(0, 100 / 3, START + 100, segment.id, 5)) == cost(
        book, Position(0, 100 / 3, START + 100, segment.id, 1)
    )


def test_lost_work_is_billed_and_not_in_the_lineage() -> None:
    """Ten minutes, preempted; resumed from a checkpoint at four minutes on another type; six minutes more."""
    book = ledger(6.0)
    first = book.segments[0]
    book = book.marked("end", Position(1000, 600.0, START + 600, first.id, 1), "preempted")
    book = book.opened(Instance(), quote(12.0), wall_time=START + 900, elapsed_seconds=240.0, samples=400)
    here = Position(1000, 600.0, START + 1260, book.segments[1].id, 1)
    assert cost(book, here) == pytest.approx(4 / 60 * 6.0 + 6 / 60 * 12.0)
    assert total_cost(book, here) == pytest.approx(10 / 60 * 6.0 + 6 / 60 * 12.0)
    assert billed_cost(book, here) == pytest.approx(10 / 60 * 6.0 + 6 / 60 * 12.0)


def test_crossing_keeps_the_cost_of_its_lineage_after_a_rewind() -> None:
    book = ledger(3.6)
    segment = book.segments[0]
    crossing = Position(100, 100.0, START + 100, segment.id, 1)
    book = book.marked("crossing", crossing)
    book = book.marked("rewind", Position(50, 50.0, START + 150, segment.id, 2))
    assert cost(book, crossing) == pytest.approx(0.1)
    assert cost(book, Position(90, 90.0, START + 190, segment.id, 3)) == pytest.approx(0.09)


def billed(rule: BillingRule, seconds: float, why: str = "closed", **fields: object) -> float | None:
    book = ledger(3600.0, **fields)
    only = msgspec.structs.replace(book.segments[0], billing=rule)
    here = Position(0, 0.0, START + seconds, only.id, 1)
    book = Ledger((only,)).marked("end", here, why)
    return billed_cost(book, msgspec.structs.replace(here, marks=2))


def test_billing_rules() -> None:
    """At 3,600 USD an hour a second costs a dollar."""
    assert billed(BillingRule(), 12.5) == pytest.approx(12.5)
    assert billed(BillingRule(granularity_seconds=1.0), 12.5) == pytest.approx(13.0)
    assert billed(BillingRule(granularity_seconds=60.0), 60.0) == pytest.approx(60.0)
    assert billed(BillingRule(granularity_seconds=1.0, minimum_seconds=60.0), 12.5) == pytest.approx(60.0)
    free = BillingRule(free_if_reclaimed_within_seconds=3600.0)
    assert billed(free, 3000.0, "preempted", market="spot") == 0.0
    assert billed(free, 3601.0, "preempted", market="spot") == pytest.approx(3601.0)
    assert billed(free, 3000.0, "closed", market="spot") == pytest.approx(3000.0)
    assert billed(free, 3000.0, "preempted", market="on_demand") == pytest.approx(3000.0)


def test_minimum_is_billed_once_for_one_instance_start() -> None:
    rule = BillingRule(minimum_seconds=60.0)
    book = Ledger()
    for start in (0, 10):  # two processes on one machine, the second from the machine's boot: that is billed already
        book = book.opened(
            Instance(), quote(3600.0), wall_time=START + start, billed_from=START, instance_start="boot", billing=rule
        )
        at = Position(0, 0.0, START + start + 10, book.segments[-1].id, 1)
        book = book.marked("end", at, "closed")
    assert billed_cost(book, Position(0, 0.0, START + 20, book.segments[-1].id, 2)) == pytest.approx(60.0)


def test_machine_billed_from_its_boot_is_billed_on_where_its_clock_was_put_back() -> None:
    """It had run for 50 s, and 10 s later its clock stands an hour behind; its boot is reckoned from that clock."""
    book = Ledger().opened(
        Instance(num_nodes=1), quote(3600.0), wall_time=START + 10, billed_from=START, instance_start="machine"
    )
    book = book.marked("heartbeat", Position(5, 40.0, START + 50))
    back = START + 60 - 3600
    book = book.opened(
        Instance(num_nodes=1), quote(3600.0), wall_time=back, billed_from=back - 60, instance_start="machine",
        resumes=book.checkpoint, elapsed_seconds=40.0,
    )  # fmt: skip
    here = Position(9, 60.0, back + 20, book.segments[-1].id, 1)
    assert billed_cost(book, here) == pytest.approx(80.0)


def test_segment_that_has_not_run_needs_no_price() -> None:
    book = ledger(None)
    segment = book.segments[0]
    assert segment.marks == (Mark("start", START, 0.0, 0),)
    assert cost(book, Position(0, 0.0, START, segment.id, 1)) == 0.0
    assert cost(book, Position(0, 1.0, START + 1, segment.id, 1)) is None


def test_storage_and_network_have_lines_of_their_own_and_compute_stays_as_it_is() -> None:
    """730 GB at a dollar a month cost a dollar an hour; two segments that share a machine pay for it once."""
    book = Ledger(storage=Storage(730.0, 1.0), network=Network(20.0, 0.09))
    plain = Ledger()
    for start in (0, 1800):
        fleet = Instance(num_nodes=4)
        times = {"wall_time": START + start, "billed_from": START, "instance_start": "boot"}
        book, plain = (each.opened(fleet, quote(3.0), **times) for each in (book, plain))  # type: ignore[arg-type]
        book, plain = (
            each.marked("end", Position(0, 0.0, START + start + 1800, each.segments[-1].id, 1), "closed")
            for each in (book, plain)
        )
    end = Position(0, 0.0, START + 3600, book.segments[-1].id, 2)
    assert cost_lines(book, end) == {
        "compute": pytest.approx(12.0),
        "storage": pytest.approx(1.0),
        "network": pytest.approx(1.8),
    }
    plain_end = msgspec.structs.replace(end, segment=plain.segments[-1].id)
    assert cost_lines(plain, plain_end) == {"compute": billed_cost(book, end)}


def test_what_rounding_adds_is_billed_at_the_closing_price() -> None:
    book = Ledger().opened(
        Instance(), quote(3600.0, (20, 7200.0)), wall_time=START, billing=BillingRule(minimum_seconds=60.0)
    )
    end = Position(0, 0.0, START + 10, book.segments[0].id, 1)
    book = book.marked("end", end, "closed")
    assert billed_cost(book, Position(0, 0.0, START + 10, book.segments[0].id, 2)) == pytest.approx(60.0)


@given(tapes(), st.data())
def test_late_price_restates_every_figure(tape: Tape, data: st.DataObject) -> None:
    here = tape.here
    late = data.draw(st.sampled_from(tape.ledger.segments))
    waiting = tape.ledger.restated(late.id, None, "the price is under way")
    if any(stretch.segment.id == late.id for stretch in lineage(tape.ledger, here)):
        assert cost(waiting, here) is None
    restated = waiting.restated(late.id, late.quote)
    for figure in (cost, total_cost, billed_cost):
        assert figure(restated, here) == figure(tape.ledger, here)
