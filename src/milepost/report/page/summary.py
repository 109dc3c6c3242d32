"""What a page says first: who reached what, and the cheapest and fastest way there."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from milepost.analysis.groups import Group, groups_of
from milepost.report.amounts import UNKNOWN
from milepost.report.cells import bounded, dollars
from milepost.runs.record import RunRecord


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
    """Yield what the runs have to say of each threshold, whatever group they belong to."""
    for group in groups_of(every, by=lambda record: ""):
        name, target = group.target.threshold, str(group.target)
        yield Reached(
            threshold=name if target == name else f"{name} ({target})",
            count=f"{group.reached:,} of {len(group.members):,}",
            cheapest=_least(group, "usd"),
            fastest=_least(group, "minutes"),
        )


def _least(group: Group, field: Literal["minutes", "usd"]) -> str:
    if (member := group.least(field)) is None:
        return UNKNOWN
    result, reach = member.result, member.reach
    shown = dollars(result, reach.usd) if field == "usd" else bounded(result, reach.minutes, ",.2f", " min")
    return shown + (f" ({result.run})" if len(group.members) > 1 and result.run else "")
