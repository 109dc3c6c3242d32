"""What is said below figures: what they count, why they are bounds, and why some are not known."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from milepost.analysis.members import bound_of_time
from milepost.tracking.result import ThresholdResult

MOST_NAMED = 3
"""Runs that a line names; the rest are counted."""

MOST_LINES = 8
"""Lines of reasons; the rest are counted."""

HOW_TO_COUNT = "--samples-column NAME or --samples-per-step N tells samples"


def footnotes(results: Iterable[ThresholdResult], *, ends: bool = False) -> list[str]:
    """Return what there is to say of results, a line each: the same reason of many runs is said once.

    Args:
        results: The results.
        ends: Whether figures of the ends of their runs are shown as well, and not of crossings alone.
    """
    results = list(results)
    reasons: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for result in results:
        for said in _said_of(result, ends):
            reasons[said][result.run or ""] = None
    runs = len({result.run for result in results})
    lines = [f"{said}{_whose(list(whose), runs)}" for said, whose in reasons.items()]
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], f"and {more:,} more reasons: --json has them all"]


def _said_of(result: ThresholdResult, ends: bool) -> Iterator[str]:
    """Yield what there is to say of one result."""
    unit, uncounted = result.samples_unit, result.uncounted_because
    if result.status != "never_observed":
        if unit is None and uncounted:
            yield f"– no samples: {uncounted}"
        elif unit == "updates":
            yield "updates are counted, since update() was told no samples"
        elif unit in ("steps", "epochs"):
            source = f" ({result.samples_source})" if result.samples_source else ""
            why = f": {uncounted}" if uncounted else ""
            how = "" if uncounted and "--samples-" in uncounted else f"; {HOW_TO_COUNT}"
            yield f"{unit}{source}, not samples{why}{how}"
    if result.untimed_because and result.minutes_to_threshold is None:
        yield f"– no minutes, no dollars: {result.untimed_because}"
    if bound_of_time(result) == "lower" and (ends or result.minutes_to_threshold is not None):
        yield (
            "≥ lower bounds: when the run began is not known, and time counts from its first observation"
            if result.start_known is False
            else "≥ lower bounds: how long training took where it went on is not known"
        )


def _whose(whose: Sequence[str], runs: int) -> str:
    """Return which runs a reason is of, where it is not of all."""
    if len(whose) == runs or not any(whose):
        return ""
    more = len(whose) - MOST_NAMED
    return f" [{', '.join(whose[:MOST_NAMED])}{f' and {more:,} more' if more > 0 else ''}]"
