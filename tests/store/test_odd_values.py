"""Values that a database can't take, and rows that can't be read: each costs itself alone, on every database."""

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from milepost.errors import ConfigError, StoreError
from milepost.log import Once
from milepost.money.position import Position
from milepost.runs.record import Curve, CurvePoint, Run, RunEvent
from milepost.store import reading, writing
from milepost.store.store import Store
from milepost.tracked_run.opening import track
from milepost.tracking.thresholds import PerformanceThreshold, Smoothing
from tests.helpers import START, ledger
from tests.store.test_store import RUN, record


@pytest.fixture
def store(where: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for module in (reading, writing):
        monkeypatch.setattr(module, "_said", Once("store"))
    opened = Store(where)
    yield opened
    opened.close()


def curve(*samples: int) -> Curve:
    points = (CurvePoint(at, each, float(at), 0.0, 0.0) for at, each in enumerate(samples))
    return Curve("m", Smoothing(0.5), 1, tuple(points))


def test_what_the_database_can_not_take_is_left_out_alone(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    whole = record(ledger(1.0, (10, 2.0)), curves=(curve(1, 2, 2**63, 4),))
    for _ in range(2):
        store.write(whole)
    kept = store.load("run")
    assert kept is not None
    assert msgspec.structs.replace(kept, results=whole.results) == msgspec.structs.replace(
        whole, curves=(Curve("m", Smoothing(0.5), 1, tuple(each for each in curve(1, 2, 0, 4).points if each.samples)),)
    )
    assert [each.message for each in caplog.records if "curves" in each.message] == [
        f"run 'run': a row of its curves is left out: the database can't take it ({kind})"
        for kind in ["OverflowError" if "sqlite" in str(store._engine.url) else "DataError"]
    ]


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b"])
def test_odd_text_anywhere_costs_nothing_else(store: Store, odd: str) -> None:
    event = RunEvent(id="e", kind="crossing", position=Position(1, 1.0, START), detail={"thresholds": [odd]})
    thresholds = (PerformanceThreshold("two", odd, 2.0),)
    run = msgspec.structs.replace(RUN, config={odd: odd, "nan": float("nan")}, tags=(odd,), group=odd)
    whole = record(run=run, thresholds=thresholds, events=(event,))
    store.write(whole)
    kept = store.load("run")
    assert kept is not None
    assert kept.crossings == whole.crossings
    assert kept.run.seed == RUN.seed
    assert kept.thresholds[0].target_value == 2.0
    assert [each.id for each in kept.events] == ["e"]


def test_run_that_the_database_can_not_take_is_no_run(store: Store) -> None:
    with pytest.raises(StoreError, match=r"out of range|too large"):
        store.write(record(run=msgspec.structs.replace(RUN, seed=2**63)))
    assert store.ids() == []


@pytest.mark.parametrize("column", ["seed", "tags", "config"])
def test_row_that_can_not_be_read_is_left_out_and_can_be_deleted(
    store: Store, column: str, caplog: pytest.LogCaptureFixture
) -> None:
    for id in ("good", "bad", "better"):
        store.write(record(run=Run(id=id, started_at=START, alive_at=START)))
    bad = {"seed": "-1", "tags": "'[1]'", "config": "'3'"}
    if column == "seed" and "sqlite" in str(store._engine.url):
        bad["seed"] = "'abc'"
    with store._engine.begin() as connection:
        connection.execute(text(f"UPDATE runs SET {column} = {bad[column]} WHERE id = 'bad'"))
    readable = column == "seed" and "sqlite" not in str(store._engine.url)
    assert sorted(run.id for run in store.runs()) == (["bad", "better", "good"] if readable else ["better", "good"])
    assert ("run 'bad' is left out: found what this release can't read" in caplog.text) != readable
    assert sorted(store.ids()) == ["bad", "better", "good"]
    assert store.delete("bad")
    assert sorted(store.ids()) == ["better", "good"]


ODD: list[dict[str, Any]] = [
    {"seed": True},
    {"tags": [1]},
    {"group": 5},
    {"name": "a\0b\ud800"},
    {"run_config": {"n": float("nan"), "i": float("inf"), "big": 2**70, "\0": "\ud800"}},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: next(iter(odd)))
def test_tracked_run_is_kept_whatever_it_is_called(where: str, odd: dict[str, Any]) -> None:
    targets = [PerformanceThreshold("t", "m", 2.0)]
    with track(thresholds=targets, run="r", store=where, instance="g5.xlarge", price_per_hour=1, **odd) as run:
        run.update({"m": 1.0}, 1)
        run.update({"m": 3.0}, 2)
    store = Store(where)
    kept = store.load("r")
    store.close()
    assert kept is not None
    assert kept.run.status == "closed"
    assert kept.crossings["t"].position.samples == 2


def test_samples_phases_and_metrics_that_no_database_takes_stop_nothing(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    targets = [PerformanceThreshold("t", "m", 2.0)]
    with caplog.at_level(logging.WARNING), track(thresholds=targets, run="r", store=where, price_per_hour=1) as run:
        run.update({"m": 1.0, "\0": 1.0}, 1)
        run.update({"m": 1.0}, 2**63)
        with run.phase("eval\0\ud800"):
            pass
        run.update({"m": 3.0}, 2)
    assert "found samples=9223372036854775808, expected a finite number below 2**63" in caplog.text
    store = Store(where)
    kept = store.load("r")
    store.close()
    assert kept is not None
    assert (kept.run.status, kept.crossings["t"].position.samples) == ("closed", 2)
    assert [mark.name for mark in kept.ledger.segments[0].marks if mark.kind == "phase"] == ["eval\ufffd\ufffd"]


@pytest.mark.parametrize("odd", [{"seed": "abc"}, {"seed": 3.5}, {"seed": 2**63}, {"run_config": [1]}, {"tags": 5}])
def test_argument_that_can_not_be_kept_is_refused_by_name(odd: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"^{next(iter(odd))}: found"):
        track(store="off", **odd)
