"""What runs have to say of their thresholds: a result each, with how far the run had come."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from milepost.analysis.reach import Reach, at_crossing, at_end
from milepost.runs.record import RunRecord
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import Comparison


class Target(NamedTuple):
    """What is to be reached: thresholds of one name and several targets are several.

    Attributes:
        threshold: Name of the threshold.
        metric: Key of its metric.
        comparison: How the smoothed value is held against the target.
        target_value: The target, in the metric's unit.
    """

    threshold: str
    metric: str
    comparison: Comparison
    target_value: float

    def __str__(self) -> str:
        return f"{self.metric} {self.comparison} {self.target_value:g}"


class Member(msgspec.Struct, frozen=True):
    """What one run has to say of one threshold.

    Attributes:
        record: The run.
        result: Its result.
        reach: How far it had come: at the crossing; where it never crossed, at its end.
    """

    record: RunRecord
    result: ThresholdResult
    reach: Reach

    def bound_of(self, field: Literal["samples", "minutes", "usd"]) -> Literal["lower", "upper"] | None:
        """Return whether a field of its reach is a bound; None where it is exact, or not known."""
        return bound_of_samples(self.result) if field == "samples" else bound_of_time(self.result)


def members_of(record: RunRecord) -> list[Member]:
    """Return what a run has to say of each of its thresholds, in their order."""
    end = at_end(record)
    return [Member(record, result, at_crossing(result) if result.achieved else end) for result in record.results]


def bound_of_samples(result: ThresholdResult) -> Literal["upper"] | None:
    """Return whether samples of a result are an upper bound: it was already met at the first observation."""
    return "upper" if result.already_met else None


def bound_of_time(result: ThresholdResult) -> Literal["lower", "upper"] | None:
    """Return whether minutes and dollars of a result are bounds; where its run never got there, those of its end."""
    if result.achieved:
        return result.bound
    return "lower" if result.start_known is False or result.bound == "lower" else None


def target_of(result: ThresholdResult) -> Target:
    """Return what a result's metric is to reach."""
    return Target(result.threshold, result.metric, result.comparison, result.target_value)


def names_of(targets: Iterable[Target]) -> dict[Target, str]:
    """Return what each target is called: as its threshold, and with what is to be reached where names are the same."""
    distinct = dict.fromkeys(targets)
    count = Counter(target.threshold for target in distinct)
    return {each: each.threshold if count[each.threshold] == 1 else f"{each.threshold} ({each})" for each in distinct}
