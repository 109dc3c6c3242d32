"""Exponential smoothing: one recurrence for every setting, the same bits live and in replay.

``S ← d·S + x``, ``W ← d·W + 1``, smoothed value ``S / W``, from ``S = W = 0``. With a smoothing factor α the decay d
is ``1 − α``; this is ``pandas.Series.ewm(alpha=α, adjust=True, ignore_na=True).mean()``. With a half-life h it is
``0.5^(Δ/h)``, where Δ is the distance from the last finite observation. Without bias correction the average is
``m ← d·m + (1 − d)·x`` from ``m = x`` (pandas' ``adjust=False``).
"""

import math

from milepost.tracking.thresholds import Smoothing


def half_life_decay(distance: float, half_life: float) -> float:
    """Return ``0.5^(distance / half_life)``; a negative distance counts as 0.

    Every decay by a half-life is worked out here, by C's ``pow``, so that live and replayed values have the same bits.

    Args:
        distance: Samples or elapsed seconds since the last finite observation.
        half_life: In the same unit, above 0.
    """
    return math.pow(0.5, distance / half_life) if distance > 0 else 1.0


class Smoother:
    """The moving average of one metric under one smoothing.

    Attributes:
        smoothing: The setting.
        decay: d, where it is the same for every observation; otherwise NaN.
        total: S of the recurrence, or the average itself without bias correction.
        weight: W of the recurrence, or 1 without bias correction; 0 before the first observation.
    """

    __slots__ = ("decay", "elapsed_seconds", "samples", "smoothing", "total", "weight")

    def __init__(self, smoothing: Smoothing) -> None:
        self.smoothing = smoothing
        self.decay = 1.0 - smoothing.smoothing_factor if smoothing.half_life is None else math.nan
        self.total = 0.0
        self.weight = 0.0
        self.samples = 0.0
        self.elapsed_seconds = 0.0

    @property
    def value(self) -> float | None:
        """The smoothed value, None before the first observation."""
        return self.total / self.weight if self.weight else None

    def push(self, x: float, samples: float, elapsed_seconds: float) -> float:
        """Take one observation and return the smoothed value.

        Args:
            x: The observed value.
            samples: Where in the run it was observed, in samples.
            elapsed_seconds: Where in the run it was observed, in elapsed seconds.

        Returns:
            The smoothed value; NaN where the observation is not finite, or would make the sum so (its finite values
            end at 1.8e308): then it is not taken in, and nothing has changed.
        """
        decay = self.decay
        if (half_life := self.smoothing.half_life) is not None:
            if half_life.samples is not None:
                decay = half_life_decay(samples - self.samples, half_life.samples)
            else:
                assert half_life.seconds is not None
                decay = half_life_decay(elapsed_seconds - self.elapsed_seconds, half_life.seconds)
        if self.smoothing.bias_correction:
            total = decay * self.total + x
            weight = decay * self.weight + 1.0
        else:
            total = decay * self.total + (1.0 - decay) * x if self.weight else x
            weight = 1.0
        if not math.isfinite(total):
            return math.nan
        self.total = total
        self.weight = weight
        if half_life is not None:
            self.samples = float(samples)
            self.elapsed_seconds = elapsed_seconds
        return total / weight
