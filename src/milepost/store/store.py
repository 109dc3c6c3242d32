"""Writes runs to a database and reads them back."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from milepost.charges import Network, Storage
from milepost.crossing import Position
from milepost.instance import Instance
from milepost.ledger import Ledger, Mark, Segment
from milepost.quote import BillingRule, PriceStep, Quote
from milepost.store.database import open_database
from milepost.store.schema import EVENTS, MARKS, PRICE_STEPS, QUOTES, RESULTS, RUNS, SEGMENTS, THRESHOLDS
from milepost.store.snapshot import Run, Snapshot
from milepost.thresholds import PerformanceThreshold, ThresholdResult

Row = dict[str, Any]


class Store:
    """A store of runs.

    Args:
        where: A path, or a URL such as ``postgresql+psycopg://…``.

    Raises:
        StoreError: It can't be opened; says why.
    """

    def __init__(self, where: str | Path) -> None:
        self._engine = open_database(where)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def write(self, snapshot: Snapshot) -> None:
        """Write what is known of a run, in one transaction that is on disk when this returns.

        Rows bear ids of their writer: a snapshot that is written twice counts once, marks are only ever added, and an
        older snapshot takes nothing away from a newer one but its results.
        """
        run, ledger = snapshot.run, snapshot.ledger
        with self._engine.begin() as connection:
            kept = _run_row(run) | {"charges": _builtins({"storage": ledger.storage, "network": ledger.network})}
            first = ("group", "name", "tags", "git_commit", "seed", "host", "started_at")
            _put(connection, RUNS, [kept], replacing=[name for name in kept if name not in ("id", *first)])
            _put(
                connection,
                THRESHOLDS,
                [
                    {"run": run.id, "name": each.name, "position": at, "definition": _builtins(each)}
                    for at, each in enumerate(snapshot.thresholds)
                ],
                replacing=["position", "definition"],
            )
            _put(
                connection,
                RESULTS,
                [
                    {
                        "run": run.id,
                        "threshold": each.threshold,
                        "status": each.status,
                        "result": _builtins(each),
                        "crossing": _builtins(snapshot.crossings.get(each.threshold)),
                    }
                    for each in snapshot.results
                ],
                replacing=["status", "result", "crossing"],
            )
            _write_ledger(connection, run.id, ledger)
            events = [_event_row(run.id, each) for each in snapshot.events]
            _put(connection, EVENTS, events, replacing=[])

    def runs(self, ids: Sequence[str] = (), *, group: str | None = None) -> list[Run]:
        """Return runs in order of their start; all of them, those of these ids, or those of a group."""
        query = select(RUNS).order_by(RUNS.c.started_at, RUNS.c.id)
        if ids:
            query = query.where(RUNS.c.id.in_(ids))
        if group is not None:
            query = query.where(RUNS.c.group == group)
        with self._engine.connect() as connection:
            return [_read_run(dict(row)) for row in connection.execute(query).mappings()]

    def thresholds(self, run: str) -> list[PerformanceThreshold]:
        """Return what a run was to reach."""
        query = select(THRESHOLDS.c.definition).where(THRESHOLDS.c.run == run).order_by(THRESHOLDS.c.position)
        with self._engine.connect() as connection:
            return [msgspec.convert(each, PerformanceThreshold) for each in connection.execute(query).scalars()]

    def results(self, run: str) -> list[ThresholdResult]:
        """Return a run's results as they were last written, in the order of its thresholds."""
        order = (THRESHOLDS.c.run == RESULTS.c.run) & (THRESHOLDS.c.name == RESULTS.c.threshold)
        query = select(RESULTS.c.result).join(THRESHOLDS, order).where(RESULTS.c.run == run)
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(THRESHOLDS.c.position)).scalars()
            return [msgspec.convert(each, ThresholdResult) for each in found]

    def crossings(self, run: str) -> dict[str, Position]:
        """Return where a run reached its thresholds, by name."""
        query = select(RESULTS.c.threshold, RESULTS.c.crossing).where(RESULTS.c.run == run)
        with self._engine.connect() as connection:
            return {name: msgspec.convert(at, Position) for name, at in connection.execute(query) if at is not None}

    def ledger(self, run: str) -> Ledger:
        """Return what a run ran on, when, and at what price."""
        with self._engine.connect() as connection:
            charges = connection.execute(select(RUNS.c.charges).where(RUNS.c.id == run)).scalar() or {}
            rows = connection.execute(select(SEGMENTS).where(SEGMENTS.c.run == run).order_by(SEGMENTS.c.position))
            segments = tuple(_read_segment(connection, dict(row)) for row in rows.mappings().all())
        storage, network = charges.get("storage"), charges.get("network")
        return Ledger(
            segments,
            None if storage is None else msgspec.convert(storage, Storage),
            None if network is None else msgspec.convert(network, Network),
        )

    def delete(self, run: str) -> bool:
        """Remove a run and all that belongs to it; say whether there was one."""
        with self._engine.begin() as connection:
            return connection.execute(delete(RUNS).where(RUNS.c.id == run)).rowcount > 0


