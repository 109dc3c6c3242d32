"""Turns what is known of a run into rows. Rows bear ids of their writer: what is written twice counts once."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import to_builtins
from msgspec.structs import asdict, replace
from sqlalchemy import Connection, Executable, Table, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

from milepost.log import Once
from milepost.money.ledger import Ledger
from milepost.money.segment import Mark, Segment
from milepost.runs.record import Curve, Run, RunRecord
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
from milepost.text import clean
from milepost.tracking.crossing import Crossing

Row = dict[str, Any]

ROW_BY_ROW = "milepost_row_by_row"
"""Name of the execution option of a transaction that leaves out rows which the database can't take."""

CANT_BE_TAKEN = DataError, IntegrityError, ProgrammingError, OverflowError, UnicodeEncodeError
"""What is raised where a value is none that a database takes: trying again does not mend it."""

_said = Once("store")

SAID_ONCE = ("id", "group", "name", "tags", "config", "git_commit", "seed", "host", "started_at")
"""What a run's first process says of it stands, but for what it did not know as yet."""


def write_record(connection: Connection, record: RunRecord) -> None:
    """Write all that a record holds."""
    run = record.run
    _write_run(connection, run, record.ledger)
    processes = [asdict(each) | {"run": run.id} for each in record.processes]
    _put(connection, PROCESSES, processes, replacing=["alive_at", "has_ended"])
    stands = _crossed_before(connection, record)
    thresholds = [
        {"run": run.id, "name": each.name, "position": at, "definition": to_builtins(each)}
        for at, each in enumerate(record.thresholds)
    ]
    _put(connection, THRESHOLDS, thresholds, replacing=["position", "definition"])
    results = [
        {
            "run": run.id,
            "threshold": each.threshold,
            "status": each.status,
            "result": to_builtins(each),
            "crossing": to_builtins(record.crossings.get(each.threshold)),
        }
        for each in record.results
        if each.threshold not in stands
    ]
    _put(connection, RESULTS, results, replacing=["status", "result", "crossing"])
    _write_ledger(connection, record)
    moments = ("wall_time", "elapsed_seconds", "samples")
    events = [
        {"id": each.id, "run": run.id, "kind": each.kind, "detail": each.detail}
        | {name: getattr(each.position, name) for name in moments}
        for each in record.events
    ]
    _put(connection, EVENTS, events, replacing=[])
    for curve in record.curves:
        _write_curve(connection, run.id, curve)


def _crossed_before(connection: Connection, record: RunRecord) -> set[str]:
    """Return the thresholds whose crossing is kept already, and that the writer did not know of: it stands.

    The writer may live beside another process of the run, or have begun while the store could not be read.
    """
    run = record.run.id
    kept = connection.execute(
        select(RESULTS.c.threshold, RESULTS.c.crossing, THRESHOLDS.c.definition)
        .join(THRESHOLDS, (THRESHOLDS.c.run == RESULTS.c.run) & (THRESHOLDS.c.name == RESULTS.c.threshold))
        .where(RESULTS.c.run == run)
    ).all()
    defined = {each.name: to_builtins(each) for each in record.thresholds}
    return {
        name
        for name, crossing, definition in kept
        if crossing is not None
        and definition == defined.get(name)
        and msgspec.convert(crossing, Crossing) != record.crossings.get(name)
    }


def _write_ledger(connection: Connection, record: RunRecord) -> None:
    """Write segments, and of each the marks and the price that are not there yet."""
    run, ledger = record.run.id, record.ledger
    counted = select(MARKS.c.segment, func.count()).where(MARKS.c.run == run).group_by(MARKS.c.segment)
    written: dict[str, int] = dict(connection.execute(counted).all())
    ended = set(connection.execute(select(MARKS.c.segment).where(MARKS.c.run == run, MARKS.c.kind == "end")).scalars())
    positions = _positions(connection, run, ledger)
    for segment in ledger.segments:
        is_current = segment is ledger.current
        kept = {name: value for name, value in to_builtins(segment).items() if name not in ("quote", "marks")}
        kept |= {"run": run, "position": positions[segment.id], "process": record.opened_by.get(segment.id)}
        replacing = ["position", "instance", "unpriced_because", "billing", *(["billed_from"] if is_current else [])]
        _put(connection, SEGMENTS, [kept], replacing=replacing)
        # An end may have been put there by a process that took this one for dead: later marks take its place.
        known = written.get(segment.id, 0) - (segment.id in ended)
        if is_current and _has_moved(connection, run, segment):
            known = 0
        new = [
            {"run": run, "segment": segment.id, "position": position, **_mark_row(mark)}
            for position, mark in enumerate(segment.marks)
            if position >= known
        ]
        _put(connection, MARKS, new, replacing=list(_mark_row(segment.marks[0])))
        _write_quote(connection, run, segment)


