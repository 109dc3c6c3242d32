import pytest

from milepost.money.position import Position
from milepost.money.segment import INTERRUPTED, PREEMPTED, Mark
from tests.helpers import START, ledger

HERE = Position(50, 5.0, START + 10)


@pytest.mark.parametrize(("known_until", "ends_at"), [(None, 10), (START + 4, 10), (START + 25, 25)])
def test_segment_whose_process_is_gone_ends_where_that_was_last_known_to_live(
    known_until: float | None, ends_at: float
) -> None:
    (segment,) = ledger().marked("heartbeat", HERE).segments
    ended = segment.ended(known_until)
    assert segment.end is None
    assert ended.end == Mark("end", START + ends_at, 5.0, 50, INTERRUPTED)
    assert ended.ended(START + 99, PREEMPTED) == ended


def test_segment_ends_as_preempted_where_the_provider_had_said_so() -> None:
    (segment,) = ledger().marked("heartbeat", HERE, PREEMPTED).segments
    assert segment.is_reclaimed
    assert segment.ended().end == Mark("end", START + 10, 5.0, 50, PREEMPTED)
    (evaluated,) = ledger().marked("phase", HERE, PREEMPTED).segments
    assert not evaluated.is_reclaimed
