"""Where a run's money went: every second that was paid for, and what it was spent on. A pure function of the ledger."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import msgspec

from milepost.money.costs import Use, billed_use, uses
from milepost.money.ledger import Ledger
from milepost.money.lineage import lineage
from milepost.money.position import Position

Purpose = Literal["training", "lost", "startup", "phase", "pause", "stalled", "rounding", "storage", "network"]
PURPOSES: tuple[Purpose, ...] = (
    *("training", "lost", "startup", "phase", "pause", "stalled", "rounding", "storage", "network"),
)

NOISE_SECONDS = 1e-6
"""Wall and training time that differ by less are the same: both are sums of floating-point numbers."""


class Spent(msgspec.Struct, frozen=True):
    """What one purpose took of a run.

    Attributes:
        purpose: ``training`` that led to the present state; training that was ``lost`` by going back, to preemption or
            otherwise; ``startup`` until tracking began; a ``phase`` or ``pause``; ``stalled``, when the training timer
            stood and nobody said why; ``rounding``, which the billing rule adds; ``storage`` and ``network``.
        name: Of a phase: its name.
        seconds: Wall-clock seconds of one node; None for what is not paid for by time.
        usd: USD; None where a part of it has no price.
    """

    purpose: Purpose
    name: str | None
    seconds: float | None
    usd: float | None


def spending(ledger: Ledger, until: Position) -> tuple[Spent, ...]:
    """Return where the money went up to a position, by purpose; the parts add up to those of `costs.cost_lines`.

    Within a stretch between two marks, training and what stalled are taken to be spread evenly.
    """
    seconds: dict[tuple[Purpose, str | None], float] = {}
    usd: dict[tuple[Purpose, str | None], float | None] = {}

    def add(purpose: Purpose, name: str | None, lasted: float, cost: float | None) -> None:
        key = purpose, name
        seconds[key] = seconds.get(key, 0.0) + lasted
        before = usd.get(key, 0.0)
        usd[key] = None if before is None or cost is None else before + cost

    kept = _kept(ledger, until)
    for instance_use in uses(ledger, until):
        billed = billed_use(ledger, instance_use)
        listed: float | None = 0.0
        parts = [part for use in instance_use for part in _parts(use, kept.get(use.segment.id, []), until)]
        for purpose, name, lasted, cost in parts:
            listed = None if listed is None or cost is None else listed + cost
            add(purpose, name, lasted, 0.0 if billed == 0 else cost)
        if billed and listed is not None and billed - listed > 1e-12 * billed:
            add("rounding", None, 0.0, billed - listed)
    spent = [
        Spent(purpose, name, None if purpose == "rounding" else seconds[purpose, name], usd[purpose, name])
        for purpose, name in sorted(seconds, key=lambda key: (PURPOSES.index(key[0]), key[1] or ""))
    ]
    if ledger.storage is not None:
        up_seconds = sum(use.end - use.start for instance_use in uses(ledger, until) for use in instance_use)
        spent.append(Spent("storage", None, None, ledger.storage.usd(up_seconds)))
    if ledger.network is not None:
        spent.append(Spent("network", None, None, ledger.network.usd()))
    return tuple(spent)


def _kept(ledger: Ledger, until: Position) -> dict[str, list[tuple[float, float]]]:
    """Return the wall times of the training that led to a position, by segment."""
    kept: dict[str, list[tuple[float, float]]] = {}
    for stretch in lineage(ledger, until):
        start, end = stretch.start.wall_time, stretch.end.wall_time
        times = kept.setdefault(stretch.segment.id, [])
        if times and times[-1][1] == start:
            start, _ = times.pop()
        times.append((start, end))
    return kept


Part = tuple[Purpose, str | None, float, float | None]


def _parts(use: Use, kept: list[tuple[float, float]], until: Position) -> Iterator[Part]:
    """Yield what the wall time of a use was spent on: purpose, name, seconds and USD."""
    marks = [mark for mark in use.segment.marks if mark.wall_time <= use.end]
    if use.segment.id == until.segment:
        marks = marks[: until.marks]
    first = marks[0].wall_time
    if first > use.start:
        yield "startup", None, min(first, use.end) - use.start, use.usd(use.start, min(first, use.end))
    paused: tuple[Purpose, str | None] | None = None
    ends = [(mark.wall_time, mark.elapsed_seconds) for mark in marks]
    ends.append((use.end, until.elapsed_seconds if use.segment.id == until.segment else ends[-1][1]))
    for mark, ((wall, elapsed), (next_wall, next_elapsed)) in zip(marks, pairwise(ends), strict=True):
        if mark.kind in ("pause", "phase"):
            paused = mark.kind, mark.name
        elif mark.kind in ("resume", "start"):
            paused = None
        start, end = max(wall, use.start), min(next_wall, use.end)
        if end <= start:
            continue
        lasted, usd = end - start, use.usd(start, end)
        if paused is not None:
            yield *paused, lasted, usd
            continue
        trained = min(1.0, max(0.0, next_elapsed - elapsed) / (next_wall - wall))
        if (1 - trained) * lasted < NOISE_SECONDS:
            trained = 1.0
        held = min(1.0, sum(max(0.0, min(end, right) - max(start, left)) for left, right in kept) / lasted)
        for purpose, part in (("training", trained * held), ("lost", trained * (1 - held)), ("stalled", 1 - trained)):
            if part * lasted > NOISE_SECONDS:
                yield purpose, None, part * lasted, None if usd is None else part * usd  # type: ignore[misc]
