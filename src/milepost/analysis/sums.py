"""Of what an amount is the sum: hours × USD an hour × nodes × share, a term a segment. What `money.costs` adds up."""

from collections.abc import Iterable

import msgspec

from milepost.money.costs import billed_use, uses
from milepost.money.ledger import Ledger
from milepost.money.lineage import lineage
from milepost.money.position import Position
from milepost.money.segment import Segment


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an amount.

    Attributes:
        segment: Id of the segment that it is of.
        what: What it is for, where that is not the segment's time at its price.
        hours: Of one node.
        usd_per_hour: Of one node: the mean, where the price changed meanwhile; None where it is not known.
        nodes: How many.
        share: The part of each that is charged for.
        usd: What they come to; None without a price.
    """

    segment: str
    what: str | None = None
    hours: float
    usd_per_hour: float | None
    nodes: int
    share: float
    usd: float | None


def trained(ledger: Ledger, until: Position) -> list[Term]:
    """Return the terms of `costs.cost`: the training time of a position's lineage."""
    by_segment: dict[str, list[tuple[float, float | None]]] = {}
    for stretch in lineage(ledger, until):
        quote, charged = stretch.segment.quote, stretch.segment.instance.nodes_charged
        seconds = stretch.end.elapsed_seconds - stretch.start.elapsed_seconds
        usd = None
        if quote is not None:
            rate = quote.mean_usd_per_hour(stretch.start.wall_time, stretch.end.wall_time)
            usd = seconds / 3600 * rate * charged
        by_segment.setdefault(stretch.segment.id, []).append((seconds, usd))
    return [_term(_segment(ledger, id), parts) for id, parts in by_segment.items()]


def billed(ledger: Ledger, until: Position) -> list[Term]:
    """Return the terms of `costs.billed_cost`: all wall-clock time, and what the billing rule makes of it."""
    terms = []
    for of_start in uses(ledger, until):
        whole = billed_use(ledger, of_start)
        listed = [(use, use.usd(use.start, use.end)) for use in of_start]
        terms += [_term(use.segment, [(use.end - use.start, usd)]) for use, usd in listed]
        if whole is None:
            continue
        added = whole - sum(usd or 0.0 for _, usd in listed)
        if abs(added) > 1e-9:
            last = of_start[-1].segment
            what = "billing minimum and rounding" if added > 0 else "not billed: taken back early"
            terms.append(msgspec.structs.replace(_term(last, [(0.0, added)]), what=what, usd_per_hour=None))
    return terms


def total(terms: Iterable[Term]) -> float | None:
    """Return what terms come to together; None where one has no price."""
    usd = [term.usd for term in terms]
    return None if None in usd else sum(each for each in usd if each is not None)


def _term(segment: Segment, parts: list[tuple[float, float | None]]) -> Term:
    hours = sum(seconds for seconds, _ in parts) / 3600
    usd = None if any(each is None for _, each in parts) else sum(each or 0.0 for _, each in parts)
    instance, quote = segment.instance, segment.quote
    charged = hours * instance.nodes_charged
    mean = None if quote is None else quote.usd_per_hour
    if usd is not None and charged > 0:
        mean = usd / charged
    return Term(
        segment=segment.id,
        hours=hours,
        usd_per_hour=mean,
        nodes=instance.num_nodes or 1,
        share=1.0 if instance.share is None else instance.share,
        usd=usd,
    )


def _segment(ledger: Ledger, id: str) -> Segment:
    return next(segment for segment in ledger.segments if segment.id == id)
