"""Single precision: a metric that is stored as float32 is held against its targets as float32.

0.9 stored as float32 is 0.89999998: it is what was meant by 0.9, and ``>= 0.9`` is to be satisfied by it. So both sides
of the comparison are rounded to float32. Rounding is monotone: ``round(v) >= round(t)`` holds from one float64 on, and
that is worked out once, so that comparing costs what it did.
"""

import math
import struct
import sys
from functools import cache
from typing import Any

import msgspec

from milepost.tracking.thresholds import PerformanceThreshold

LARGEST = sys.float_info.max


def single(value: float) -> float:
    """Return the float32 that is nearest to a number, ties to even, as IEEE 754 rounds; infinite beyond 3.4e38."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def least(rounded: float) -> float:
    """Return the least float64 that rounds to a float32, or to a greater one."""
    if rounded == -math.inf:
        return -LARGEST
    middle = _between(_neighbour(rounded, -1), rounded)
    return middle if single(middle) == rounded else math.nextafter(middle, math.inf)


def most(rounded: float) -> float:
    """Return the greatest float64 that rounds to a float32, or to a lesser one."""
    return -least(-rounded)


@cache
def in_single(threshold: PerformanceThreshold) -> PerformanceThreshold:
    """Return the threshold that float64 values satisfy where the threshold is satisfied in float32."""
    target, tolerance = single(threshold.target_value), 0.0
    if threshold.comparison in (">=", "<"):
        target = least(target)
    elif threshold.comparison in (">", "<="):
        target = most(target)
    else:
        low, high = _least_above(target - threshold.tolerance), -_least_above(-target - threshold.tolerance)
        low, high = least(low), most(high)
        target = low / 2 + high / 2
        tolerance = max(high - target, target - low)
    return msgspec.structs.replace(threshold, target_value=target, tolerance=tolerance)


def is_single(value: Any) -> bool:
    """Say whether a logged value is a float32 of NumPy, PyTorch, JAX or whatever else names its type so."""
    try:
        return str(getattr(value, "dtype", "")).rpartition(".")[2] == "float32"
    except Exception:
        return False


def _least_above(value: float) -> float:
    """Return the least float32 that is not below a number."""
    rounded = single(value)
    return rounded if rounded >= value else _neighbour(rounded, 1)


def _neighbour(rounded: float, direction: int) -> float:
    """Return the next float32 after one."""
    if rounded == 0:
        return direction * 2.0**-149
    (bits,) = struct.unpack("i", struct.pack("f", rounded))
    bits += direction if rounded > 0 else -direction
    return float(struct.unpack("f", struct.pack("i", bits))[0])


def _between(low: float, high: float) -> float:
    """Return the middle of two neighbouring float32; beyond the largest, of it and the next there would be."""
    if math.isinf(high):
        return math.copysign(2.0**128 * (1 - 2.0**-25), high)
    if math.isinf(low):
        return math.copysign(2.0**128 * (1 - 2.0**-25), low)
    return (low + high) / 2
