import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.money.costs import billed_cost, cost, cost_lines, total_cost
from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger, in_order
from milepost.money.lineage import lineage, position_at
from milepost.money.position import Position
from milepost.money.quote import BillingRule, Quote
from milepost.money.segment import Mark, MarkKind
from tests.helpers import START, ledger, quote


class Tape:
    """Runs a training on a ledger, and beside it adds up every wall-clock second at the price of that second."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.now = START
        self.elapsed = 0.0
        self.path: list[tuple[float, float]] = []  # of the lineage: elapsed at a slice's end, USD of the slice
        self.spent = 0.0
        self.billed = 0.0

    def open(self, price: Quote, instance: Instance, elapsed: float) -> None:
        self.elapsed = elapsed
        self.path = [piece for piece in self.path if piece[0] <= elapsed]
        self.ledger = self.ledger.opened(instance, price, wall_time=self.now, elapsed_seconds=elapsed)

    def run(self, seconds: int, pace: float) -> None:
        """Let wall time pass, the training timer advancing at ``pace``: 0 is a stall."""
        segment = self.ledger.current
        assert segment is not None
        assert segment.quote is not None
        for _ in range(seconds):
            usd = segment.quote.usd_per_hour_at(self.now) * segment.instance.nodes_charged / 3600
            self.now += 1
            self.billed += usd
            if pace:
                self.elapsed += pace
                self.spent += usd * pace
                self.path.append((self.elapsed, usd * pace))
        self.mark("heartbeat")

    def go_back(self, elapsed: float) -> None:
        self.elapsed = elapsed
        self.path = [piece for piece in self.path if piece[0] <= elapsed]
        self.mark("rewind")

    def mark(self, kind: MarkKind) -> None:
        self.ledger = self.ledger.marked(kind, self.here)

    @property
    def here(self) -> Position:
        segment = self.ledger.current
        assert segment is not None
        return Position(0, self.elapsed, self.now, segment.id, len(segment.marks))


prices = st.sampled_from([0.9, 3.6, 36.0])
price_steps = st.lists(st.tuples(st.integers(0, 300), prices), max_size=4, unique_by=lambda step: step[0]).map(sorted)
fleets = st.builds(Instance, num_nodes=st.integers(1, 8), share=st.sampled_from([None, 0.25, 1.0]))


@st.composite
def tapes(draw: st.DrawFn) -> Tape:
    tape = Tape()
    for _ in range(draw(st.integers(1, 4))):
        boundaries = [0.0, *(elapsed for elapsed, _ in tape.path)]
        start = draw(st.sampled_from(boundaries))  # a resume from some checkpoint of before
        tape.open(quote(draw(prices), *draw(price_steps)), draw(fleets), start)
        for _ in range(draw(st.integers(0, 5))):
            if draw(st.booleans()):
                tape.run(draw(st.integers(0, 60)), draw(st.sampled_from([0.0, 0.5, 1.0])))
            else:
                tape.go_back(draw(st.sampled_from([0.0, *(elapsed for elapsed, _ in tape.path)])))
        tape.mark("end")
        tape.now += draw(st.integers(0, 100))  # nothing runs in between
    return tape


@given(tapes())
def test_cost_is_the_integral_of_the_price_over_the_lineage(tape: Tape) -> None:
    segment = tape.ledger.segments[-1]
    here = Position(0, tape.elapsed, segment.marks[-1].wall_time, segment.id, len(segment.marks))
    assert cost(tape.ledger, here) == pytest.approx(sum(usd for _, usd in tape.path), rel=1e-9, abs=1e-12)
    assert total_cost(tape.ledger, here) == pytest.approx(tape.spent, rel=1e-9, abs=1e-12)
    assert billed_cost(tape.ledger, here) == pytest.approx(tape.billed, rel=1e-9, abs=1e-12)


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


@given(tapes())
def test_ledger_survives_its_builtin_types_and_merging_with_itself(tape: Tape) -> None:
    copy = msgspec.convert(msgspec.to_builtins(tape.ledger), Ledger)
    assert copy == tape.ledger
    assert tape.ledger.merged(copy) == tape.ledger


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


def test_merged_segments_stand_as_either_ledger_has_them_and_else_by_their_starts() -> None:
    a, b, c, d, e = (ledger().started_by(START + at).segments[0] for at in (0, 90, 20, 30, 40))
    assert in_order([a, b, c], [a, c]) == [a, b, c]
    assert in_order([a, c], [a, b, c]) == [a, b, c]  # b's clock was ahead
    assert in_order([a, c], [d, e]) == [a, c, d, e]
    assert in_order([], [b, a]) == [b, a]
    assert in_order([a, b], [b, a]) == [a, b]


def test_ledger_that_goes_round_in_circles_hangs_nobody() -> None:
    book = ledger().opened(wall_time=START + 9)
    first, second = book.segments
    book = Ledger((book.started_at(0.0, 0, (second.id, 1)).segments[1], first))
    assert cost(book, Position(1, 5.0, START + 20, first.id, 1)) is not None


def test_merging_counts_a_segment_once_and_keeps_the_longer() -> None:
    early = ledger()
    late = early.marked("heartbeat", Position(1, 1.0, START + 1, early.segments[0].id))
    other = ledger()
    merged = other.merged(early).merged(late)
    assert [segment.id for segment in merged.segments] == [early.segments[0].id, other.segments[0].id]
    assert len(merged.segments[0].marks) == 2


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


def test_merging_keeps_the_final_price_and_the_charges() -> None:
    early = Ledger(storage=Storage(1.0, 1.0)).opened(Instance(), quote(2.0, provisional=True), wall_time=START)
    final = early.restated(early.segments[0].id, quote(3.0))
    for merged in (early.merged(final), final.merged(early), ledger().merged(final)):
        assert merged.segments[0].quote == quote(3.0)
        assert merged.storage == Storage(1.0, 1.0)
