"""Chooses a table's columns by as little of it as tells: its statistics where it has any, else its first rows."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
import polars

from milepost.histories.history import Range, Wanted
from milepost.histories.tables.columns import Chosen, choose
from milepost.histories.tables.course import FIRST_ROWS
from milepost.histories.tables.first_rows import FirstRows
from milepost.histories.tables.names import counters, elapsed_clocks, is_loose, positions, wall_clocks
from milepost.histories.tables.stale import own_counters
from milepost.histories.tables.table import Table
from milepost.tracking.unix_time import EARLIEST, LATEST

GROWTH = 10
"""What has grown so many times over is no number of a batch or of an iteration."""


def first_rows_of(table: Table, wanted: Wanted, first: polars.DataFrame | None) -> FirstRows:
    """Return what the first rows tell of the columns that may count or tell time.

    Args:
        table: The table.
        wanted: What the flags say.
        first: Its first chunk, where that was read with all such columns.
    """
    names = position_columns(table, wanted)
    data = table.head(names, FIRST_ROWS) if first is None else first
    if data is None:
        return FirstRows(polars.DataFrame())
    data = data.select([name for name in names if name in data.columns])
    run = wanted.run_column
    if run is not None and run in data.columns and data.height:
        named = data[run].cast(polars.String)
        data = data.filter(named == named.drop_nulls().first())
    return FirstRows(data)


def position_columns(table: Table, wanted: Wanted) -> tuple[str, ...]:
    """Return the columns of a table that may count, tell time or tell runs apart."""
    flagged = [name for name in (wanted.samples_column, wanted.time_column, wanted.run_column) if name in table.columns]
    evaluations = [name for names in own_counters(table.columns).values() for name in names]
    found = dict.fromkeys((*flagged, *positions(table.columns), *evaluations))
    return tuple(name for name in found if name is not None)


def by_statistics(table: Table, wanted: Wanted) -> Chosen | None:
    """Choose a table's columns by what is known of it unread; None where that leaves a doubt.

    What counts has grown from near its beginning by as many as there are rows; elapsed time by what wall time has, as
    the duration of an iteration or an epoch does not. Then nothing has to be read for it.
    """
    names = [name for name, _ in counters(table.columns)]
    since, walls = elapsed_clocks(table.columns), wall_clocks(table.columns)
    if wanted.samples_column or wanted.time_column or wanted.time_unit or own_counters(table.columns):
        return None
    chosen = choose(table.where, table.columns, wanted)
    if chosen.samples is None or chosen.unit != "samples" or (since and not walls):
        return None
    if any(map(is_loose, (names[0], *since[:1]))):
        return None
    ranges = table.ranges((names[0], *since[:1], *walls[:1]))
    counts, elapsed, wall = (_over_all(ranges, each[0]) if each else None for each in (names, since, walls))
    if counts is None or not _grows(counts) or counts.high - counts.low < table.height / GROWTH:
        return None
    if any(later[names[0]].low < earlier[names[0]].low for earlier, later in pairwise(ranges)):
        return None
    if walls:
        if wall is None or not EARLIEST <= wall.low <= wall.high <= LATEST:
            return None
        if since and (elapsed is None or not _grows(elapsed) or not _agree(elapsed, wall)):
            return None
    times = tuple(msgspec.structs.replace(each, is_wall=each.name in walls) for each in chosen.times)
    return msgspec.structs.replace(chosen, times=times)


def _over_all(ranges: Sequence[Mapping[str, Range]], name: str) -> Range | None:
    known = [each[name] for each in ranges if name in each]
    if not known or len(known) < len(ranges):
        return None
    return Range(min(each.low for each in known), max(each.high for each in known))


def _grows(told: Range) -> bool:
    return told.low >= 0 and told.high > told.low and told.high >= GROWTH * told.low


def _agree(elapsed: Range, wall: Range) -> bool:
    span, whole = elapsed.high - elapsed.low, wall.high - wall.low
    return whole / 2 <= span <= 1.01 * whole + 1
