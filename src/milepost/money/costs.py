"""What a ledger's time cost up to a position: of a lineage, of everything, as billed. Pure functions of the ledger."""

from collections.abc import Iterable
from itertools import pairwise

import msgspec

from milepost.money.ledger import Ledger
from milepost.money.lineage import Stretch, lineage, walk
from milepost.money.position import Position
from milepost.money.segment import Segment


def cost(ledger: Ledger, until: Position) -> float | None:
    """Return the USD for the elapsed time of a position's lineage; None where a part of it has no price.

    ``hours × USD per hour × num_nodes × share``, added up over the lineage, each part at its own price.
    """
    return _price(lineage(ledger, until))


def total_cost(ledger: Ledger, until: Position) -> float | None:
    """Return the USD for all elapsed time up to a position, lost work included; None where a part has no price."""
    every = [
        Stretch(segment, start, end)
        for segment, marks in walk(ledger, until)
        for start, end in pairwise(marks)
        if end.elapsed_seconds > start.elapsed_seconds and not end.resumes
    ]
    return _price(every)


def billed_cost(ledger: Ledger, until: Position) -> float | None:
    """Return the USD for the wall-clock time of everything used up to a position; None where a part is not known.

    Set-up, pauses, evaluation, stalls and lost work are in it. The segments of one instance start are billed
    together, under the `BillingRule` of the last of them; what rounding adds is billed at its closing price.
    """
    if not all(segment.has_wall_clock for segment, _ in walk(ledger, until)):
        return None
    parts = [billed_use(ledger, use) for use in uses(ledger, until)]
    return None if None in parts else sum(part for part in parts if part is not None)


def cost_lines(ledger: Ledger, until: Position) -> dict[str, float | None]:
    """Return the USD of each kind of charge up to a position: ``compute`` as billed, ``storage`` and ``network``.

    Storage and network are there where the ledger has them. Storage is paid for as long as a machine was up.
    """
    lines = {"compute": billed_cost(ledger, until)}
    if ledger.storage is not None:
        lines["storage"] = ledger.storage.usd(sum(each.end - each.start for use in uses(ledger, until) for each in use))
    if ledger.network is not None:
        lines["network"] = ledger.network.usd()
    return lines


def costs_along(ledger: Ledger, until: Position, elapsed_seconds: Iterable[float]) -> list[float | None]:
    """Return the USD that the lineage of a position had cost at each of several elapsed times, as `cost` has them.

    Args:
        ledger: The run's ledger.
        until: The position whose lineage it is.
        elapsed_seconds: Seconds on the training timer, ascending; those beyond the lineage count as its end.

    Returns:
        USD, None from where a part has no price.
    """
    stretches = iter(lineage(ledger, until))
    stretch = next(stretches, None)
    spent: float | None = 0.0
    along: list[float | None] = []
    for elapsed in elapsed_seconds:
        while stretch is not None and stretch.end.elapsed_seconds <= elapsed:
            spent = _sum(spent, _price([stretch]))
            stretch = next(stretches, None)
        inside = stretch is not None and stretch.start.elapsed_seconds < elapsed
        along.append(_sum(spent, _price([stretch.until(elapsed)])) if stretch and inside else spent)
    return along


def _sum(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left + right


class Use(msgspec.Struct, frozen=True):
    """Wall time of one segment on its instance, after what an earlier segment there has already been billed.

    Attributes:
        segment: The segment, with all its marks.
        start: Unix seconds (UTC).
        end: Unix seconds (UTC).
    """

    segment: Segment
    start: float
    end: float

    def usd(self, start: float, end: float) -> float | None:
        """Return the USD of a part of it, at the prices of that time; None where that has no price."""
        if end <= start:
            return 0.0
        if self.segment.quote is None:
            return None
        rate = self.segment.quote.mean_usd_per_hour(start, end) * self.segment.instance.nodes_charged
        return (end - start) / 3600 * rate

    def usd_at_the_end(self, seconds: float) -> float | None:
        """Return the USD for further seconds at the closing price."""
        if self.segment.quote is None:
            return None
        rate = self.segment.quote.usd_per_hour_at(self.end) * self.segment.instance.nodes_charged
        return seconds / 3600 * rate


def uses(ledger: Ledger, until: Position) -> list[list[Use]]:
    """Return the wall time used up to a position, by instance start: time that two segments share counts once.

    What was found to be of another type is another instance, whatever its start is called.
    """
    by_start: dict[tuple[str, str | None], list[Use]] = {}
    for segment, marks in walk(ledger, until):
        use = by_start.setdefault((segment.instance_start, segment.instance.instance_type), [])
        start = _billed_from(ledger, segment, use)
        use.append(Use(segment, start, max(start, *(mark.wall_time for mark in marks))))
    return list(by_start.values())


def _billed_from(ledger: Ledger, segment: Segment, before: list[Use]) -> float:
    """Return from when on a segment's wall time is billed, after what was on its instance before."""
    if not before:
        return segment.billed_from
    first = segment.marks[0]
    known = ledger.segment(first.resumes[0]) if first.resumes else None
    if known is None or first.resumes is None or first.wall_time >= known.marks[: first.resumes[1]][-1].wall_time:
        return max(segment.billed_from, before[-1].end)
    # It began after what it goes on from, and its clock says otherwise: that was put back. It shares no time with that.
    waited, ran = first.wall_time - segment.billed_from, sum(use.end - use.start for use in before)
    return first.wall_time - (waited if waited < ran else waited - ran)


def billed_use(ledger: Ledger, use: list[Use]) -> float | None:
    """Return the USD billed for one instance start, None where a part of it has no price."""
    last = use[-1]
    whole = ledger.segment(last.segment.id) or last.segment
    final = whole.marks[-1]
    reclaimed = whole.instance.market == "spot" and whole.end is not None and whole.is_reclaimed
    if reclaimed and whole.billing.billed_seconds(final.wall_time - use[0].start, reclaimed=True) == 0:
        return 0.0
    ran_seconds = sum(each.end - each.start for each in use)
    added_seconds = whole.billing.billed_seconds(ran_seconds) - ran_seconds
    parts = [each.usd(each.start, each.end) for each in use]
    if added_seconds > 0:
        parts.append(last.usd_at_the_end(added_seconds))
    return None if None in parts else sum(part for part in parts if part is not None)


def _price(stretches: list[Stretch]) -> float | None:
    """Add up what stretches cost, None where one has no price.

    Stretches that join at one unchanging price are taken as one, so that a mark between them moves no bit.
    """
    usd = 0.0
    rate: float | None = None
    start = end = 0.0
    for stretch in stretches:
        quote = stretch.segment.quote
        if quote is None:
            return None
        stretch_rate = (
            quote.mean_usd_per_hour(stretch.start.wall_time, stretch.end.wall_time)
            * stretch.segment.instance.nodes_charged
        )
        if rate == stretch_rate and end == stretch.start.elapsed_seconds:
            end = stretch.end.elapsed_seconds
            continue
        if rate is not None:
            usd += (end - start) / 3600 * rate
        rate, start, end = stretch_rate, stretch.start.elapsed_seconds, stretch.end.elapsed_seconds
    return usd if rate is None else usd + (end - start) / 3600 * rate
