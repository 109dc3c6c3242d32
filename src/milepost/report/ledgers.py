"""What a ledger says, in words: what it ran on, who named the price, and what the money was for."""

from collections.abc import Iterable
from typing import NamedTuple

from milepost.money.breakdown import Spent
from milepost.money.costs import billed_use, uses
from milepost.money.ledger import Ledger
from milepost.money.segment import Segment
from milepost.report.amounts import UNKNOWN

PURPOSES = {
    "training": "training",
    "lost": "lost work",
    "startup": "start-up",
    "phase": "phase",
    "pause": "paused",
    "stalled": "stalled",
    "rounding": "billing minimum and rounding",
    "storage": "storage",
    "network": "network",
}


def purpose(spent: Spent) -> str:
    """Name what money was for."""
    return f"{PURPOSES[spent.purpose]} {spent.name}" if spent.name else PURPOSES[spent.purpose]


def total_usd(spent: Iterable[Spent]) -> float | None:
    """Return the USD of all parts together, None where one has no price."""
    parts = [each.usd for each in spent]
    return None if None in parts else sum(part for part in parts if part is not None)


def fleet(segment: Segment) -> str:
    """Name the machines of a segment: how many, of what type, how paid for, and where."""
    instance = segment.instance
    nodes = "" if instance.num_nodes in (None, 1) else f"{instance.num_nodes} × "
    share = "" if instance.share in (None, 1) else f"{instance.share:g} of "
    return f"{nodes}{share}{machine(segment)}"


def machine(segment: Segment) -> str:
    """Name one machine of a segment: its type, how it is paid for, and where it stands."""
    instance = segment.instance
    what = (instance.instance_type or "unknown", (instance.market or "").replace("_", "-"))
    return " ".join(filter(None, (*what, instance.zone or instance.region)))


def source(segment: Segment) -> str:
    """Say who named the price of a segment, and when it was true."""
    quote = segment.quote
    if quote is None:
        return UNKNOWN
    steps = f", {len(quote.steps)} step{'s' if len(quote.steps) > 1 else ''}" if quote.steps else ""
    since = f" {quote.as_of}" if quote.as_of else ""
    return f"{quote.source}{since}{', cached' if quote.cached else ''}{steps}{'*' if quote.assumed else ''}"


def ended(segment: Segment) -> str:
    """Say how a segment ended; nothing where it goes on."""
    return UNKNOWN if segment.end is None else segment.end.name or "ended"


class Used(NamedTuple):
    """What was used of a segment's machines, after what an earlier segment on them has been billed.

    Attributes:
        segment: The segment.
        start: Unix seconds (UTC).
        end: Unix seconds (UTC).
        usd: What that cost; 0 where the provider took the machine back early, and bills nothing. None without a price.
    """

    segment: Segment
    start: float
    end: float
    usd: float | None


def used(ledger: Ledger) -> list[Used]:
    """Return what was used of each segment's machines, in the order of the segments."""
    every = []
    for of_start in uses(ledger, ledger.here) if ledger.here else ():
        is_free = billed_use(ledger, of_start) == 0
        every += [
            Used(use.segment, use.start, use.end, 0.0 if is_free else use.usd(use.start, use.end)) for use in of_start
        ]
    order = {segment.id: at for at, segment in enumerate(ledger.segments)}
    return sorted(every, key=lambda use: order[use.segment.id])


def is_priced(ledger: Ledger) -> bool:
    """Say whether every price in it is known."""
    return all(segment.quote is not None for segment in ledger.segments)


def is_assumed(ledger: Ledger) -> bool:
    """Say whether any price in it stands in for one that is not known."""
    return any(segment.quote is not None and segment.quote.assumed for segment in ledger.segments)


def price_notes(*ledgers: Ledger) -> list[str]:
    """Say of prices that are not known or assumed why, each once."""
    notes: dict[str, None] = {}
    for segment in (segment for ledger in ledgers for segment in ledger.segments):
        if segment.quote is None:
            notes[f"price unknown: {segment.unpriced_because or 'there is no quote'}"] = None
        elif segment.quote.assumed:
            notes[f"* assumed price: {segment.quote.assumed_because or 'substituted'}"] = None
    return list(notes)


def has_clock(ledger: Ledger) -> bool:
    """Say whether its wall times are a clock's."""
    return all(segment.has_wall_clock for segment in ledger.segments)
