"""What is right of a training in a format that tells this much of it: rules 4 to 6, from the truth."""

import math
from itertools import pairwise
from statistics import median
from typing import Literal, NamedTuple

from tests.positions.training import Training

USD_PER_MINUTE = 0.10


class Tells(NamedTuple):
    """What a format tells of a training.

    Attributes:
        timer: Whether it tells the trainer's own timer.
        wall: Whether it tells when rows were written.
        starts: Of which processes it tells when they started.
        boundaries: Whether it tells where another process begins, beside what its clocks and counts show of that.
        unit: What it counts in.
    """

    timer: bool = False
    wall: bool = True
    starts: Literal["none", "first", "all"] = "none"
    boundaries: bool = False
    unit: Literal["samples", "steps"] = "samples"


class Answer(NamedTuple):
    """What a threshold took.

    Attributes:
        count: At the crossing.
        minutes: Of training; None where nothing tells.
        bound: What they are where they are not exact.
        billed_minutes: Of machines; None where nothing tells.
    """

    count: int | None  # type: ignore[assignment]
    minutes: float | None
    bound: Literal["lower", "upper"] | None
    billed_minutes: float | None


def right(training: Training, tells: Tells, metric: str, target: float, gap: float = math.inf) -> Answer | None:
    """Return what is right; None where the target was not reached. All times are seconds."""
    known: dict[int, tuple[float, bool]] = {}  # when the lineage had a count, and whether that is a lower bound
    now = paid = 0.0
    is_lower, is_first, before = False, True, training.rows[0]
    for row in training.rows:
        by_timer = tells.timer and (training.is_anew or row.process == 0)
        is_told = by_timer or tells.starts == "all" or (tells.starts == "first" and row.process == 0)
        since = row.wall - training.starts[row.process] if is_told else 0.0
        shows = tells.boundaries or row.count < before.count or (tells.timer and training.is_anew)
        if row is before:
            now, paid, is_lower = since, since, not is_told
        elif row.process == before.process or not shows:
            after = row.wall - before.wall  # a hole counts, whatever it was, unless its user says otherwise
            gained = row.timer - before.timer if tells.timer else after
            if gained >= gap:
                gained = after = median(later.wall - earlier.wall for earlier, later in pairwise(training.rows))
            now, paid = now + gained, paid + after
        else:
            base = max(count for count in known if count <= row.count)
            known = {count: at for count, at in known.items() if count <= base}
            now, is_lower, paid = *known[base], paid + since
            if base < row.count and tells.timer and not training.is_anew:
                now = row.timer
            elif base < row.count:
                now, is_lower = now + since, is_lower or not is_told
        known.setdefault(row.count, (now, is_lower))
        at, is_bound = known[row.count] if row.is_late else (now, is_lower)
        if row.values.get(metric, -math.inf) >= target:
            bound: Literal["lower", "upper"] | None = "upper" if is_first else "lower" if is_bound else None
            if not (tells.timer or tells.wall) or (is_first and is_bound):
                return Answer(row.count, None, None, None)
            return Answer(row.count, at / 60, bound, paid / 60 if tells.wall else None)
        is_first, before = is_first and metric not in row.values, row
    return None
