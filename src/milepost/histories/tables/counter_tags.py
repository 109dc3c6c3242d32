"""Which keys of a log that gives each of them steps of its own count samples, by the last piece of their names."""

import re
from collections.abc import Iterable
from typing import Any

import numpy

from milepost.histories.tables.columns import SAMPLES

Array = numpy.ndarray[Any, Any]

MOST_FALLS = 0.1
"""A counter falls at restarts and rewinds, and seldom: at no more than so many of its values."""

OWN_COUNTER = "performance_threshold/samples"
"""What Milepost's own sinks write: taken where there is no other."""

COUNTERS = tuple(dict.fromkeys(name.rpartition("/")[2] for name in SAMPLES if name != OWN_COUNTER))
"""Last pieces of names that count samples, the first that is there."""

OTHERS = re.compile(r"(^|[/._])(eval|evaluation|val|valid|validation|test|testing|buffer|replay_buffer)(?=[/._])")
"""What else counts beside training: evaluations, and what a buffer holds."""


def counters_among(keys: Iterable[str]) -> list[str]:
    """Return the keys whose last piece is the name of a counter, the best known first; Milepost's own last."""
    every = list(keys)
    found = [key for key in every if last_piece(key) in COUNTERS and key != OWN_COUNTER and not OTHERS.search(key)]
    found.sort(key=lambda key: (COUNTERS.index(last_piece(key)), len(re.split(r"[/.]", key))))
    return found + [key for key in every if key == OWN_COUNTER]


def last_piece(key: str) -> str:
    """Return the last piece of a name: ``env_steps`` of ``Progress / env steps`` and of ``train.env_steps``."""
    return re.split(r"[/.]", key)[-1].strip().replace(" ", "_")


def rises(values: Array) -> bool:
    """Say whether values, in the order of the log, are those of a counter: not constant, and seldom falling."""
    values = values[values >= 0]
    if not len(values) or values.min() == values.max():
        return len(values) == 1 and values[0] > 0
    falls = int(numpy.count_nonzero(numpy.diff(values) < 0))
    return falls <= max(1, MOST_FALLS * len(values))
