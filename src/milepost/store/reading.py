"""Turns rows back into what is known of a run."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from json import JSONDecodeError
from typing import Any

from msgspec import ValidationError, convert, json
from sqlalchemy import Column, Connection, Select, Table, select

from milepost.log import Once
from milepost.money.ledger import Ledger
from milepost.money.segment import Mark
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

UNREADABLE = ValidationError, JSONDecodeError
"""What is raised where a row holds what it can't."""

_said = Once("store")


def read_runs(connection: Connection, ids: Sequence[str], group: str | None) -> list[Run]:
    """Return runs in order of their start; all of them, those of these ids, or those of a group."""
    query = select(RUNS).order_by(RUNS.c.started_at, RUNS.c.id)
    if ids:
        query = query.where(RUNS.c.id.in_(ids))
    if group is not None:
        query = query.where(RUNS.c.group == group)
    try:
        return [convert(row, Run) for row in connection.execute(query).mappings()]
    except UNREADABLE:
        return list(_readable(connection, query))


def _readable(connection: Connection, query: Select[Any]) -> Iterator[Run]:
    """Yield the runs that a query finds, but for those that can't be read, which is said."""
    for id in connection.execute(query.with_only_columns(RUNS.c.id)).scalars().all():
        try:
            yield convert(connection.execute(select(RUNS).where(RUNS.c.id == id)).mappings().one(), Run)
        except UNREADABLE as error:
            _said.warn(str(id), "run %r is left out: found what this release can't read: %s", id, error)


def read_ids(connection: Connection) -> list[str]:
    """Return the ids of all runs, in order of their start: also of those that can't be read."""
    query = select(RUNS.c.id).order_by(RUNS.c.started_at, RUNS.c.id)
    return [str(id) for id in connection.execute(query).scalars()]


def read_record(connection: Connection, run: Run, *, curves: bool = True) -> RunRecord:
    """Return all that is known of a run, with or without curves, its results at the prices that its ledger has now."""
    ledger, opened_by = _read_ledger(connection, run.id)
    thresholds = _rows(connection, THRESHOLDS, run.id, THRESHOLDS.c.position)
    results = {row["threshold"]: row for row in _rows(connection, RESULTS, run.id)}
    crossings = {
        name: convert(row["crossing"], Crossing) for name, row in results.items() if row["crossing"] is not None
    }
    return RunRecord(
        run=run,
        processes=tuple(read_processes(connection, run.id)),
        thresholds=tuple(convert(row["definition"], PerformanceThreshold) for row in thresholds),
        results=tuple(
            restated(_result(row["result"]), ledger, crossings.get(row["threshold"]))
            for threshold in thresholds
            if (row := results.get(threshold["name"])) is not None
        ),
        crossings=crossings,
        ledger=ledger,
        opened_by=opened_by,
        curves=_read_curves(connection, run.id) if curves else (),
        events=_read_events(connection, run.id),
    )


def _result(kept: dict[str, Any]) -> ThresholdResult:
    """Return a result; one of schema 1 named no bound, and all of an `already_met` one were upper bounds."""
    was_upper = "bound" not in kept and kept["already_met"]
    return convert(kept | {"bound": "upper"} if was_upper else kept, ThresholdResult)


def read_processes(connection: Connection, run: str) -> list[Process]:
    """Return the processes that tracked a run, in order of their starts."""
    return [convert(row, Process) for row in _rows(connection, PROCESSES, run, PROCESSES.c.started_at, PROCESSES.c.id)]


def _read_ledger(connection: Connection, run: str) -> tuple[Ledger, dict[str, str]]:
    """Return a run's ledger, and which process opened each segment."""
    charges = connection.execute(select(RUNS.c.charges).where(RUNS.c.id == run)).scalar() or {}
    rows = _rows(connection, SEGMENTS, run, SEGMENTS.c.position, SEGMENTS.c.billed_from)
    marks = _by_segment(_rows(connection, MARKS, run, MARKS.c.position))
    quotes = _by_segment(_rows(connection, QUOTES, run, QUOTES.c.position))
    steps = _by_segment(_rows(connection, PRICE_STEPS, run, PRICE_STEPS.c.since))
    segments = [_segment_data(row, marks[row["id"]], quotes[row["id"]], steps[row["id"]]) for row in rows]
    ledger = convert({**charges, "segments": segments}, Ledger)
    return ledger, {row["id"]: row["process"] for row in rows if row["process"] is not None}


def _segment_data(row: Row, marks: list[Row], quotes: list[Row], steps: list[Row]) -> dict[str, Any]:
    """Return a segment as `msgspec` reads one; of its prices, the last one counts."""
    quote = None
    if quotes:
        last = [(step["since"], step["usd_per_hour"]) for step in steps if step["position"] == quotes[-1]["position"]]
        quote = {**quotes[-1]["quote"], "steps": last}
    return {**row, "quote": quote, "marks": [[mark[name] for name in Mark.__struct_fields__] for mark in marks]}


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
        Curve(metric, json.decode(smoothing, type=Smoothing), _stride(found[-1].position), tuple(found))
        for (metric, smoothing), found in points.items()
    )


def _stride(last_position: int) -> int:
    """Return the stride of a curve that has come so far."""
    stride = 1
    while last_position // stride >= MOST_POINTS:
        stride *= 2
    return stride


def _read_events(connection: Connection, run: str) -> tuple[RunEvent, ...]:
    rows = sorted(_rows(connection, EVENTS, run), key=lambda row: (row["wall_time"], row["kind"] == "stop"))
    return tuple(convert({**row, "position": row}, RunEvent) for row in rows)


def _rows(connection: Connection, table: Table, run: str, *order: Column[Any]) -> list[Row]:
    """Return a run's rows of a table."""
    rows = connection.execute(select(table).where(table.c.run == run).order_by(*order))
    names = list(map(str, table.c.keys()))  # SQLAlchemy's own kind of text is none to msgspec
    return [dict(zip(names, row, strict=True)) for row in rows]


def _by_segment(rows: list[Row]) -> defaultdict[str, list[Row]]:
    of_segments: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_segments[row["segment"]].append(row)
    return of_segments
