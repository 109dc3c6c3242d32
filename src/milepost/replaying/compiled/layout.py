"""What bulk and its arithmetic hand each other: arrays of series, of their pending thresholds, of rows to be kept.

Numba's cache looks at no file but the kernel's own: who changes a number here has to touch that one too.
"""

import numpy as np

LATEST = 4_102_444_800.0
"""As `milepost.tracking.unix_time.LATEST`."""

SERIES = np.dtype(
    [
        ("decay", np.float64),  # d of the recurrence; NaN where a half-life gives it
        ("half_life", np.float64),  # in samples or seconds; NaN where there is none
        ("by_samples", np.bool_),  # whether it counts samples, and not elapsed seconds
        ("bias_correction", np.bool_),
        ("total", np.float64),  # S
        ("weight", np.float64),  # W
        ("samples", np.float64),  # where the last finite value was observed, for half-lives
        ("elapsed_seconds", np.float64),
        ("left", np.int64),  # row of the last finite value, or FLOWING
        ("misses", np.int64),  # rows without a finite value
        ("low", np.float64),  # a smoothed value between low and high concerns no pending threshold
        ("high", np.float64),
        ("sum_low", np.float64),  # the same of sums, for the weights of a tile
        ("sum_high", np.float64),
        ("first_target", np.int64),  # its thresholds: from here on, up to those of the next
        ("next_kept", np.int64),  # its rows that are to be kept, likewise: the next of them
        ("end_kept", np.int64),
    ],
    align=True,
)
"""A metric under one smoothing. The last element of an array of them only ends the thresholds of the one before."""

TARGETS = np.dtype(
    [
        ("comparison", np.int64),  # RISING and so on
        ("target", np.float64),
        ("tolerance", np.float64),  # of ==
        ("confirm", np.int64),  # observations in a row that are needed
        ("held", np.int64),  # and how many there are
        ("met_before", np.bool_),  # as `Detector.met_before`
        ("candidate", np.int64),  # row of the first of those in a row
        ("before", np.int64),  # row of the observation before that; NEVER where there is none
        ("value", np.float64),  # smoothed value at the candidate
        ("confirmed", np.int64),  # row that confirmed it; NEVER while the threshold is pending
    ],
    align=True,
)
"""A pending threshold."""

KEPT = np.dtype([("row", np.int64), ("value", np.float64)], align=True)
"""A row whose smoothed value is wanted: NaN where the series has had no finite value."""

RISING, RISING_STRICTLY, FALLING, FALLING_STRICTLY, LEVEL = range(5)
"""Of a target's ``comparison``: ``>=``, ``>``, ``<=``, ``<``, ``==``."""

EARLIER = -1
"""A row before the block."""

NEVER = -2
"""No row."""

FLOWING = -2
"""Of a series' ``left``: its last finite value is that of the last row."""
