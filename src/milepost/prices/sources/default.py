"""``default``: what stands in when nobody knows: always assumed."""

import msgspec

from milepost.errors import PriceUnavailable
from milepost.money.instance import DEFAULT_INSTANCE, Instance
from milepost.money.quote import Quote
from milepost.prices.source import PriceSource
from milepost.prices.sources.listed import quote_of, rows_of
from milepost.providers import every_provider


class DefaultPrice(PriceSource):
    """A known type whose market's price nobody knows at its on-demand list price; an unknown type as the default.

    Reserved instances and capacity blocks are priced by contract, and SageMaker's ``ml.`` types are not EC2's: for
    these nothing stands in.
    """

    name = "default"

    def quote(self, instance: Instance) -> Quote:
        """Return an assumed price, and why it is assumed."""
        kind = instance.instance_type
        if instance.market in ("reserved", "capacity_block"):
            raise PriceUnavailable(f"no price stands in for a {instance.market} instance: give price_per_hour")
        for provider in every_provider():
            for start, how in provider.sold_otherwise.items():
                if (kind or "").startswith(start):
                    raise PriceUnavailable(f"{kind} is billed {how}: give price_per_hour")
        try:
            quote = quote_of(rows_of(instance), instance.region)
            spot = instance.market == "spot"
            what = f"no spot price of {kind} is known" if spot else f"no other source that was asked knows {kind}"
            where = f" of {quote.region}" if quote.assumed else ""
            because = f"{what}: its on-demand list price{where} stands in"
        except PriceUnavailable:
            quote = quote_of(rows_of(DEFAULT_INSTANCE), None)
            whose = f" of {instance.provider}" if instance.provider else ""
            what = "the instance type is not known" if kind is None else f"no price of {kind!r}{whose} is known"
            because = f"{what}: that of an on-demand {DEFAULT_INSTANCE.instance_type} stands in"
        return msgspec.structs.replace(quote, source=self.name, assumed=True, assumed_because=because)
