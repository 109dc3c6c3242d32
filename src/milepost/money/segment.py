"""The segments of a run, and the marks in them that tie its clocks together."""

import os
from typing import Literal

import msgspec

from milepost.money.instance import Instance
from milepost.money.position import Position
from milepost.money.quote import BillingRule, Quote

MarkKind = Literal["start", "heartbeat", "crossing", "rewind", "pause", "phase", "resume", "end"]

PREEMPTED = "preempted"
"""Name of the end mark of a segment whose instance the provider took back, and of the mark made when it said so."""

INTERRUPTED = "interrupted"
"""Name of the end mark of a segment whose process ended without a word."""


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
        has_wall_clock: Whether its wall times are a clock's. False where a log tells its training timer alone, whose
            seconds then stand for them: what was billed is not known.
    """

    id: str
    instance: Instance
    quote: Quote | None = None
    unpriced_because: str | None = None
    billing: BillingRule = BillingRule()
    instance_start: str
    billed_from: float
    marks: tuple[Mark, ...]
    has_wall_clock: bool = True

    @property
    def end(self) -> Mark | None:
        """The mark that ends it, None where there is none as yet."""
        return self.marks[-1] if self.marks[-1].kind == "end" else None

    @property
    def here(self) -> Position:
        """Where its last mark is."""
        last = self.marks[-1]
        return Position(last.samples, last.elapsed_seconds, last.wall_time, self.id, len(self.marks))

    @property
    def is_reclaimed(self) -> bool:
        """Whether the provider took its instance back, or has said that it will."""
        return any(mark.name == PREEMPTED and mark.kind in ("end", "heartbeat") for mark in self.marks)

    def ended(self, wall_time: float | None = None, why: str | None = None) -> "Segment":
        """Return it with an end, where it has none: its process is gone, and left nothing after its last mark.

        Args:
            wall_time: Until when the process is known to have lived; its last mark where that is later.
            why: Why it ended, where that is known.
        """
        if self.end is not None:
            return self
        last = self.marks[-1]
        why = why or (PREEMPTED if self.is_reclaimed else INTERRUPTED)
        end = Mark("end", max(last.wall_time, wall_time or 0.0), last.elapsed_seconds, last.samples, why)
        return msgspec.structs.replace(self, marks=(*self.marks, end))


def new_id() -> str:
    """Return an id that no other writer makes: 64 random bits in hexadecimal."""
    return os.urandom(8).hex()
