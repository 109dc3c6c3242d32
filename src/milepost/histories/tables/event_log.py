"""A run's event files: along which axes its tags are counted, in what, and when its processes began."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from milepost.errors import HistoryError
from milepost.histories.decoding.event_columns import EventChunk, EventScan
from milepost.histories.history import History, Wanted
from milepost.histories.tables.axes import OWN_STEP, along_axes, axes_of, count_nothing, counted_in, share_axis
from milepost.histories.tables.counter_keys import choose_counter
from milepost.histories.tables.event_order import Order, merged, unix_second, unix_seconds
from milepost.histories.tables.event_rows import AxisRows
from milepost.histories.tables.flags import not_there, passed_over, shown
from milepost.histories.tables.joining import Joined, Told, lags
from milepost.histories.tables.timer_keys import TimerKey, choose_timer, unit_seconds
from milepost.histories.tables.values import is_unix

Array = numpy.ndarray[Any, Any]

BEGINNING_VALUES = 2**19
"""So many values are read, of all tags, to tell axes and counters; they are kept, some 20 MB. A longer log is judged by
its beginning, and read anew for what is wanted of it."""

BY_SECONDS = "/time"
"""So end the tags that rsl_rl logs again, with the seconds of training for a step: ``Train/mean_reward/time``."""


class EventLog:
    """A run's event files.

    Args:
        files: The files, in the order in which they were written.
        wanted: What is wanted of them.

    Attributes:
        tags: Numbers of the tags, of all that its beginning has.
        processes: What wrote the files, as far as its beginning tells.
        counts: What the tag told that counts samples; None where there is none.
        counter: That tag, or `OWN_STEP`; None where there is none.
        times: What the tag told that tells the time since training began, in seconds; None where there is none.
        timer: That tag.
        per_step: How many samples each is that is counted, as the user says.
        single: The tags whose values are float32, as far as its beginning tells.
        has_time: Whether its events tell any wall time that can be, and that goes on where the timer does.

    Raises:
        HistoryError: The tag that is said to count samples is not there.
    """

    def __init__(self, files: Sequence[str], wanted: Wanted) -> None:
        self._files, self._wanted = files, wanted
        self._scan = EventScan(files, None)
        self._kept: list[EventChunk] = []
        self._fault: HistoryError | None = None
        self._order = Order(self._scan.processes)
        self._is_whole = self._read_beginning()
        self.tags = dict(self._scan.tags)
        self.processes = tuple(self._scan.processes)
        self._steps = self._steps_of_tags()
        self._by_seconds = self._counted_in_seconds()
        self._axes = axes_of({tag: steps for tag, steps in self._steps.items() if tag not in self._by_seconds})
        self.counter = self._choose_counter()
        is_by_step = self.counter is None or wanted.samples_column is not None
        self.per_step = (wanted.samples_per_step or 1) if is_by_step else 1
        self._passed_over = passed_over(wanted, None if is_by_step else self.counter)
        self.counts = self._read_counts()
        self.single = self._single_tags()
        self.has_time = any(bool(numpy.isfinite(unix_seconds(chunk.wall_times)).any()) for chunk in self._kept)
        self._timer = self._choose_timer()
        self.timer = self._timer.name
        self.times = self._read_times()
        self.has_time = self.has_time and not (self.times is not None and self._timer.wall_stands)

    def history(self, run: str) -> History:
        """Return the run; where metrics that are wanted lie on several axes, with a history for each."""
        by_axis: dict[str, list[str]] = {}
        for tag in (*self.tags, *self._later()):
            if self._wanted.wants(tag):
                axis = "" if self.counts is not None else self._axes.get(tag, tag)
                by_axis.setdefault(axis, []).append(tag)
        if not by_axis:
            return self._along(run, next(iter(self._axes.values()), ""), [])
        axes = [self._along(run, axis, tags) for axis, tags in by_axis.items()]
        return along_axes(axes, by_axis.values())

    def _along(self, run: str, axis: str, tags: list[str]) -> History:
        """Return the history of tags that are counted along one axis."""
        steps_count = self.counts is not None or not (count_nothing(self._steps.get(axis)) or axis in self._by_seconds)
        told = counted_in(
            *(self.counter, steps_count, self._wanted.samples_per_step),
            "a step of event files may count anything, and no tag is known to count samples",
            f"the steps of {axis!r} are seconds: {axis.removesuffix(BY_SECONDS)!r} has the same values at its steps"
            if axis in self._by_seconds
            else "the steps of its events are all 0: they count nothing",
        )
        if not self.has_time and self.times is None:
            told["untimed_because"] = (
                f"its events tell no time that can be (their wall time is 0); found {shown(tuple(self._steps))}; "
                "say which tag does with --time-column"
            )
        backbone = axis if self.counts is None else self.counter
        read = dict.fromkeys(tags)
        if tags and backbone in self._steps and not any(self._is_as_dense(tag, backbone) for tag in tags):
            read[backbone] = None
        return History(
            run=run,
            rows=AxisRows(self, tuple(tags), frozenset(read), steps_count),
            metrics=tuple(self._steps) if self._is_whole else None,
            started_at=unix_second(self.processes[0].opened_at) if self.processes else None,
            notes=(*self._timer.notes, *self._passed_over),
            **told,
        )

    def chunks(self, read: frozenset[str]) -> Iterator[tuple[EventChunk, dict[str, int], Order]]:
        """Yield the events that bear these tags, or more, with the tags' numbers and the order of their processes.

        Raises:
            HistoryError: A file is broken, after everything before that was yielded.
        """
        if self._is_whole:
            for chunk in self._kept:
                yield chunk, self.tags, self._order
            if self._fault is not None:
                raise self._fault
            return
        scan = EventScan(self._files, read)
        order = Order(scan.processes)
        for chunk in scan.chunks():
            order.note(chunk)
            yield chunk, scan.tags, order

    def share_axis(self, tag: str, other: str | None) -> bool:
        """Say whether two tags are counted along one axis."""
        if tag in self._by_seconds:
            return False
        steps = [self._steps[each] for each in (tag, other) if each is not None and each in self._steps]
        return len(steps) == 2 and share_axis(*sorted(steps, key=len))

    def _read_beginning(self) -> bool:
        """Read the beginning, and say whether it is all there is."""
        values, is_whole = 0, True
        try:
            for chunk in self._scan.chunks():
                if values < BEGINNING_VALUES:
                    self._order.note(chunk)
                    self._kept.append(chunk)
                    values += len(chunk.values)
                    continue
                is_whole = False
                if self._wanted.metrics is not None:
                    break  # else all tags have to be known
        except HistoryError as error:
            self._fault = error
        if is_whole:
            self._kept = merged(self._kept, self._order)
        return is_whole

    def _later(self) -> list[str]:
        """Return what is wanted and may come after the beginning."""
        return [] if self._is_whole else sorted((self._wanted.metrics or frozenset()) - self.tags.keys())

    def _steps_of_tags(self) -> dict[str, Array]:
        """Return the steps of each tag, ascending, each once."""
        if not self._kept:
            return {}
        tags = numpy.concatenate([chunk.value_tags for chunk in self._kept])
        steps = numpy.concatenate([chunk.steps[chunk.value_events] for chunk in self._kept])
        steps = steps[numpy.argsort(tags.astype("u2" if len(self.tags) <= 2**16 else "i8"), kind="stable")]
        parts = numpy.split(steps, numpy.cumsum(numpy.bincount(tags, minlength=len(self.tags)))[:-1])
        return {tag: _each_once(part) for tag, part in zip(self.tags, parts, strict=True) if len(part)}

    def _counted_in_seconds(self) -> frozenset[str]:
        """Return the tags that tell again what another one tells, with seconds for steps."""
        found = set[str]()
        for tag in self._steps:
            other = tag.removesuffix(BY_SECONDS)
            if other != tag and other in self._steps and not numpy.array_equal(self._steps[tag], self._steps[other]):
                one, same = (self._told_by(each, of_any_value=True).values for each in (tag, other))
                most = min(len(one), len(same))  # a beginning may end between them
                if abs(len(one) - len(same)) <= 1 and numpy.array_equal(one[:most], same[:most], equal_nan=True):
                    found.add(tag)
        return frozenset(found)

    def _choose_counter(self) -> str | None:
        """Return the tag that counts samples: the one that is said to, else one of a known name that rises."""
        said = self._wanted.samples_column
        if said is None:
            return choose_counter(
                self._steps,
                lambda tag: self._told_by(tag).values,
                lambda tag: self._told_by(tag, in_all=True).values,
            )
        if said not in self._steps and said != OWN_STEP and self._is_whole:
            raise self._fault or self._no_scalar(said, "--samples-column")
        return said

    def _read_counts(self) -> Joined | None:
        """Return what the counter told; None where there is none, or it is the events' own step."""
        counter = self.counter
        if counter is None or (counter == OWN_STEP and counter not in self._steps):
            return None
        told = self._told_by(counter, in_all=True)
        if not len(told.values):
            raise self._fault or self._no_scalar(counter, "--samples-column")
        return Joined(told)

    def _choose_timer(self) -> TimerKey:
        """Return the tag that tells the time since training began: the one that is said to, else of a known name.

        Raises:
            HistoryError: No tag is called as the user says; names the nearest.
        """
        said = self._wanted.time_column
        if said is None:
            return choose_timer(
                self._steps,
                self._told_by,
                self._wanted,
                self._order.stretches,
                told_by_all=lambda tag: self._told_by(tag, in_all=True),
            )
        if said not in self._steps and self._is_whole:
            raise self._fault or self._no_scalar(said, "--time-column")
        values = self._told_by(said, in_all=said not in self._steps).values
        if not len(values):
            raise self._fault or self._no_scalar(said, "--time-column")
        if is_unix(float(values.max())):
            note = f"{said!r} tells Unix time, and the events tell theirs more closely: that is taken"
            return TimerKey(notes=(note,))
        return TimerKey(said)

    def _read_times(self) -> Joined | None:
        """Return what the timer told; None where there is none."""
        if self.timer is None:
            return None
        told = self._told_by(self.timer, in_all=True)
        return Joined(told._replace(values=told.values * unit_seconds(self.timer, self._wanted)), goes_on=True)

    def _no_scalar(self, name: str, flag: str) -> HistoryError:
        """Return what is wrong where a flag names a tag that is not there."""
        tags = tuple(self._steps)
        return not_there(self._files[0], tags, name, flag)

    def _told_by(self, tag: str, *, in_all: bool = False, of_any_value: bool = False) -> Told:
        """Return what a tag told: in the beginning, or in all of a longer log.

        Args:
            tag: The tag.
            in_all: Whether all of a longer log is wanted.
            of_any_value: Whether all values are wanted, and not just those that may be a count, or a time.
        """
        columns: list[tuple[Array, ...]] = []
        scan, chunks = self._scan, iter(self._kept)
        if in_all and not self._is_whole:
            scan = EventScan(self._files, frozenset({tag}))
            chunks = scan.chunks()
        try:
            for chunk in chunks:
                chosen = chunk.value_tags == scan.tags[tag]
                if not of_any_value:
                    chosen &= (chunk.values >= 0) & (chunk.values < 2.0**63)
                of_events = chunk.value_events[chosen]
                events = (column[of_events] for column in chunk[:3])
                columns.append((*events, chunk.values[chosen]))
        except HistoryError:
            pass  # it is said where the events are read
        empty = (numpy.zeros(0, "i8"), numpy.zeros(0, "i8"), numpy.zeros(0), numpy.zeros(0))
        numbers, steps, wall_times, values = (numpy.concatenate(each) for each in zip(empty, *columns, strict=True))
        return Told(numbers, steps, unix_seconds(wall_times), values)

    def _single_tags(self) -> frozenset[str]:
        """Return the tags whose values are float32, as far as they tell."""
        wide = set[int]()
        for chunk in self._kept:
            with numpy.errstate(over="ignore", invalid="ignore"):
                is_wide = (chunk.values.astype("f4") != chunk.values) & ~numpy.isnan(chunk.values)
            if is_wide.any():
                wide.update(numpy.unique(chunk.value_tags[is_wide]).tolist())
        return frozenset(tag for tag, number in self.tags.items() if number not in wide)

    def _is_as_dense(self, tag: str, backbone: str) -> bool:
        """Say whether a tag was logged so often that no other is needed to tell where the run stood meanwhile."""
        if tag not in self._steps or not share_axis(self._steps[backbone], self._steps[tag]):
            return False
        if tag == backbone:
            return True
        own, other = (self._told_by(each, of_any_value=True) for each in (tag, backbone))
        return not lags(own, other)


def _each_once(steps: Array) -> Array:
    """Return steps ascending, each once; most are already."""
    distances = numpy.diff(steps)
    return steps if (distances > 0).all() else numpy.unique(steps)
