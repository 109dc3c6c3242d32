"""Which key of a log that gives each of them steps of its own counts samples."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy

from milepost.histories.tables.names import is_loose, known

Array = numpy.ndarray[Any, Any]

MOST_FALLS = 0.1
"""A counter falls at restarts and rewinds, and seldom: at no more than so many of its values."""


def choose_counter(
    keys: Iterable[str], values_of: Callable[[str], Array], all_values_of: Callable[[str], Array] | None = None
) -> str | None:
    """Return the key that counts samples: the likeliest of a known name that rises; None where none does.

    Args:
        keys: The keys.
        values_of: Returns what one told, in the order of the log, or of its beginning.
        all_values_of: Likewise, of all of the log, where that is not the same.
    """
    for key in known(tuple(keys), "samples"):
        if not rises(values_of(key)):
            continue
        if not is_loose(key) or never_falls((all_values_of or values_of)(key)):
            return key
    return None


def rises(values: Array) -> bool:
    """Say whether values, in the order of the log, are those of a counter: not constant, and seldom falling."""
    values = values[values >= 0]
    if not len(values) or values.min() == values.max():
        return len(values) == 1 and values[0] > 0
    falls = int(numpy.count_nonzero(numpy.diff(values) < 0))
    return falls <= max(1, MOST_FALLS * len(values))


def never_falls(values: Array) -> bool:
    """Say whether values never fall, but to where a counter begins anew."""
    values = values[values >= 0]
    falls = numpy.flatnonzero(numpy.diff(values) < 0) + 1
    return len(values) > 1 and not (values[falls] > values[0]).any()
