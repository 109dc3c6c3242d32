"""The price book: asks the sources in order, and says who answered. The only way into this folder."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from milepost.config import PriceSettings, Rate
from milepost.errors import PriceUnavailable, UnknownName
from milepost.money.instance import Instance
from milepost.money.quote import PriceStep, Quote
from milepost.prices.cache import QuoteCache
from milepost.prices.catalogs.copies import Progress as FetchProgress, fetch as fetch_catalogs
from milepost.prices.chain import Chain, completed, warn_of
from milepost.prices.live import LiveAnswers
from milepost.prices.lookup import Apart
from milepost.prices.rates import Rates
from milepost.prices.roster import Roster, source_names
from milepost.prices.source import LivePriceSource
from milepost.prices.sources.default import DefaultPrice
from milepost.prices.sources.fallback import FallbackPrices
from milepost.prices.sources.listed import ListPrices
from milepost.prices.sources.skypilot import SkyPilotCatalog
from milepost.prices.sources.user import UserPrice
from milepost.providers import billing_rule

__all__ = ["SOURCES", "SPOT_REFRESH_SECONDS", "FetchProgress", "PriceBook", "billing_rule", "fetch_catalogs", "warn_of"]

SOURCES = source_names()
"""Milepost's own sources, in the order in which they are asked."""

SPOT_REFRESH_SECONDS = 600.0
"""How often a spot price is asked for anew while a run goes on."""


class PriceBook:
    """Prices an instance by the first source that knows.

    Args:
        sources: Names of the sources to ask, in that order; all in their usual order where not given. A price that
            the user gave comes first in any case.
        price_per_hour: USD an hour of one node: the user's own price.
        table: CSV file of the user's own prices; see `UserPrice`.
        discount: Part taken off every price that was looked up, such as 0.1; or one for each provider, family or
            type. Not off the user's own.
        rates: What the user has agreed on: a price, or a part off the on-demand price, under a name.
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
        discount: float | Mapping[str, float] = 0.0,
        rates: Sequence[Rate] = (),
        strict: bool = False,
        apart: bool = False,
        cache: QuoteCache | None = None,
    ) -> None:
        self._rates = Rates(discount, rates)
        self._user = UserPrice(price_per_hour, table, rates)
        catalog = SkyPilotCatalog()
        own = (self._user, catalog, ListPrices(), FallbackPrices(), DefaultPrice())
        self._roster = Roster(own, sources)
        self._chain = Chain(self._roster, catalog, strict=strict)
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
            rates=prices.rates,
            strict=prices.strict_pricing,
            apart=apart,
        )

    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        """Return the best price that is known at once; provisional where `ask`, of the same, may find a better one.

        Raises:
            PriceUnavailable: No source knows; says what each answered.
        """
        answers = LiveAnswers(self._cache, at_once=True)
        asked = completed(instance)
        quote = self._rates.applied_to(self._chain.first_answer(asked, since, answers), asked)
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
        answers = LiveAnswers(self._cache, self._apart)
        asked = completed(instance)
        return self._rates.applied_to(self._chain.first_answer(asked, since, answers, stand_in=stand_in), asked)

    def require_known(self, instance: Instance, *, ask: bool = False) -> None:
        """Refuse a type, GPU or region that its user named and that nobody knows.

        Args:
            instance: What is to be priced.
            ask: Ask live sources too, which may take seconds. Without that, what one of them may know passes, unless
                it is a GPU's name alone or a known name misspelt.

        Raises:
            UnknownName: Says the nearest names.
        """
        try:
            if ask:
                self.ask(instance)
            else:
                self.quote(instance)
        except UnknownName as error:
            if error.certain or not error.waiting:
                raise
        except PriceUnavailable:
            return  # which is said where the price is wanted

    def require_names(self, instance: Instance) -> None:
        """Refuse a region or a GPU's model that nothing here knows, whatever else is asked about.

        Raises:
            UnknownName: Says the nearest names.
        """
        self._chain.names.require(instance)

    def users_quote(self, instance: Instance) -> Quote | None:
        """Return the price that the user gave for such an instance; None without one."""
        try:
            return self._user.quote(completed(instance))
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
            return self._rates.applied_to(offer)
        fields = {"usd_per_hour": own.usd_per_hour, "source": own.source, "as_of": own.as_of, "rate": own.rate}
        return msgspec.structs.replace(offer, **fields, assumed=False, assumed_because=None)

    def live_source(self, instance: Instance) -> str | None:
        """Return the live source that `ask` would ask about such an instance; None where there is none."""
        live = self._live_source(completed(instance))
        return None if live is None else live.name

    def live_fault(self, instance: Instance) -> str | None:
        """Return what goes wrong when an instance's live source is asked; None where nothing does. Takes seconds."""
        instance = completed(instance)
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
        instance = completed(instance)
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
        return map(self._rates.applied_to, self._roster.every_quote())

    def quotes_in(self, region: str) -> Iterable[Quote]:
        """Return what of that is of a region or a zone, or holds in all."""
        return map(self._rates.applied_to, self._roster.quotes_in(region))

    def listed(
        self, *, instance_type: str | None = None, gpu: str | None = None, provider: str | None = None
    ) -> list[Instance]:
        """Return where the catalogs that lie here have such a type, or accelerators and how many, priced or not."""
        return SkyPilotCatalog().listed(instance_type=instance_type, gpu=gpu, provider=provider)

    def close(self) -> None:
        """Give up what is being asked."""
        if self._apart is not None:
            self._apart.close()

    def _live_source(self, instance: Instance) -> LivePriceSource | None:
        live = (source for source in self._roster.asked_about(instance) if isinstance(source, LivePriceSource))
        return next((each for each in live if not (self._roster.why_not(each, instance) or each.why_not())), None)
