"""The price book: asks the sources in order, and says who answered. The only way into this folder."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path

import msgspec

from milepost.config import PriceSettings
from milepost.errors import ConfigError, PriceUnavailable, nearest, require
from milepost.log import logger
from milepost.money.instance import Instance
from milepost.money.quote import PriceStep, Quote
from milepost.prices.cache import Question, QuoteCache
from milepost.prices.catalogs.copies import Progress as FetchProgress
from milepost.prices.catalogs.copies import fetch as fetch_catalogs
from milepost.prices.lookup import Apart, inline, live_source, own_live_sources
from milepost.prices.source import LivePriceSource, PriceSource
from milepost.prices.sources.default import DefaultPrice
from milepost.prices.sources.fallback import FallbackPrices
from milepost.prices.sources.listed import ListPrices
from milepost.prices.sources.skypilot import SkyPilotCatalog
from milepost.prices.sources.user import UserPrice
from milepost.providers import billing_rule, provider_of

__all__ = ["SOURCES", "SPOT_REFRESH_SECONDS", "FetchProgress", "PriceBook", "billing_rule", "fetch_catalogs"]

SOURCES = ("user", *own_live_sources(), "skypilot", "list", "fallback", "default")
"""Every source, in the order in which they are asked."""

SPOT_REFRESH_SECONDS = 600.0
"""How often a spot price is asked for anew while a run goes on."""

Ask = Callable[[LivePriceSource, Instance, datetime | None], Quote]

_warned: set[str | None] = set()


class PriceBook:
    """Prices an instance by the first source that knows.

    Args:
        sources: Names of the sources to ask, in that order; all in their usual order where not given. A price that
            the user gave comes first in any case.
        price_per_hour: USD an hour of one node: the user's own price.
        table: CSV file of the user's own prices; see `UserPrice`.
        discount: Part taken off every price that was looked up, such as 0.1; not off the user's own.
        strict: An instance whose price is not known has none, in place of an assumed one.
        apart: Ask live sources in a process of their own, so that no thread of this one waits for their clients.
        cache: Where live answers are kept.

    Raises:
        ConfigError: An argument is out of its range, a source is not known, or the table can't be read.
    """

    def __init__(
        self,
        *,
        sources: Sequence[str] | None = None,
        price_per_hour: float | None = None,
        table: str | Path | None = None,
        discount: float = 0.0,
        strict: bool = False,
        apart: bool = False,
        cache: QuoteCache | None = None,
    ) -> None:
        require(0 <= discount < 1, "discount", discount, "from 0 up to, and not including, 1")
        own: list[PriceSource] = [
            *(UserPrice(price_per_hour, table), SkyPilotCatalog()),
            *(ListPrices(), FallbackPrices(), DefaultPrice()),
        ]
        self._offline = {source.name: source for source in own}
        names = list(sources or SOURCES)
        self._names = names if "user" in names else ["user", *names]
        self._live = {name: _Live(name) for name in self._names if name not in self._offline}
        self._named = set(sources or ())
        self._strict = strict
        self._discount = discount
        self._apart = Apart() if apart else None
        self._cache = cache or QuoteCache()

    @classmethod
    def of(cls, prices: PriceSettings, *, price_per_hour: float | None = None, apart: bool = False) -> "PriceBook":
        """Return the price book of a configuration; a ``price_per_hour`` given here wins over the configuration's."""
        return cls(
            sources=prices.sources,
            price_per_hour=prices.price_per_hour if price_per_hour is None else price_per_hour,
            table=prices.table,
            discount=prices.discount,
            strict=prices.strict_pricing,
            apart=apart,
        )

    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        """Return the best price that is known at once; provisional where `ask` may find a better one.

        Args:
            instance: What is to be priced.
            since: From when on the changes of a spot price are wanted.

        Raises:
            PriceUnavailable: No source knows; says what each answered.
        """
        waiting: list[str] = []

        def look(source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
            kept = self._cache.find(Question.of(source.name, instance), since)
            if kept and kept[1]:
                return kept[0]
            if reason := source.why_not():
                return _stale(kept, reason)
            waiting.append(source.name)
            return _stale(kept, "it is yet to be asked")

        quote = self._first(instance, since, look, waiting)
        return msgspec.structs.replace(quote, provisional=bool(waiting))

    def ask(self, instance: Instance, since: datetime | None = None) -> Quote:
        """Return the best price there is, live sources asked: may take seconds, so never on the training thread.

        Args:
            instance: What is to be priced.
            since: From when on the changes of a spot price are wanted; the price of now where not given.

        Raises:
            PriceUnavailable: No source knows; says what each answered.
        """

        def look_up(source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
            question = Question.of(source.name, instance)
            kept = self._cache.find(question, since)
            if kept and kept[1]:
                return kept[0]
            if reason := source.why_not():
                return _stale(kept, reason)
            with self._cache.asking(question):
                kept = self._cache.find(question, since)  # another process may have asked meanwhile
                if kept and kept[1]:
                    return kept[0]
                try:
                    quote = (self._apart or inline)(source.name, instance, since)
                except PriceUnavailable as error:
                    logger(f"prices.{source.name}").debug("%s", error)
                    return _stale(kept, str(error))
                self._cache.keep(question, quote, since)
            return quote

        return self._first(instance, since, look_up, [])

    def live_source(self, instance: Instance) -> str | None:
        """Return the live source that `ask` would ask about such an instance; None where there is none."""
        instance = _completed(instance)
        for name in self._names:
            live = self._live.get(name)
            if live is not None and self._refused(live, instance) is None and live.source.why_not() is None:
                return name
        return None

    def live_fault(self, instance: Instance) -> str | None:
        """Return what goes wrong when an instance's live source is asked; None where nothing does. Takes seconds."""
        name = self.live_source(instance)
        try:
            if name is not None:
                inline(name, _completed(instance), None)
        except PriceUnavailable as error:
            return str(error)
        return None

    def history(self, instance: Instance, since: datetime) -> dict[str, tuple[PriceStep, ...]]:
        """Return by zone how the spot price of an instance moved since then. Takes seconds.

        Raises:
            PriceUnavailable: No live source knows; says what each answered.
        """
        instance = _completed(instance)
        answers = []
        for name, live in self._live.items():
            reason = self._refused(live, instance) or live.source.why_not()
            try:
                if reason is None:
                    return live.source.history(instance, since)
            except PriceUnavailable as error:
                reason = str(error)
            answers.append(f"{name}: {reason}")
        raise PriceUnavailable(f"no history of the spot price of {instance.instance_type} ({'; '.join(answers)})")

    def every_quote(self) -> Iterable[Quote]:
        """Return all that is known without being asked about a type, each type and market from the first that knows."""
        known: set[tuple[str | None, ...]] = set()
        for name in self._names:
            quotes = list(self._offline[name].every_quote()) if name in self._offline else []
            yield from (self._discounted(each) for each in quotes if _kind(each) not in known)
            known.update(_kind(each) for each in quotes)

    def close(self) -> None:
        """Give up what is being asked."""
        if self._apart is not None:
            self._apart.close()

    def _first(self, instance: Instance, since: datetime | None, ask: Ask, waiting: list[str]) -> Quote:
        """Return the answer of the first source that knows; live ones are asked by ``ask``."""
        instance = _completed(instance)
        answers = []
        for name in self._names:
            try:
                quote = self._answer(name, instance, since, ask)
            except PriceUnavailable as error:
                answers.append(f"{name}: {error}")
                continue
            if name == DefaultPrice.name and not waiting:
                _warn_once(instance, quote)
            return self._discounted(quote)
        what = " ".join(
            filter(None, (instance.market, instance.instance_type or "an unknown instance", instance.region))
        )
        raise PriceUnavailable(f"no price of {what} is known ({'; '.join(answers)})", waiting=bool(waiting))

    def _answer(self, name: str, instance: Instance, since: datetime | None, ask: Ask) -> Quote:
        if name == DefaultPrice.name and self._strict:
            raise PriceUnavailable("not asked, pricing is strict")
        if name in self._offline:
            return self._offline[name].quote(instance)
        live = self._live[name]
        if reason := self._refused(live, instance):
            raise PriceUnavailable(reason)
        return ask(live.source, instance, since)

    def _refused(self, live: "_Live", instance: Instance) -> str | None:
        """Say why a live source has nothing to say of an instance, without asking it."""
        if instance.instance_type is None:
            return "no instance type is known"
        named = live.name in self._named and instance.provider is None
        if instance.provider != live.provider and not named:
            return f"it knows {live.provider}'s prices, not those of {instance.provider or 'an unknown provider'}"
        return None

    def _discounted(self, quote: Quote) -> Quote:
        if not self._discount or quote.source == UserPrice.name:
            return quote
        part = 1 - self._discount
        steps = tuple(PriceStep(step.since, step.usd_per_hour * part) for step in quote.steps)
        return msgspec.structs.replace(quote, usd_per_hour=quote.usd_per_hour * part, steps=steps)


class _Live:
    """A live source, imported when it is first asked: Milepost's own bear the name of their provider.

    Raises:
        ConfigError: There is none of this name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self.provider = name if name in own_live_sources() else self.source.provider
        except ConfigError:
            hint = nearest(name, SOURCES, shown=repr)
            raise ConfigError(f"sources: found {name!r}, expected one of {', '.join(SOURCES)}{hint}") from None

    @cached_property
    def source(self) -> LivePriceSource:
        return live_source(self.name)


def _completed(instance: Instance) -> Instance:
    """Return it with its provider as Milepost writes it, or as its type tells."""
    provider = instance.provider.lower() if instance.provider else None  # people write AWS
    return msgspec.structs.replace(instance, provider=provider or provider_of(instance.instance_type or ""))


def _kind(quote: Quote) -> tuple[str | None, ...]:
    return quote.provider, quote.instance_type, quote.market


def _stale(kept: tuple[Quote, bool] | None, reason: str) -> Quote:
    """Return an answer of earlier: a stale one beats none."""
    if kept is None:
        raise PriceUnavailable(reason)
    return kept[0]


def _warn_once(instance: Instance, quote: Quote) -> None:
    if instance.instance_type not in _warned:
        _warned.add(instance.instance_type)
        logger("prices").warning("assumed price: %s", quote.assumed_because)
