"""What logs hold, without any threshold: for writing a thresholds file, and for checking one against them."""

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from milepost.errors import HistoryError
from milepost.histories.finding.discovery import find_logs
from milepost.histories.history import History, Wanted
from milepost.log import logger
from milepost.replaying.collected import Collected
from milepost.replaying.left_out import line_of
from milepost.replaying.workers.work import encodable
from milepost.tracking.smoothing import Smoother
from milepost.tracking.thresholds import Smoothing

MOST_RUNS = 20
"""So many runs are looked at: more tell little that is new."""


class LoggedMetric(msgspec.Struct):
    """What is known of one metric.

    Attributes:
        runs: How many runs bear it.
        observations: Finite values.
        first: Its first value, of the first run that bears it.
        last: The last smoothed value there; ``lowest`` and ``highest`` are those of all runs.
    """

    metric: str
    runs: int
    observations: int
    first: float
    last: float
    lowest: float
    highest: float


def metrics_in_logs(
    paths: Sequence[str], wanted: Wanted | None = None, patterns: Sequence[str] = ()
) -> dict[str, LoggedMetric]:
    """Return what is known of each metric that logs bear, by its key, smoothed as thresholds are by default.

    Args:
        paths: Files, folders, globs and addresses of logs.
        wanted: How their columns are to be understood.
        patterns: Regular expressions that lines of text are read by.

    Raises:
        HistoryError: Nothing could be read.
    """
    found: dict[str, LoggedMetric] = {}
    collected = Collected(())
    for history in islice(_histories(paths, wanted or Wanted(), patterns, collected), MOST_RUNS):
        smoothers: dict[str, Smoother] = {}
        try:
            for rows in history.rows():
                for metric in rows.metrics.columns:
                    _take(found, smoothers, metric, rows.metrics[metric].drop_nulls().to_list())
        except HistoryError as error:
            logger("replay").warning("%s", error)
    if line := line_of(collected.left_out.found):
        logger("replay").warning("%s", line)
    if not found:
        raise HistoryError(f"{', '.join(paths)}: found no metric, expected logs of runs that are over")
    return found


def _histories(
    paths: Sequence[str], wanted: Wanted, patterns: Sequence[str], collected: Collected
) -> Iterator[History]:
    """Yield the histories under paths; logs that can't be read are passed over."""
    for log in collected.readable(find_logs(paths, patterns=patterns)):
        try:
            yield from map(encodable, log.reader.histories(log.files, log.run, wanted))
        except HistoryError as error:
            logger("replay").debug("%s: %s", log.files[0], error)


def _take(found: dict[str, LoggedMetric], smoothers: dict[str, Smoother], metric: str, values: list[float]) -> None:
    for value in values:
        if value - value != 0.0:
            continue
        if metric not in smoothers:
            smoothers[metric] = Smoother(Smoothing())
            found.setdefault(metric, LoggedMetric(metric, 0, 0, value, value, value, value)).runs += 1
        seen = found[metric]
        smoothed = smoothers[metric].push(value, 0.0, 0.0)
        seen.observations += 1
        seen.lowest, seen.highest = min(seen.lowest, smoothed), max(seen.highest, smoothed)
        if seen.runs == 1:
            seen.last = smoothed
