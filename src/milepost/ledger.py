"""The ledger of a run: what it ran on, when, at what price; and the functions that turn that into money.

It holds segments, marks and quotes, never sums, so that a price that arrives late restates every figure.
"""

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import msgspec

from milepost.charges import Network, Storage
from milepost.crossing import Position
from milepost.instance import Instance
from milepost.quote import BillingRule, Quote

MarkKind = Literal["start", "heartbeat", "crossing", "rewind", "pause", "phase", "resume", "end"]


PREEMPTED = "preempted"
"""Name of the end mark of a segment whose instance the provider took back."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A moment that ties wall time to elapsed time and samples.

    Attributes:
        kind: What happened.
        wall_time: Unix seconds (UTC).
        elapsed_seconds: Seconds on the training timer.
        samples: What the trainer had counted.
        name: Of a phase: its name; of an end: why.
        resumes: Of a start or rewind that goes on from a saved state: the segment, and how many marks it had then.
    """

    kind: MarkKind
    wall_time: float
    elapsed_seconds: float
    samples: int
    name: str | None = None
    resumes: tuple[str, int] | None = None


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a run on one fleet under one quote, inside one process.

    Attributes:
        id: Made by the process that writes it; written twice, it counts once.
        instance: What each node is, how many nodes, and what share of them is charged for.
        quote: Its price, None where that is not known (yet).
        unpriced_because: Why there is no price.
        billing: How its provider bills it.
        instance_start: Id of the start of the machine: segments that share it are billed as one use of it.
        billed_from: Unix seconds (UTC) from which the machine is paid for.
        marks: In the order in which they were made; the first is a start. Only ever added to.
    """

    id: str
    instance: Instance
    quote: Quote | None = None
    unpriced_because: str | None = None
    billing: BillingRule = BillingRule()
    instance_start: str
    billed_from: float
    marks: tuple[Mark, ...]


class Stretch(msgspec.Struct, frozen=True):
    """Training time between two moments of one segment, over which elapsed and wall time advance evenly."""

    segment: Segment
    start: Mark
    end: Mark

    def until(self, elapsed_seconds: float) -> "Stretch":
        """Return the part of it up to ``elapsed_seconds``, which lies inside it."""
        return msgspec.structs.replace(self, end=_between(self.start, self.end, elapsed_seconds))


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

    def merged(self, other: "Ledger") -> "Ledger":
        """Return both ledgers as one, in order of their starts; the segment under way stays the last.

        Segments that both have count once: the one with more marks wins, since marks are only ever added.
        """
        mine = {segment.id: segment for segment in self.segments}
        for segment in other.segments:
            if (known := mine.get(segment.id)) is not None:
                longer = segment if len(segment.marks) > len(known.marks) else known
                final = [each.quote for each in (known, segment) if each.quote and not each.quote.provisional]
                mine[segment.id] = msgspec.structs.replace(longer, quote=(*final, known.quote, segment.quote)[0])
        kept = list(mine.values())
        before = kept[:-1] + [segment for segment in other.segments if segment.id not in mine]
        before.sort(key=lambda segment: segment.marks[0].wall_time)
        return Ledger((*before, *kept[-1:]), self.storage or other.storage, self.network or other.network)

    def _with(self, changed: Segment) -> "Ledger":
        changed_segments = tuple(changed if segment.id == changed.id else segment for segment in self.segments)
        return msgspec.structs.replace(self, segments=changed_segments)


def new_id() -> str:
    """Return an id that no other writer makes: 64 random bits in hexadecimal."""
    return os.urandom(8).hex()


def _walk(ledger: Ledger, until: Position) -> Iterator[tuple[Segment, list[Mark]]]:
    """Yield each segment with its marks up to a position, which ends the last of them."""
    for segment in ledger.segments:
        if segment.id != until.segment:
            yield segment, list(segment.marks)
            continue
        end = Mark("end", until.wall_time, until.elapsed_seconds, until.samples)
        yield segment, [*segment.marks[: until.marks], end]
        return


def lineage(ledger: Ledger, until: Position) -> list[Stretch]:
    """Return the stretches of training that led to a position, in order of elapsed time; lost work is not in it.

    A start or rewind that goes on from a saved state says from where. Where one does not, it goes on from what was
    before it, and what the training timer had counted beyond is lost.
    """
    stretches: list[Stretch] = []
    for segment, marks in _path(ledger, until):
        _cut(stretches, marks[0].elapsed_seconds)
        for start, end in pairwise(marks):
            if end.elapsed_seconds > start.elapsed_seconds:
                stretches.append(Stretch(segment, start, end))
            elif end.elapsed_seconds < start.elapsed_seconds:
                _cut(stretches, end.elapsed_seconds)
    return stretches


def _path(ledger: Ledger, until: Position) -> list[tuple[Segment, list[Mark]]]:
    """Return the marks that led to a position, in order, in runs that begin where a saved state was gone on from."""
    *_, (segment, marks) = _walk(ledger, until)
    earlier = {each.id: index for index, each in enumerate(ledger.segments)}
    path = []
    while True:
        first = max((index for index, mark in enumerate(marks) if mark.resumes), default=0)
        path.append((segment, marks[first:]))
        if resumes := marks[first].resumes:
            known = ledger.segment(resumes[0])
            if known is None:
                break
            segment, marks = known, list(known.marks[: resumes[1]])
        elif earlier[segment.id] > 0:
            segment = ledger.segments[earlier[segment.id] - 1]
            marks = list(segment.marks)
        else:
            break
    return path[::-1]


def position_at(ledger: Ledger, until: Position, samples: int) -> float:
    """Return the elapsed seconds at which the lineage of ``until`` had come to ``samples``, between marks evenly."""
    reached = 0.0
    for stretch in lineage(ledger, until):
        start, end = stretch.start, stretch.end
        if start.samples <= samples < end.samples:
            part = (samples - start.samples) / (end.samples - start.samples)
            return start.elapsed_seconds + part * (end.elapsed_seconds - start.elapsed_seconds)
        reached = end.elapsed_seconds if end.samples <= samples else reached
    return reached


def cost(ledger: Ledger, until: Position) -> float | None:
    """Return the USD for the elapsed time of a position's lineage; None where a part of it has no price.

    ``hours × USD per hour × num_nodes × share``, added up over the lineage, each part at its own price.
    """
    return _price(lineage(ledger, until))


def total_cost(ledger: Ledger, until: Position) -> float | None:
    """Return the USD for all elapsed time up to a position, lost work included; None where a part has no price."""
    every = [
        Stretch(segment, start, end)
        for segment, marks in _walk(ledger, until)
        for start, end in pairwise(marks)
        if end.elapsed_seconds > start.elapsed_seconds and not end.resumes
    ]
    return _price(every)


def billed_cost(ledger: Ledger, until: Position) -> float | None:
    """Return the USD for the wall-clock time of everything used up to a position; None where a part has no price.

    Set-up, pauses, evaluation, stalls and lost work are in it. The segments of one instance start are billed
    together, under the `BillingRule` of the last of them; what rounding adds is billed at its closing price.
    """
    parts = [_billed_use(ledger, use) for use in _uses(ledger, until)]
    return None if None in parts else sum(part for part in parts if part is not None)


def cost_lines(ledger: Ledger, until: Position) -> dict[str, float | None]:
    """Return the USD of each kind of charge up to a position: ``compute`` as billed, ``storage`` and ``network``.

    Storage and network are there where the ledger has them. Storage is paid for as long as a machine was up.
    """
    lines = {"compute": billed_cost(ledger, until)}
    if ledger.storage is not None:
        lines["storage"] = ledger.storage.usd(
            sum(each.end - each.start for use in _uses(ledger, until) for each in use)
        )
    if ledger.network is not None:
        lines["network"] = ledger.network.usd()
    return lines


class _Use(msgspec.Struct, frozen=True):
    """Wall time of one segment on its instance, after what an earlier segment there has already been billed."""

    segment: Segment
    start: float
    end: float

    def usd(self, start: float, end: float) -> float | None:
        if end <= start:
            return 0.0
        if self.segment.quote is None:
            return None
        rate = self.segment.quote.mean_usd_per_hour(start, end) * self.segment.instance.nodes_charged
        return (end - start) / 3600 * rate


def _uses(ledger: Ledger, until: Position) -> list[list[_Use]]:
    """Return the wall time used up to a position, by instance start: time that two segments share counts once."""
    uses: dict[str, list[_Use]] = {}
    for segment, marks in _walk(ledger, until):
        use = uses.setdefault(segment.instance_start, [])
        start = max(segment.billed_from, use[-1].end) if use else segment.billed_from
        use.append(_Use(segment, start, max(start, *(mark.wall_time for mark in marks))))
    return list(uses.values())


def _billed_use(ledger: Ledger, use: list[_Use]) -> float | None:
    """Return the USD billed for one instance start, None where a part of it has no price."""
    last = use[-1]
    whole = ledger.segment(last.segment.id) or last.segment
    final = whole.marks[-1]
    reclaimed = whole.instance.market == "spot" and final.kind == "end" and final.name == PREEMPTED
    if reclaimed and whole.billing.billed_seconds(final.wall_time - use[0].start, reclaimed=True) == 0:
        return 0.0
    ran_seconds = sum(each.end - each.start for each in use)
    added_seconds = whole.billing.billed_seconds(ran_seconds) - ran_seconds
    parts = [each.usd(each.start, each.end) for each in use]
    if added_seconds > 0:
        parts.append(last.usd(last.end, last.end + added_seconds))
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


def _cut(stretches: list[Stretch], elapsed_seconds: float) -> None:
    """Take off what lies after ``elapsed_seconds``."""
    while stretches and stretches[-1].end.elapsed_seconds > elapsed_seconds:
        last = stretches.pop()
        if last.start.elapsed_seconds < elapsed_seconds:
            stretches.append(last.until(elapsed_seconds))


def _between(start: Mark, end: Mark, elapsed_seconds: float) -> Mark:
    """Return the moment at ``elapsed_seconds`` between two marks, other clocks advancing evenly."""
    part = (elapsed_seconds - start.elapsed_seconds) / (end.elapsed_seconds - start.elapsed_seconds)
    return Mark(
        end.kind,
        start.wall_time + part * (end.wall_time - start.wall_time),
        elapsed_seconds,
        round(start.samples + part * (end.samples - start.samples)),
    )
