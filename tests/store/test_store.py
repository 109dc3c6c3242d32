"""The store on real SQLite files."""

import multiprocessing
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from milepost.errors import StoreError
from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Commitment, Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.quote import BillingRule, PriceStep, Quote
from milepost.money.segment import Mark, MarkKind, Segment
from milepost.runs.record import MOST_POINTS, Curve, CurvePoint, Process, Run, RunEvent, RunRecord
from milepost.store import database
from milepost.store.store import Store
from milepost.tracking.crossing import Crossing
from milepost.tracking.result import ThresholdResult, restated
from milepost.tracking.thresholds import PerformanceThreshold, Smoothing
from tests.helpers import START, ledger, quote

THRESHOLDS = (PerformanceThreshold("two", "m", 2.0), PerformanceThreshold("five", "m", 5.0, confirm=3))
RUN = Run(id="run", group="seeds", started_at=START, alive_at=START + 1, tags=("a", "b"), seed=3, host="h")


def result(threshold: str, status: Any = "achieved", **fields: Any) -> ThresholdResult:
    return ThresholdResult(
        run="run",
        group="seeds",
        threshold=threshold,
        metric="m",
        comparison=">=",
        target_value=2.0,
        status=status,
        achieved=status == "achieved",
        **fields,
    )


def record(book: Ledger | None = None, **fields: Any) -> RunRecord:
    book = book or ledger()
    segment = book.current.id if book.current else None
    results = (result("two", minutes_to_threshold=5 / 60, cost_to_threshold=1.5), result("five", "not_reached"))
    plain: dict[str, Any] = {
        "run": RUN,
        "thresholds": THRESHOLDS,
        "results": results,
        "crossings": {"two": Crossing(Position(20, 5.0, START + 5, segment, 1), 2.5, None, 20, "caller")},
        "ledger": book,
    }
    return RunRecord(**(plain | fields))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "new" / "milepost.db")


def test_what_is_written_is_read_back(store: Store) -> None:
    process = Process(id="p", host="h", pid=7, birth="b", started_at=START, alive_at=START + 1, heartbeat_seconds=15.0)
    curve = Curve("m", Smoothing(0.5), 1, (CurvePoint(0, 10, 1.0, 2.0, 3.0), CurvePoint(1, 20, 2.0, 4.0, 5.0)))
    event = RunEvent(id="e", kind="crossing", position=Position(1, 2.0, 3.0), detail={"thresholds": ["two"]})
    book = ledger()
    opened_by = {book.segments[0].id: "p"}
    written = record(book, processes=(process,), opened_by=opened_by, curves=(curve,), events=(event,))
    store.write(written)
    store.write(written)
    assert store.runs() == [RUN]
    kept = store.load("run")
    assert kept is not None
    results = tuple(restated(each, book, written.crossings.get(each.threshold)) for each in written.results)
    assert kept == msgspec.structs.replace(written, results=results)
    assert kept.results[0].cost_to_threshold == pytest.approx(5.0 * 3.6 / 3600)
    assert store.load("another") is None
    assert store.load("run", curves=False) == msgspec.structs.replace(kept, curves=())


def test_what_is_known_of_positions_is_read_back(store: Store) -> None:
    told = {"samples_unit": "steps", "samples_source": "_step", "start_known": False, "bound": "lower", "rewinds": 1}
    more = {"late_observations": 2, "restarts": 3, "uncounted_because": "no counter", "untimed_because": "no clock"}
    uncounted = result("five", "not_reached", samples_unit=None)
    store.write(record(results=(result("two", **told, **more), uncounted)))
    kept = store.load("run")
    assert kept is not None
    assert {name: getattr(kept.results[0], name) for name in told | more} == told | more
    assert kept.results[1].samples_unit is None


@pytest.mark.parametrize(("already_met", "bound"), [(True, "upper"), (False, None)])
def test_result_of_schema_1_has_the_bound_that_it_was_shown_with(
    store: Store, tmp_path: Path, already_met: bool, bound: str | None
) -> None:
    store.write(record())
    old = msgspec.to_builtins(result("two", already_met=already_met))
    for name in ("samples_unit", "samples_source", "start_known", "bound", "rewinds", "late_observations", "restarts"):
        del old[name]
    with sqlite3.connect(tmp_path / "new" / "milepost.db") as connection:
        kept = msgspec.json.encode(old).decode()
        connection.execute("UPDATE results SET result = ? WHERE threshold = 'two'", (kept,))
    connection.close()
    found = store.load("run")
    assert found is not None
    first = found.results[0]
    assert (first.bound, first.samples_unit, first.start_known, first.rewinds) == (bound, "samples", None, 0)


def ledger_of(store: Store, run: str = "run") -> Ledger:
    kept = store.load(run)
    assert kept is not None
    return kept.ledger


