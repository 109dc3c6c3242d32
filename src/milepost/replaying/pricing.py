"""What an hour of a run that is over cost: by whom it says, or by what it ran on."""

import hashlib
from datetime import UTC, datetime

import msgspec

from milepost.config import Config
from milepost.errors import PriceUnavailable
from milepost.histories.history import History
from milepost.log import logger
from milepost.money.instance import FIELDS, Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.prices.book import PriceBook
from milepost.providers import billing_rule

NO_INSTANCE = "nothing tells what it ran on: say so with --instance, or its price with --price-per-hour"


class ReplayPricer:
    """Prices histories, each kind of instance once.

    What a run ran on is, field by field, what the call says, else the configuration, else the log, else the
    configuration's ``aws:`` defaults, which make the price an assumed one. This machine has no part in it.

    Args:
        settings: The configuration.
        instance: The call's word on what a node was.
        price_per_hour: The call's word on its price, USD an hour of one node.
        source: Name of the one source to ask.

    Raises:
        ConfigError: The settings are wrong.
    """

    def __init__(
        self,
        settings: Config,
        instance: Instance | None = None,
        price_per_hour: float | None = None,
        source: str | None = None,
    ) -> None:
        self._told = (instance or Instance()).completed_by(settings.instance.to_instance())
        self._defaults = _defaults(settings)
        self._prices = settings.prices
        self._user_prices = price_per_hour is not None
        self._book: PriceBook | None = None
        if settings.prices != "off":
            named = settings.prices if source is None else msgspec.structs.replace(settings.prices, sources=(source,))
            self._book = PriceBook.of(named, price_per_hour=price_per_hour)
            self._user_prices = self._user_prices or named.price_per_hour is not None
        self._known: dict[tuple[object, ...], tuple[Quote | None, str | None]] = {}

    def open_ledger(self, history: History, start: float) -> Ledger:
        """Return a ledger with a segment under way that starts at a wall time (Unix seconds); asks for its price."""
        from_log = Instance.known("log", instance_type=history.instance_type, num_nodes=history.num_nodes)
        instance = self._told.completed_by(from_log)
        is_assumed = instance.instance_type is None and self._defaults.instance_type is not None
        quote, because = self._quote(instance.completed_by(self._defaults), history, start, is_assumed=is_assumed)
        if quote is not None and quote.source == "log":
            instance = Instance.known("log", instance_type=instance.instance_type)  # the whole fleet is one
        else:
            instance = instance.completed_by(self._defaults)
        charged = (
            Ledger() if self._prices == "off" else Ledger(storage=self._prices.storage, network=self._prices.network)
        )
        opened = charged.opened(
            instance,
            quote,
            wall_time=start,
            instance_start=stable_id(history.run, "start"),
            billing=billing_rule(instance) if instance.instance_type is not None else None,
            unpriced_because=because,
        )
        segment = msgspec.structs.replace(opened.segments[0], id=stable_id(history.run, "segment"))
        return msgspec.structs.replace(opened, segments=(segment,))

    def _quote(
        self, instance: Instance, history: History, start: float, *, is_assumed: bool
    ) -> tuple[Quote | None, str | None]:
        if self._book is None:
            return None, "prices: off"
        if history.fleet_usd_per_hour is not None and not self._user_prices and self._told.instance_type is None:
            return Quote(usd_per_hour=history.fleet_usd_per_hour, source="log"), None
        if instance.instance_type is None and not self._user_prices:
            return None, NO_INSTANCE
        since = datetime.fromtimestamp(start, UTC) if instance.market == "spot" and start > 0 else None
        key = (since, *(getattr(instance, name) for name in FIELDS))
        if key not in self._known:
            self._known[key] = self._ask(instance, since, is_assumed=is_assumed)
        return self._known[key]

    def _ask(self, instance: Instance, since: datetime | None, *, is_assumed: bool) -> tuple[Quote | None, str | None]:
        assert self._book is not None
        try:
            quote = self._book.ask(instance, since)
        except PriceUnavailable as error:
            logger("replay").warning("costs are unknown: %s", error)
            return None, str(error)
        unknown = [name for name in ("market", "region") if getattr(instance, name) is None]
        if quote.source == "user" or quote.assumed:
            return quote, None
        if is_assumed or "market" in unknown or ("region" in unknown and quote.region is not None):
            words = "instance type" if is_assumed else " and ".join(unknown)
            because = f"the runs' {words} {'is' if is_assumed or len(unknown) == 1 else 'are'} not known"
            quote = msgspec.structs.replace(quote, assumed=True, assumed_because=because)
        return quote, None


def stable_id(*parts: str) -> str:
    """Return an id that is the same in every replay of a run, so that what is kept twice counts once."""
    return hashlib.sha256("\0".join(("replay", *parts)).encode()).hexdigest()[:16]


def _defaults(settings: Config) -> Instance:
    """Return what the configuration takes where nothing else tells."""
    aws = settings.aws
    if aws.instance_type is None:
        return Instance()
    market = None if aws.use_spot is None else "spot" if aws.use_spot else "on_demand"
    return Instance.known("aws:", provider="aws", instance_type=aws.instance_type, market=market)