def _positions(connection: Connection, run: str, ledger: Ledger) -> dict[str, int]:
    """Return where each segment stands in the run's ledger; what the writer does not know of stays where it is."""
    query = select(SEGMENTS.c.id, SEGMENTS.c.position).where(SEGMENTS.c.run == run)
    kept: dict[str, int] = dict(connection.execute(query).all())
    ids = [segment.id for segment in ledger.segments]
    if kept.keys() <= set(ids):
        return {id: at for at, id in enumerate(ids)}
    new = [id for id in ids if id not in kept]
    return kept | {id: at for at, id in enumerate(new, max(kept.values()) + 1)}


def _has_moved(connection: Connection, run: str, segment: Segment) -> bool:
    """Say whether a segment now starts at another position: its process has loaded a state since it began."""
    first = select(MARKS).where(MARKS.c.run == run, MARKS.c.segment == segment.id, MARKS.c.position == 0)
    kept = connection.execute(first).mappings().first()
    return kept is not None and any(kept[name] != value for name, value in _mark_row(segment.marks[0]).items())


def _write_run(connection: Connection, run: Run, ledger: Ledger) -> None:
    row = asdict(run) | {"tags": list(run.tags)}
    row["charges"] = to_builtins({"storage": ledger.storage, "network": ledger.network})
    known = connection.execute(select(RUNS).where(RUNS.c.id == run.id)).mappings().first()
    if known is not None:
        row |= {name: known[name] for name in SAID_ONCE if known[name] not in (None, [], {})}
    _put(connection, RUNS, [row], replacing=[name for name in row if name != "id"])


def _write_quote(connection: Connection, run: str, segment: Segment) -> None:
    """Write a segment's price as a further one, unless it is what the last one says; keep what was."""
    quote = segment.quote
    if quote is None:
        return
    last = connection.execute(
        select(QUOTES.c.position, QUOTES.c.quote)
        .where(QUOTES.c.run == run, QUOTES.c.segment == segment.id)
        .order_by(QUOTES.c.position.desc())
        .limit(1)
    ).first()
    row = to_builtins(replace(quote, steps=()))
    position = 0 if last is None else last.position if last.quote == row else last.position + 1
    of_it = {"run": run, "segment": segment.id, "position": position}
    _put(connection, QUOTES, [of_it | {"quote": row}], replacing=["quote"])
    steps = [of_it | asdict(step) for step in quote.steps]
    connection.execute(
        delete(PRICE_STEPS).where(
            *(PRICE_STEPS.c[name] == value for name, value in of_it.items()),
            PRICE_STEPS.c.since.not_in([step.since for step in quote.steps]),
        )
    )
    _put(connection, PRICE_STEPS, steps, replacing=["usd_per_hour"])


def _write_curve(connection: Connection, run: str, curve: Curve) -> None:
    """Add a curve's new points, and leave out those that its stride passes over by now."""
    smoothing = msgspec.json.encode(curve.smoothing).decode()
    of_it = {"run": run, "metric": curve.metric, "smoothing": smoothing}
    if curve.stride > 1:
        mine = (CURVES.c[name] == value for name, value in of_it.items())
        connection.execute(delete(CURVES).where(*mine, CURVES.c.position % curve.stride != 0))
    points = [of_it | asdict(each) for each in curve.points if each.position % curve.stride == 0]
    _put(connection, CURVES, points, replacing=[])


def _put(connection: Connection, table: Table, rows: list[Row], *, replacing: Sequence[str]) -> None:
    """Insert rows; where one is there already, replace these columns of it."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table).values({name: bindparam(name) for name in rows[0]})
    keys = {"index_elements": list(table.primary_key.columns)}  # by name: each dialect has them in another place
    replaced = {name: insert.excluded[name] for name in replacing}
    insert = insert.on_conflict_do_update(**keys, set_=replaced) if replacing else insert.on_conflict_do_nothing(**keys)
    if connection.get_execution_options().get(ROW_BY_ROW):
        _take_what_can_be(connection, insert, table.name, rows)
    else:
        connection.execute(insert, rows)


def _take_what_can_be(connection: Connection, insert: Executable, table: str, rows: list[Row]) -> None:
    """Insert rows, but for those that the database can't take: halves are tried until these stand alone, and cleaned.

    A run itself is never left out: where its row can't be taken, all else is of no use.
    """
    try:
        with connection.begin_nested():
            connection.execute(insert, rows)
    except CANT_BE_TAKEN as error:
        if len(rows) > 1:
            half = len(rows) // 2
            _take_what_can_be(connection, insert, table, rows[:half])
            _take_what_can_be(connection, insert, table, rows[half:])
        elif (cleaned := _clean(rows[0])) != rows[0]:
            _take_what_can_be(connection, insert, table, [cleaned])
        elif table == RUNS.name:
            raise
        else:
            of, kind = rows[0].get("run"), type(error).__name__
            _said.warn(
                f"{of} {table}", "run %r: a row of its %s is left out: the database can't take it (%s)", of, table, kind
            )


def _clean(value: Any) -> Any:
    """Return what is written as every database takes it, text and what JSON has no number for."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mark_row(mark: Mark) -> Row:
    return dict(zip(Mark.__struct_fields__, to_builtins(mark), strict=True))
