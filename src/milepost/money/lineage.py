"""The stretches of a ledger that led to a position: after a resume from an older state, what was lost is not in it."""

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.segment import Mark, Segment


class Stretch(msgspec.Struct, frozen=True):
    """Training time between two moments of one segment, over which elapsed and wall time advance evenly."""

    segment: Segment
    start: Mark
    end: Mark

    def until(self, elapsed_seconds: float) -> "Stretch":
        """Return the part of it up to ``elapsed_seconds``, which lies inside it."""
        return msgspec.structs.replace(self, end=_between(self.start, self.end, elapsed_seconds))


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
    *_, (segment, marks) = walk(ledger, until)
    earlier = {each.id: index for index, each in enumerate(ledger.segments)}
    path = []
    seen: set[tuple[str, int]] = set()  # a ledger that goes round in circles has no lineage; it must not hang
    while (segment.id, len(marks)) not in seen:
        seen.add((segment.id, len(marks)))
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


def walk(ledger: Ledger, until: Position) -> Iterator[tuple[Segment, list[Mark]]]:
    """Yield each segment with its marks up to a position, which ends the last of them."""
    for segment in ledger.segments:
        if segment.id != until.segment:
            yield segment, list(segment.marks)
            continue
        end = Mark("end", until.wall_time, until.elapsed_seconds, until.samples)
        yield segment, [*segment.marks[: until.marks], end]
        return


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
