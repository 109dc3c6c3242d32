"""An update as it was told, and what is wrong with the times in it."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from milepost.money.position import Bound
from milepost.tracking.counting import MOST_SAMPLES
from milepost.tracking.series import Series, as_float, is_number
from milepost.tracking.timer import Timer
from milepost.tracking.unix_time import EARLIEST, LATEST, LATEST_ELAPSED_SECONDS, UNITS, in_seconds


class Row(msgspec.Struct):
    """An update as it was told.

    Attributes:
        metrics: What it bears.
        samples: As told.
        elapsed_seconds: As told; None where it tells none.
        wall_time: Unix seconds (UTC), as told or by the clock.
        wall_is_given: Whether it was told.
        bound: What its time is, where it is not exact: ``unknown`` where it tells none that can be.
    """

    metrics: Mapping[str, Any]
    samples: int
    elapsed_seconds: float | None
    wall_time: float
    wall_is_given: bool
    bound: Bound | None = None

    def bears(self, metric: str) -> bool:
        """Say whether it bears a finite value of a metric."""
        return metric in self.metrics and math.isfinite(as_float(self.metrics[metric]))

    def kept(self, every_series: Iterable[Series]) -> "Row":
        """Return it with copies of the values that are watched: its caller may change the others."""
        watched = {each.metric for each in every_series} & self.metrics.keys()
        numbers = {name: self.metrics[name] for name in watched if is_number(self.metrics[name])}
        return msgspec.structs.replace(self, metrics={name: as_float(value) for name, value in numbers.items()})

    def elapsed(self, timer: Timer) -> float:
        """Return its elapsed seconds as the timer has them that goes on as at the last update."""
        return timer.at(self.wall_time) if self.elapsed_seconds is None else self.elapsed_seconds + timer.told_offset


def read(
    timer: Timer, metrics: Mapping[str, Any], samples: Any, elapsed_seconds: Any, wall: Any, wall_is_given: bool
) -> Row | None:
    """Return an update with the times in it that can be; None where its samples count nothing.

    A Unix time in milliseconds, micro- or nanoseconds is read as such, whatever those before it were in, and one that
    is told as elapsed time as wall time. A wall time before 1990 or after 2100 is none, but where all are such: they
    then count from some moment of their own. Elapsed time below 0 is none.
    """
    if not -math.inf < samples < MOST_SAMPLES:
        message = "an update was passed over: found samples=%r, expected a finite number below 2**63"
        timer.said.warn("position", message, samples)
        return None
    told = None if elapsed_seconds is None else float(elapsed_seconds)
    row = Row(metrics, int(samples), told, wall, wall_is_given, timer.told_bound)
    if row.elapsed_seconds is not None and row.elapsed_seconds >= LATEST_ELAPSED_SECONDS and not wall_is_given:
        timer.said.warn("unix", "elapsed_seconds: found %r, which is a Unix time: read as wall_time", elapsed_seconds)
        row.wall_time, row.wall_is_given, row.elapsed_seconds = row.elapsed_seconds, True, None
    wrong: tuple[str, str] | None = None
    if row.elapsed_seconds is not None and not 0 <= row.elapsed_seconds < LATEST_ELAPSED_SECONDS:
        wrong = f"elapsed_seconds={elapsed_seconds!r}", "seconds since training began"
    if row.wall_is_given and not _read_wall(timer, row) and (row.elapsed_seconds is None or not timer.is_of_log):
        wrong = wrong or (f"wall_time={wall!r}", "Unix seconds between 1990 and 2100")
    if wrong is not None:
        found = "no time that can be" if timer.is_of_log else wrong[0]
        timer.untimed_because = f"its time was passed over: found {found}, expected {wrong[1]}"
        row.bound = "unknown"
        if not timer.is_of_log:
            timer.said.warn("position", "an update was passed over: found %s, expected %s", *wrong)
            return None
    return row


def _read_wall(timer: Timer, row: Row) -> bool:
    """Read the wall time of an update; say whether it can be one."""
    told = row.wall_time = float(row.wall_time)
    if UNITS[-1][0] <= told < math.inf:
        row.wall_time = in_seconds(told)
        reads = "wall_time: found %r, which is no time in seconds: read as %.1f s"
        timer.said.warn("unit", reads, told, row.wall_time)
    row.wall_time += timer.wall_offset
    first = timer.timed_here is None
    was_unix = timer.wall_time >= EARLIEST
    if row.wall_time >= EARLIEST and not first and not was_unix:
        # Those before it were none, so nothing is known of the time until now.
        timer.origin, timer.bound = row.wall_time - timer.elapsed_seconds, timer.bound or "lower"
        timer.wall_time = row.wall_time
    if -math.inf < row.wall_time < LATEST and (row.wall_time >= EARLIEST or first or not was_unix):
        return True
    row.wall_time = timer.wall_time
    return False
