"""``list``: the bundled table of on-demand list prices."""

from collections.abc import Iterable

from milepost.data import ListPrice, list_prices
from milepost.errors import PriceUnavailable, nearest
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.source import PriceSource, gpus_of


class ListPrices(PriceSource):
    """On-demand prices by region."""

    name = "list"

    def quote(self, instance: Instance) -> Quote:
        """Return the list price of an on-demand instance; where no region is known, that of its reference region."""
        rows, region = rows_of(instance), instance.region
        if instance.market not in (None, "on_demand"):
            raise PriceUnavailable(f"it has on-demand prices only, no {instance.market} ones")
        if region is not None and not any(row.region in ("*", region.casefold()) for row in rows):
            raise PriceUnavailable(f"it has no price of {rows[0].instance_type} in {region}")
        return quote_of(rows, region)

    def quotes_of(self, instance: Instance) -> Iterable[Quote]:
        """Return the prices of a type, by region."""
        rows = list_prices().get(instance.instance_type or "", [])
        fits = instance.market in (None, "on_demand")
        return [quote_of([row], None) for row in rows if fits and instance.provider in (None, row.provider)]

    def every_quote(self) -> Iterable[Quote]:
        """Return the whole table."""
        return [quote_of([row], None) for rows in list_prices().values() for row in rows]


def rows_of(instance: Instance) -> list[ListPrice]:
    """Return the table's rows for a type.

    Raises:
        PriceUnavailable: The table has none, or only of another provider.
    """
    kind = instance.instance_type
    rows = list_prices().get(kind or "")
    if not rows:
        hint = nearest(kind or "", list_prices(), cutoff=0.8)
        raise PriceUnavailable("no instance type is known" if kind is None else f"it does not know {kind!r}{hint}")
    if instance.provider not in (None, rows[0].provider):
        raise PriceUnavailable(f"it knows {kind} as {rows[0].provider}'s, not as {instance.provider}'s")
    return rows


def quote_of(rows: list[ListPrice], region: str | None) -> Quote:
    """Return the price of one type in a region, else that of its reference region, assumed."""
    everywhere = rows[0].region == "*"
    folded = None if region is None else region.casefold()
    row = next((row for row in rows if row.region in ("*", folded)), rows[0])
    because = None
    if folded is not None and row.region not in ("*", folded):
        because = f"no list price is known for {row.instance_type} in {region}: that of {row.region} stands in"
    return Quote(
        usd_per_hour=row.usd_per_hour,
        source=ListPrices.name,
        as_of=row.as_of,
        assumed=because is not None,
        assumed_because=because,
        provider=row.provider,
        instance_type=row.instance_type,
        region=region if everywhere else row.region,
        market="on_demand",
        **gpus_of(row.instance_type),  # type: ignore[arg-type]
    )
