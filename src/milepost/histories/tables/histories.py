"""Tables as histories: one row an update."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec
import polars

from milepost.errors import HistoryError
from milepost.histories.history import History, Outline, Rows, Wanted
from milepost.histories.tables.chunks import Chunks, taken
from milepost.histories.tables.columns import Chosen, choose, shown
from milepost.histories.tables.run_column import RUN_COLUMNS, facts_of, names_of, runs_of
from milepost.histories.tables.table import Frame, Table
from milepost.histories.tables.values import is_unix

Needed = Callable[[int], Collection[str]]
"""Says which metrics of a chunk are needed, by its number; asked when all before it has been taken."""


def histories_of(table: Table, run: str, wanted: Wanted, **told: Any) -> Iterator[History]:
    """Yield the runs of a table: one, or one for every value of the run column, in the order in which they begin.

    Rows keep the order in which they stand. A row that tells no samples or no time takes over the last ones of its run
    that a row before it told (sparse logs write a line for each of several loggers); before the first, they are null.
    A run's seed and group are what columns of these names hold, its settings what columns of text hold, where each is
    constant in the run's first chunk.

    Args:
        table: The table.
        run: Id of its run where no run column names several.
        wanted: What is wanted, and how its columns are to be understood.
        told: What else is known of its runs, as `History` has it.

    Raises:
        HistoryError: A column is not there, or it is not told what counts samples; after all runs were yielded, that
            there may be more of them where it is broken.
    """
    chosen = choose(table.where, table.columns, wanted)
    metrics = _metrics(table, chosen, wanted)
    _refuse_twice(table, (*chosen.names, *(wanted.metrics or ())))
    if table.closed:
        told.setdefault("metrics", tuple(name for name in table.columns if name not in chosen.names))
    if chosen.times:
        told.pop("untimed_because", None)
    else:
        told.setdefault(
            "untimed_because",
            f"no column is known to tell time; found {shown(table.columns)}; say which does with --time-column",
        )
    if chosen.run is None and wanted.part is not None and wanted.part[0] > 0:
        return  # its one run is in the first part
    if chosen.run is None:
        if table.telling is None or table.telling:
            for frame in table.frames(table.telling):
                _refuse_several_runs(table, frame.data)
                told = {**facts_of(frame.data, chosen), **told}
                break
        outline = _outline(table, chosen, metrics)
        yield History(run=run, rows=_rows(table, chosen, metrics), outline=outline, **told)
        return
    found, broken = runs_of(table, chosen)
    runs = list(found.items())
    part, parts = wanted.part or (0, 1)
    for name, (chunks, facts) in runs[part * len(runs) // parts : (part + 1) * len(runs) // parts]:
        yield History(run=name, rows=_rows(table, chosen, metrics, name, chunks), **{**facts, **told})
    if broken is not None:
        raise HistoryError(f"{broken}; where the column {chosen.run!r} can't be read, runs may have been missed")


def _metrics(table: Table, chosen: Chosen, wanted: Wanted) -> tuple[str, ...] | None:
    """Return the columns that are read as metrics; None for all that come."""
    if wanted.metrics is not None:
        return tuple(sorted(name for name in wanted.metrics if not table.closed or name in table.columns))
    if not table.closed:
        return None
    return tuple(name for name in table.columns if name not in chosen.names)


def _refuse_several_runs(table: Table, data: polars.DataFrame) -> None:
    """Raise where a column tells runs apart that would be taken for one."""
    for name in RUN_COLUMNS:
        if name in data.columns and data[name].drop_nulls().n_unique() > 1:
            raise HistoryError(
                f"{table.where}: found several runs in the column {name!r}, expected one; tell them apart with "
                f"--run-column {name}"
            )


def _refuse_twice(table: Table, names: Collection[str]) -> None:
    """Raise where a name that is needed is that of several columns."""
    if twice := sorted(table.twice & set(names)):
        raise HistoryError(f"{table.where}: found several columns called {shown(twice)}, expected one")


def _rows(
    table: Table,
    chosen: Chosen,
    metrics: tuple[str, ...] | None,
    run: str | None = None,
    numbers: Sequence[int] | None = None,
) -> Callable[[], Iterator[Rows]]:
    """Return what opens the one run of a table, or the one of a name, which lies in the chunks of these numbers."""
    read = None if metrics is None else tuple(dict.fromkeys((*chosen.names, *metrics)))

    def rows(needed: Needed | None = None) -> Iterator[Rows]:
        chunks = Chunks(table.where, chosen, metrics)
        taken_of: dict[int, Collection[str]] = {}

        def what_is_needed() -> Iterator[Frame]:
            """Yield the chunks, of each the clocks and what else is needed."""
            assert needed is not None
            for number in range(table.chunk_count):
                taken_of[number] = needed(number)
                yield from table.frames({*chosen.names, *taken_of[number]}, [number])

        if numbers is not None:
            frames = table.chunks(read, numbers)
        else:
            frames = table.frames(read) if needed is None else what_is_needed()
        for number, first_row, data in frames:
            which: range | polars.Series = range(first_row, first_row + data.height)
            if run is not None:
                of_run = names_of(data, chosen) == run
                data, which = data.filter(of_run), taken(which, of_run)
            for each in chunks.read(data, which) if data.height else ():
                yield msgspec.structs.replace(each, read=(number, taken_of[number])) if taken_of else each
        chunks.close()

    return rows


def _outline(table: Table, chosen: Chosen, metrics: tuple[str, ...] | None) -> Callable[[], Outline | None] | None:
    """Return what tells of the run of a table what is known without reading it through."""
    if not table.chunk_count or metrics is None:
        return None

    def outline() -> Outline | None:
        ranges = table.ranges((*chosen.names, *metrics))
        clocks = {"samples"} if chosen.samples else set[str]()
        for column in chosen.times:
            known = [each[column.name] for each in ranges if column.name in each]
            walls = {not column.elapsed and is_unix(end) for each in known for end in each}
            if len(known) < len(ranges) or len(walls) != 1:
                return None
            clocks.add("wall_time" if walls.pop() else "elapsed_seconds")
        is_sound = True
        if (samples := chosen.samples) is not None:
            counts = [each[samples] for each in ranges if samples in each]
            if len(counts) < len(ranges):
                return None
            is_sound = samples in table.whole and all(low >= 0 and high < 2**63 for low, high in counts)
        return Outline(tuple(ranges), table.following, table.height, frozenset(clocks), is_sound)

    return outline
