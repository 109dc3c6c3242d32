"""What a ledger says, in words: what it ran on, who named the price, and what the money was for."""

from milepost.analysis.breakdown import machine
from milepost.money.breakdown import Spent
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


def fleet(segment: Segment) -> str:
    """Name the machines of a segment: how many, of what type, how paid for, and where."""
    instance = segment.instance
    nodes = "" if instance.num_nodes in (None, 1) else f"{instance.num_nodes} × "
    share = "" if instance.share in (None, 1) else f"{instance.share:g} of "
    return f"{nodes}{share}{machine(segment)}"


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


def price_notes(*ledgers: Ledger) -> list[str]:
    """Say of prices that are not known or assumed why, each once."""
    notes: dict[str, None] = {}
    for segment in (segment for ledger in ledgers for segment in ledger.segments):
        if segment.quote is None:
            notes[f"price unknown: {segment.unpriced_because or 'there is no quote'}"] = None
        elif segment.quote.assumed:
            notes[f"* assumed price: {segment.quote.assumed_because or 'substituted'}"] = None
    return list(notes)
