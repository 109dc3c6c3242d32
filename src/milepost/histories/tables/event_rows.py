"""The rows of a run's event files: a row an event, of the tags that are counted along one axis."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy
import polars

from milepost.histories.decoding.event_columns import EventChunk
from milepost.histories.decoding.json_rows import MAX_CELLS
from milepost.histories.history import Rows
from milepost.histories.tables.event_order import unix_second, unix_seconds
from milepost.histories.tables.joining import Joined, column, whole

if TYPE_CHECKING:
    from milepost.histories.tables.event_log import EventLog

Array = numpy.ndarray[Any, Any]


class AxisRows:
    """Opens the rows of one axis.

    Args:
        log: The event files.
        tags: Tags that are wanted.
        read: Tags whose events are rows: those, and one that tells where the run stood between them.
        is_counted: Whether its events count anything.
    """

    def __init__(self, log: "EventLog", tags: tuple[str, ...], read: frozenset[str], is_counted: bool) -> None:
        self._log, self._tags, self._read, self._is_counted = log, tags, read, is_counted
        self._counted = frozenset(tag for tag in read if log.counts is not None and log.share_axis(tag, log.counter))
        self._timed = frozenset(tag for tag in read if log.times is not None and log.share_axis(tag, log.timer))

    def __call__(self) -> Iterator[Rows]:
        """Yield the events; where no start is told, first when anything was logged first, whatever is wanted.

        An evaluation may be logged an hour later.
        """
        if not self._tags:
            yield from self._beginning()
        is_first, last = bool(self._tags), -1
        for chunk, numbers, order in self._log.chunks(self._read):
            of_events, of_tags, values = self._chosen(chunk, numbers)
            if not len(values):
                continue
            begins = numpy.diff(of_events, prepend=-1) != 0
            rows, events = numpy.cumsum(begins) - 1, of_events[begins]
            names = {numbers[tag]: tag for tag in self._tags if tag in numbers}
            most_rows = max(1, MAX_CELLS // int(numpy.count_nonzero(numpy.bincount(of_tags))))
            for first in range(0, len(events), most_rows):
                within = events[first : first + most_rows]
                part = slice(*numpy.searchsorted(rows, (first, first + most_rows)))
                metrics = _frame(rows[part] - first, of_tags[part], values[part], len(within), names)
                stretches = order.stretches(chunk.numbers[within])
                found = Rows(
                    metrics=metrics,
                    samples=self._samples(chunk, within, rows[part] - first, of_tags[part], numbers),
                    elapsed_seconds=self._elapsed(chunk, within, rows[part] - first, of_tags[part], numbers),
                    wall_time=self._wall_time(chunk.wall_times[within]),
                    boundaries=order.boundaries(stretches, last),
                    single=self._log.single.intersection(metrics.columns),
                )
                if is_first:
                    yield from self._before(found, int(chunk.numbers[within[0]]))
                    is_first = False
                yield found
                last = int(stretches[-1])

    def _chosen(self, chunk: EventChunk, numbers: Mapping[str, int]) -> tuple[Array, Array, Array]:
        """Return of the values of a chunk those of tags that are read: events, tags, values."""
        is_read = numpy.zeros(len(numbers), bool)
        is_read[[numbers[tag] for tag in self._read if tag in numbers]] = True
        chosen = is_read[chunk.value_tags]
        return chunk.value_events[chosen], chunk.value_tags[chosen], chunk.values[chosen]

    def _samples(
        self, chunk: EventChunk, events: Array, rows: Array, of_tags: Array, numbers: Mapping[str, int]
    ) -> polars.Series | None:
        """Return what events count, in the history's unit."""
        if not self._is_counted:
            return None
        counts = self._log.counts
        if counts is None:
            return polars.Series("samples", chunk.steps[events] * self._log.per_step)
        shares_axis = _bearing(self._counted, rows, of_tags, numbers, len(events))
        values, is_told = _joined(counts, chunk, events, shares_axis)
        return column("samples", whole(values) * self._log.per_step, is_told)

    def _elapsed(
        self, chunk: EventChunk, events: Array, rows: Array, of_tags: Array, numbers: Mapping[str, int]
    ) -> polars.Series | None:
        """Return the seconds on the run's own timer at which events were logged, as far as that told."""
        if self._log.times is None:
            return None
        shares_axis = _bearing(self._timed, rows, of_tags, numbers, len(events))
        return column("elapsed_seconds", *_joined(self._log.times, chunk, events, shares_axis))

    def _before(self, rows: Rows, number: int) -> Iterator[Rows]:
        """Yield a row at the first event of any tag, where no start is told, and the first row is a later event.

        A timer of the run's own tells its start.
        """
        if rows.elapsed_seconds is not None and rows.elapsed_seconds.count():
            return
        process = self._log.processes[0]
        first, opened_at = unix_second(process.wall_time), unix_second(process.opened_at)
        if first is None or number <= process.number or (opened_at is not None and opened_at <= first):
            return
        samples = None if rows.samples is None else rows.samples.drop_nulls().head(1)
        if samples is None or len(samples):
            yield Rows(metrics=polars.DataFrame(), samples=samples, wall_time=self._wall_time(numpy.array([first])))

    def _beginning(self) -> Iterator[Rows]:
        """Yield a row at the first event of any tag: nothing is there of what is wanted, but the run began."""
        for process in self._log.processes[:1]:
            count = process.step if self._log.counts is None else int(whole(numpy.array(self._log.counts.first)))
            samples = polars.Series("samples", [count * self._log.per_step]) if self._is_counted else None
            told = numpy.array([process.wall_time])
            elapsed = None
            if self._log.times is not None:
                at = numpy.array([process.number]), numpy.array([process.step]), unix_seconds(told)
                elapsed = column("elapsed_seconds", *self._log.times.at(*at, numpy.array([True])))
            wall_time = self._wall_time(told)
            yield Rows(metrics=polars.DataFrame(), samples=samples, elapsed_seconds=elapsed, wall_time=wall_time)

    def _wall_time(self, told: Array) -> polars.Series | None:
        """Return when events were logged; None where none of the log's tells a time that can be."""
        return polars.Series("wall_time", unix_seconds(told)) if self._log.has_time else None


