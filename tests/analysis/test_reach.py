import msgspec

from milepost.analysis.reach import Reach, at_crossing, at_end, before_crossing, has_clock, is_lower_bound, stops
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from tests.analysis.records import DOLLAR_A_SECOND, as_replayed, on, run_of, untimed, with_results
from tests.helpers import START, quote, threshold


def test_crossing_its_bracket_and_the_end_are_told_in_samples_minutes_and_dollars() -> None:
    record = run_of("a", [1.0, 2.0, 3.0])  # 2 is reached at 20 samples, after 2 s
    (result,) = record.results
    assert at_crossing(result) == Reach(20, 2 / 60, 2.0)
    assert before_crossing(result) == Reach(10, 1 / 60, 1.0)
    assert at_end(record) == Reach(30, 3 / 60, 3.0)


def test_what_is_not_known_is_none() -> None:
    unreached = run_of("a", [1.0], usd_per_hour=None)
    assert at_crossing(unreached.results[0]) == before_crossing(unreached.results[0]) == Reach()
    assert at_end(unreached) == Reach(10, 1 / 60, None)
    assert at_end(on(Ledger(), unreached)) == Reach()


def test_only_a_log_may_lack_a_clock_and_count_no_samples() -> None:
    tracked = untimed(run_of("a", [1.0, 2.0]))
    assert has_clock(tracked)
    assert at_end(tracked) == Reach(20, 2 / 60, 2.0)
    replayed = as_replayed(tracked)
    assert not has_clock(replayed)
    assert at_end(replayed) == Reach(20, None, None)
    assert has_clock(as_replayed(run_of("a", [1.0, 2.0])))
    book = tracked.ledger
    start = msgspec.structs.replace(book.segments[0], marks=book.segments[0].marks[:1])
    silent = on(Ledger((start,)), run_of("a", [1.0, 2.0]))
    assert at_end(silent) == Reach(0, 0.0, 0.0)
    assert at_end(as_replayed(silent)) == Reach(None, 0.0, 0.0)


def test_whole_run_is_a_lower_bound_where_its_start_or_a_restart_is_not_known() -> None:
    record = run_of("a", [1.0, 2.0])
    assert not is_lower_bound(record)
    assert not is_lower_bound(with_results(record, bound="upper", start_known=True))
    assert is_lower_bound(with_results(record, start_known=False))
    assert is_lower_bound(with_results(record, start_known=True, bound="lower"))


def test_run_that_counts_along_several_axes_has_no_one_count() -> None:
    record = run_of("a", [1.0, 2.0], threshold(), threshold(9.0, name="far"))
    near, far = record.results
    epochs = msgspec.structs.replace(record, results=(near, msgspec.structs.replace(far, samples_unit="epochs")))
    assert at_end(record) == Reach(20, 2 / 60, 2.0)
    assert at_end(epochs) == Reach(None, 2 / 60, 2.0)
    assert at_end(with_results(record, samples_unit="steps")) == Reach(20, 2 / 60, 2.0)


def test_stops_are_where_a_run_had_to_go_on_or_was_lost() -> None:
    """Preempted at 60 s; gone on from 40 s, where no mark says why it ended; then closed after 10 s more."""
    book = Ledger()
    for began, elapsed, lasted, why in (
        (0.0, 0.0, 60.0, "preempted"),
        (100.0, 40.0, 20.0, "failed"),
        (200.0, 60.0, 10.0, "closed"),
    ):
        book = book.opened(
            None, quote(DOLLAR_A_SECOND), wall_time=START + began, elapsed_seconds=elapsed, samples=int(elapsed)
        )
        at = Position(int(elapsed + lasted), elapsed + lasted, START + began + lasted, book.segments[-1].id, 1)
        book = book.marked("end", at, why)
    assert stops(on(book, run_of("a", [1.0]))) == [
        ("preempted", Reach(60, 1.0, 60.0)),
        ("failed", Reach(60, 1.0, 60.0)),  # the 20 s that were lost are not of its lineage
    ]
