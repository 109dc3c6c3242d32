"""A history: the observations of a run that is over, as its log has them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from milepost.tracking.counting import SamplesUnit

if TYPE_CHECKING:
    import polars

TimeUnit = Literal["s", "min", "h"]
SECONDS: dict[TimeUnit, float] = {"s": 1.0, "min": 60.0, "h": 3600.0}


class Boundary(NamedTuple):
    """Where another process goes on with a run, as its log says: before which row, and when that process started.

    Attributes:
        row: Number of the row in its chunk that is the process's first.
        started_at: Unix seconds (UTC) of its start, such as when its writer was opened; None where nothing tells.
    """

    row: int
    started_at: float | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a log, and how its columns are to be understood.

    Attributes:
        metrics: Names of the metrics that are wanted; all where not given.
        samples_column: What counts samples; where not given, a column of a known name.
        samples_per_step: How many samples a step of the log is, where it counts steps, or the column that
            ``samples_column`` names does.
        time_column: What tells time; where not given, a column of a known name.
        time_unit: Unit of ``time_column``; where not given, what its name says, else seconds.
        run_column: What tells runs in one file apart.
        part: Which part of a log's runs is wanted, and of how many, of readers that split logs; all where None.
        rows_at_once: How many rows a chunk has at most, where a format would have more.
    """

    metrics: frozenset[str] | None = None
    samples_column: str | None = None
    samples_per_step: int | None = None
    time_column: str | None = None
    time_unit: TimeUnit | None = None
    run_column: str | None = None
    part: tuple[int, int] | None = None
    rows_at_once: int = 2**20

    def wants(self, metric: str) -> bool:
        """Say whether this metric is wanted."""
        return self.metrics is None or metric in self.metrics


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk of a log: one row an update, in the order in which they were written.

        Rows.of({"loss": [0.9, None, 0.7]}, samples=[64, 128, 192], elapsed_seconds=[1.5, 3.0, 4.5])

    All columns are of one length. A null is what a row does not tell; a NaN is a value that was logged as NaN, and of
    a clock a time that can't be: the row then tells none, and does not take over the last one.

    Attributes:
        metrics: Float64 columns by metric: only those that are wanted.
        samples: Int64 column: what the trainer had counted, in the history's ``samples_unit``, as the log has it; None
            where the log does not tell.
        elapsed_seconds: Float64 column: seconds on the trainer's own timer; None where the log does not tell.
        wall_time: Float64 column: Unix seconds (UTC); None where the log does not tell.
        boundaries: Where in the chunk other processes go on, in order of their rows.
        single: Metrics whose values are stored as float32, and are held against their targets as such.
        at_most: Boolean column: rows whose time is known as an upper bound alone; None where no row is such.
        read: Number of the chunk and the metrics that were read of it, where it was asked which are needed.
    """

    metrics: "polars.DataFrame"
    samples: "polars.Series | None" = None
    elapsed_seconds: "polars.Series | None" = None
    wall_time: "polars.Series | None" = None
    boundaries: tuple[Boundary, ...] = ()
    single: frozenset[str] = frozenset()
    at_most: "polars.Series | None" = None
    read: "tuple[int, Collection[str]] | None" = None

    @classmethod
    def of(
        cls,
        metrics: Mapping[str, Sequence[float | None]],
        *,
        samples: Sequence[int | None] | None = None,
        elapsed_seconds: Sequence[float | None] | None = None,
        wall_time: Sequence[float | None] | None = None,
    ) -> "Rows":
        """Return rows of lists, one a column, with None where a row tells nothing."""
        from polars import DataFrame, Float64, Int64, Series

        return cls(
            metrics=DataFrame({name: Series(name, values, Float64) for name, values in metrics.items()}),
            samples=None if samples is None else Series("samples", samples, Int64),
            elapsed_seconds=None if elapsed_seconds is None else Series("elapsed_seconds", elapsed_seconds, Float64),
            wall_time=None if wall_time is None else Series("wall_time", wall_time, Float64),
        )


class Range(NamedTuple):
    """Between which numbers the values of a metric lie: all that are no NaN are finite, and there is one at least."""

    low: float
    high: float


class Outline(NamedTuple):
    """What a log tells of a run without being read through.

    Attributes:
        ranges: Of each chunk, by metric; a metric that is not among them may have any values, or none.
        following: Of each chunk, the number of the first after it of which other ranges are told: those of a large
            row group are told of all the chunks that it is read in, and some of these may hold no value.
        rows: How many rows the run has.
        clocks: Which clocks it has, as fields of `Rows`.
        is_sound: Whether its samples are known to be whole numbers, 0 or more. What may be wrong has to be looked at.
    """

    ranges: tuple[Mapping[str, Range], ...]
    following: tuple[int, ...]
    rows: int
    clocks: frozenset[str]
    is_sound: bool = True


class History(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is over, as its log tells it.

    Attributes:
        run: Id of the run: what the log calls it, else its path below what was asked for, without suffix.
        rows: Opens the log and yields it, chunk by chunk, in bounded memory. May be called again. Raises
            `HistoryError` where the log is broken, after everything before that was yielded. Where there is an
            ``outline``, it takes a function that is asked before each chunk which of its metrics are needed.
        metrics: Names of all the metrics that it bears, where that is known before it is read through.
        group: What the log says the run belongs to.
        seed: Its random seed.
        config: What the log tells of its settings, flat: ``{"optimizer.lr": 0.1}``.
        samples_unit: What ``samples`` count in; None where nothing is counted.
        samples_source: The column or tag that counts them.
        started_at: Unix seconds (UTC) at which the log says that the run began (writer opened, init, run start), where
            it does. A start after the first row is none.
        counts_from_first: Whether elapsed time is that since the first row, and no more is known of the start.
        run_seconds: How long the log says that the whole run took.
        fleet_usd_per_hour: What the log says that an hour of all its machines cost.
        instance_type: What the log says that it ran on.
        num_nodes: How many of them.
        untimed_because: Why there is neither elapsed nor wall time.
        uncounted_because: Why there are no samples: no count at all, or one of another unit.
        notes: What its reader has to say of how it understood the log, a line each; said once a run.
        axes: Where metrics are counted along axes of their own: a history for each axis, with the metrics that lie on
            it. Each is replayed on its own, and all are one run. ``rows`` is then not asked.
        outline: Tells what is known of the run before it is read; None where its format has no such thing.
    """

    run: str
    rows: Callable[..., Iterator[Rows]]
    metrics: tuple[str, ...] | None = None
    group: str | None = None
    seed: int | None = None
    config: Mapping[str, Any] = {}
    samples_unit: SamplesUnit | None = "samples"
    samples_source: str | None = None
    started_at: float | None = None
    counts_from_first: bool = False
    run_seconds: float | None = None
    fleet_usd_per_hour: float | None = None
    instance_type: str | None = None
    num_nodes: int | None = None
    untimed_because: str | None = None
    uncounted_because: str | None = None
    notes: tuple[str, ...] = ()
    axes: "tuple[History, ...]" = ()
    outline: Callable[[], Outline | None] | None = None