def _bearing(tags: frozenset[str], rows: Array, of_tags: Array, numbers: Mapping[str, int], height: int) -> Array:
    """Say which rows bear any of some tags."""
    is_one = numpy.zeros(len(numbers), bool)
    is_one[[numbers[tag] for tag in tags if tag in numbers]] = True
    found = numpy.zeros(height, bool)
    found[rows[is_one[of_tags]]] = True
    return found


def _joined(other: Joined, chunk: EventChunk, events: Array, shares_axis: Array) -> tuple[Array, Array]:
    """Return what another tag tells of events, and of which of them anything."""
    wall_times = unix_seconds(chunk.wall_times[events])
    return other.at(chunk.numbers[events], chunk.steps[events], wall_times, shares_axis)


def _frame(rows: Array, of_tags: Array, values: Array, height: int, names: Mapping[int, str]) -> polars.DataFrame:
    """Return values as columns of their tags, of those that have names."""
    counts = numpy.bincount(of_tags)
    order = numpy.argsort(of_tags.astype("u2" if len(counts) <= 2**16 else "i8"), kind="stable")
    columns: dict[str, polars.Series] = {}
    for tag, at in enumerate(numpy.split(order, numpy.cumsum(counts)[:-1])):
        if not len(at) or tag not in names:
            continue
        told, is_told = numpy.zeros(height), numpy.zeros(height, bool)
        told[rows[at]], is_told[rows[at]] = values[at], True
        columns[names[tag]] = column(names[tag], told, is_told)
    return polars.DataFrame(columns)
