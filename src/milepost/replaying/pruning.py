"""What a log's outline decides without its values being read: that a threshold can't be reached in a chunk.

A smoothed value is a mean of the metric's finite values, with weights that are not negative: it never leaves their
range. For bias-corrected averages the weights are d^k / Σ d^k, for the others (1 − d)·d^k and, of the first value, d^k:
either way they add up to 1. So where the statistics of a log say that all values lie in [low, high], and no number in
that range satisfies a threshold, no smoothed value does.

Rounding may carry a computed average out of the range. Each step of the recurrence rounds twice, so after n values the
computed S differs from Σ d^k·x by at most 2n·u·M·Σ d^k to first order, where u = 2⁻⁵³ and M is the largest of |x|; W
likewise by 2n·u·W, and the quotient rounds once (Higham, Accuracy and Stability of Numerical Algorithms, 2002, § 3.1).
That adds up to less than 8n·u·M, which is what the range is widened by; and by as many of the smallest numbers, which
products that underflow lose besides. A raw value (d = 0) is computed exactly, and
rounded to float32 where it is stored as such.
"""

from collections.abc import Collection, Iterable

from milepost.histories.history import Outline, Range
from milepost.tracking.precision import in_single
from milepost.tracking.series import Series
from milepost.tracking.thresholds import PerformanceThreshold

UNIT_ROUNDOFF = 2.0**-53

SMALLEST = 2.0**-1074
"""The least number above 0: what is lost where numbers are so small that rounding is no longer relative to them."""


def may_reach(threshold: PerformanceThreshold, values: Range, rows: int) -> bool:
    """Say whether the average of up to ``rows`` values in a range may satisfy a threshold."""
    slack = 0.0
    if not threshold.smoothing.is_raw:
        slack = 8 * rows * (UNIT_ROUNDOFF * max(abs(values.low), abs(values.high)) + SMALLEST)
    low, high = values.low - slack, values.high + slack
    # What is stored as float32 is compared as such, which an outline does not tell.
    return any(_may_satisfy(each, low, high) for each in (threshold, in_single(threshold)))


def _may_satisfy(threshold: PerformanceThreshold, low: float, high: float) -> bool:
    if threshold.comparison == "==":
        return threshold.satisfied_by(min(max(threshold.target_value, low), high))
    return threshold.satisfied_by(high if threshold.comparison in (">=", ">") else low)


def is_decided(thresholds: Iterable[PerformanceThreshold], outline: Outline) -> bool:
    """Say whether an outline alone tells that a run observed every threshold's metric, and reached none."""
    if not outline.is_sound:
        return False
    for threshold in thresholds:
        known = [chunk.get(threshold.metric) for chunk in outline.ranges]
        if not known or any(each is None or may_reach(threshold, each, outline.rows) for each in known):
            return False
    return True


def needed(every_series: Iterable[Series], outline: Outline, chunk: int) -> frozenset[str]:
    """Return the metrics whose values are needed of a chunk, the first of all excepted.

    Those of a series are not once all its targets are reached; nor where none of the pending ones can be satisfied in
    the chunk or in the next: the observation before a crossing then lies in the chunk of the crossing or the one
    before, for where a range is known there is a finite value. (What has one range in common counts as one chunk for
    that.) What is smoothed needs all of its values.
    """
    return frozenset(series.metric for series in every_series if _is_needed(series, outline, chunk))


def _is_needed(series: Series, outline: Outline, chunk: int) -> bool:
    pending = [each.threshold for each in series.detectors if each.crossing is None]
    if pending and not series.smoothing.is_raw:
        return True
    known = [ranges.get(series.metric) for ranges in outline.ranges[chunk : outline.following[chunk] + 1]]
    return any(values is None or may_reach(each, values, outline.rows) for each in pending for values in known)


def pass_over(every_series: Iterable[Series], outline: Outline, chunk: int, read: Collection[str]) -> None:
    """Tell series and detectors of a chunk of which only some metrics were read."""
    for series in every_series:
        if series.metric not in read and series.metric in outline.ranges[chunk]:
            series.absent -= 1  # one at least was there: the metric was observed
            for detector in series.detectors:
                detector.drop()
