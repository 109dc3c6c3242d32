"""Where the money of runs went: by purpose, by machine, segment by segment. Facts of their ledgers, added up."""

from collections.abc import Iterable, Sequence

import msgspec

from milepost.money.breakdown import PURPOSES, Spent, spending
from milepost.money.costs import Use, billed_use, uses
from milepost.money.ledger import Ledger
from milepost.money.segment import Segment
from milepost.runs.record import RunRecord


def is_priced(ledger: Ledger) -> bool:
    """Say whether every price in it is known."""
    return all(segment.quote is not None for segment in ledger.segments)


def is_assumed(ledger: Ledger) -> bool:
    """Say whether any price in it stands in for one that is not known."""
    return any(segment.quote is not None and segment.quote.assumed for segment in ledger.segments)


def has_wall_clock(ledger: Ledger) -> bool:
    """Say whether its wall times are a clock's."""
    return all(segment.has_wall_clock for segment in ledger.segments)


def total_usd(spent: Iterable[Spent]) -> float | None:
    """Return the USD of all parts together, None where one has no price."""
    parts = [each.usd for each in spent]
    return None if None in parts else sum(part for part in parts if part is not None)


class Breakdown(msgspec.Struct, frozen=True):
    """What the money of several runs went for.

    Attributes:
        spent: By purpose, added up over the runs whose prices are known.
        total_usd: USD of these together.
        unpriced: Ids of the runs whose dollars are not known, which are not in it.
        assumed: Whether any price was assumed.
    """

    spent: tuple[Spent, ...]
    total_usd: float
    unpriced: tuple[str, ...]
    assumed: bool


def breakdown(every: Sequence[RunRecord]) -> Breakdown:
    """Return what the money of runs went for: what `spending` says of each, added up."""
    parts: dict[tuple[str, str | None], list[Spent]] = {}
    unpriced: list[str] = []
    assumed = False
    for record in every:
        here = record.ledger.here
        spent = () if here is None else spending(record.ledger, here)
        if total_usd(spent) is None or not (spent or is_priced(record.ledger)):
            unpriced.append(record.run.id)
            continue
        assumed |= is_assumed(record.ledger)
        for each in spent:
            parts.setdefault((each.purpose, each.name), []).append(each)
    together = [
        msgspec.structs.replace(
            each[0],
            seconds=None if each[0].seconds is None else sum(part.seconds or 0.0 for part in each),
            usd=total_usd(each),
        )
        for each in parts.values()
    ]
    together.sort(key=lambda each: (PURPOSES.index(each.purpose), each.name or ""))
    return Breakdown(tuple(together), total_usd(together) or 0.0, tuple(unpriced), assumed)


def segment_costs(ledger: Ledger) -> list[tuple[Use, float | None]]:
    """Return what was used of each segment's machines, in the order of the segments, and the USD that it cost.

    These are 0 where the provider took the machine back early, and bills nothing; None without a price.
    """
    costs: list[tuple[Use, float | None]] = []
    for of_start in uses(ledger, ledger.here) if ledger.here else ():
        is_free = billed_use(ledger, of_start) == 0
        costs += [(use, 0.0 if is_free else use.usd(use.start, use.end)) for use in of_start]
    order = {segment.id: at for at, segment in enumerate(ledger.segments)}
    return sorted(costs, key=lambda cost: order[cost[0].segment.id])


def machine(segment: Segment) -> str:
    """Name one machine of a segment: its type, how it is paid for, and where it stands."""
    instance = segment.instance
    what = (instance.instance_type or "unknown", (instance.market or "").replace("_", "-"))
    return " ".join(filter(None, (*what, instance.zone or instance.region)))


class MachineUse(msgspec.Struct):
    """What one kind of machine was used for.

    Attributes:
        runs: Ids of the runs that used it.
        node_seconds: Wall-clock seconds of nodes that are charged for, at a known price.
        unpriced_seconds: The same without a known price.
        usd: USD of that time, at its prices.
        billed_usd: USD billed for it: with the billing minimum, without what was free.
        assumed: Whether a price of it was assumed.
    """

    runs: set[str]
    node_seconds: float = 0.0
    unpriced_seconds: float = 0.0
    usd: float = 0.0
    billed_usd: float = 0.0
    assumed: bool = False

    @property
    def usd_per_hour(self) -> float | None:
        """Mean USD an hour of one node over the time that it was used."""
        return None if self.node_seconds <= 0 else self.usd / self.node_seconds * 3600


def machine_uses(every: Iterable[RunRecord]) -> dict[str, MachineUse]:
    """Return what each kind of machine was used for, by its name, the one first that most was billed for."""
    used: dict[str, MachineUse] = {}
    for record in every:
        if (here := record.ledger.here) is None:
            continue
        for of_start in uses(record.ledger, here):
            billed, listed = billed_use(record.ledger, of_start), 0.0
            for use in of_start:
                each = used.setdefault(machine(use.segment), MachineUse(set()))
                each.runs.add(record.run.id)
                seconds = (use.end - use.start) * use.segment.instance.nodes_charged
                if (cost := use.usd(use.start, use.end)) is None:
                    each.unpriced_seconds += seconds
                    continue
                listed += cost
                each.node_seconds += seconds
                each.usd += cost
                each.billed_usd += 0.0 if billed == 0 else cost
                each.assumed |= use.segment.quote is not None and use.segment.quote.assumed
            if billed:
                each.billed_usd += billed - listed  # what the billing minimum adds, at the last one's price
    return dict(sorted(used.items(), key=lambda each: (-each[1].billed_usd, each[0])))
