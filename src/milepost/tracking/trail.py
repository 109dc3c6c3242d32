"""The trail of a run: where its lineage has been, in a bounded number of positions."""

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Any

import msgspec

MOST = 1000
"""Positions of a trail, at most."""

LEAST_HOLE_SECONDS = 300.0
"""Nothing shorter is a hole between two updates."""

HOLE_ROWS = 20
"""A hole is so many times the median distance from one update to the next."""

MOST_ROWS = 2**18
"""Rows that are kept as they came, at most, until somebody asks."""


class TrailState(msgspec.Struct, frozen=True):
    """A trail as a state holds it: columns of one length, how far apart its positions are, and `Trail.row_seconds`."""

    samples: tuple[int, ...] = ()
    elapsed_seconds: tuple[float, ...] = ()
    spacing: int = 1
    usual_seconds: float | None = None


class Trail:
    """Where the lineage of a run has been: samples and elapsed seconds.

    A position is kept where its samples are at least ``spacing`` beyond those of the one before. Where there are `MOST`
    of them, the spacing grows until half of them are left. So what is kept follows from the rows alone, whether they
    come one by one or many at once.

    Attributes:
        due: Samples from which on a position is kept.
    """

    __slots__ = ("_elapsed", "_rows", "_samples", "_spacing", "_unread", "_usual", "due")

    def __init__(self, state: TrailState | None = None) -> None:
        state = state or TrailState()
        self._samples, self._elapsed = list(state.samples), list(state.elapsed_seconds)
        self._spacing, self._usual = state.spacing, state.usual_seconds
        self._unread: list[tuple[Any, Any]] = []
        self._rows = 0
        self.due = self._samples[-1] + self._spacing if self._samples else 0

    @property
    def state(self) -> TrailState:
        """What a later process needs to go on with it."""
        self._read()
        return TrailState(tuple(self._samples), tuple(self._elapsed), self._spacing, self._usual)

    def add(self, samples: int, elapsed_seconds: float) -> None:
        """Take note of a row, which has come to the samples that are `due`.

        Args:
            samples: Where it stands.
            elapsed_seconds: Likewise.
        """
        if self._unread:
            self._read()
            if samples < self.due:
                return
        self._samples.append(samples)
        self._elapsed.append(elapsed_seconds)
        self.due = samples + self._spacing
        if len(self._samples) >= MOST:
            self._thin()

    def extend(self, samples: Any, elapsed_seconds: Any) -> None:
        """Take note of rows that simply follow each other; they are looked at when somebody asks.

        Args:
            samples: Where they stand, as a NumPy array.
            elapsed_seconds: Likewise.
        """
        self._unread.append((samples, elapsed_seconds))
        self._rows += len(samples)
        if self._rows > MOST_ROWS:
            self._read()

    def find(self, samples: int) -> tuple[float, bool] | None:
        """Return the elapsed seconds at which the lineage was seen at these samples, or last seen below.

        Returns:
            Elapsed seconds, and whether it was seen at just these samples; None where it was not seen as low.
        """
        self._read()
        at = bisect_left(self._samples, samples)
        if at < len(self._samples) and self._samples[at] == samples:
            return self._elapsed[at], True
        return (self._elapsed[at - 1], False) if at else None

    def before(self, samples: int) -> tuple[int, float] | None:
        """Return the last samples below these at which the lineage was seen, and the elapsed seconds there."""
        self._read()
        at = bisect_left(self._samples, samples)
        return (self._samples[at - 1], self._elapsed[at - 1]) if at else None

    def cut(self, samples: int) -> None:
        """Forget what lies beyond these samples: training went back to them."""
        self._read()
        at = bisect_right(self._samples, samples)
        del self._samples[at:], self._elapsed[at:]
        self.due = self._samples[-1] + self._spacing if self._samples else 0

    def row_seconds(self) -> float | None:
        """Return the median of the elapsed seconds from one count to the next, as far as the first ones tell."""
        self._read()
        if self._usual is not None or len(self._elapsed) < 2:
            return self._usual
        steps = sorted(later - earlier for earlier, later in pairwise(self._elapsed))
        half = len(steps) // 2
        return steps[half] if len(steps) % 2 else (steps[half - 1] + steps[half]) / 2  # `statistics` is slow to import

    def hole_seconds(self) -> float | None:
        """Return from how many elapsed seconds on the time between two updates is a hole, as far as the trail tells."""
        usual = self.row_seconds()
        return None if usual is None else max(LEAST_HOLE_SECONDS, HOLE_ROWS * usual)

    def _read(self) -> None:
        """Look at the rows that came at once."""
        unread, self._unread, self._rows = self._unread, [], 0
        for samples, elapsed in unread:
            first = 0
            while first < len(samples):
                # Of rows whose samples rise throughout by the spacing or more, all are kept.
                stop = min(len(samples), first + MOST - len(self._samples))
                rows = samples[first:stop]
                is_close = len(rows) > 1 and rows[1] - rows[0] < self._spacing
                if not is_close and rows[0] >= self.due and (rows[1:] - rows[:-1] >= self._spacing).all():
                    self._samples += rows.tolist()
                    self._elapsed += elapsed[first:stop].tolist()
                    self.due = self._samples[-1] + self._spacing
                    first = stop
                else:
                    first += int(samples[first:].searchsorted(self.due))
                    if first < len(samples):
                        self.add(int(samples[first]), float(elapsed[first]))
                        first += 1
                if len(self._samples) >= MOST:
                    self._thin()

    def _thin(self) -> None:
        """Make the spacing so large that half of the positions are left, at most."""
        self._usual = self.row_seconds()
        while len(self._samples) > MOST // 2:
            span = self._samples[-1] - self._samples[0]
            self._spacing = max(2 * self._spacing, span // (MOST // 2))
            kept, due = [], self._samples[0]
            for at, samples in enumerate(self._samples):
                if samples >= due:
                    kept.append(at)
                    due = samples + self._spacing
            self._samples, self._elapsed = [self._samples[at] for at in kept], [self._elapsed[at] for at in kept]
            self.due = due
