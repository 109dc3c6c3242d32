"""What a run that is over ran on: by whom it says, or by what its log tells; and the ledger that begins with it."""

import hashlib
from datetime import UTC, datetime

import msgspec

from milepost.config import Config
from milepost.histories.history import History
from milepost.instances.detect import unknown_of
from milepost.log import logger
from milepost.money.instance import FIELDS, Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.pricing import Priced, Terms, with_defaults
from milepost.providers import billing_rule

NO_INSTANCE = "nothing tells what it ran on: say so with --instance, or its price with --price-per-hour"


class ReplayPricer:
    """Prices histories, each kind of instance once.

    What a run ran on is, field by field, what the call says, else the configuration, else the log, else the
    configuration's ``aws:`` defaults, which make the price an assumed one. This machine has no part in it.

    Args:
        settings: The configuration.
        instance: What its user says that a node was; see `told`.
        price_per_hour: The call's word on its price, USD an hour of one node.
        source: Name of the one source to ask.

    Raises:
        ConfigError: The settings are wrong.
    """

    def __init__(
        self, settings: Config, instance: Instance, price_per_hour: float | None = None, source: str | None = None
    ) -> None:
        self._told = instance
        self._settings = settings
        self._terms = Terms(settings, price_per_hour, source=source)
        self._known: dict[tuple[object, ...], Priced] = {}

    def open_ledger(self, history: History, start: float) -> Ledger:
        """Return a ledger with a segment under way that starts at a wall time (Unix seconds); asks for its price."""
        from_log = Instance.known("log", instance_type=history.instance_type, num_nodes=history.num_nodes)
        found = self._told.completed_by(from_log)
        instance, quote, because, *_ = self._of_log(history, found) or self._of_node(found, start)
        opened = self._terms.open_ledger().opened(
            instance,
            quote,
            wall_time=start,
            instance_start=stable_id(history.run, "start"),
            billing=None if quote is not None and quote.source == "log" else billing_rule(instance),
            unpriced_because=because,
        )
        segment = msgspec.structs.replace(opened.segments[0], id=stable_id(history.run, "segment"))
        return msgspec.structs.replace(opened, segments=(segment,))

    def _of_log(self, history: History, found: Instance) -> Priced | None:
        """Return what the log itself says that the whole fleet cost, unless its user says something else."""
        usd = history.fleet_usd_per_hour
        if usd is None or self._terms.book is None or self._told.instance_type or self._terms.users_quote(found):
            return None
        fleet = Instance.known("log", instance_type=found.instance_type)
        return Priced(fleet, Quote(usd_per_hour=usd, source="log"), None)

    def _of_node(self, found: Instance, start: float) -> Priced:
        instance = with_defaults(self._settings, found)
        since = datetime.fromtimestamp(start, UTC) if instance.market == "spot" and start > 0 else None
        key = (since, unknown_of(instance), *(getattr(instance, name) for name in FIELDS))
        if key not in self._known:
            self._known[key] = priced = self._price(instance, since)
            if priced.quote is None and priced.because != NO_INSTANCE and self._terms.book is not None:
                logger("replay").warning("costs are unknown: %s", priced.because)
        return self._known[key]

    def _price(self, instance: Instance, since: datetime | None) -> Priced:
        """Return the price of a node; of one whose type nothing tells, nobody but its user can say it."""
        if instance.instance_type is not None or self._terms.book is None:
            return self._terms.price(instance, since)
        quote = self._terms.users_quote(instance)
        return Priced(instance, quote, NO_INSTANCE if quote is None else None)


def stable_id(*parts: str) -> str:
    """Return an id that is the same in every replay of a run, so that what is kept twice counts once."""
    return hashlib.sha256("\0".join(("replay", *parts)).encode()).hexdigest()[:16]
