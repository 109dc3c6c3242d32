"""A chunk of a history as the tracker takes it: one update a row."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from milepost.histories.history import History, Rows

if TYPE_CHECKING:
    import polars


class Clocks:
    """Which clocks a log has, and where they start.

    Args:
        known: Those that it is known to have, as fields of `Rows`.

    Attributes:
        start: Wall time of the start, Unix seconds (UTC); 0 where the log tells none.
        start_known: Whether that is when the run began, and not just its first row.
    """

    def __init__(self, known: Collection[str] = ()) -> None:
        self.start = 0.0
        self.start_known = True
        self.has_samples = "samples" in known
        self.has_elapsed = "elapsed_seconds" in known
        self.has_wall = "wall_time" in known

    @property
    def has_time(self) -> bool:
        """Whether it has any clock."""
        return self.has_elapsed or self.has_wall

    def look_at(self, rows: Rows) -> None:
        """Take note of the clocks of a chunk."""
        self.has_samples = self.has_samples or rows.samples is not None
        self.has_elapsed = self.has_elapsed or rows.elapsed_seconds is not None
        self.has_wall = self.has_wall or rows.wall_time is not None

    def start_by(self, history: History, updates: "Updates") -> None:
        """Say when the run started: as its log says, else by the first row that tells a time.

        A start that the log tells and that is later than its first row is none. Elapsed time counts from a start.
        """
        elapsed, wall = (_first(each) for each in (updates.elapsed_seconds, updates.wall_time))
        told = history.started_at
        if told is not None and (wall is None or told <= wall[1]):
            self.start, self.start_known = told, True
            return
        first = wall[0] if wall else 0
        self.start_known = elapsed is not None
        if wall is not None:
            told_then = updates.elapsed_seconds[first] if updates.elapsed_seconds is not None else None
            self.start = wall[1] - (told_then if told_then is not None and told_then > 0 else 0.0)


def _first(column: "polars.Series | None") -> tuple[int, float] | None:
    """Return the first value of a clock that is a time, and its row."""
    if column is None or not len(column):
        return None
    first = column[0]
    if first is not None and first == first:
        return 0, float(first)
    row = (column.is_not_null() & column.is_not_nan()).arg_max()
    if row is None or column[row] is None or column[row] != column[row]:
        return None
    return row, float(column[row])


class Updates(NamedTuple):
    """Rows that tell a position, columns of one length.

    Attributes:
        metrics: Float64 columns by metric; a null is what a row does not tell.
        samples: Int64, without nulls.
        elapsed_seconds: Float64; None where no row tells it. A null is a row that tells wall time alone.
        wall_time: Float64; None where no row tells it. A null is a row that tells elapsed time alone. Of either, a NaN
            is a time that can't be.
        boundaries: Where other processes go on, by row: when they started, Unix seconds, None where nothing tells.
        at_most: Rows whose time is known as an upper bound alone.
    """

    metrics: "polars.DataFrame"
    samples: "polars.Series"
    elapsed_seconds: "polars.Series | None"
    wall_time: "polars.Series | None"
    boundaries: Mapping[int, float | None] = {}
    at_most: Collection[int] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def is_even(self) -> bool:
        """Whether all rows tell the same clocks."""
        return not any(each is not None and each.null_count() for each in (self.elapsed_seconds, self.wall_time))

    def each(self, start: int, stop: int) -> Iterator[tuple[dict[str, float], int, float | None, float | None]]:
        """Yield some rows: metrics, samples, elapsed seconds, wall time."""
        count = stop - start
        columns = [(each.name, each.slice(start, count).to_list()) for each in self.metrics]
        samples = self.samples.slice(start, count).to_list()
        elapsed, wall = (
            [None] * count if each is None else each.slice(start, count).to_list()
            for each in (self.elapsed_seconds, self.wall_time)
        )
        for at in range(count):
            metrics = {name: value for name, values in columns if (value := values[at]) is not None}
            yield metrics, samples[at], elapsed[at], wall[at]


def updates_of(rows: Rows, clocks: Clocks) -> tuple[Updates, int]:
    """Return a chunk as updates, and how many of its rows tell no position: they are left out.

    A row before the first that tells a clock takes what that tells: sparse logs have a row for each of several loggers.
    Of elapsed time, that is the most that it can be.
    A log that counts no samples stands at 0, and one without a clock at its start.
    """
    import polars

    told = [column for column in (rows.samples, rows.elapsed_seconds, rows.wall_time) if column is not None]
    height = rows.metrics.height if rows.metrics.width else max(map(len, told), default=0)
    samples, elapsed, wall = (
        each if each is None or not each.null_count() else each.fill_null(strategy="backward")
        for each in (rows.samples, rows.elapsed_seconds, rows.wall_time)
    )
    if samples is None:
        samples = polars.Series("samples", [None if clocks.has_samples else 0], polars.Int64).new_from_index(0, height)
    if elapsed is None and wall is None:
        standing = None if clocks.has_time else 0.0
        elapsed = polars.Series("elapsed_seconds", [standing], polars.Float64).new_from_index(0, height)
    boundaries = {each.row: each.started_at for each in rows.boundaries}
    at_most = set() if rows.at_most is None else set(rows.at_most.arg_true().to_list())
    if rows.elapsed_seconds is not None and rows.elapsed_seconds.null_count():
        at_most.update(range(rows.elapsed_seconds.is_not_null().arg_max() or 0))
    updates = Updates(rows.metrics, samples, elapsed, wall, boundaries, at_most)
    nulls = [each.null_count() for each in (samples, elapsed, wall) if each is not None]
    if not any(nulls):
        return updates, 0
    untimed = _nulls(elapsed, height) & _nulls(wall, height)
    has_position = ~(samples.is_null() | untimed)
    kept = [None if each is None else each.filter(has_position) for each in (samples, elapsed, wall)]
    metrics = rows.metrics.filter(has_position) if rows.metrics.width else rows.metrics
    assert kept[0] is not None
    new = has_position.cum_sum().to_list()  # how many rows are kept up to each
    boundaries = {new[row] - int(has_position[row]): start for row, start in boundaries.items()}
    at_most = {new[row] - 1 for row in at_most if has_position[row]}
    return Updates(metrics, kept[0], kept[1], kept[2], boundaries, at_most), height - len(kept[0])


def _nulls(column: "polars.Series | None", height: int) -> Any:
    import polars

    return polars.repeat(True, height, eager=True) if column is None else column.is_null()
