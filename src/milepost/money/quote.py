"""What one instance costs an hour, since when, who says so, and how the provider bills it."""

from bisect import bisect_right
from itertools import pairwise

import msgspec

from milepost.money.instance import Market


class PriceStep(msgspec.Struct, frozen=True, array_like=True):
    """From this moment on, an hour costs this much: spot prices are a series of these.

    Attributes:
        since: Unix seconds (UTC).
        usd_per_hour: USD an hour for one instance.
    """

    since: float
    usd_per_hour: float


class BillingRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a provider turns the time that an instance ran into time that it bills.

    Attributes:
        granularity_seconds: Time is rounded up to a multiple of this; 0 bills every instant.
        minimum_seconds: The least that is billed for one start of an instance.
        free_if_reclaimed_within_seconds: Nothing is billed for a spot instance that the provider takes back
            within this many seconds of its start.
    """

    granularity_seconds: float = 0.0
    minimum_seconds: float = 0.0
    free_if_reclaimed_within_seconds: float = 0.0

    def billed_seconds(self, ran_seconds: float, *, reclaimed: bool = False) -> float:
        """Return the seconds billed for one instance start that ran for ``ran_seconds``.

        Args:
            ran_seconds: Wall-clock seconds since the instance started.
            reclaimed: Whether the provider took this (spot) instance back.
        """
        if reclaimed and ran_seconds <= self.free_if_reclaimed_within_seconds:
            return 0.0
        if self.granularity_seconds > 0:
            ran_seconds = -(-ran_seconds // self.granularity_seconds) * self.granularity_seconds
        return max(ran_seconds, self.minimum_seconds)


class Quote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price: USD per hour for one instance, with its source and the date on which it was true.

    Attributes:
        usd_per_hour: USD an hour for one instance; where ``steps`` are given, before the first of them.
        source: Name of the source, such as ``user``, ``aws``, ``list`` or ``fallback``.
        as_of: When the price was true, as far as is known: a year, a date or a time (ISO 8601).
        cached: Whether it comes from a cache of earlier answers.
        assumed: Whether type, market or region was substituted, or the source is one of last resort.
        assumed_because: What was substituted by what, in a sentence.
        tried: What each source that was asked before answered, a line each: ``name: why it has no price``.
        suspect: Whether it is so near to the spot price that it can hardly be what it is said to be: no estimate is to
            rest on it.
        provisional: Whether it stands in for a live answer that is under way.
        steps: Price changes in order of time.
        gpus: Accelerators of the instance; a fraction where it has a part of one.
        rate: Name of the rate that its user has agreed on, such as a savings plan, where it is at one.
        vcpus: Virtual CPUs of the instance, where the source tells.
    """

    usd_per_hour: float
    source: str
    as_of: str | None = None
    cached: bool = False
    assumed: bool = False
    assumed_because: str | None = None
    tried: str = ""
    suspect: bool = False
    provisional: bool = False
    steps: tuple[PriceStep, ...] = ()
    provider: str | None = None
    instance_type: str | None = None
    region: str | None = None
    zone: str | None = None
    market: Market | None = None
    gpus: int | float | None = None
    gpu: str | None = None
    rate: str | None = None
    vcpus: float | None = None

    def usd_per_hour_at(self, wall_time: float) -> float:
        """Return the USD an hour that was in force at ``wall_time`` (Unix seconds)."""
        if not self.steps:
            return self.usd_per_hour
        index = bisect_right(self.steps, wall_time, key=lambda step: step.since)
        return self.steps[index - 1].usd_per_hour if index else self.usd_per_hour

    def mean_usd_per_hour(self, start: float, end: float) -> float:
        """Return the mean price over the wall time from ``start`` to ``end`` (Unix seconds).

        The integral of the price steps over that time, divided by its length; at an instant, the price then.
        """
        if not self.steps:
            return self.usd_per_hour
        if end <= start:
            return self.usd_per_hour_at(end)
        inside = [step.since for step in self.steps if start < step.since < end]
        edges = [start, *inside, end]
        usd_seconds = sum((right - left) * self.usd_per_hour_at(left) for left, right in pairwise(edges))
        return usd_seconds / (end - start)
