"""The price book: asks the sources in order, and says who answered. The only way into this folder."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from milepost.config import PriceSettings
from milepost.errors import PriceUnavailable, require
from milepost.log import Once
from milepost.money.instance import Instance
from milepost.money.quote import PriceStep, Quote
from milepost.prices.cache import QuoteCache
from milepost.prices.catalogs.copies import Progress as FetchProgress, fetch as fetch_catalogs
from milepost.prices.live import LiveAnswers
from milepost.prices.lookup import Apart
from milepost.prices.roster import Roster, Source, source_names
from milepost.prices.source import LivePriceSource
from milepost.prices.sources.default import DefaultPrice
from milepost.prices.sources.fallback import FallbackPrices
from milepost.prices.sources.listed import ListPrices
from milepost.prices.sources.skypilot import SkyPilotCatalog
from milepost.prices.sources.user import UserPrice
from milepost.providers import billing_rule, provider_of

__all__ = ["SOURCES", "SPOT_REFRESH_SECONDS", "FetchProgress", "PriceBook", "billing_rule", "fetch_catalogs"]

SOURCES = source_names()
"""Milepost's own sources, in the order in which they are asked."""

SPOT_REFRESH_SECONDS = 600.0
"""How often a spot price is asked for anew while a run goes on."""

_assumed = Once("prices")


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
        self._user = UserPrice(price_per_hour, table)
        own = (self._user, SkyPilotCatalog(), ListPrices(), FallbackPrices(), DefaultPrice())
        self._roster = Roster(own, sources)
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
        """Return the best price that is known at once; provisional where `ask`, of the same, may find a better one.

        Raises:
            PriceUnavailable: No source knows; says what each answered.
        """
        answers = LiveAnswers(self._cache, at_once=True)
        quote = self._first_answer(instance, since, answers)
        return msgspec.structs.replace(quote, provisional=bool(answers.waiting))

    def ask(self, instance: Instance, since: datetime | None = None, *, stand_in: bool = True) -> Quote:
        """Return the best price there is, live sources asked: may take seconds, so never on the training thread.

        Args:
            instance: What is to be priced.
            since: From when on the changes of a spot price are wanted; the price of now where not given.
            stand_in: Whether the default instance's price stands in where no type is known.

        Raises:
            PriceUnavailable: No source knows; says what each answered.
        """
        return self._first_answer(instance, since, LiveAnswers(self._cache, self._apart), stand_in=stand_in)

    def users_quote(self, instance: Instance) -> Quote | None:
        """Return the price that the user gave for such an instance; None without one."""
        try:
            return self._user.quote(_completed(instance))
        except PriceUnavailable:
            return None

    def own_price(self, offer: Quote) -> Quote:
        """Return what its user pays for what a source lists: the user's own price, else this one less the discount."""
        instance = Instance(
            provider=offer.provider,
            instance_type=offer.instance_type,
            region=offer.region,
            zone=offer.zone,
            market=offer.market,
        )
        if (own := self.users_quote(instance)) is None:
            return self._discounted(offer)
        fields = {"usd_per_hour": own.usd_per_hour, "source": own.source, "as_of": own.as_of}
        return msgspec.structs.replace(offer, **fields, assumed=False, assumed_because=None)

    def live_source(self, instance: Instance) -> str | None:
        """Return the live source that `ask` would ask about such an instance; None where there is none."""
        live = self._live_source(_completed(instance))
        return None if live is None else live.name

    def live_fault(self, instance: Instance) -> str | None:
        """Return what goes wrong when an instance's live source is asked; None where nothing does. Takes seconds."""
        instance = _completed(instance)
        live = self._live_source(instance)
        try:
            if live is not None:
                live.quote(instance)
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
        for source in self._roster.asked_about(instance):
            if not isinstance(source, LivePriceSource):
                continue
            reason = self._roster.why_not(source, instance) or source.why_not()
            try:
                if reason is None:
                    return source.history(instance, since)
            except PriceUnavailable as error:
                reason = str(error)
            answers.append(f"{source.name}: {reason}")
        raise PriceUnavailable(f"no history of the spot price of {instance.instance_type} ({'; '.join(answers)})")

    def every_quote(self) -> Iterable[Quote]:
        """Return all that is known without being asked about a type, each type and market from the first that knows."""
        known: set[tuple[str | None, ...]] = set()
        for source in self._roster.at_once():
            quotes = list(source.every_quote())
            yield from (self._discounted(each) for each in quotes if _kind(each) not in known)
            known.update(_kind(each) for each in quotes)

    def listed(
        self, *, instance_type: str | None = None, gpu: str | None = None, provider: str | None = None
    ) -> list[Instance]:
        """Return where the catalogs that lie here have such a type, or accelerators and how many, priced or not."""
        return SkyPilotCatalog().listed(instance_type=instance_type, gpu=gpu, provider=provider)

    def close(self) -> None:
        """Give up what is being asked."""
        if self._apart is not None:
            self._apart.close()

    def _first_answer(
        self, instance: Instance, since: datetime | None, live: LiveAnswers, *, stand_in: bool = True
    ) -> Quote:
        """Return the answer of the first source that knows; ``live`` has those of live ones."""
        instance = _completed(instance)
        answers = []
        for source in self._roster.asked_about(instance):
            try:
                if reason := self._why_not(source, instance, stand_in):
                    raise PriceUnavailable(reason)
                if isinstance(source, LivePriceSource):
                    quote = live.quote(source, instance, since)
                else:
                    quote = source.quote(instance)
            except PriceUnavailable as error:
                answers.append(f"{source.name}: {error}")
                continue
            if quote.assumed and (left_out := self._left_out(instance)):
                because = "; ".join(filter(None, (quote.assumed_because, *left_out)))
                quote = msgspec.structs.replace(quote, assumed_because=because)
            if source.name == DefaultPrice.name and not live.waiting:
                _assumed.warn(instance.instance_type or "", "assumed price: %s", quote.assumed_because)
            tried = "\n".join(" ".join(answer.split()) for answer in answers)
            return msgspec.structs.replace(self._discounted(quote), tried=tried)
        what = " ".join(
            filter(None, (instance.market, instance.instance_type or "an unknown instance", instance.region))
        )
        said = "; ".join((*answers, *self._left_out(instance)))
        raise PriceUnavailable(f"no price of {what} is known ({said})", waiting=bool(live.waiting))

    def _why_not(self, source: Source, instance: Instance, stand_in: bool) -> str | None:
        """Say why a source is not asked about an instance; None where it is."""
        if source.name == DefaultPrice.name and self._strict:
            return "not asked, pricing is strict"
        if source.name == DefaultPrice.name and instance.instance_type is None and not stand_in:
            return "not asked, nothing tells what it is"
        return self._roster.why_not(source, instance)

    def _left_out(self, instance: Instance) -> list[str]:
        """Say which sources know an instance's provider and are not asked, since others are named."""
        names = self._roster.left_out(instance)
        return [f"{name}: left out, though it knows {instance.provider}'s prices: others are named" for name in names]

    def _live_source(self, instance: Instance) -> LivePriceSource | None:
        live = (source for source in self._roster.asked_about(instance) if isinstance(source, LivePriceSource))
        return next((each for each in live if not (self._roster.why_not(each, instance) or each.why_not())), None)

    def _discounted(self, quote: Quote) -> Quote:
        if not self._discount or quote.source == UserPrice.name:
            return quote
        part = 1 - self._discount
        steps = tuple(PriceStep(step.since, step.usd_per_hour * part) for step in quote.steps)
        return msgspec.structs.replace(quote, usd_per_hour=quote.usd_per_hour * part, steps=steps)


def _completed(instance: Instance) -> Instance:
    """Return it with its provider as Milepost writes it, or as its type tells."""
    provider = instance.provider.lower() if instance.provider else None  # people write AWS
    return msgspec.structs.replace(instance, provider=provider or provider_of(instance.instance_type or ""))


def _kind(quote: Quote) -> tuple[str | None, ...]:
    return quote.provider, quote.instance_type, quote.market
