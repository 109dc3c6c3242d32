"""What a node costs: settings, what is told of it, and the words of a call, put together by rank.

The one way from a configuration to dollars: for a tracked run, a replayed log, the doctor, a launch, a run that is
priced anew and `calculate_total_cost` alike.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, NamedTuple

import msgspec

from milepost.config import Config, InstanceSettings, PriceSettings
from milepost.errors import ConfigError, PriceUnavailable, UnknownName, require
from milepost.instances.detect import Detection, assumption_of, detect, machine_of, unknown_of, with_stand_ins
from milepost.log import logger
from milepost.money.instance import FIELDS, Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.prices.book import SPOT_REFRESH_SECONDS, PriceBook, warn_of
from milepost.providers import find_slice, provider_of
from milepost.providers.gpu_names import gpus_named

Share = float | Literal["gpus"] | None


class Priced(NamedTuple):
    """The price of a node, or why there is none.

    Attributes:
        instance: What the node turned out to be.
        quote: Its price.
        because: Why there is none.
        again_after_seconds: After how long to ask anew; None for prices that stay.
        waiting: Whether somebody is yet to be asked who may know.
        named_wrongly: What its user named that nobody knows, where that is why there is none.
    """

    instance: Instance
    quote: Quote | None
    because: str | None
    again_after_seconds: float | None = None
    waiting: bool = False
    named_wrongly: ConfigError | None = None


def told(settings: Config, instance: Instance | Mapping[str, Any] | str | None = None) -> tuple[Instance, Share]:
    """Return what a user says of a node, the call's word before the configuration's, and of the share of it.

    Args:
        settings: The configuration.
        instance: The call's word: an `Instance`, a mapping as the configuration's ``instance``, or just its type.

    Raises:
        ConfigError: The mapping is wrong.
    """
    said, share = settings.instance.to_instance(), settings.instance.share
    if isinstance(instance, Instance):
        named = Instance.known("instance=", **{name: getattr(instance, name) for name in FIELDS})
        said = named.completed_by(said)
    elif instance is not None:
        given = InstanceSettings.from_mapping({"instance_type": instance} if isinstance(instance, str) else instance)
        said, share = given.to_instance("instance=").completed_by(said), given.share or share
    provider = said.provider and said.provider.lower()  # people write AWS
    said = msgspec.structs.replace(said, provider=provider)
    if gpus := gpus_named(said.instance_type):  # H100:8
        said = said.completed_by(Instance.known(said.sources.get("instance_type", ""), gpu=gpus[0], gpus=gpus[1]))
    return said, share


def defaults_of(settings: Config) -> Instance:
    """Return what the configuration takes a node for where nothing else tells (``aws:``)."""
    aws = settings.aws
    provider = None if aws.instance_type is None else "aws"
    market = None if aws.use_spot is None else "spot" if aws.use_spot else "on_demand"
    return Instance.known("aws:", provider=provider, instance_type=aws.instance_type, market=market)


def with_defaults(settings: Config, found: Instance) -> Instance:
    """Return a node with what the configuration takes it for where nothing else tells, as far as that can be."""
    return with_stand_ins(found, defaults_of(settings))


def detect_for(
    settings: Config, instance: Instance | Mapping[str, Any] | str | None = None, *, probe: bool = False
) -> Detection:
    """Find out what a node of this machine's is.

    Args:
        settings: The configuration.
        instance: The call's word.
        probe: Ask metadata services too, where variables and configuration leave something open: takes 2 s at most.
    """
    said, share = told(settings, instance)
    return detect(said, share=share, defaults=defaults_of(settings), probe=probe)


class Terms:
    """Says what a node costs under a configuration's ``prices`` and the words of a call.

    Args:
        settings: The configuration.
        price_per_hour: The call's word on the price, USD an hour of one node: wins over every other.
        source: The call's word on whom to ask: this source alone.
        apart: Ask live sources in a process of their own.

    Attributes:
        book: Where prices are looked up; None where they are off.

    Raises:
        ConfigError: The settings, or the words of the call, are wrong.
    """

    def __init__(
        self, settings: Config, price_per_hour: float | None = None, *, source: str | None = None, apart: bool = False
    ) -> None:
        self.book: PriceBook | None = None
        self._prices = settings.prices
        if settings.prices != "off":
            named = settings.prices if source is None else msgspec.structs.replace(settings.prices, sources=(source,))
            self.book = PriceBook.of(named, price_per_hour=price_per_hour, apart=apart)

    def price(
        self, instance: Instance, since: datetime | None = None, *, at_once: bool = False, stand_in: bool = True
    ) -> Priced:
        """Return the best price of a node, marked as assumed where what decides it was not told.

        A node is taken for on-demand where its market is not known. With ``strict_pricing``, a type that nobody knows,
        or that was only taken by default, has no price.

        Args:
            instance: The node.
            since: From when on the changes of a spot price are wanted.
            at_once: Ask nobody; without that it may take seconds.
            stand_in: Whether the default instance's price stands in for a node of which nothing tells what it is.
        """
        if self.book is None or self._prices == "off":
            return Priced(instance, None, "prices: off")
        node = instance.completed_by(machine_of(instance))
        if node.instance_type is not None:
            node = node.completed_by(Instance.known("default", market="on_demand"))
        since = since if node.market == "spot" else None  # other prices are those of today
        try:
            quote = self.book.quote(node, since) if at_once else self.book.ask(node, since, stand_in=stand_in)
        except PriceUnavailable as error:
            wrongly = error if isinstance(error, UnknownName) else None
            return Priced(instance, None, str(error), waiting=error.waiting, named_wrongly=wrongly)
        if quote.source == "user":
            return Priced(instance, quote, None)
        unknown = unknown_of(node)
        if self._prices.strict_pricing and "instance_type" in unknown and node.instance_type is not None:
            return Priced(instance, None, assumption_of(node))
        same_everywhere = unknown == ("region",) and quote.region is None
        because = None if quote.assumed or same_everywhere else assumption_of(node)
        reasons = [quote.assumed_because, because, node.assumed_because]
        if any(reasons[1:]):
            quote = msgspec.structs.replace(quote, assumed=True, assumed_because="; ".join(filter(None, reasons)))
        return Priced(instance, quote, None)

    def require_known(self, instance: Instance, *, ask: bool = False) -> None:
        """Refuse a node whose type, GPUs or region its user named, and nobody knows.

        Args:
            instance: The node.
            ask: Ask live sources too; without that, what one of them may know passes.

        Raises:
            ConfigError: Says the nearest names.
        """
        if self.book is not None and self.users_quote(instance) is None:
            self.book.require_known(instance, ask=ask)

    def users_quote(self, instance: Instance) -> Quote | None:
        """Return the price that the user gave for a node; None without one."""
        return None if self.book is None else self.book.users_quote(instance)

    def applied_to(self, offers: Iterable[Quote]) -> list[Quote]:
        """Return list prices as a run would be charged under these terms: at the user's own prices, less the discount.

        Args:
            offers: Prices as their sources have them; none are left where prices are off.
        """
        return [] if self.book is None else [self.book.own_price(offer) for offer in offers]

    def open_ledger(self) -> Ledger:
        """Return an empty ledger with what is paid for beside compute."""
        prices = self._prices
        return Ledger() if prices == "off" else Ledger(storage=prices.storage, network=prices.network)


class Pricer:
    """Says what a node of this machine's costs: at once by what is known, and later by who is asked.

    Args:
        settings: The configuration.
        instance: The call's word on what a node is.
        price_per_hour: The call's word on its price.

    Attributes:
        detection: What a node is taken for, as far as is known.
        terms: Under which it is priced.
        book: Where the price is looked up; None where prices are off.
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
        try:
            self.terms = Terms(settings, price_per_hour, apart=True)
        except ConfigError as error:
            raise ConfigError(f"prices.{error}" if price_per_hour is None else str(error)) from error
        self.book = self.terms.book
        self.to_probe = self.book is not None and self.detection.is_open

    def now(self, since: datetime) -> Priced:
        """Return what is known of the price of a node without asking anybody."""
        priced = self._priced(self.detection.instance, since, at_once=True)
        if self.to_probe and priced.quote is not None and priced.quote.source != "user":
            return priced._replace(quote=msgspec.structs.replace(priced.quote, provisional=True))
        return priced

    def require_known(self) -> None:
        """Refuse a type, GPUs or a region that a call or the configuration names and that nobody can know.

        Variables that are wrong are said as the price is: a run goes on without it.

        Raises:
            ConfigError: Says the nearest names.
        """
        node = self.detection.instance
        if not any(node.sources.get(name, "").startswith("MILEPOST_") for name in ("instance_type", "region")):
            self.terms.require_known(node)

    def ask(self, instance: Instance, since: datetime) -> Priced:
        """Return the best price there is; takes seconds. What metadata services tell of the machine goes into it."""
        if self.to_probe and instance.same_fleet(self.detection.instance):
            self.to_probe = False
            self.detection = self._detect(probe=True)
            instance = self.detection.instance
            if self.detection.misfit is not None:
                logger("instances").warning("%s", self.detection.misfit)
        return self._priced(instance, since)

    def again_after_seconds(self, instance: Instance) -> float | None:
        """Return after how long a price is to be asked for anew: spot prices change."""
        spot = instance.market == "spot" and self.book is not None and self.book.live_source(instance) is not None
        return SPOT_REFRESH_SECONDS if spot else None

    def _priced(self, instance: Instance, since: datetime, *, at_once: bool = False) -> Priced:
        priced = self.terms.price(instance, since, at_once=at_once)
        if self.book is None:
            return priced
        if priced.quote is None and not (priced.waiting or self.to_probe):
            logger("prices").warning("costs are unknown: %s", priced.because)
        if priced.quote is not None and priced.quote.assumed and not (priced.quote.provisional or self.to_probe):
            warn_of(priced.quote)
        return priced._replace(again_after_seconds=self.again_after_seconds(instance))


