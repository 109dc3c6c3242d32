"""The price book: asks the sources in order, and says who answered. The only way into this folder."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

from milepost.errors import ConfigError, PriceUnavailable, require
from milepost.instance import Instance
from milepost.log import logger
from milepost.prices.default import DefaultPrice
from milepost.prices.fallback import FallbackPrices
from milepost.prices.listed import ListPrices
from milepost.prices.source import PriceSource
from milepost.prices.user import UserPrice
from milepost.quote import Quote

SOURCES = ("user", "aws", "gcp", "azure", "skypilot", "list", "fallback", "default")
"""Every source, in the order in which they are asked. The live ones among them come in a later release."""

_warned: set[str | None] = set()


class PriceBook:
    """Prices an instance by the first source that knows.

    Args:
        sources: Names of the sources to ask, in that order; all in their usual order where not given. A price that
            the user gave comes first in any case.
        price_per_hour: USD an hour of one node: the user's own price.
        discount: Part taken off every price that was looked up, such as 0.1; not off the user's own.
        strict: An instance whose price is not known has none, in place of an assumed one.

    Raises:
        ConfigError: An argument is out of its range, or a source is not known.
    """

    def __init__(
        self,
        *,
        sources: Sequence[str] | None = None,
        price_per_hour: float | None = None,
        discount: float = 0.0,
        strict: bool = False,
    ) -> None:
        require(0 <= discount < 1, "discount", discount, "from 0 up to, and not including, 1")
        for name in sources or ():
            if name not in SOURCES:
                nearest = get_close_matches(name, SOURCES, n=1)
                hint = f"; nearest: {nearest[0]!r}" if nearest else ""
                raise ConfigError(f"sources: found {name!r}, expected one of {', '.join(SOURCES)}{hint}")
        names = list(sources or SOURCES)
        self._asked = names if "user" in names else ["user", *names]
        self._strict = strict
        self._discount = discount
        own: list[PriceSource] = [UserPrice(price_per_hour), ListPrices(), FallbackPrices(), DefaultPrice()]
        self._sources = {source.name: source for source in own}

    def quote(self, instance: Instance) -> Quote:
        """Return the price of one such instance. Never waits.

        Raises:
            PriceUnavailable: No source knows; says what each answered.
        """
        if instance.provider:
            instance = msgspec.structs.replace(instance, provider=instance.provider.lower())  # people write AWS
        answers = []
        for name in self._asked:
            source = self._sources.get(name)
            if source is None:
                answers.append(f"{name}: comes in a later release")
                continue
            if self._strict and name == DefaultPrice.name:
                answers.append(f"{name}: not asked, pricing is strict")
                continue
            try:
                quote = source.quote(instance)
            except PriceUnavailable as error:
                answers.append(f"{name}: {error}")
                continue
            if name == DefaultPrice.name:
                _warn_once(instance, quote)
            return self._discounted(quote)
        what = " ".join(
            filter(None, (instance.market, instance.instance_type or "an unknown instance", instance.region))
        )
        raise PriceUnavailable(f"no price of {what} is known ({'; '.join(answers)})")

    def every_quote(self) -> Iterable[Quote]:
        """Return all that is known without being asked about a type, each type and market from the first that knows."""
        known: set[tuple[str | None, str | None]] = set()
        for name in self._asked:
            quotes = list(self._sources[name].every_quote()) if name in self._sources else []
            yield from (self._discounted(each) for each in quotes if (each.instance_type, each.market) not in known)
            known.update((each.instance_type, each.market) for each in quotes)

    def _discounted(self, quote: Quote) -> Quote:
        if not self._discount or quote.source == UserPrice.name:
            return quote
        return msgspec.structs.replace(quote, usd_per_hour=quote.usd_per_hour * (1 - self._discount))


def _warn_once(instance: Instance, quote: Quote) -> None:
    if instance.instance_type not in _warned:
        _warned.add(instance.instance_type)
        logger("prices").warning("assumed price: %s", quote.assumed_because)
