"""A result's figures as people read them: ``≤`` or ``≥`` before bounds, ``*`` at an assumed price, ``–`` if unknown."""

from collections.abc import Iterable, Sequence
from typing import Literal

from milepost.analysis.groups import Group
from milepost.analysis.members import bound_of_samples, bound_of_time, target_of
from milepost.analysis.reach import Reach, at_crossing
from milepost.analysis.units import units_of
from milepost.report.amounts import UNKNOWN, usd
from milepost.tracking.result import ThresholdResult

NUMBERS = 5
"""How many of the last columns of `table` are numbers."""

MARKS = {"lower": "≥", "upper": "≤", None: ""}

SEVERAL = "count"
"""Heads a column of counts in several units, each of which stands at its number."""


def table(results: Sequence[ThresholdResult]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return all that people read of results: the heads of the columns, and a row each."""
    head = head_of(results)
    first = ("run", "group", "threshold", "target", "status")
    columns = (*first, head, "minutes", "USD", "USD billed", "final value")
    return columns, [row(result, head) for result in results]


def head_of(results: Iterable[ThresholdResult]) -> str:
    """Return what heads a column of the counts of results: their unit, or `SEVERAL`."""
    units = units_of(results)
    return SEVERAL if len(units) > 1 else units[0] if units else "samples"


def row(result: ThresholdResult, head: str = "samples") -> tuple[str, ...]:
    """Return all that people read of a result.

    Args:
        result: The result.
        head: What heads the column of counts: a unit other than that stands at the number.
    """
    samples, minutes, _ = figures(result, head=head)
    mark = "*" if result.price_assumed else ""
    costs = (result.cost_to_threshold, result.billed_cost_to_threshold)
    return (
        *(result.run or UNKNOWN, result.group or UNKNOWN, result.threshold, str(target_of(result)), status(result)),
        *(samples, minutes, *(bounded(result, usd, ".4f", mark) for usd in costs)),
        number(result.final_smoothed_value, ".4g"),
    )


def status(result: ThresholdResult) -> str:
    """Return what became of a threshold."""
    return result.status.replace("_", " ")


def figures(
    result: ThresholdResult, reach: Reach | None = None, *, minutes: str = ".2f", head: str = "samples"
) -> tuple[str, str, str]:
    """Return the samples, minutes and dollars that a result's threshold took.

    Args:
        result: The result.
        reach: How far its run had come; at the crossing where not given.
        minutes: Format of the minutes.
        head: What heads the column of counts: a unit other than that stands at the number.
    """
    reach = reach or at_crossing(result)
    return (
        counted(result, reach.samples, head),
        bounded(result, reach.minutes, minutes),
        dollars(result, reach.usd),
    )


def counted(result: ThresholdResult, value: int | None, head: str = "") -> str:
    """Return a count of a result, with its unit where that is not what heads its column."""
    if value is None or result.samples_unit is None:
        return UNKNOWN
    unit = "" if result.samples_unit == head else f" {result.samples_unit}"
    return f"{marked(bound_of_samples(result))}{value:,}{unit}"


def dollars(result: ThresholdResult, value: float | None, *, assumed: bool = False) -> str:
    """Return dollars that a result names, or that its run names where a price of that was ``assumed``."""
    shown = usd(value, assumed=assumed or result.price_assumed)
    return UNKNOWN if value is None else marked(bound_of_time(result)) + shown


def bounded(result: ThresholdResult, value: float | None, form: str, unit: str = "") -> str:
    """Return minutes or dollars of a result, in a format and with their unit."""
    return UNKNOWN if value is None else f"{marked(bound_of_time(result))}{value:{form}}{unit}"


def reached(group: Group) -> str:
    """Return how many runs of a group reached their target."""
    return f"{group.reached:,} of {len(group.members):,}"


def number(value: float | None, form: str) -> str:
    """Return a number that is no bound, in a format."""
    return UNKNOWN if value is None else f"{value:{form}}"


def marks_of(result: ThresholdResult) -> dict[str, str]:
    """Return the marks of a result's figures as fields of a picture's data: of minutes and dollars, and of samples."""
    return {"bound": MARKS[bound_of_time(result)], "bound_of_samples": MARKS[bound_of_samples(result)]}


def marked(bound: Literal["lower", "upper"] | None) -> str:
    """Return what stands before a figure that is a bound."""
    return f"{MARKS[bound]} " if bound else ""