def calculate_total_cost(
    hours: float,
    instance_type: str | None = None,
    use_spot: bool | None = None,
    num_nodes: int | None = None,
    *,
    region: str | None = None,
    sources: Sequence[str] | None = None,
    strict_pricing: bool = False,
) -> float | None:
    """Return what ``hours`` on a fleet cost: ``hours × USD per hour × num_nodes × share``.

    The provider is asked where it can be, which may take seconds: a training loop has `track` for this.

    Args:
        hours: Hours, 0 or more.
        instance_type: Type of each node; where not given, what this machine is detected as.
        use_spot: Whether they are spot instances; where not given, as detected.
        num_nodes: Nodes; where not given, as detected.
        region: The provider's region; where not given, as detected on a machine of the type's provider, else that of
            the price found.
        sources: Price sources to ask, in that order; all in their usual order where not given.
        strict_pricing: An instance type that is not known has no price, instead of being refused.

    Returns:
        USD, or None where the price is not known; the reason is logged (``milepost.prices``). So is, once, what stands
        in for what where it is assumed.

    Raises:
        ConfigError: An argument is out of its range; or nobody knows the type, region or source: says the nearest.
    """
    number = isinstance(hours, int | float) and not isinstance(hours, bool)
    require(number and 0 <= hours < math.inf, "hours", hours, "a finite number, 0 or more")
    require(num_nodes is None or num_nodes >= 1, "num_nodes", num_nodes, "1 or more")
    prices = PriceSettings(sources=None if sources is None else tuple(sources), strict_pricing=strict_pricing)
    fleet = fleet_of(instance_type, use_spot, num_nodes, region)
    priced = Terms(Config(thresholds=(), prices=prices)).price(fleet)
    if priced.named_wrongly is not None and (instance_type or region):
        raise priced.named_wrongly
    if priced.quote is None:
        logger("prices").warning("the cost is unknown: %s", priced.because)
        return None
    if priced.quote.assumed:
        warn_of(priced.quote)
    return hours * priced.quote.usd_per_hour * fleet.nodes_charged


