"""What a page says first: who reached what, and the cheapest and fastest way there."""

from collections.abc import Iterator, Sequence
from typing import Literal

from milepost.analysis.groups import Group, groups_of
from milepost.report.amounts import UNKNOWN, usd
from milepost.report.cells import marked, number, reached
from milepost.runs.record import RunRecord


def summary(every: Sequence[RunRecord]) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row a threshold, whatever group runs belong to: its name, how many reached it, cheapest and fastest."""
    for group in groups_of(every, by=lambda record: ""):
        name, target = group.target.threshold, str(group.target)
        shown = name if target == name else f"{name} ({target})"
        yield shown, reached(group), _least(group, "usd"), _least(group, "minutes")


def _least(group: Group, field: Literal["minutes", "usd"]) -> str:
    if (least := group.least(field)) is None:
        return UNKNOWN
    result, reach = least.member.result, least.member.reach
    shown = usd(reach.usd, assumed=result.price_assumed) if field == "usd" else number(reach.minutes, ",.2f") + " min"
    return marked(least.bound) + shown + (f" ({result.run})" if len(group.members) > 1 and result.run else "")
