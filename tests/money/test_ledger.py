import msgspec
from hypothesis import given

from milepost.money.extra_costs import Storage
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger, in_order
from milepost.money.position import Position
from tests.helpers import START, ledger, quote
from tests.money.tapes import Tape, tapes


@given(tapes())
def test_ledger_survives_its_builtin_types_and_merging_with_itself(tape: Tape) -> None:
    copy = msgspec.convert(msgspec.to_builtins(tape.ledger), Ledger)
    assert copy == tape.ledger
    assert tape.ledger.merged(copy) == tape.ledger


def test_merged_segments_stand_as_either_ledger_has_them_and_else_by_their_starts() -> None:
    a, b, c, d, e = (ledger().started_by(START + at).segments[0] for at in (0, 90, 20, 30, 40))
    assert in_order([a, b, c], [a, c]) == [a, b, c]
    assert in_order([a, c], [a, b, c]) == [a, b, c]  # b's clock was ahead
    assert in_order([a, c], [d, e]) == [a, c, d, e]
    assert in_order([], [b, a]) == [b, a]
    assert in_order([a, b], [b, a]) == [a, b]


def test_merging_counts_a_segment_once_and_keeps_the_longer() -> None:
    early = ledger()
    late = early.marked("heartbeat", Position(1, 1.0, START + 1, early.segments[0].id))
    other = ledger()
    merged = other.merged(early).merged(late)
    assert [segment.id for segment in merged.segments] == [early.segments[0].id, other.segments[0].id]
    assert len(merged.segments[0].marks) == 2


def test_merging_keeps_the_final_price_and_the_charges() -> None:
    early = Ledger(storage=Storage(1.0, 1.0)).opened(Instance(), quote(2.0, provisional=True), wall_time=START)
    final = early.restated(early.segments[0].id, quote(3.0))
    for merged in (early.merged(final), final.merged(early), ledger().merged(final)):
        assert merged.segments[0].quote == quote(3.0)
        assert merged.storage == Storage(1.0, 1.0)


def test_price_that_stands_in_is_better_than_none_when_ledgers_meet() -> None:
    none = ledger(None)
    stand_in = none.restated(none.segments[0].id, quote(2.0, provisional=True))
    for merged in (none.merged(stand_in), stand_in.merged(none)):
        assert merged.segments[0].quote == quote(2.0, provisional=True)