def fleet_of(
    instance_type: str | None = None,
    use_spot: bool | None = None,
    num_nodes: int | None = None,
    region: str | None = None,
) -> Instance:
    """Return the fleet that `calculate_total_cost` is asked about: its arguments, completed by what this machine is.

    Of a type that is named, this machine tells how many there are, what share of them and how they are paid for; and
    where they are, if it is of the same provider.
    """
    market = None if use_spot is None else "spot" if use_spot else "on_demand"
    said = Instance.known("argument", instance_type=instance_type, market=market, num_nodes=num_nodes, region=region)
    here = detect().instance
    if find_slice(instance_type):  # launchers count its hosts, and it is paid for whole
        of_slices = detect(Instance.known("argument", instance_type=instance_type)).instance
        here = msgspec.structs.replace(here, num_nodes=of_slices.num_nodes, assumed_because=of_slices.assumed_because)
    names = set(FIELDS) if instance_type is None else {"market", "num_nodes", "share", "assumed_because"}
    if num_nodes is not None:
        names -= {"assumed_because"}
    if instance_type is not None and provider_of(instance_type) == here.provider:
        names |= {"region", "zone"}
    if region is not None:
        names -= {"zone"}  # a zone is of its region
    known = Instance.known(here.sources, **{name: getattr(here, name) for name in names})
    return said.completed_by(known)
