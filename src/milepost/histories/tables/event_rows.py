"""The rows of a run's event files: what later restarts made void is left out, and steps are told in samples."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy
import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.event_columns import EventChunk, EventScan
from milepost.histories.decoding.json_rows import MAX_CELLS
from milepost.histories.history import Rows, Wanted

Array = numpy.ndarray[Any, Any]

KEPT_BYTES = 64 * 2**20
"""So much of a run is kept from its first pass, some two million scalars; of a longer one, the files are read again."""


def rows_of(files: Sequence[str], wanted: Wanted) -> Iterator[Rows]:
    """Yield the events that stand, a row each, of those that bear a tag that is wanted, and the first of any tag.

    That one is when training began, whatever is wanted: an evaluation may be logged an hour later.
    """
    events = _Events(files, wanted)
    if wanted.samples_column is not None and not events.tell_samples:
        raise events.fault or HistoryError(
            f"{files[0]}: found no scalar {wanted.samples_column!r}, expected what counts samples"
        )
    yield from events.beginning()
    for chunk in events.again():
        yield from events.rows(chunk)


class _Events:
    """The events of a run, read once to learn what later restarts made void, and what samples a step stands for.

    Attributes:
        fault: What is wrong with the first file that is broken.
    """

    def __init__(self, files: Sequence[str], wanted: Wanted) -> None:
        samples_tag = wanted.samples_column
        self._files = files
        self._read = wanted.metrics
        if wanted.metrics is not None and samples_tag is not None:
            self._read = wanted.metrics | {samples_tag}
        self.fault: HistoryError | None = None
        self._scan = EventScan(files, self._read)
        self._kept: list[EventChunk] | None = []
        told: list[tuple[Array, Array]] = []
        size_bytes = 0
        try:
            for chunk in self._scan.chunks():
                if samples_tag in self._scan.tags:
                    counts = (chunk.values >= 0) & (chunk.values < 2.0**63)
                    chosen = counts & (chunk.value_tags == self._scan.tags[samples_tag])
                    told.append((chunk.steps[chunk.value_events[chosen]], chunk.values[chosen]))
                size_bytes += chunk.size_bytes
                if size_bytes > KEPT_BYTES:
                    self._kept = None
                elif self._kept is not None:
                    self._kept.append(chunk)
        except HistoryError as error:
            self.fault = error
        self._names = list(self._scan.tags)
        self._wanted = [number for tag, number in self._scan.tags.items() if wanted.wants(tag)]
        self._samples = _by_step(told)

    @property
    def tell_samples(self) -> bool:
        """Whether the tag that counts samples was found."""
        return len(self._samples[0]) > 0

    def beginning(self) -> Iterator[Rows]:
        """Yield the first event that stands, where it bears no tag that is wanted and its samples are known."""
        columns = [numpy.array(column) for column in zip(*self._scan.begins, strict=True)]
        if not columns:
            return
        numbers, steps, wall_times = columns
        restarts = self._scan.restarts
        stand = restarts.stand(numbers, steps, None) if None in restarts.tags else numpy.ones(len(numbers), bool)
        if not stand.any():
            return
        at = int(stand.argmax())
        samples = self._samples_at(steps[at : at + 1])
        if samples.null_count() or self._first_number() <= numbers[at]:
            return
        yield Rows(
            metrics=polars.DataFrame(),
            samples=samples,
            wall_time=polars.Series("wall_time", wall_times[at : at + 1]),
        )

    def _first_number(self) -> float:
        """Return the number of the first event that stands and is wanted; infinity where there is none."""
        try:
            for chunk in self.again():
                chosen = self._chosen(chunk)
                if chosen.any():
                    return int(chunk.numbers[chunk.value_events[chosen.argmax()]])
        except HistoryError:
            pass  # it is said where the events are read
        return math.inf

    def again(self) -> Iterator[EventChunk]:
        """Yield the events.

        Raises:
            HistoryError: A file is broken, after everything before that was yielded.
        """
        if self._kept is None:
            yield from EventScan(self._files, self._read).chunks()
            return
        yield from self._kept
        if self.fault is not None:
            raise self.fault

    def rows(self, chunk: EventChunk) -> Iterator[Rows]:
        """Yield the rows of those events that stand and are wanted."""
        chosen = self._chosen(chunk)
        of_events, of_tags, values = (column[chosen] for column in chunk[3:])
        if not len(values):
            return
        begins = numpy.diff(of_events, prepend=-1) != 0
        rows, events = numpy.cumsum(begins) - 1, of_events[begins]
        most_rows = max(1, MAX_CELLS // int(numpy.count_nonzero(numpy.bincount(of_tags))))
        for first in range(0, len(events), most_rows):
            within = events[first : first + most_rows]
            part = slice(*numpy.searchsorted(rows, (first, first + most_rows)))
            yield Rows(
                metrics=self._frame(rows[part] - first, of_tags[part], values[part], len(within)),
                samples=self._samples_at(chunk.steps[within]),
                wall_time=polars.Series("wall_time", chunk.wall_times[within]),
            )

    def _chosen(self, chunk: EventChunk) -> Array:
        """Say which values stand and are wanted."""
        is_wanted = numpy.zeros(len(self._scan.tags), bool)
        is_wanted[self._wanted] = True
        chosen: Array = is_wanted[chunk.value_tags]
        restarts = self._scan.restarts
        for tag in restarts.tags:
            stand = restarts.stand(chunk.numbers, chunk.steps, tag)[chunk.value_events]
            chosen &= stand if tag is None else stand | (chunk.value_tags != tag)
        return chosen

    def _frame(self, rows: Array, of_tags: Array, values: Array, height: int) -> polars.DataFrame:
        """Return values as columns of their tags."""
        counts = numpy.bincount(of_tags)
        order = numpy.argsort(of_tags.astype("u2" if len(counts) <= 2**16 else "i8"), kind="stable")
        columns: dict[str, polars.Series] = {}
        for tag, at in enumerate(numpy.split(order, numpy.cumsum(counts)[:-1])):
            if not len(at):
                continue
            column, is_told = numpy.zeros(height), numpy.zeros(height, bool)
            column[rows[at]], is_told[rows[at]] = values[at], True
            columns[self._names[tag]] = _series(self._names[tag], column, is_told)
        return polars.DataFrame(columns)

    def _samples_at(self, steps: Array) -> polars.Series:
        """Return what the steps count in samples; what no step told is null."""
        known, told = self._samples
        if not len(known):
            return polars.Series("samples", steps)
        at = numpy.minimum(numpy.searchsorted(known, steps), len(known) - 1)
        samples = numpy.rint(told[at])
        is_told = known[at] == steps
        return _series("samples", numpy.where(is_told, samples, 0).astype("i8"), is_told)


def _by_step(told: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return the steps that were told of, ascending, and what each was told last."""
    if not told:
        return numpy.zeros(0, "i8"), numpy.zeros(0)
    steps, values = (numpy.concatenate(columns) for columns in zip(*told, strict=True))
    order = numpy.argsort(steps, kind="stable")
    last = numpy.diff(steps[order], append=steps[order][-1] - 1) != 0 if len(steps) else numpy.zeros(0, bool)
    return steps[order][last], values[order][last]


def _series(name: str, values: Array, is_told: Array) -> polars.Series:
    """Return a column that is null where nothing is told."""
    column = polars.Series(name, values)
    if is_told.all():
        return column
    return column.zip_with(polars.Series(is_told), polars.Series([None], dtype=column.dtype))
