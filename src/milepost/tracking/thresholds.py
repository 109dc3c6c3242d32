"""Thresholds, and what a run has to say of each."""

import math
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from operator import index
from typing import Literal

import msgspec

from milepost.errors import ConfigError, require

Comparison = Literal[">=", ">", "<=", "<", "=="]
NAME = re.compile(r"[A-Za-z0-9_.-]+")
COMPARISONS: tuple[Comparison, ...] = (">=", ">", "<=", "<", "==")


def _as_number(struct: msgspec.Struct, field: str, expected: str) -> float:
    """Put a field's value, a number of any kind, into it as a float, and return that.

    Raises:
        ConfigError: It is no number.
    """
    value = getattr(struct, field)
    number = math.nan
    if not isinstance(value, bool | str):
        with suppress(TypeError, ValueError, OverflowError):
            number = float(value)
    require(not math.isnan(number), field, value, expected)
    msgspec.structs.force_setattr(struct, field, number)
    return number


class HalfLife(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How far back half of the weight of a smoothed value lies: in samples, or in elapsed seconds."""

    samples: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [(name, value) for name in ("samples", "seconds") if (value := getattr(self, name)) is not None]
        if len(given) != 1:
            raise ConfigError(f"samples/seconds: found {len(given)} of them, expected exactly one")
        name, _ = given[0]
        value = _as_number(self, name, "a finite number above 0")
        require(0 < value < math.inf, name, value, "a finite number above 0")


class Smoothing(msgspec.Struct, frozen=True):
    """How a metric is smoothed; thresholds that share a metric and a smoothing share one smoother.

    Attributes:
        smoothing_factor: α of the moving average, 1 for the raw value; not used where ``half_life`` is given.
        half_life: Weighting by distance instead, for metrics logged at uneven intervals.
        bias_correction: Whether the average is corrected for its short past.
    """

    smoothing_factor: float = 0.1
    half_life: HalfLife | None = None
    bias_correction: bool = True

    @property
    def is_raw(self) -> bool:
        """Whether it leaves every value as it is."""
        return self.half_life is None and self.smoothing_factor == 1


class PerformanceThreshold(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A target that a metric is to reach.

    Attributes:
        name: Unique among a run's thresholds; letters, digits and ``_ . -``.
        metric: Key of the metric in what the trainer logs, such as ``env_agent/heart.gained``.
        target_value: The value to reach, in the metric's own unit.
        comparison: How the smoothed value is held against the target.
        smoothing_factor: α of the bias-corrected exponential moving average, above 0; 1 is the raw value.
        half_life: In place of ``smoothing_factor``: the half-life of the average in samples or elapsed seconds.
        bias_correction: False starts the average at the first value instead of correcting for its short past.
        tolerance: For ``==``: how far from the target still counts, in the metric's unit.
        confirm: Finite observations in a row that must satisfy the threshold.

    Raises:
        ConfigError: A field is out of its range.
    """

    name: str
    metric: str
    target_value: float
    comparison: Comparison = ">="
    smoothing_factor: float = 0.1
    half_life: HalfLife | None = None
    bias_correction: bool = True
    tolerance: float = 0.0
    confirm: int = 1

    def __post_init__(self) -> None:
        fits = isinstance(self.name, str) and NAME.fullmatch(self.name) is not None
        require(fits, "name", self.name, "letters, digits, '_', '.' and '-' only")
        require(isinstance(self.metric, str) and self.metric != "", "metric", self.metric, "the key of a metric")
        _as_number(self, "target_value", "a finite number")
        _as_number(self, "smoothing_factor", "above 0 and up to 1")
        _as_number(self, "tolerance", "a finite number, 0 or above")
        whole = not isinstance(self.confirm, bool) and hasattr(self.confirm, "__index__")
        require(whole, "confirm", self.confirm, "a whole number, 1 or more")
        msgspec.structs.force_setattr(self, "confirm", index(self.confirm))
        require(math.isfinite(self.target_value), "target_value", self.target_value, "a finite number")
        require(self.comparison in COMPARISONS, "comparison", self.comparison, f"one of {' '.join(COMPARISONS)}")
        require(0 < self.smoothing_factor <= 1, "smoothing_factor", self.smoothing_factor, "above 0 and up to 1")
        require(0 <= self.tolerance < math.inf, "tolerance", self.tolerance, "a finite number, 0 or above")
        require(self.confirm >= 1, "confirm", self.confirm, "1 or more")
        if self.tolerance and self.comparison != "==":
            raise ConfigError(
                f"tolerance: found {self.tolerance} with comparison {self.comparison!r}, expected it with '=='"
            )

    @property
    def smoothing(self) -> Smoothing:
        """How its metric is smoothed."""
        factor = self.smoothing_factor if self.half_life is None else 1.0
        return Smoothing(factor, self.half_life, self.bias_correction)

    def satisfied_by(self, value: float) -> bool:
        """Say whether a smoothed ``value`` satisfies the threshold."""
        return TESTS[self.comparison](value, self.target_value, self.tolerance)


SIGNS = "=<>!~≥≤≠≈⩾⩽≧≦＝＞＜"
"""What operators are made of, here and in other languages."""

EXPRESSION = re.compile(
    rf"\s*(?P<metric>.*?[^\s{SIGNS}])\s*(?P<comparison>[{SIGNS}]+(?:\s+[{SIGNS}]+)*)\s*"
    rf"(?P<value>[^@\s{SIGNS}]+)\s*(@\s*(?P<factor>\S+)\s*)?"
)

MEANT = {
    **dict.fromkeys(("=>", "> =", ">==", "≥", "⩾", "≧", ">>", ">>=", "＞", "!<"), ">="),
    **dict.fromkeys(("=<", "< =", "<==", "≤", "⩽", "≦", "<<", "<<=", "＜", "!>"), "<="),
    **dict.fromkeys(("=", "===", "= =", "≈", "~", "~=", "＝"), "=="),
}
"""Operators that are none here, and which of ours is nearest."""

WORDS: dict[str, str] = {">=": "ge", ">": "gt", "<=": "le", "<": "lt", "==": "eq"}


def parse_threshold(expression: str) -> PerformanceThreshold:
    """Return the threshold of an expression ``METRIC OP VALUE [@ALPHA]``; raw values where no ``@ALPHA`` is given.

    Its name is a slug of it: ``'loss <= 0.4 @ 0.1'`` is ``loss_le_0.4_0.1``.

    Raises:
        ConfigError: It is no such expression; says what is expected.
    """
    found = EXPRESSION.fullmatch(expression)
    if found is None:
        raise ConfigError(
            f"threshold: found {expression!r}, expected METRIC OP VALUE [@ALPHA], quoted, such as 'loss <= 0.4 @ 0.1'"
        )
    metric, comparison, value, factor = (found[name] for name in ("metric", "comparison", "value", "factor"))
    if comparison not in COMPARISONS:
        meant = MEANT.get(comparison) or MEANT.get("".join(comparison.split()))
        near = f"; nearest: {meant}" if meant else ""
        ours = " ".join(COMPARISONS)
        raise ConfigError(f"threshold {expression!r}: found the operator {comparison!r}, expected one of {ours}{near}")
    numbers = []
    for text in (value, factor or "1"):
        try:
            numbers.append(float(text))
        except ValueError:
            raise ConfigError(f"threshold {expression!r}: found {text!r}, expected a number") from None
    words = [metric, WORDS[comparison], value, *([factor] if factor else [])]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", "_".join(words)).strip("_")
    return PerformanceThreshold(name, metric, numbers[0], comparison, numbers[1])


TESTS: dict[str, Callable[[float, float, float], bool]] = {
    ">=": lambda value, target, _: value >= target,
    ">": lambda value, target, _: value > target,
    "<=": lambda value, target, _: value <= target,
    "<": lambda value, target, _: value < target,
    "==": lambda value, target, tolerance: abs(value - target) <= tolerance,
}


def require_unique_names(thresholds: Iterable[PerformanceThreshold]) -> None:
    """Raise `ConfigError` where two thresholds bear one name."""
    seen: set[str] = set()
    for threshold in thresholds:
        if threshold.name in seen:
            raise ConfigError(f"thresholds: found two named {threshold.name!r}, expected each name once")
        seen.add(threshold.name)
