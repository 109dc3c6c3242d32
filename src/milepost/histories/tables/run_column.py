"""The column that tells the runs of a table apart, and what else columns tell of each run."""

from typing import Any

import polars

from milepost.errors import HistoryError
from milepost.histories.tables.columns import Chosen
from milepost.histories.tables.table import Table
from milepost.histories.tables.values import numbers
from milepost.log import logger

RUN_COLUMNS = ("run", "run_id", "run_name", "run_uuid")
"""Columns that tell runs apart, where a file has them."""

MAX_FACTS = 200
"""How many columns are looked at for settings."""

Runs = dict[str, tuple[list[int], dict[str, Any]]]
"""By name, in the order in which they begin: in which chunks each is, and its facts."""


def names_of(data: polars.DataFrame, chosen: Chosen) -> polars.Series:
    """Return the run column as text."""
    if chosen.run not in data.columns:
        return polars.Series([None] * data.height, dtype=polars.String)
    return data[chosen.run].cast(polars.String)


def runs_of(table: Table, chosen: Chosen) -> tuple[Runs, HistoryError | None]:
    """Return the runs of a table, and what is wrong where there may be more.

    A run has all chunks that may hold rows of it: whoever reads one that is broken is told so. Where not even the
    run column can be read, that is every run that the chunk's `Table.ends` let in.

    Raises:
        HistoryError: No row has a value in the run column, or nothing is known of the chunks of a broken table.
    """
    assert chosen.run is not None
    runs: Runs = {}
    columns: tuple[str, ...] | None = (*chosen.names, "seed", "group")
    if table.telling is not None:
        columns = (*chosen.names, *table.telling)
    elif len(table.columns) <= MAX_FACTS:
        columns = None
    nameless = 0

    def look_at(columns: tuple[str, ...] | None, only: list[int] | None) -> None:
        nonlocal nameless
        for frame in table.frames(columns, only):
            names = names_of(frame.data, chosen)
            nameless += names.null_count()
            for name in names.drop_nulls().unique(maintain_order=True):
                if name not in runs:
                    runs[name] = ([], facts_of(frame.data.filter(names == name), chosen))
                if frame.number not in runs[name][0][-1:]:
                    runs[name][0].append(frame.number)

    unread: list[int] = []
    broken: HistoryError | None = None
    if not table.chunk_count:
        look_at(columns, None)
    for chunk in range(table.chunk_count):
        try:
            look_at(columns, [chunk])
        except HistoryError:
            try:
                look_at((chosen.run,), [chunk])
            except HistoryError as error:
                unread.append(chunk)
                broken = broken or error
    for chunk in unread:
        ends = table.ends(chosen.run, chunk)
        for name, (chunks, _) in runs.items():
            if _may_lie_in(name, ends):
                chunks.append(chunk)
                chunks.sort()
    if nameless:
        logger("histories").warning(
            "%s: %d rows have no value in the run column %r; not read", table.where, nameless, chosen.run
        )
    if not runs:
        raise broken or HistoryError(f"{table.where}: found no row with a value in the run column {chosen.run!r}")
    return runs, broken


def _may_lie_in(name: str, ends: tuple[Any, Any] | None) -> bool:
    """Say whether a run may be in a chunk whose run column lies between these ends: in doubt, it may."""
    if ends is None or not all(isinstance(end, str) for end in ends):
        return True
    return bool(ends[0] <= name <= ends[1])


def facts_of(data: polars.DataFrame, chosen: Chosen) -> dict[str, Any]:
    """Return the seed, the group and the settings that columns tell which are constant."""
    facts: dict[str, Any] = {}
    config: dict[str, Any] = {}
    for name in data.columns[:MAX_FACTS]:
        values = data[name]
        text = values.dtype == polars.String
        if name in chosen.names or not len(values) or (name not in ("seed", "group") and not text):
            continue
        value = values[0]
        if value is None or (text and name not in ("seed", "group") and not numbers(values[:1])[1]):
            continue
        if values.n_unique() != 1:
            continue
        if name == "seed" and (seed := _whole(value)) is not None:
            facts["seed"] = seed
        elif name == "group":
            facts["group"] = str(value)
        else:
            config[name] = value
    if config:
        facts["config"] = config
    return facts


def _whole(value: Any) -> int | None:
    """Return a whole number, however it is written; None for anything else."""
    try:
        return int(value) if float(value) == int(float(value)) else None
    except (TypeError, ValueError, OverflowError):
        return None
