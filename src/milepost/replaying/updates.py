"""A chunk of a history as the tracker takes it: one update a row."""

from collections.abc import Collection, Iterator
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
    """

    def __init__(self, known: Collection[str] = ()) -> None:
        self.start = 0.0
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

    def start_by(self, history: History, elapsed_seconds: float | None, wall_time: float | None) -> None:
        """Say when the run started, by its first row."""
        if history.started_at is not None:
            self.start = history.started_at
        elif wall_time is not None:
            self.start = wall_time - (elapsed_seconds or 0.0)


class Updates(NamedTuple):
    """Rows that tell a position, columns of one length.

    Attributes:
        metrics: Float64 columns by metric; a null is what a row does not tell.
        samples: Int64, without nulls.
        elapsed_seconds: Float64; None where no row tells it. A null is a row that tells wall time alone.
        wall_time: Float64; None where no row tells it. A null is a row that tells elapsed time alone.
    """

    metrics: "polars.DataFrame"
    samples: "polars.Series"
    elapsed_seconds: "polars.Series | None"
    wall_time: "polars.Series | None"

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
    updates = Updates(rows.metrics, samples, elapsed, wall)
    nulls = [each.null_count() for each in (samples, elapsed, wall) if each is not None]
    if not any(nulls):
        return updates, 0
    untimed = _nulls(elapsed, height) & _nulls(wall, height)
    has_position = ~(samples.is_null() | untimed)
    kept = [None if each is None else each.filter(has_position) for each in (samples, elapsed, wall)]
    metrics = rows.metrics.filter(has_position) if rows.metrics.width else rows.metrics
    assert kept[0] is not None
    return Updates(metrics, kept[0], kept[1], kept[2]), height - len(kept[0])


def _nulls(column: "polars.Series | None", height: int) -> Any:
    import polars

    return polars.repeat(True, height, eager=True) if column is None else column.is_null()
