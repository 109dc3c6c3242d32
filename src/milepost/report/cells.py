"""A result's figures as people read them: ``≤`` before upper bounds, ``*`` at assumed prices, ``–`` where unknown."""

from milepost.analysis.groups import Group
from milepost.analysis.members import target_of
from milepost.analysis.reach import Reach, at_crossing
from milepost.report.amounts import UNKNOWN, usd
from milepost.tracking.result import ThresholdResult

COLUMNS = ("run", "group", "threshold", "target", "status", "samples", "minutes", "USD", "USD billed", "final value")
"""What `row` has of a result."""

NUMBERS = 5
"""How many of the last of them are numbers."""


def row(result: ThresholdResult) -> tuple[str, ...]:
    """Return all that people read of a result."""
    samples, minutes, _ = figures(result)
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


def figures(result: ThresholdResult, reach: Reach | None = None, *, minutes: str = ".2f") -> tuple[str, str, str]:
    """Return the samples, minutes and dollars that a result's threshold took.

    Args:
        result: The result.
        reach: How far its run had come; at the crossing where not given.
        minutes: Format of the minutes.
    """
    reach = reach or at_crossing(result)
    return (
        bounded(result, reach.samples, ","),
        bounded(result, reach.minutes, minutes),
        dollars(result, reach.usd),
    )


def dollars(result: ThresholdResult, value: float | None, *, assumed: bool = False) -> str:
    """Return dollars that a result names, or that its run names where a price of that was ``assumed``."""
    return UNKNOWN if value is None else _bound(result) + usd(value, assumed=assumed or result.price_assumed)


def bounded(result: ThresholdResult, value: float | None, form: str, unit: str = "") -> str:
    """Return another figure of a result, in a format and with its unit."""
    return UNKNOWN if value is None else f"{_bound(result)}{value:{form}}{unit}"


def reached(group: Group) -> str:
    """Return how many runs of a group reached their target."""
    return f"{group.reached:,} of {len(group.members):,}"


def number(value: float | None, form: str) -> str:
    """Return a number that is no bound, in a format."""
    return UNKNOWN if value is None else f"{value:{form}}"


def bound_of(result: ThresholdResult) -> str:
    """Return ``≤`` where a result's figures are upper bounds."""
    return "≤" if result.already_met else ""


def _bound(result: ThresholdResult) -> str:
    return f"{bound_of(result)} " if result.already_met else ""