def _write_ledger(connection: Connection, run: str, ledger: Ledger) -> None:
    """Write segments, and of each the marks and the price that are not there yet."""
    ids = [segment.id for segment in ledger.segments]
    counted = select(MARKS.c.segment, func.count()).where(MARKS.c.segment.in_(ids)).group_by(MARKS.c.segment)
    written: dict[str, int] = dict(connection.execute(counted).all())
    for at, segment in enumerate(ledger.segments):
        row = _builtins(segment)
        fields = ("id", "instance", "unpriced_because", "billing", "instance_start", "billed_from")
        kept = {name: row[name] for name in fields} | {"run": run, "position": at}
        _put(connection, SEGMENTS, [kept], replacing=["instance", "unpriced_because", "billing", "position"])
        new = [
            {"segment": segment.id, "position": position, **_mark_row(mark)}
            for position, mark in enumerate(segment.marks)
            if position >= written.get(segment.id, 0)
        ]
        _put(connection, MARKS, new, replacing=[])
        if segment.quote is not None:
            _write_quote(connection, segment.id, segment.quote)


def _write_quote(connection: Connection, segment: str, quote: Quote) -> None:
    """Write a segment's price as a further one, unless it is what the last one says; keep what was."""
    last = connection.execute(
        select(QUOTES.c.position, QUOTES.c.quote)
        .where(QUOTES.c.segment == segment)
        .order_by(QUOTES.c.position.desc())
        .limit(1)
    ).first()
    row = _builtins(msgspec.structs.replace(quote, steps=()))
    if last is None or last.quote != row:
        position = 0 if last is None else last.position + 1
        _put(connection, QUOTES, [{"segment": segment, "position": position, "quote": row}], replacing=["quote"])
    steps = [{"segment": segment, "since": each.since, "usd_per_hour": each.usd_per_hour} for each in quote.steps]
    _put(connection, PRICE_STEPS, steps, replacing=["usd_per_hour"])


def _put(connection: Connection, table: Table, rows: Iterable[Row], *, replacing: Sequence[str]) -> None:
    """Insert rows; where one is there already, replace these columns of it."""
    rows = list(rows)
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table).values({name: bindparam(name) for name in rows[0]})
    keys = list(table.primary_key.columns)
    if replacing:
        replaced = {name: insert.excluded[name] for name in replacing}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=replaced), rows)
    else:
        connection.execute(insert.on_conflict_do_nothing(index_elements=keys), rows)


def _read_segment(connection: Connection, row: Row) -> Segment:
    marks = connection.execute(select(MARKS).where(MARKS.c.segment == row["id"]).order_by(MARKS.c.position)).mappings()
    quote = connection.execute(
        select(QUOTES.c.quote).where(QUOTES.c.segment == row["id"]).order_by(QUOTES.c.position.desc()).limit(1)
    ).scalar()
    steps = connection.execute(
        select(PRICE_STEPS.c.since, PRICE_STEPS.c.usd_per_hour)
        .where(PRICE_STEPS.c.segment == row["id"])
        .order_by(PRICE_STEPS.c.since)
    )
    priced = None
    if quote is not None:
        priced = msgspec.structs.replace(
            msgspec.convert(quote, Quote), steps=tuple(PriceStep(since, usd) for since, usd in steps)
        )
    return Segment(
        id=row["id"],
        instance=msgspec.convert(row["instance"], Instance),
        quote=priced,
        unpriced_because=row["unpriced_because"],
        billing=msgspec.convert(row["billing"], BillingRule),
        instance_start=row["instance_start"],
        billed_from=row["billed_from"],
        marks=tuple(_read_mark(dict(mark)) for mark in marks),
    )


def _mark_row(mark: Mark) -> Row:
    row = msgspec.structs.asdict(mark)
    row["resumes"] = None if mark.resumes is None else list(mark.resumes)
    return row


def _read_mark(row: Row) -> Mark:
    resumes = row["resumes"]
    fields = {name: row[name] for name in Mark.__struct_fields__ if name != "resumes"}
    return Mark(**fields, resumes=None if resumes is None else tuple(resumes))


def _run_row(run: Run) -> Row:
    return msgspec.structs.asdict(run) | {"tags": list(run.tags)}


def _read_run(row: Row) -> Run:
    return msgspec.convert({name: row[name] for name in Run.__struct_fields__}, Run)


def _event_row(run: str, event: Any) -> Row:
    at = event.position
    return {
        "id": event.id,
        "run": run,
        "kind": event.kind,
        "wall_time": at.wall_time,
        "elapsed_seconds": at.elapsed_seconds,
        "samples": at.samples,
        "detail": event.detail,
    }


def _builtins(value: Any) -> Any:
    return msgspec.to_builtins(value)
