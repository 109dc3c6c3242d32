"""The ledger of a run: what it ran on, when, and at what price.

It holds segments, marks and quotes, never sums (`costs` reckons those from it), so that a price that arrives late
restates every figure.
"""

import msgspec

from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Instance
from milepost.money.position import Position
from milepost.money.quote import BillingRule, Quote
from milepost.money.segment import Mark, MarkKind, Segment, new_id


class Ledger(msgspec.Struct, frozen=True):
    """The segments of a run, in order; the last one is the one under way. Nothing in it is ever changed or removed.

    Attributes:
        segments: What the run ran on.
        storage: Its disks, where they are to be reckoned.
        network: Its egress, where that is to be reckoned.
    """

    segments: tuple[Segment, ...] = ()
    storage: Storage | None = None
    network: Network | None = None

    @property
    def current(self) -> Segment | None:
        """The segment under way, or the last there was."""
        return self.segments[-1] if self.segments else None

    @property
    def here(self) -> Position | None:
        """Where its last mark is: how far the run is known to have come."""
        return None if self.current is None else self.current.here

    def segment(self, id: str | None) -> Segment | None:
        """Return the segment of this id; the last one where no id is given."""
        return self.current if id is None else next((each for each in self.segments if each.id == id), None)

    def opened(
        self,
        instance: Instance | None = None,
        quote: Quote | None = None,
        *,
        wall_time: float,
        elapsed_seconds: float = 0.0,
        samples: int = 0,
        billed_from: float | None = None,
        instance_start: str | None = None,
        billing: BillingRule | None = None,
        unpriced_because: str | None = None,
        resumes: tuple[str, int] | None = None,
    ) -> "Ledger":
        """Return this ledger with a new segment under way.

        Args:
            instance: The fleet; unknown where not given.
            quote: Its price, None where that is not known (yet).
            wall_time: When the segment starts, Unix seconds (UTC).
            elapsed_seconds: Where on the training timer it starts.
            samples: Where in the run it starts.
            billed_from: Unix seconds from which the machine is paid for; ``wall_time`` where not given.
            instance_start: Id of the machine's start; a new one where not given.
            billing: How the provider bills it; by the instant where not given.
            unpriced_because: Why there is no quote.
            resumes: The `checkpoint` that it goes on from; the segment before it where not given.
        """
        segment = Segment(
            id=new_id(),
            instance=instance or Instance(),
            quote=quote,
            unpriced_because=unpriced_because if quote is None else None,
            billing=billing or BillingRule(),
            instance_start=instance_start or new_id(),
            billed_from=wall_time if billed_from is None else billed_from,
            marks=(Mark("start", wall_time, elapsed_seconds, samples, resumes=resumes),),
        )
        return msgspec.structs.replace(self, segments=(*self.segments, segment))

    @property
    def checkpoint(self) -> tuple[str, int] | None:
        """Where the ledger stands now, for a segment that goes on from here to refer to."""
        return (self.segments[-1].id, len(self.segments[-1].marks)) if self.segments else None

    def marked(
        self, kind: MarkKind, at: Position, name: str | None = None, resumes: tuple[str, int] | None = None
    ) -> "Ledger":
        """Return this ledger with a mark added to the segment under way."""
        segment = self.segments[-1]
        mark = Mark(kind, at.wall_time, at.elapsed_seconds, at.samples, name, resumes)
        return self._with(msgspec.structs.replace(segment, marks=(*segment.marks, mark)))

    def started_at(self, elapsed_seconds: float, samples: int, resumes: tuple[str, int] | None) -> "Ledger":
        """Return this ledger with the segment under way starting at that position: it goes on from a checkpoint."""
        segment = self.segments[-1]
        gained = elapsed_seconds - segment.marks[0].elapsed_seconds
        first, *others = (
            msgspec.structs.replace(mark, elapsed_seconds=mark.elapsed_seconds + gained, samples=samples)
            for mark in segment.marks
        )
        first = msgspec.structs.replace(first, resumes=resumes)
        return self._with(msgspec.structs.replace(segment, marks=(first, *others)))

    def continued(
        self, samples: int, elapsed_seconds: float, wall_time: float, resumes: tuple[str, int] | None
    ) -> "Ledger":
        """Return this ledger with a new segment under way, on the same machine at the same price as the last."""
        last = self.segments[-1]
        return self.opened(
            last.instance,
            last.quote,
            wall_time=wall_time,
            elapsed_seconds=elapsed_seconds,
            samples=samples,
            instance_start=last.instance_start,
            billing=last.billing,
            unpriced_because=last.unpriced_because,
            resumes=resumes,
        )

    def restated(
        self,
        segment_id: str,
        quote: Quote | None,
        unpriced_because: str | None = None,
        *,
        instance: Instance | None = None,
        billing: BillingRule | None = None,
    ) -> "Ledger":
        """Return this ledger with another price for one segment: every figure follows from it.

        Args:
            segment_id: Which segment.
            quote: Its price; None where that is not known.
            unpriced_because: Why there is no price.
            instance: What its fleet turned out to be, where that came late too.
            billing: How such a fleet is billed.

        Raises:
            KeyError: There is no such segment.
        """
        segment = self.segment(segment_id)
        if segment is None:
            raise KeyError(segment_id)
        return self._with(
            msgspec.structs.replace(
                segment,
                quote=quote,
                unpriced_because=unpriced_because,
                instance=instance or segment.instance,
                billing=billing or segment.billing,
            )
        )

    def untimed(self, *, in_all_it_resumes: bool = False) -> "Ledger":
        """Return this ledger with no training time in the segment under way: nobody had begun to tell any.

        Args:
            in_all_it_resumes: Nobody had in the segments either whose saved states it goes on from.
        """
        chain = [self.segments[-1]]
        while in_all_it_resumes and (resumes := chain[-1].marks[0].resumes):
            before = self.segment(resumes[0])
            if before is None or before in chain:
                break
            chain.append(before)
        elapsed = chain[-1].marks[0].elapsed_seconds
        ledger = self
        for segment in chain:
            marks = tuple(msgspec.structs.replace(mark, elapsed_seconds=elapsed) for mark in segment.marks)
            ledger = ledger._with(msgspec.structs.replace(segment, marks=marks))
        return ledger

    def started_by(self, wall_time: float) -> "Ledger":
        """Return this ledger with the segment under way starting at ``wall_time``, and nothing having gone on since."""
        segment = self.segments[-1]
        elapsed = segment.marks[0].elapsed_seconds
        marks = tuple(
            msgspec.structs.replace(mark, wall_time=wall_time, elapsed_seconds=elapsed) for mark in segment.marks
        )
        billed_from = min(segment.billed_from, wall_time)
        return self._with(msgspec.structs.replace(segment, marks=marks, billed_from=billed_from))

    def merged(self, other: "Ledger") -> "Ledger":
        """Return both ledgers as one, in the order of either (see `in_order`); the segment under way stays the last.

        Segments that both have count once: the one with more marks wins, since marks are only ever added. An end counts
        least: it may have been put there by another process, and then comes after what that did not know.
        """
        mine = {segment.id: segment for segment in self.segments}
        for segment in other.segments:
            if (known := mine.get(segment.id)) is not None:
                longer = max(
                    known, segment, key=lambda each: (len(each.marks) - (each.end is not None), len(each.marks))
                )
                if (end := known.end or segment.end) is not None and known is not self.current:
                    longer = longer.ended(end.wall_time, end.name)
                quotes = [each.quote for each in (known, segment) if each.quote]
                quotes.sort(key=lambda quote: quote.provisional)
                mine[segment.id] = msgspec.structs.replace(longer, quote=quotes[0] if quotes else None)
        kept = list(mine.values())
        current = {segment.id for segment in kept[-1:]}
        others = [mine.get(segment.id, segment) for segment in other.segments if segment.id not in current]
        before = in_order(kept[:-1], others)
        return Ledger((*before, *kept[-1:]), self.storage or other.storage, self.network or other.network)

    def _with(self, changed: Segment) -> "Ledger":
        changed_segments = tuple(changed if segment.id == changed.id else segment for segment in self.segments)
        return msgspec.structs.replace(self, segments=changed_segments)


def in_order(mine: list[Segment], others: list[Segment]) -> list[Segment]:
    """Return the segments of two ledgers in one order: that of either, and where neither tells, that of their starts.

    Wall times alone don't tell: a machine's clock may have been put back between two processes.
    """
    ids = [{segment.id for segment in each} for each in (mine, others)]
    placed: dict[str, Segment] = {}
    left, right = list(mine), list(others)
    while left and right:
        first, second = left[0], right[0]
        if first.id in placed or second.id in placed:
            left, right = left[first.id in placed :], right[second.id in placed :]
        elif first.id not in ids[1] and (second.id in ids[0] or first.marks[0].wall_time <= second.marks[0].wall_time):
            placed[first.id] = left.pop(0)
        elif second.id in ids[0] and first.id in ids[1]:
            placed[first.id] = left.pop(0)  # both have both: mine is right
        else:
            placed[second.id] = right.pop(0)
    return list((placed | {segment.id: segment for segment in (*left, *right)}).values())
