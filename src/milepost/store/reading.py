"""Turns rows back into what is known of a run."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, select

from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.quote import BillingRule, PriceStep, Quote
from milepost.money.segment import Mark, Segment
from milepost.runs.record import MOST_POINTS, Curve, CurvePoint, Process, Run, RunEvent, RunRecord
from milepost.store.schema import (
    CURVES,
    EVENTS,
    MARKS,
    PRICE_STEPS,
    PROCESSES,
    QUOTES,
    RESULTS,
    RUNS,
    SEGMENTS,
    THRESHOLDS,
)
from milepost.tracking.crossing import Crossing
from milepost.tracking.result import ThresholdResult, restated
from milepost.tracking.thresholds import PerformanceThreshold, Smoothing

Row = dict[str, Any]


def read_runs(connection: Connection, ids: Sequence[str], group: str | None) -> list[Run]:
    """Return runs in order of their start; all of them, those of these ids, or those of a group."""
    query = select(RUNS).order_by(RUNS.c.started_at, RUNS.c.id)
    if ids:
        query = query.where(RUNS.c.id.in_(ids))
    if group is not None:
        query = query.where(RUNS.c.group == group)
    return [msgspec.convert(_fields(row, Run), Run) for row in _rows(connection, query)]


def read_record(connection: Connection, run: Run, *, curves: bool = True) -> RunRecord:
    """Return all that is known of a run, with or without curves, its results at the prices that its ledger has now."""
    ledger, opened_by = _read_ledger(connection, run.id)
    thresholds = _rows(connection, select(THRESHOLDS).where(THRESHOLDS.c.run == run.id).order_by(THRESHOLDS.c.position))
    results = {row["threshold"]: row for row in _rows(connection, select(RESULTS).where(RESULTS.c.run == run.id))}
    crossings = {
        name: msgspec.convert(row["crossing"], Crossing) for name, row in results.items() if row["crossing"] is not None
    }
    return RunRecord(
        run=run,
        processes=tuple(read_processes(connection, run.id)),
        thresholds=tuple(msgspec.convert(row["definition"], PerformanceThreshold) for row in thresholds),
        results=tuple(
            restated(msgspec.convert(row["result"], ThresholdResult), ledger, crossings.get(row["threshold"]))
            for threshold in thresholds
            if (row := results.get(threshold["name"])) is not None
        ),
        crossings=crossings,
        ledger=ledger,
        opened_by=opened_by,
        curves=_read_curves(connection, run.id) if curves else (),
        events=_read_events(connection, run.id),
    )


def read_processes(connection: Connection, run: str) -> list[Process]:
    """Return the processes that tracked a run, in order of their starts."""
    query = select(PROCESSES).where(PROCESSES.c.run == run).order_by(PROCESSES.c.started_at, PROCESSES.c.id)
    return [msgspec.convert(_fields(row, Process), Process) for row in _rows(connection, query)]


def _read_ledger(connection: Connection, run: str) -> tuple[Ledger, dict[str, str]]:
    """Return a run's ledger, and which process opened each segment."""
    charges = connection.execute(select(RUNS.c.charges).where(RUNS.c.id == run)).scalar() or {}
    rows = _rows(
        connection, select(SEGMENTS).where(SEGMENTS.c.run == run).order_by(SEGMENTS.c.position, SEGMENTS.c.billed_from)
    )
    marks, quotes, steps = (
        _by_segment(connection, select(table).where(table.c.run == run).order_by(order))
        for table, order in (
            (MARKS, MARKS.c.position),
            (QUOTES, QUOTES.c.position),
            (PRICE_STEPS, PRICE_STEPS.c.since),
        )
    )
    segments = [_read_segment(row, marks[row["id"]], quotes[row["id"]], steps[row["id"]]) for row in rows]
    storage, network = charges.get("storage"), charges.get("network")
    ledger = Ledger(
        tuple(segments),
        None if storage is None else msgspec.convert(storage, Storage),
        None if network is None else msgspec.convert(network, Network),
    )
    return ledger, {row["id"]: row["process"] for row in rows if row["process"] is not None}


def _read_segment(row: Row, marks: list[Row], quotes: list[Row], steps: list[Row]) -> Segment:
    priced = None
    if quotes:
        last = [step for step in steps if step["position"] == quotes[-1]["position"]]
        changes = tuple(PriceStep(step["since"], step["usd_per_hour"]) for step in last)
        priced = msgspec.structs.replace(msgspec.convert(quotes[-1]["quote"], Quote), steps=changes)
    return Segment(
        id=row["id"],
        instance=msgspec.convert(row["instance"], Instance),
        quote=priced,
        unpriced_because=row["unpriced_because"],
        billing=msgspec.convert(row["billing"], BillingRule),
        instance_start=row["instance_start"],
        billed_from=row["billed_from"],
        marks=tuple(_read_mark(mark) for mark in marks),
        has_wall_clock=row["has_wall_clock"],
    )


def _read_mark(row: Row) -> Mark:
    resumes = row["resumes"]
    fields = {name: row[name] for name in Mark.__struct_fields__ if name != "resumes"}
    return Mark(**fields, resumes=None if resumes is None else tuple(resumes))


def _read_curves(connection: Connection, run: str) -> tuple[Curve, ...]:
    columns = (CURVES.c[name] for name in ("metric", "smoothing", *CurvePoint.__struct_fields__))
    query = select(*columns).where(CURVES.c.run == run)
    points: defaultdict[tuple[str, str], list[CurvePoint]] = defaultdict(list)
    # There are thousands of them: they are taken as they come, and not as a dictionary each.
    for metric, smoothing, *point in connection.execute(
        query.order_by(CURVES.c.metric, CURVES.c.smoothing, CURVES.c.position)
    ):
        points[metric, smoothing].append(CurvePoint(*point))
    return tuple(
        Curve(metric, msgspec.json.decode(smoothing, type=Smoothing), _stride(found[-1].position), tuple(found))
        for (metric, smoothing), found in points.items()
    )


def _stride(last_position: int) -> int:
    """Return the stride of a curve that has come so far."""
    stride = 1
    while last_position // stride >= MOST_POINTS:
        stride *= 2
    return stride


def _read_events(connection: Connection, run: str) -> tuple[RunEvent, ...]:
    rows = _rows(connection, select(EVENTS).where(EVENTS.c.run == run))
    rows.sort(key=lambda row: (row["wall_time"], row["kind"] == "stop"))
    return tuple(
        RunEvent(
            id=row["id"],
            kind=row["kind"],
            position=Position(row["samples"], row["elapsed_seconds"], row["wall_time"]),
            detail=row["detail"],
        )
        for row in rows
    )


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _by_segment(connection: Connection, query: Select[Any]) -> defaultdict[str, list[Row]]:
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in _rows(connection, query):
        rows[row["segment"]].append(row)
    return rows


def _fields(row: Row, kind: type[msgspec.Struct]) -> Row:
    return {name: row[name] for name in kind.__struct_fields__}