kinds: st.SearchStrategy[MarkKind] = st.sampled_from(["start", "heartbeat", "crossing", "rewind", "pause", "end"])
numbers = st.floats(0, 1e9, allow_nan=False)
ids = st.text("abcdef0123456789", min_size=8, max_size=8)
marks = st.builds(
    Mark,
    kinds,
    numbers,
    numbers,
    st.integers(0, 2**60),
    st.none() | st.text(),
    st.none() | st.tuples(ids, st.integers(0, 9)),
)
quotes = st.builds(
    Quote,
    usd_per_hour=numbers,
    source=st.sampled_from(["aws", "list"]),
    assumed=st.booleans(),
    steps=st.lists(st.builds(PriceStep, numbers, numbers), max_size=4, unique_by=lambda step: step.since).map(
        lambda steps: tuple(sorted(steps, key=lambda step: step.since))
    ),
)
starts = st.builds(Mark, st.just("start"), numbers, numbers, st.integers(0, 2**60))
segments = st.builds(
    Segment,
    id=ids,
    instance=st.builds(
        Instance,
        instance_type=st.none() | st.text(),
        commitment=st.none() | st.just(Commitment("3yr")),
        share=st.none() | st.just(0.5),
    ),
    quote=st.none() | quotes,
    unpriced_because=st.none() | st.text(),
    billing=st.builds(BillingRule, numbers, numbers, numbers),
    instance_start=ids,
    billed_from=numbers,
    marks=st.tuples(starts, st.lists(marks, max_size=4)).map(lambda drawn: (drawn[0], *drawn[1])),
)
ledgers = st.builds(
    Ledger,
    st.lists(segments, max_size=3, unique_by=lambda segment: segment.id).map(
        lambda drawn: tuple(sorted(drawn, key=lambda segment: segment.marks[0].wall_time))
    ),
    st.none() | st.just(Storage(1.0, 2.0)),
    st.none() | st.just(Network(1.0, 2.0)),
)


@settings(max_examples=60)
@given(book=ledgers)
def test_any_ledger_is_read_back_as_it_was_also_when_written_twice(
    book: Ledger, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "milepost.db")
    for _ in range(2):
        store.write(record(book, crossings={}))
        assert ledger_of(store) == book
    store.close()


def test_later_record_adds_marks_and_restates_prices(store: Store) -> None:
    early = ledger(None)
    store.write(record(early))
    segment = early.segments[0].id
    late = early.marked("end", Position(5, 60.0, START + 60, segment, 1), "closed").restated(segment, quote(2.0))
    store.write(record(late))
    restated = late.restated(segment, quote(3.0, (10, 4.0)))
    store.write(record(restated))
    assert ledger_of(store) == restated
    store.write(record(early))  # a writer that was held up takes no mark away
    assert ledger_of(store).segments[0].marks == restated.segments[0].marks


def test_prices_that_were_restated_are_kept(store: Store, tmp_path: Path) -> None:
    book = ledger(1.0)
    for usd in (1.0, 2.0, 2.0):
        store.write(record(book.restated(book.segments[0].id, quote(usd))))
    with sqlite3.connect(tmp_path / "new" / "milepost.db") as connection:
        rows = connection.execute(
            "SELECT json_extract(quote, '$.usd_per_hour') FROM quotes ORDER BY position"
        ).fetchall()
    assert rows == [(1.0,), (2.0,)]


def test_steps_of_a_price_that_was_restated_are_kept(store: Store, tmp_path: Path) -> None:
    book = ledger(1.0, (10, 2.0), (20, 3.0))
    store.write(record(book))
    restated = book.restated(book.segments[0].id, quote(5.0, (20, 6.0)))
    store.write(record(restated))
    assert ledger_of(store) == restated
    with sqlite3.connect(tmp_path / "new" / "milepost.db") as connection:
        rows = connection.execute("SELECT position, usd_per_hour FROM price_steps ORDER BY position, since").fetchall()
    assert rows == [(0, 2.0), (0, 3.0), (1, 6.0)]


def test_two_runs_may_have_the_same_segment(store: Store) -> None:
    """One goes on from the other's checkpoint."""
    first = ledger(1.0).marked("heartbeat", Position(5, 60.0, START + 60))
    store.write(record(first))
    second = first.opened(wall_time=START + 90, resumes=first.checkpoint)
    store.write(record(second, run=Run(id="other", started_at=START + 90, alive_at=START + 90)))
    ended = first.marked("end", Position(7, 80.0, START + 80), "closed")
    store.write(record(ended))
    assert (ledger_of(store), ledger_of(store, "other")) == (ended, second)
    store.delete("run")
    assert ledger_of(store, "other") == second


def test_run_keeps_what_its_first_process_said_and_learns_what_that_did_not_know(store: Store) -> None:
    store.write(record(run=Run(id="run", group="seeds", host="h", started_at=START, alive_at=START)))
    later = Run(id="run", name="arena", group="other", host="g", started_at=START + 9, alive_at=START + 9, seed=3)
    store.write(record(run=later))
    assert store.runs() == [
        Run(id="run", name="arena", group="seeds", host="h", started_at=START, alive_at=START + 9, seed=3)
    ]


