"""Names of all that logs tell, also of what is no number: for a metric that was found nowhere."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import msgspec

from milepost.errors import MilepostError
from milepost.histories.finding.log import Log
from milepost.histories.history import History, Wanted

MOST_RUNS = 5
"""Of one log, so many runs are looked into."""

MOST_CHUNKS = 3
"""Of a run, so many chunks: what comes first in a later one is not found."""


def metric_names(logs: Sequence[Log], wanted: Wanted) -> set[str]:
    """Return the names that a few logs tell, whether or not their values are numbers.

    Args:
        logs: The logs, which were read before: what is wrong with them is not said again.
        wanted: How their columns are to be understood.
    """
    every = msgspec.structs.replace(wanted, metrics=None, part=None)
    names: set[str] = set()
    with _silent():
        for log in logs:
            try:
                for history in islice(log.reader.histories(log.files, log.run, every), MOST_RUNS):
                    names.update(_names_of(history))
            except MilepostError:
                continue  # it was said when it was read
    return names


def _names_of(history: History) -> Iterator[str]:
    for axis in history.axes or (history,):
        yield from axis.metrics or ()
        try:
            for rows in islice(axis.rows(), MOST_CHUNKS):
                yield from rows.metrics.columns
        except MilepostError:
            continue


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what is warned about to oneself: it has been said."""
    root = logging.getLogger("milepost")
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
