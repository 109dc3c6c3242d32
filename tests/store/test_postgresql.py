"""The store on a real PostgreSQL server."""

import multiprocessing

import msgspec
import pytest

from milepost.money.position import Position
from milepost.runs.record import Curve, CurvePoint, Process, Run, RunEvent
from milepost.store.store import Store
from milepost.tracking.thresholds import Smoothing
from tests.helpers import START, ledger
from tests.store.test_store import record

pytest.importorskip("psycopg")


def _write_one(url: str, name: str) -> None:
    store = Store(url)
    store.write(record(ledger(), run=Run(id=name, started_at=START, alive_at=START)))
    store.close()


def test_processes_that_open_a_new_store_at_once_make_one(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_one, args=(url, str(index))) for index in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * 6
    store = Store(url)
    assert sorted(run.id for run in store.runs()) == [str(index) for index in range(6)]
    store.close()


def test_what_is_written_is_read_back_also_when_written_twice(url: str) -> None:
    book = ledger(1.0, (10, 2.0))
    event = RunEvent(id="e", kind="crossing", position=Position(10, 1.0, START + 1), detail={"thresholds": ["two"]})
    whole = record(
        book,
        processes=(Process(id="p", host="h", pid=7, started_at=START, alive_at=START, heartbeat_seconds=15.0),),
        opened_by={book.segments[0].id: "p"},
        curves=(Curve("m", Smoothing(0.5), 1, (CurvePoint(0, 10, 1.0, 2.0, 3.0),)),),
        events=(event,),
    )
    store = Store(url)
    for _ in range(2):
        store.write(whole)
        kept = store.load("run")
        assert kept is not None
        assert msgspec.structs.replace(kept, results=whole.results) == whole
    assert store.delete("run")
    assert store.runs() == []
    store.close()