def test_end_that_another_process_put_gives_way_to_marks_of_who_lives_on(store: Store) -> None:
    alive = ledger()
    store.write(record(alive))
    taken_for_dead = Ledger((alive.segments[0].ended(START + 3),)).opened(wall_time=START + 9)
    store.write(record(taken_for_dead))
    assert ledger_of(store) == taken_for_dead
    segment = alive.segments[0].id
    alive = alive.marked("heartbeat", Position(5, 20.0, START + 20, segment, 1))
    store.write(record(alive))
    assert ledger_of(store).segments[0] == alive.segments[0]


def test_segment_that_starts_elsewhere_after_a_state_was_loaded_is_written_anew(store: Store) -> None:
    begun = ledger().marked("phase", Position(0, 2.0, START + 2), "setup")
    store.write(record(begun))
    moved = begun.started_at(90.0, 500, ("earlier", 3))
    store.write(record(moved))
    assert ledger_of(store) == moved
    assert moved.segments[0].marks[1].elapsed_seconds == 92.0


def test_segment_whose_trainer_tells_an_earlier_start_is_written_anew(store: Store) -> None:
    begun = ledger()
    store.write(record(begun))
    moved = begun.started_by(START - 100)
    store.write(record(moved))
    assert ledger_of(store) == moved
    assert moved.segments[0].billed_from == START - 100


def test_crossing_stands_against_a_process_that_does_not_know_it(store: Store) -> None:
    known = record()
    store.write(known)
    unknowing = record(known.ledger, results=(result("two", "not_reached"), result("five")), crossings={})
    store.write(unknowing)
    later = {"two": Crossing(Position(90, 50.0, START + 50), 2.0, None, 90, "caller")}
    store.write(record(known.ledger, results=(result("two"),), crossings=later))
    kept = store.load("run")
    assert kept is not None
    assert kept.crossings == known.crossings
    assert [each.status for each in kept.results] == ["achieved", "achieved"]
    two = PerformanceThreshold("two", "m", 2.5)
    store.write(msgspec.structs.replace(unknowing, thresholds=(two, THRESHOLDS[1])))
    kept = store.load("run")
    assert kept is not None
    assert (kept.crossings, kept.results[0].status) == ({}, "not_reached")  # another threshold of that name


def test_thinned_curve_covers_the_whole_run_in_a_bounded_number_of_points(store: Store) -> None:
    stride = 1
    for position in range(0, 10_000, 500):
        while position + 500 > MOST_POINTS * stride:
            stride *= 2
        points = tuple(CurvePoint(at, at, float(at), 1.0, 1.0) for at in range(position, position + 500))
        store.write(record(curves=(Curve("m", Smoothing(), stride, points),)))
    kept = store.load("run")
    assert kept is not None
    (curve,) = kept.curves
    assert curve.stride == stride == 8
    assert [point.position for point in curve.points] == list(range(0, 10_000, 8))


def test_runs_are_found_by_id_and_group_and_removed_whole(store: Store) -> None:
    for name, group in (("a", "x"), ("b", "x"), ("c", None)):
        run = Run(id=name, group=group, started_at=START, alive_at=START)
        store.write(record(run=run, events=(RunEvent(id=name, kind="stop", position=Position(1, 1.0, START)),)))
    assert [run.id for run in store.runs()] == ["a", "b", "c"]
    assert [run.id for run in store.runs(group="x")] == ["a", "b"]
    assert [run.id for run in store.runs(["c", "none"])] == ["c"]
    assert store.delete("a")
    assert not store.delete("a")
    assert [run.id for run in store.runs()] == ["b", "c"]
    assert store.load("a") is None


def _write_many(path: Path, name: str) -> None:
    database.BUSY_SECONDS = 600.0  # that all of it is written is meant here, and not how fast
    store = Store(path)
    for count in range(20):
        run = Run(id=f"{name}-{count}", started_at=START, alive_at=START)
        store.write(record(ledger(), run=run))


def test_twenty_processes_write_to_one_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "milepost.db"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(path, str(index))) for index in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(600)
    assert [writer.exitcode for writer in writers] == [0] * 20
    assert len(Store(path).runs()) == 400


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('UPDATE segments SET billing = \'{"minimum_seconds": "a while"}\'', "Expected `float`, got `str`"),
        ('UPDATE thresholds SET definition = \'{"name": "two"}\'', "missing required field `metric`"),
        ("UPDATE results SET result = '{'", "Expecting property name"),
        ("DROP TABLE quotes", "no such table: quotes"),
    ],
)
def test_what_this_release_cannot_read_is_refused_by_name(store: Store, tmp_path: Path, change: str, said: str) -> None:
    store.write(record())
    path = tmp_path / "new" / "milepost.db"
    with sqlite3.connect(path) as connection:
        connection.execute(change)
    with pytest.raises(StoreError) as caught:
        store.load("run")
    assert str(caught.value).startswith(f"store {path}: ")
    assert said in str(caught.value)
