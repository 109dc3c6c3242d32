"""The column that tells the runs of a table apart, and what else columns tell of each run."""

from typing import Any

import polars

from milepost.errors import HistoryError
from milepost.histories.tables.columns import Chosen
from milepost.histories.tables.table import Table
from milepost.histories.tables.values import numbers, samples
from milepost.log import logger

RUN_COLUMNS = ("run", "run_id", "run_name", "run_uuid")
"""Columns that tell runs apart, where a file has them."""

APART = (
    *RUN_COLUMNS,
    *("seed", "random_seed", "trial", "trial_id", "trial_name"),
    *("experiment", "experiment_id", "experiment_name", "exp_name", "fold"),
)
"""Columns that may tell runs apart: they do where the counter begins anew with each of their values."""

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
    is_seed = "seed" in chosen.run
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
                    facts = facts_of(frame.data.filter(names == name), chosen)
                    if is_seed and (seed := _whole(name)) is not None:
                        facts["seed"] = seed
                    runs[name] = ([], facts)
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


def told_apart(table: Table, first: polars.DataFrame, chosen: Chosen) -> str | None:
    """Return the column that tells several runs of a table apart, though no flag names it; None where none does.

    Args:
        table: The table.
        first: Its first chunk.
        chosen: Its other columns.
    """
    if chosen.samples is None:
        return None
    named = [name for name in APART if name in first.columns and name not in chosen.names]
    several = (name for name in named if _has_several(table, first, name))
    return next((name for name in several if _begin_anew(table, name, chosen.samples)), None)


def _has_several(table: Table, first: polars.DataFrame, name: str) -> bool:
    """Say whether a column has more than one value in a table."""
    values = first[name].cast(polars.String).drop_nulls().unique()
    if len(values) != 1:
        return len(values) > 1
    if table.chunk_count:
        return any((ends := table.ends(name, at)) is None or ends[0] != ends[1] for at in range(table.chunk_count))
    try:
        for at, frame in enumerate(table.frames((name,))):
            if at and name in frame.data.columns and (frame.data[name].cast(polars.String) != values[0]).any():
                return True
    except HistoryError:
        return False
    return False


def _begin_anew(table: Table, name: str, counter: str) -> bool:
    """Say whether the counter begins anew with each value of a column."""
    firsts: dict[str, int] = {}
    last: int | None = None
    try:
        for frame in table.frames((name, counter)):
            if name not in frame.data.columns or counter not in frame.data.columns:
                continue
            counts = samples(frame.data[counter]).counts
            values = frame.data[name].cast(polars.String)
            told = polars.DataFrame({"run": values, "count": counts}).drop_nulls()
            before = told["count"].shift(1)
            changes = (told["run"] != told["run"].shift(1)).fill_null(True).arg_true()
            for row in changes.to_list():
                run, count = told["run"][row], told["count"][row]
                earlier = last if row == 0 else before[row]
                if run not in firsts:
                    if firsts and not (count <= min(firsts.values()) or (earlier is not None and 2 * count <= earlier)):
                        return False
                    firsts[run] = count
            last = told["count"][-1] if told.height else last
    except HistoryError:
        return False
    return len(firsts) > 1


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
