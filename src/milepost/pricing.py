"""What a node costs: settings, what the machine is, and the words of a call, put together."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec

from milepost.config import Config, InstanceSettings
from milepost.errors import ConfigError, PriceUnavailable
from milepost.instances.detect import Detection, as_assumed, assumption_of, detect, unknown_of
from milepost.log import logger
from milepost.money.instance import FIELDS, Instance
from milepost.money.quote import Quote
from milepost.prices.book import SPOT_REFRESH_SECONDS, PriceBook


class Priced(NamedTuple):
    """The price of a node, or why there is none.

    Attributes:
        instance: What the node turned out to be.
        quote: Its price.
        because: Why there is none.
        again_after_seconds: After how long to ask anew; None for prices that stay.
    """

    instance: Instance
    quote: Quote | None
    because: str | None
    again_after_seconds: float | None = None


def detect_for(
    settings: Config, instance: Instance | Mapping[str, Any] | str | None = None, *, probe: bool = False
) -> Detection:
    """Find out what a node is, the call's word before the configuration's.

    Args:
        settings: The configuration.
        instance: The call's word.
        probe: Ask metadata services too, where variables and configuration leave something open: takes 2 s at most.
    """
    configured = settings.instance.to_instance()
    share = settings.instance.share
    if isinstance(instance, Instance):
        named = Instance.known("instance=", **{name: getattr(instance, name) for name in FIELDS})
        configured = named.completed_by(configured)
    elif instance is not None:
        given = InstanceSettings.from_mapping({"instance_type": instance} if isinstance(instance, str) else instance)
        configured = given.to_instance("instance=").completed_by(configured)
        share = given.share or share
    aws = settings.aws
    market = None if aws.use_spot is None else "spot" if aws.use_spot else "on_demand"
    provider = None if aws.instance_type is None else "aws"
    defaults = Instance.known("aws:", provider=provider, instance_type=aws.instance_type, market=market)
    return detect(configured, share=share, defaults=defaults, probe=probe)


class Pricer:
    """Says what a node of a run costs: at once by what is known, and later by who is asked.

    Args:
        settings: The configuration.
        instance: The call's word on what a node is.
        price_per_hour: The call's word on its price.

    Attributes:
        detection: What a node is taken for, as far as is known.
        book: Where its price is looked up; None where prices are off.
        to_probe: Whether metadata services are yet to be asked what the machine is.

    Raises:
        ConfigError: The settings are wrong.
    """

    def __init__(
        self,
        settings: Config,
        instance: Instance | Mapping[str, Any] | str | None = None,
        price_per_hour: float | None = None,
    ) -> None:
        self._detect = partial(detect_for, settings, instance)
        self.detection = self._detect()
        prices = settings.prices
        try:
            self.book = None if prices == "off" else PriceBook.of(prices, price_per_hour=price_per_hour, apart=True)
        except ConfigError as error:
            raise ConfigError(f"prices.{error}" if price_per_hour is None else str(error)) from error
        self._strict = prices != "off" and prices.strict_pricing
        self.to_probe = self.book is not None and self.detection.is_open

    def now(self, since: datetime) -> Priced:
        """Return what is known of the price of a node without asking anybody."""
        priced = self._priced(self.detection.instance, lambda book: book.quote(self.detection.instance, since))
        if self.to_probe and priced.quote is not None and priced.quote.source != "user":
            return priced._replace(quote=msgspec.structs.replace(priced.quote, provisional=True))
        return priced

    def ask(self, instance: Instance, since: datetime) -> Priced:
        """Return the best price there is; takes seconds. What metadata services tell of the machine goes into it."""
        if self.to_probe and instance.same_fleet(self.detection.instance):
            self.to_probe = False
            self.detection = self._detect(probe=True)
            instance = self.detection.instance
            if self.detection.misfit is not None:
                logger("instances").warning("%s", self.detection.misfit)
        return self._priced(instance, lambda book: book.ask(instance, since))

    def again_after_seconds(self, instance: Instance) -> float | None:
        """Return after how long a price is to be asked for anew: spot prices change."""
        spot = instance.market == "spot" and self.book is not None and self.book.live_source(instance) is not None
        return SPOT_REFRESH_SECONDS if spot else None

    def _priced(self, instance: Instance, find: Callable[[PriceBook], Quote]) -> Priced:
        if self.book is None:
            return Priced(instance, None, "prices: off")
        try:
            quote = find(self.book)
        except PriceUnavailable as error:
            if not (error.waiting or self.to_probe):
                logger("prices").warning("costs are unknown: %s", error)
            return Priced(instance, None, str(error), self.again_after_seconds(instance))
        # It may be an earlier process's, of which this machine's detection knows nothing.
        because = self.detection.assumed_because if instance == self.detection.instance else assumption_of(instance)
        marked = as_assumed(quote, instance, because)
        if self._strict and marked is not quote and "instance_type" in unknown_of(instance):
            return Priced(instance, None, because)
        return Priced(instance, marked, None, self.again_after_seconds(instance))
