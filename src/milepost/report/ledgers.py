"""What a ledger says, in words: what it ran on, who named the price, and what the money was for."""

from collections.abc import Sequence

from milepost.analysis.breakdown import machine
from milepost.money.breakdown import Spent
from milepost.money.ledger import Ledger
from milepost.money.segment import Segment
from milepost.report.amounts import UNKNOWN, lasted, usd

PURPOSES = {"lost": "lost work", "startup": "start-up", "pause": "paused", "rounding": "billing minimum and rounding"}
"""What purposes are called whose names alone don't tell."""


def spending_rows(spent: Sequence[Spent], total: float | None, *, assumed: bool) -> list[tuple[str, str, str, str]]:
    """Return what money was for, how long that took, its USD and its share of the total, a row each; last the total."""
    rows = [
        (
            purpose(each),
            "" if each.seconds is None else lasted(each.seconds),
            usd(each.usd, assumed=assumed),
            f"{each.usd / total:.1%}" if each.usd is not None and total else UNKNOWN,
        )
        for each in spent
    ]
    whole = sum(each.seconds or 0.0 for each in spent)
    return [*rows, ("total", lasted(whole), usd(total, assumed=assumed), "")]


def purpose(spent: Spent) -> str:
    """Name what money was for."""
    return " ".join(filter(None, (PURPOSES.get(spent.purpose, spent.purpose), spent.name)))


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


def price_note(segment: Segment | None) -> str | None:
    """Say why the price of a segment is not known or is assumed; None where neither is so."""
    if segment is None or segment.quote is None:
        return f"price unknown: {(segment and segment.unpriced_because) or 'there is no quote'}"
    return f"* assumed price: {segment.quote.assumed_because or 'substituted'}" if segment.quote.assumed else None


def price_notes(*ledgers: Ledger) -> list[str]:
    """Return what `price_note` says of each segment, each once."""
    notes = (price_note(segment) for ledger in ledgers for segment in ledger.segments)
    return list(dict.fromkeys(note for note in notes if note is not None))
