"""What a page says first: who reached what, and the cheapest and fastest way there."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from milepost.report.amounts import target_of, usd
from milepost.runs.record import RunRecord
from milepost.tracking.result import ThresholdResult


class Reached(msgspec.Struct, frozen=True):
    """What runs have to say of one threshold, in words.

    Attributes:
        threshold: Its name, target and metric.
        count: How many of how many reached it.
        cheapest: USD and run of the one that took the fewest.
        fastest: Minutes and run of the one that took the fewest.
    """

    threshold: str
    count: str
    cheapest: str
    fastest: str


def summary(every: Sequence[RunRecord]) -> Iterator[Reached]:
    """Yield what the runs have to say of each threshold."""
    by_threshold: defaultdict[tuple[str, str], list[ThresholdResult]] = defaultdict(list)
    for result in (result for record in every for result in record.results):
        by_threshold[result.threshold, target_of(result)].append(result)
    for (name, target), results in by_threshold.items():
        reached = sum(result.achieved for result in results)
        yield Reached(
            threshold=name if target == name else f"{name} ({target})",
            count=f"{reached:,} of {len(results):,}",
            cheapest=_least(results, "cost_to_threshold"),
            fastest=_least(results, "minutes_to_threshold"),
        )


def _least(results: Sequence[ThresholdResult], key: str) -> str:
    known = [result for result in results if getattr(result, key) is not None]
    if not known:
        return "–"
    least = min(known, key=lambda result: float(getattr(result, key)))
    value = getattr(least, key)
    bound = "≤ " if least.already_met else ""
    shown = usd(value, assumed=least.price_assumed) if key == "cost_to_threshold" else f"{value:,.2f} min"
    return f"{bound}{shown}" + (f" ({least.run})" if len(results) > 1 and least.run else "")
