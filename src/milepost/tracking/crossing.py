"""The first observation at which a smoothed metric satisfies a threshold."""

import math
from collections.abc import Iterable

import msgspec

from milepost.money.position import Position
from milepost.tracking.thresholds import PerformanceThreshold
from milepost.tracking.timer import ElapsedSource


class Crossing(msgspec.Struct, frozen=True):
    """A threshold's crossing.

    Attributes:
        position: The first observation that satisfied the threshold.
        value: The smoothed value there.
        before: The observation before it: the metric crossed after that one and by this one. None where this was
            the very first observation, which is then `already_met`.
        confirmed_at_samples: Samples at the observation that confirmed it.
        elapsed_source: Where elapsed time came from at the time; None where a log has no clock.
    """

    position: Position
    value: float
    before: Position | None
    confirmed_at_samples: int
    elapsed_source: ElapsedSource | None

    @property
    def already_met(self) -> bool:
        """Whether the very first observation satisfied the threshold."""
        return self.before is None


class Detector:
    """One threshold, and how far a run has come with it.

    Attributes:
        threshold: The threshold.
        judged: What smoothed values are held against: the threshold, or what it is in single precision.
        held: Finite observations in a row that have satisfied it, up to now.
        candidate: The crossing that the first of them will be once it is confirmed.
        crossing: The crossing, once there is one.
        met_before: Whether the restored average satisfies it, so that where it was crossed is not known.
    """

    __slots__ = ("candidate", "crossing", "held", "judged", "met_before", "threshold")

    def __init__(self, threshold: PerformanceThreshold) -> None:
        self.threshold = self.judged = threshold
        self.held = 0
        self.candidate: Crossing | None = None
        self.crossing: Crossing | None = None
        self.met_before = False

    def hold(self, seen: Crossing) -> bool:
        """Count one observation that satisfies the threshold; say whether that confirms the crossing.

        Args:
            seen: The crossing that it would be if this were the first such observation.
        """
        if self.held == 0:
            self.candidate = msgspec.structs.replace(seen, before=None) if self.met_before else seen
        self.held += 1
        if self.held < self.threshold.confirm:
            return False
        assert self.candidate is not None
        confirmed_at = seen.position.samples
        self.crossing = msgspec.structs.replace(self.candidate, confirmed_at_samples=confirmed_at)
        self.drop()
        return True

    def drop(self) -> None:
        """Forget the observations in a row: this one does not satisfy the threshold."""
        self.held = 0
        self.candidate = None
        self.met_before = False


class Pending:
    """The pending thresholds of one smoother, sorted, so that only the next ones are compared.

    Attributes:
        low: A smoothed value in the open interval from ``low`` to ``high`` concerns no pending threshold.
        high: See ``low``. While ``low`` is infinite, every observation is looked at.
    """

    __slots__ = ("_falling", "_level", "_rising", "high", "low")

    def __init__(self, detectors: Iterable[Detector] = ()) -> None:
        every = [detector for detector in detectors if detector.crossing is None]
        # In order of being satisfied: whatever value satisfies one of a list satisfies all that stand before it.
        self._rising = sorted(
            (detector for detector in every if detector.threshold.comparison in (">=", ">")),
            key=lambda detector: (detector.judged.target_value, detector.threshold.comparison == ">"),
        )
        self._falling = sorted(
            (detector for detector in every if detector.threshold.comparison in ("<=", "<")),
            key=lambda detector: (-detector.judged.target_value, detector.threshold.comparison == "<"),
        )
        self._level = [detector for detector in every if detector.threshold.comparison == "=="]
        self._set_bounds()

    def observe(self, seen: Crossing) -> list[Detector]:
        """Hold one smoothed value against the pending thresholds; return those that it achieves.

        Args:
            seen: The crossing that this observation is, if it is one.
        """
        achieved: list[Detector] = []
        for ordered in (self._rising, self._falling):
            satisfied = 0
            for detector in ordered:
                if not detector.judged.satisfied_by(seen.value):
                    break
                satisfied += 1
                if detector.hold(seen):
                    achieved.append(detector)
            for detector in ordered[satisfied:]:
                if detector.held or detector.met_before:
                    detector.drop()
        for detector in self._level:
            if not detector.judged.satisfied_by(seen.value):
                detector.drop()
            elif detector.hold(seen):
                achieved.append(detector)
        if achieved:
            self._rising, self._falling, self._level = (
                [detector for detector in each if detector.crossing is None]
                for each in (self._rising, self._falling, self._level)
            )
        self._set_bounds()
        return achieved

    @property
    def is_empty(self) -> bool:
        """Whether every threshold has been achieved."""
        return not (self._rising or self._falling or self._level)

    def _set_bounds(self) -> None:
        self.high = self._rising[0].judged.target_value if self._rising else math.inf
        self.low = self._falling[0].judged.target_value if self._falling else -math.inf
        holding = any(each.held or each.met_before for each in (*self._rising, *self._falling))
        if holding or self._level:
            self.low = math.inf
