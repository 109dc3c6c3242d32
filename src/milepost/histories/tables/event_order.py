"""In which order a run's event files were written: by one process after the other, or by several writers at once."""

from collections.abc import Sequence
from typing import Any

import numpy

from milepost.histories.decoding.event_columns import EventChunk, Process
from milepost.histories.history import Boundary
from milepost.tracking.unix_time import EARLIEST, LATEST, UNITS

Array = numpy.ndarray[Any, Any]


def unix_seconds(times: Array) -> Array:
    """Return wall times in seconds, each by itself; NaN for one that can't be, such as 0."""
    seconds = numpy.asarray(times, "f8")
    if len(seconds) and not (seconds.min() >= EARLIEST and seconds.max() <= LATEST):  # also where one is NaN
        with numpy.errstate(invalid="ignore"):
            for above, unit in UNITS:
                seconds = numpy.where(seconds >= above, seconds * unit, seconds)
            seconds = numpy.where((seconds >= EARLIEST) & (seconds <= LATEST), seconds, numpy.nan)
    return seconds


def unix_second(time: float | None) -> float | None:
    """Return one wall time likewise; None for one that can't be."""
    second = numpy.nan if time is None else float(unix_seconds(numpy.array([time]))[0])
    return None if numpy.isnan(second) else second


class Order:
    """Where processes go on with a run, one after the other.

    A writer that was opened while another still wrote is no further process: both wrote of one training.

    Args:
        processes: What wrote the files, as far as they were read: looked at again with every chunk.
    """

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes
        self._looked_at = 0
        self._latest = -numpy.inf
        self._numbers: list[int] = []
        self._started_at: list[float | None] = []

    def note(self, chunk: EventChunk) -> None:
        """Take note of a chunk, the next one: whether a process that begins in it, or before, follows the others."""
        seconds = unix_seconds(chunk.wall_times)
        begin = 0
        while self._looked_at < len(self._processes):
            process = self._processes[self._looked_at]
            if process.number > chunk.numbers[-1]:
                break
            end = int(numpy.searchsorted(chunk.numbers, process.number))
            self._pass(seconds[begin:end])
            begin = end
            first, opened_at = unix_second(process.wall_time), unix_second(process.opened_at)
            if first is None or first >= self._latest:
                self._numbers.append(process.number)
                self._started_at.append(opened_at if first is None or opened_at is None or opened_at <= first else None)
            self._looked_at += 1
        self._pass(seconds[begin:])

    def _pass(self, seconds: Array) -> None:
        if len(seconds):
            self._latest = max(self._latest, float(numpy.nanmax(numpy.append(seconds, -numpy.inf))))

    @property
    def is_plain(self) -> bool:
        """Whether no two wrote at once."""
        return len(self._numbers) == self._looked_at

    def stretches(self, numbers: Array) -> Array:
        """Return which process wrote each event, counting those that follow each other."""
        return numpy.searchsorted(self._numbers, numbers, side="right")

    def boundaries(self, stretches: Array, before: int) -> tuple[Boundary, ...]:
        """Return where processes begin among rows.

        Args:
            stretches: Which process wrote each.
            before: Which one wrote the row before; -1 where there is none.
        """
        changes = numpy.flatnonzero(numpy.diff(stretches, prepend=stretches[0] if before < 0 else before))
        return tuple(Boundary(int(row), self._started_at[int(stretches[row]) - 1]) for row in changes)


def merged(chunks: list[EventChunk], order: Order) -> list[EventChunk]:
    """Return events in one chunk, in the order of their times where several wrote at once."""
    if not chunks or order.is_plain:
        return chunks
    sizes = numpy.cumsum([0, *(len(chunk.numbers) for chunk in chunks)])
    numbers, steps, wall_times = (numpy.concatenate([chunk[column] for chunk in chunks]) for column in range(3))
    of_events = numpy.concatenate([chunk.value_events + first for chunk, first in zip(chunks, sizes, strict=False)])
    tags, values = (numpy.concatenate([chunk[column] for chunk in chunks]) for column in (4, 5))
    sorted_by = numpy.lexsort((unix_seconds(wall_times), order.stretches(numbers)))
    places = numpy.empty(len(numbers), "i8")
    places[sorted_by] = numpy.arange(len(numbers))
    of_events = places[of_events]
    by_event = numpy.argsort(of_events, kind="stable")
    return [
        EventChunk(
            numbers, steps[sorted_by], wall_times[sorted_by], of_events[by_event], tags[by_event], values[by_event]
        )
    ]
