"""``default``: what stands in when nobody knows: always assumed."""

import msgspec

from milepost.errors import PriceUnavailable
from milepost.money.instance import DEFAULT_INSTANCE, Instance
from milepost.money.quote import Quote
from milepost.prices.source import PriceSource
from milepost.prices.sources.listed import quote_of, rows_of
from milepost.prices.stand_ins import as_on_demand
from milepost.providers import every_provider


class DefaultPrice(PriceSource):
    """A known type whose market's price nobody knows at its on-demand list price; an unknown type as the default.

    Reserved instances and capacity blocks are priced by contract, and SageMaker's ``ml.`` types are not EC2's: for
    these nothing stands in.
    """

    name = "default"

    def quote(self, instance: Instance) -> Quote:
        """Return an assumed price, and why it is assumed."""
        require_may_stand_in(instance)
        try:
            return self.quote_of_type(instance)
        except PriceUnavailable:
            return self.quote_of_default(instance)

    def quote_of_type(self, instance: Instance) -> Quote:
        """Return a known type's on-demand list price, in whichever region, assumed.

        Raises:
            PriceUnavailable: The type is not in the list.
        """
        kind = instance.instance_type
        quote = quote_of(rows_of(instance), instance.region)
        if instance.market == "spot":
            return as_on_demand(instance, quote)
        where = f" of {quote.region}" if quote.assumed else ""
        because = f"no other source that was asked knows {kind}: its on-demand list price{where} stands in"
        return msgspec.structs.replace(quote, source=self.name, assumed=True, assumed_because=because)

    def quote_of_default(self, instance: Instance) -> Quote:
        """Return the default instance's on-demand list price, assumed."""
        kind = instance.instance_type
        quote = quote_of(rows_of(DEFAULT_INSTANCE), None)
        whose = f" of {instance.provider}" if instance.provider else ""
        what = "the instance type is not known" if kind is None else f"no price of {kind!r}{whose} is known"
        because = f"{what}: that of an on-demand {DEFAULT_INSTANCE.instance_type} stands in"
        return msgspec.structs.replace(quote, source=self.name, assumed=True, assumed_because=because)


def require_may_stand_in(instance: Instance) -> None:
    """Raise `PriceUnavailable` for what is priced by contract, or is not sold as a machine."""
    if instance.market in ("reserved", "capacity_block"):
        raise PriceUnavailable(f"no price stands in for a {instance.market} instance: give price_per_hour")
    kind = instance.instance_type or ""
    for provider in every_provider():
        for start, how in provider.sold_otherwise.items():
            if kind.startswith(start):
                raise PriceUnavailable(f"{kind} is billed {how}: give price_per_hour")
