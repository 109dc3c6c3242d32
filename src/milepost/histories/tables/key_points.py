"""A log of points by key, each with a step and a time of its own, such as MLflow's, as a history."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy
import polars

from milepost.errors import HistoryError
from milepost.histories.history import Boundary, History, Rows, Wanted
from milepost.histories.tables.axes import OWN_STEP, along_axes, axes_of, count_nothing, counted_in, share_axis
from milepost.histories.tables.counter_keys import choose_counter
from milepost.histories.tables.event_order import unix_seconds
from milepost.histories.tables.flags import flagged, passed_over, shown
from milepost.histories.tables.joining import Joined, Told, column, lags, whole
from milepost.histories.tables.timer_keys import choose_timer, unit_seconds

Array = numpy.ndarray[Any, Any]


class Points(NamedTuple):
    """What one key was logged with, in the order of the log.

    Attributes:
        times: When, Unix time in any unit.
        steps: At which step.
        values: What.
    """

    times: Array
    steps: Array
    values: Array

    @classmethod
    def of(cls, times: Iterable[float], steps: Iterable[int], values: Iterable[float]) -> "Points":
        """Return points of lists. SQLite has no infinity: what it keeps for one, the largest float, is one again."""
        found = _numbers(values, "f8")
        is_infinite = numpy.abs(found) == numpy.finfo("f8").max
        found = numpy.where(is_infinite, numpy.copysign(numpy.inf, found), found)
        return cls(_numbers(times, "f8"), _numbers(steps, "i8"), found)


class KeyPoints:
    """What a run logged by key.

    Args:
        where: What messages call it.
        points: Its points, of all its keys or most.
        wanted: What is wanted of them.
        further: Of each process that went on with the run, in their order, when it logged first, as `Points` have it,
            and the Unix seconds of its start, where that is known.

    Raises:
        HistoryError: The key that is said to count samples, or to tell time, is not there.
    """

    def __init__(
        self,
        where: str,
        points: Mapping[str, Points],
        wanted: Wanted,
        further: Sequence[tuple[float, float | None]] = (),
    ) -> None:
        self._where, self._wanted, self._further = where, wanted, further
        self._points = {key: _in_time(each) for key, each in points.items()}
        self._steps = {key: numpy.unique(each.steps) for key, each in self._points.items()}
        self._axes = axes_of(self._steps)
        self._numbers = self._numbered()
        counter = self._flagged(wanted.samples_column, "--samples-column")
        if counter is None:
            counter = choose_counter(self._points, lambda key: self._points[key].values)
        self._counter = counter
        is_by_step = counter is None or wanted.samples_column is not None
        self._per_step = (wanted.samples_per_step or 1) if is_by_step else 1
        self._notes = passed_over(wanted, None if is_by_step else counter)
        self._counts = None if counter is None or counter not in self._points else Joined(self._told_by(counter))
        self._timer = self._flagged(wanted.time_column, "--time-column")
        if self._timer is None:
            chosen = choose_timer(self._steps, self._told_by, wanted)
            self._timer, self._notes = chosen.name, (*self._notes, *chosen.notes)
        self._times = None if self._timer is None else self._timed(self._timer)

    def history(self, run: str, **told: Any) -> History:
        """Return the run; where metrics that are wanted lie on several axes, with a history for each.

        Args:
            run: Its id.
            told: What else is known of it, as `History` has it.
        """
        by_axis: dict[str, list[str]] = {}
        for key in self._points:
            if self._wanted.wants(key):
                by_axis.setdefault("" if self._counts is not None else self._axes[key], []).append(key)
        axes = [self._along(run, axis, keys, told) for axis, keys in by_axis.items()]
        if not axes:
            return self._along(run, next(iter(self._axes.values()), ""), [], told)
        return along_axes(axes, by_axis.values())

    def _along(self, run: str, axis: str, keys: Sequence[str], told: Mapping[str, Any]) -> History:
        """Return the history of keys that are counted along one axis."""
        backbone = axis if self._counts is None else self._counter
        read = list(keys)
        if backbone in self._points and not any(self._is_as_dense(key, backbone) for key in keys):
            read.append(backbone)
        counted = self._counts is not None or not count_nothing(self._steps.get(axis))
        unit = counted_in(
            *(self._counter, counted, self._wanted.samples_per_step),
            "a step may count anything, and no key is known to count samples",
            "its steps are all 0: they count nothing",
        )
        if self._times is None and not any(
            bool(numpy.isfinite(unix_seconds(self._points[key].times)).any()) for key in read
        ):
            found = shown(tuple(self._points))
            unit["untimed_because"] = (
                f"it tells no time that can be; found {found}; say which key does with --time-column"
            )
        return History(
            run=run,
            rows=lambda: self._rows(keys, read, counted),
            metrics=tuple(self._points),
            **{**unit, **told, "notes": (*self._notes, *told.get("notes", ()))},
        )

    def _rows(self, keys: Sequence[str], read: Sequence[str], counted: bool) -> Iterator[Rows]:
        """Yield what was logged at one time and step as a row, in the order of time."""
        if not read:
            return
        of_rows = numpy.concatenate([self._numbers[key] for key in read])
        times = numpy.concatenate([self._points[key].times for key in read])
        steps = numpy.concatenate([self._points[key].steps for key in read])
        numbers, first = numpy.unique(of_rows, return_index=True)
        times, steps = unix_seconds(times[first]), steps[first]
        metrics: dict[str, polars.Series] = {}
        for key in keys:
            values, is_told = numpy.zeros(len(numbers)), numpy.zeros(len(numbers), bool)
            at = numpy.searchsorted(numbers, self._numbers[key])
            values[at], is_told[at] = self._points[key].values, True
            metrics[key] = column(key, values, is_told)
        samples = elapsed = None
        if counted:
            samples = polars.Series("samples", steps.astype("i8") * self._per_step)
        if self._counts is not None and self._counter is not None:
            shares = self._sharing(self._counter, read, numbers)
            counts, is_told = self._counts.at(numbers, steps, times, shares)
            samples = column("samples", whole(counts) * self._per_step, is_told)
        if self._times is not None and self._timer is not None:
            seconds, is_told = self._times.at(numbers, steps, times, self._sharing(self._timer, read, numbers))
            elapsed = column("elapsed_seconds", seconds, is_told)
        yield Rows(
            metrics=polars.DataFrame(metrics),
            samples=samples,
            elapsed_seconds=elapsed,
            wall_time=None if numpy.isnan(times).all() else polars.Series("wall_time", times),
            boundaries=self._boundaries(times),
        )

    def _boundaries(self, times: Array) -> tuple[Boundary, ...]:
        """Return where further processes go on in rows of such times, which stand in the order of time."""
        found: dict[int, Boundary] = {}
        for first, started_at in self._further:
            row = int(numpy.argmax(times >= unix_seconds(numpy.array([first]))[0]))  # 0 where none is
            if row > 0:
                is_between = started_at is not None and not started_at < times[row - 1] and started_at <= times[row]
                found[row] = Boundary(row, started_at if is_between else None)
        return tuple(found[row] for row in sorted(found))

    def _sharing(self, other: str, read: Sequence[str], numbers: Array) -> Array:
        """Say which rows bear a key that is counted along another's axis."""
        shares = numpy.zeros(len(numbers), bool)
        for key in read:
            if share_axis(*sorted((self._steps[key], self._steps[other]), key=len)):
                shares[numpy.searchsorted(numbers, self._numbers[key])] = True
        return shares

    def _numbered(self) -> dict[str, Array]:
        """Return the row of each key's points: those of one time and step are one."""
        if not self._points:
            return {}
        times = numpy.concatenate([each.times for each in self._points.values()])
        steps = numpy.concatenate([each.steps for each in self._points.values()])
        order = numpy.lexsort((steps, times))
        begins = numpy.ones(len(order), bool)
        begins[1:] = (numpy.diff(times[order]) != 0) | (numpy.diff(steps[order]) != 0)
        numbers = numpy.empty(len(order), "i8")
        numbers[order] = numpy.cumsum(begins) - 1
        ends = numpy.cumsum([len(each.steps) for each in self._points.values()])
        return dict(zip(self._points, numpy.split(numbers, ends[:-1]), strict=True))

    def _timed(self, key: str) -> Joined:
        told = self._told_by(key)
        return Joined(told._replace(values=told.values * unit_seconds(key, self._wanted)), goes_on=True)

    def _told_by(self, key: str) -> Told:
        points = self._points[key]
        return Told(self._numbers[key], points.steps, unix_seconds(points.times), points.values)

    def _flagged(self, name: str | None, flag: str) -> str | None:
        if name == OWN_STEP and flag == "--samples-column":
            return name
        return flagged(self._where, tuple(self._points), name, flag)

    def _is_as_dense(self, key: str, backbone: str) -> bool:
        if key == backbone or not share_axis(self._steps[backbone], self._steps[key]):
            return key == backbone
        return not lags(self._told_by(key), self._told_by(backbone))


def _numbers(values: Iterable[float], kind: str) -> Array:
    return numpy.array(values if isinstance(values, array) else list(values), kind)


def until(fault: HistoryError | None, history: History) -> History:
    """Return a history that says what is wrong with its log, after all that could be read of it."""
    if fault is None:
        return history

    def rows(opened: Callable[..., Iterator[Rows]]) -> Iterator[Rows]:
        yield from opened()
        raise fault

    axes = tuple(msgspec.structs.replace(axis, rows=partial(rows, axis.rows)) for axis in history.axes)
    return msgspec.structs.replace(history, rows=partial(rows, history.rows), axes=axes)


def _in_time(points: Points) -> Points:
    """Return points in the order of their times."""
    order = numpy.lexsort((points.steps, points.times))
    return Points(*(each[order] for each in points))
