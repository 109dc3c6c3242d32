"""The tracker's arithmetic on metrics that are not smoothed, by NumPy: what the kernel does, without its compiler.

There the recurrence is ``S ← 0·S + x``: a smoothed value is the last finite one.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from milepost.replaying.compiled.layout import (
    EARLIER,
    FALLING,
    FALLING_STRICTLY,
    FLOWING,
    LATEST,
    NEVER,
    RISING,
    RISING_STRICTLY,
)

Array = np.ndarray[Any, Any]

SATISFIES: dict[int, Callable[[Array, float], Array]] = {
    RISING: np.greater_equal,
    RISING_STRICTLY: np.greater,
    FALLING: np.less_equal,
    FALLING_STRICTLY: np.less,
}


def following(
    samples: Array,
    elapsed_seconds: Array,
    wall_time: Array,
    last_samples: int,
    last_elapsed: float,
    last_wall: float,
    hole_seconds: float,
) -> int:
    """Return how many rows simply follow what was before and each other, as `kernel.following` does."""
    with np.errstate(invalid="ignore"):
        passed = np.diff(elapsed_seconds, prepend=last_elapsed)
        follows = (passed >= 0.0) & (passed < hole_seconds) & (wall_time < LATEST)
    follows[0] &= samples[0] >= last_samples and wall_time[0] >= last_wall
    follows[1:] &= (samples[1:] >= samples[:-1]) & (wall_time[1:] >= wall_time[:-1])
    return len(follows) if follows.all() else int(follows.argmin())


def observe(
    columns: tuple[Array, ...], samples: Array, elapsed_seconds: Array, series: Array, targets: Array, kept: Array
) -> None:
    """Take a block of observations, one a row, as `kernel.observe` does."""
    for at, column in enumerate(columns):
        each = series[at]
        rows = np.flatnonzero(np.isfinite(column))
        values = _smoothed(column if len(rows) == len(column) else column[rows], each["total"])
        for target in targets[each["first_target"] : series[at + 1]["first_target"]]:
            _hold(target, rows, values, has_value=each["weight"] != 0.0)
        for one in kept[each["next_kept"] : each["end_kept"]]:
            seen = int(np.searchsorted(rows, one["row"], "right"))
            before = each["total"] if each["weight"] != 0.0 else np.nan
            one["value"] = values[seen - 1] if seen else before
        each["next_kept"] = each["end_kept"]
        each["misses"] += len(column) - len(rows)
        if len(rows):
            each["total"], each["weight"] = values[-1], 1.0
            each["left"] = FLOWING if rows[-1] == len(column) - 1 else rows[-1]
        elif each["left"] == FLOWING:
            each["left"] = EARLIER


def _smoothed(values: Array, total: float) -> Array:
    """Return what finite values are smoothed to: themselves, but a zero has the sign that adding it up leads to."""
    negative = np.flatnonzero((values == 0.0) & np.signbit(values))
    if len(negative):
        values = values.copy()
        for at in negative:
            values[at] += 0.0 * (values[at - 1] if at else total)
    return values


def _hold(target: Any, rows: Array, values: Array, *, has_value: bool) -> None:
    """Hold the smoothed values of a block, at their rows, against a pending threshold."""
    if target["comparison"] in SATISFIES:
        satisfied = SATISFIES[int(target["comparison"])](values, target["target"])
    else:
        with np.errstate(over="ignore"):
            satisfied = np.abs(values - target["target"]) <= target["tolerance"]
    # What is between two that don't satisfy it is a row of those that do; the first goes on with what was held before.
    ends = np.concatenate(([-1 - target["held"]], np.flatnonzero(~satisfied), [len(values)]))
    lengths = np.diff(ends) - 1
    enough = lengths >= target["confirm"]
    which = int(enough.argmax()) if enough.any() else len(lengths) - 1
    first = int(ends[which]) + 1
    if lengths[which] and first >= 0 and not (which == 0 and target["held"]):
        earlier = EARLIER if has_value else NEVER
        target["candidate"], target["value"] = rows[first], values[first]
        target["before"] = NEVER if target["met_before"] and which == 0 else rows[first - 1] if first else earlier
    target["met_before"] &= which == 0 and not enough.any()
    if enough.any():
        target["confirmed"], target["held"] = rows[first + target["confirm"] - 1], 0
    else:
        target["held"] = lengths[which]
