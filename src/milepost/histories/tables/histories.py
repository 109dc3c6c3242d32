"""Tables as histories: one row an update."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import polars

from milepost.errors import HistoryError
from milepost.histories.history import History, Outline, Rows, Wanted
from milepost.histories.tables.choosing import by_statistics, first_rows_of
from milepost.histories.tables.chunks import Chunks, taken
from milepost.histories.tables.columns import Chosen, choose
from milepost.histories.tables.first_rows import FirstRows
from milepost.histories.tables.flags import shown
from milepost.histories.tables.names import counters, is_loose
from milepost.histories.tables.proof import fall_in
from milepost.histories.tables.run_column import RUN_COLUMNS, facts_of, names_of, runs_of, told_apart
from milepost.histories.tables.stale import counters_of
from milepost.histories.tables.table import Frame, Table
from milepost.histories.tables.trainings import Trainings
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
        told: What else is known of its runs, as `History` has it. Reasons why there are no samples, or no time, are
            said where there are none.

    Raises:
        HistoryError: A column is not there; after all runs were yielded, that there may be more of them where it is
            broken.
    """
    first = None
    if not table.chunk_count and (table.telling is None or table.telling):
        first = next((frame.data for frame in table.frames(table.telling)), polars.DataFrame())
    chosen, first_rows = _chosen(table, wanted, first)
    if chosen.run is None:
        if first is None and table.telling:
            first = next((frame.data for frame in table.frames(table.telling)), None)
        if first is not None:
            chosen = _told_apart(table, first, chosen)
    metrics = _metrics(table, chosen, wanted)
    _refuse_twice(table, (*chosen.names, *(wanted.metrics or ())))
    told = _positions_told(table, chosen, told)
    if chosen.run is None and wanted.part is not None and wanted.part[0] > 0:
        return  # its one run is in the first part
    stale = counters_of(metrics or table.columns, table.columns, first_rows)
    if chosen.run is None:
        if first is not None:
            told = {**facts_of(first, chosen), **told}
        yield from _trainings(table, chosen, metrics, stale, run, told)
        return
    found, broken = runs_of(table, chosen)
    runs = list(found.items())
    part, parts = wanted.part or (0, 1)
    for at, (name, (chunks, facts)) in enumerate(runs[part * len(runs) // parts : (part + 1) * len(runs) // parts]):
        rows = _rows(table, chosen, metrics, stale, of_run=(name, chunks))
        named = name if wanted.run_column is not None else f"{run}/{chosen.run}={name}"
        notes = told["notes"] if at == 0 else ()
        yield History(run=named, rows=rows, **{**facts, **told, "notes": notes})
    if broken is not None:
        raise HistoryError(f"{broken}; where the column {chosen.run!r} can't be read, runs may have been missed")


def _chosen(table: Table, wanted: Wanted, first: polars.DataFrame | None) -> tuple[Chosen, FirstRows | None]:
    """Return a table's columns, and its first rows where they were looked at."""
    if table.chunk_count and (chosen := by_statistics(table, wanted)) is not None:
        return chosen, None
    choose(table.where, table.columns, wanted)  # what a flag names wrongly is said before anything is read
    first_rows = first_rows_of(table, wanted, first)
    chosen = choose(table.where, table.columns, wanted, first_rows)
    while _notes_fall(table, chosen, first_rows, wanted):
        chosen = choose(table.where, table.columns, wanted, first_rows)
    return chosen, first_rows


def _notes_fall(table: Table, chosen: Chosen, first_rows: FirstRows, wanted: Wanted) -> bool:
    """Take note of a column of a loose name that falls beyond the first rows, and say whether there is one."""
    for name in (*(() if chosen.samples is None else (chosen.samples,)), *(each.name for each in chosen.times)):
        if name in (wanted.samples_column, wanted.time_column) or not is_loose(name) or name in first_rows.proved:
            continue
        others = [chosen.samples] if chosen.samples is not None and name != chosen.samples else []
        if (fall := fall_in(table, name, others, chosen.run)) is not None:
            first_rows.later_falls[name] = fall
            return True
        first_rows.proved.add(name)
    return False


def _told_apart(table: Table, first: polars.DataFrame, chosen: Chosen) -> Chosen:
    """Return the columns with the one that tells several runs apart, where the counter begins anew with each.

    Raises:
        HistoryError: A column tells runs apart by its name, and the counter does not.
    """
    name = told_apart(table, first, chosen)
    if name is None:
        _refuse_several_runs(table, first)
        return chosen
    note = f"{chosen.samples!r} begins anew with each value of {name!r}: a run each"
    return msgspec.structs.replace(chosen, run=name, notes=(*chosen.notes, note))


def _positions_told(table: Table, chosen: Chosen, told: dict[str, Any]) -> dict[str, Any]:
    """Return what is known of a table's runs, with what its columns count and why they don't."""
    told = {**told, "samples_unit": chosen.unit, "samples_source": chosen.samples}
    told["notes"] = (*told.get("notes", ()), *chosen.notes)
    told["uncounted_because"] = _both(chosen.uncounted_because, told.get("uncounted_because"))
    if table.closed:
        told.setdefault("metrics", tuple(name for name in table.columns if name not in chosen.names))
    why = chosen.untimed_because
    if why is None and not chosen.times:
        why = f"no column is known to tell time; found {shown(table.columns)}"
    told["untimed_because"] = _both(why, told.get("untimed_because") or "say which does with --time-column")
    return told


def _both(reason: str | None, more: str | None) -> str | None:
    """Return a reason, with what a format adds to it; None where there is none."""
    return "; ".join(each for each in (reason, more) if each) if reason else None


def _trainings(
    table: Table,
    chosen: Chosen,
    metrics: tuple[str, ...] | None,
    stale: Mapping[str, str],
    run: str,
    told: dict[str, Any],
) -> Iterator[History]:
    """Yield the one run of a table that names none, or each of the trainings that follow each other in it."""
    trainings = None
    if chosen.samples is not None and not any(column.is_wall for column in chosen.times):
        others = [name for name, _ in counters(table.columns) if name != chosen.samples]
        trainings = Trainings(table, chosen.samples, [column.name for column in chosen.times], others)
    outline = _outline(table, chosen, metrics, stale, trainings)
    yield History(run=run, rows=_rows(table, chosen, metrics, stale, trainings), outline=outline, **told)
    which = 0
    while trainings is not None and trainings.has_another(which):
        which += 1
        row = trainings.starts[which].row
        note = f"{chosen.samples!r} begins anew in row {row} while nothing else rises: another training from there on"
        notes = (*(told["notes"] if which > 1 else ()), *((note,) if which == 1 else ()))
        rows = _rows(table, chosen, metrics, stale, trainings, which=which)
        yield History(run=f"{run}#{which + 1}", rows=rows, **{**told, "notes": notes})


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
    stale: Mapping[str, str],
    trainings: Trainings | None = None,
    *,
    which: int = 0,
    of_run: tuple[str, Sequence[int]] | None = None,
) -> Callable[..., Iterator[Rows]]:
    """Return what opens a run of a table.

    Args:
        table: The table.
        chosen: Its columns that are no metrics.
        metrics: Those that are read as metrics; None for all that come.
        stale: The counter of each metric that has one of its own.
        trainings: Where trainings that follow each other begin; None where there is but one.
        which: Which of them the run is.
        of_run: The run's name in the run column, and the chunks in which it lies; None where no column tells any.
    """
    also = (*chosen.names, *stale.values(), *(() if trainings is None else trainings.columns))
    read = None if metrics is None else tuple(dict.fromkeys((*also, *metrics)))

    def rows(needed: Needed | None = None) -> Iterator[Rows]:
        chunks = Chunks(table.where, chosen, metrics, stale)
        taken_of: dict[int, Collection[str]] = {}

        def what_is_needed() -> Iterator[Frame]:
            """Yield the chunks, of each the clocks and what else is needed."""
            assert needed is not None
            for number in range(table.chunk_count):
                taken_of[number] = needed(number)
                yield from table.frames({*also, *taken_of[number]}, [number])

        if of_run is not None:
            frames = table.chunks(read, of_run[1])
        elif needed is not None:
            frames = what_is_needed()
        else:
            frames = table.frames(read, None if trainings is None else trainings.chunks_of(which))
        if trainings is not None:
            frames = trainings.part(which, frames)
        for number, first_row, data in frames:
            at: range | polars.Series = range(first_row, first_row + data.height)
            if of_run is not None:
                is_of_it = names_of(data, chosen) == of_run[0]
                data, at = data.filter(is_of_it), taken(at, is_of_it)
            for each in chunks.read(data, at) if data.height else ():
                yield msgspec.structs.replace(each, read=(number, taken_of[number])) if taken_of else each
        chunks.close()

    return rows


def _outline(
    table: Table,
    chosen: Chosen,
    metrics: tuple[str, ...] | None,
    stale: Mapping[str, str],
    trainings: Trainings | None,
) -> Callable[[], Outline | None] | None:
    """Return what tells of the run of a table what is known without reading it through."""
    if not table.chunk_count or metrics is None:
        return None

    def outline() -> Outline | None:
        if trainings is not None and trainings.has_another(0):
            return None
        ranges = table.ranges((*chosen.names, *metrics))
        clocks = {"samples"} if chosen.samples else set[str]()
        for column in chosen.times:
            known = [each[column.name] for each in ranges if column.name in each]
            walls = {is_unix(end) for each in known for end in each} if column.is_wall is None else {column.is_wall}
            if len(known) < len(ranges) or len(walls) != 1:
                return None
            clocks.add("wall_time" if walls.pop() else "elapsed_seconds")
        is_sound = True
        if (samples := chosen.samples) is not None:
            counts = [each[samples] for each in ranges if samples in each]
            if len(counts) < len(ranges):
                return None
            most = 2**63 // chosen.per_step
            is_sound = samples in table.whole and all(low >= 0 and high < most for low, high in counts)
        # Of an evaluation that is told again, a chunk may have no observation.
        known_of = tuple({name: each for name, each in chunk.items() if name not in stale} for chunk in ranges)
        return Outline(known_of, table.following, table.height, frozenset(clocks), is_sound)

    return outline
