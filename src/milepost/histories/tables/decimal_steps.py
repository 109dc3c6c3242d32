"""Neptune's steps, which are decimal numbers: https://docs.neptune.ai/log_metrics."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy

from milepost.histories.tables.key_points import Array, Points


class DecimalPoints(NamedTuple):
    """What a key was logged with.

    Attributes:
        times: When, Unix milliseconds.
        steps: At which step, its whole part.
        parts: What it is besides: 0 where it is whole.
        values: What.
    """

    times: Array
    steps: Array
    parts: Array
    values: Array


def in_whole_steps(points: Mapping[str, DecimalPoints]) -> tuple[dict[str, Points], tuple[str, ...]]:
    """Return points with whole steps, and what is to be said: of a key with steps that are none, they count nothing."""
    found: dict[str, Points] = {}
    broken: list[str] = []
    for key, each in points.items():
        steps = each.steps
        if each.parts.any():
            broken.append(repr(key))
            steps = numpy.zeros_like(steps)
        found[key] = Points(each.times, steps, each.values)
    named = f"{', '.join(broken[:3])}{f' and {len(broken) - 3} more' if len(broken) > 3 else ''}"
    return found, (f"the steps of {named} are no whole numbers: they count nothing",) if broken else ()
