"""``fallback``: the documented table of last resort."""

from collections.abc import Iterable

from milepost.data import FallbackPrice, fallback_prices
from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance, Market
from milepost.money.quote import Quote
from milepost.prices.source import PriceSource, gpus_of

PROVIDER = "aws"
"""Whose types the table has."""


class FallbackPrices(PriceSource):
    """On-demand and spot prices of ten EC2 types, without region or date: always assumed."""

    name = "fallback"

    def quote(self, instance: Instance) -> Quote:
        """Return the documented price."""
        kind = instance.instance_type
        row = fallback_prices().get(kind or "")
        if row is None:
            raise PriceUnavailable("no instance type is known" if kind is None else f"it does not know {kind!r}")
        if instance.provider not in (None, PROVIDER):
            raise PriceUnavailable(f"it knows {kind} as {PROVIDER}'s, not as {instance.provider}'s")
        if instance.market not in (None, "on_demand", "spot"):
            raise PriceUnavailable(f"it has no {instance.market} prices")
        return _quote(row, instance.market or "on_demand")

    def every_quote(self) -> Iterable[Quote]:
        """Return the whole table."""
        markets: tuple[Market, ...] = ("on_demand", "spot")
        return [_quote(row, market) for row in fallback_prices().values() for market in markets]


def _quote(row: FallbackPrice, market: Market) -> Quote:
    return Quote(
        usd_per_hour=row.spot_usd_per_hour if market == "spot" else row.on_demand_usd_per_hour,
        source=FallbackPrices.name,
        assumed=True,
        assumed_because=f"the {market.replace('_', '-')} price of {row.instance_type} is that of the documented "
        "fallback table, which has no region and no date",
        provider=PROVIDER,
        instance_type=row.instance_type,
        market=market,
        **gpus_of(row.instance_type),  # type: ignore[arg-type]
    )
