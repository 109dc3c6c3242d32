"""What a cloud's zones ask for one instance type, by its catalog, and which of them is an instance's price.

Where region or zone is not known and prices differ, the dearest stands in: a run is not to look cheaper than it was.
"""

from collections.abc import Sequence

import msgspec

from milepost.data import gcp_shapes, machines
from milepost.errors import PriceUnavailable, nearest
from milepost.money.instance import Instance, Market
from milepost.money.quote import Quote
from milepost.prices.catalogs.catalog import Catalog, Row
from milepost.prices.catalogs.copies import CatalogFile, zone_id
from milepost.prices.source import gpus_of
from milepost.providers import GPUsApart, Provider, find_provider, find_slice


def offers_of(
    catalog: Catalog, cloud: str, rows: Sequence[Row], instance: Instance
) -> tuple[Sequence[Row], str | None]:
    """Return what the rows of one type ask for a whole machine, and why that is assumed to be the instance's price.

    The rows are all of one type in a cloud's catalog; the instance says which GPUs it has where the type does not.

    Raises:
        PriceUnavailable: GPUs are priced apart, and which it has is not known or has no price.
    """
    provider = find_provider(cloud)
    if (apart := provider.gpus_apart) is None:
        return rows, None
    kind = rows[0].instance_type
    if find_slice(kind, provider.name):
        return [row._replace(is_suspect=_is_suspect(row, apart)) for row in rows], None
    gpu, gpus = _gpus_of(kind, instance, provider, apart)
    if not gpus:
        because = None
        if gpus is None and apart.may_have_gpus.match(kind):
            because = f"whether GPUs are attached to this {kind} is not known: its price without any stands in"
        return [row._replace(gpu="", gpus=None) for row in rows], because
    parts = {row[1:3]: row for row in catalog.of_accelerator(gpu) if not row.instance_type and row.gpus == gpus}
    if not parts:
        raise PriceUnavailable(f"it has no price of the {gpus} × {gpu} of {kind}")
    together = [_together(row, parts[row[1:3]], apart) for row in rows if row[1:3] in parts]
    if not together:
        raise PriceUnavailable(f"it has prices of {kind} and of its {gpus} × {gpu}, but in no zone of both")
    return together, None


def _gpus_of(kind: str, instance: Instance, provider: Provider, apart: GPUsApart) -> tuple[str, float | None]:
    """Return model and number of a machine's GPUs that are priced apart; a number of None where it may have some."""
    machine = machines().get(kind)
    if machine is not None and machine.provider == provider.name:
        return machine.gpu, machine.gpus
    shape = gcp_shapes().get(kind)
    if shape is not None and shape.gpus:  # types that have no list price
        return shape.gpu, shape.gpus
    gpu, gpus = instance.gpu or "", instance.gpus
    is_open = bool(gpu) is not bool(gpus)
    if apart.other_gpus.search(kind) or is_open or (apart.with_gpus.match(kind) and not gpus):
        raise PriceUnavailable(f"which GPUs {kind} has, and how many, is not known: its host alone is not its price")
    return gpu, gpus


def _together(host: Row, gpus: Row, apart: GPUsApart) -> Row:
    return host._replace(
        usd_per_hour=_sum(host.usd_per_hour, gpus.usd_per_hour),
        spot_usd_per_hour=_sum(host.spot_usd_per_hour, gpus.spot_usd_per_hour),
        gpu=gpus.gpu,
        gpus=gpus.gpus,
        is_suspect=any(_is_suspect(part, apart) for part in (host, gpus)),
    )


def _is_suspect(part: Row, apart: GPUsApart) -> bool:
    usd, spot_usd = part.usd_per_hour, part.spot_usd_per_hour
    return usd is not None and spot_usd is not None and spot_usd > apart.highest_spot_share * usd


def _sum(host: float | None, gpus: float | None) -> float | None:
    return None if host is None or gpus is None else round(host + gpus, 9)


def quote_of(
    file: CatalogFile, kind: str, offers: Sequence[Row], instance: Instance, *, suspect_too: bool = False
) -> Quote:
    """Return the price of an instance of this type, by its market, its region and its zone.

    Args:
        file: The catalog's file.
        kind: The type, as the catalog writes it.
        offers: What its zones ask.
        instance: Whose price it is to be.
        suspect_too: Give an on-demand price that can't be trusted too, assumed.

    Raises:
        PriceUnavailable: The catalog does not have it there, or not in that market, or can't be trusted.
    """
    market: Market = "spot" if instance.market == "spot" else "on_demand"
    if instance.region is None and instance.zone is None and market == "on_demand":
        offers = [offer for offer in offers if not offer.is_suspect] or offers
    by_region: dict[str, list[Row]] = {}
    for offer in offers:
        by_region.setdefault(offer.region, []).append(offer)
    region, zone = _place(kind, by_region, instance)
    if region is None:
        reference = find_provider(file.cloud).reference_region or ""
        if any(offer.price(market) is not None for offer in by_region.get(reference, ())):
            region = reference
    if region is not None:
        quote = _in_region(file, kind, by_region[region], market, zone)
        if quote.suspect and not suspect_too:
            raise PriceUnavailable(quote.assumed_because or "")
        return quote
    quotes = _of_regions(file, kind, by_region, market, suspect_too)
    dearest = max(quotes, key=lambda quote: quote.usd_per_hour)
    cheapest = min(quotes, key=lambda quote: quote.usd_per_hour)
    if dearest.usd_per_hour == cheapest.usd_per_hour:
        return msgspec.structs.replace(dearest, region=None if len(quotes) > 1 else dearest.region)
    return assumed(
        dearest,
        f"the region is not known: that of {dearest.region} stands in, the dearest "
        f"({cheapest.region} is the cheapest, at {cheapest.usd_per_hour:.6g} USD/h)",
    )


def _place(kind: str, by_region: dict[str, list[Row]], instance: Instance) -> tuple[str | None, str | None]:
    """Return region and zone of an instance, as far as they are known; the region as the catalog writes it."""
    region, zone = instance.region, instance.zone
    written = {each.casefold(): each for each in by_region}
    of_zone = {offer.zone.casefold(): offer.region for offers in by_region.values() for offer in offers if offer.zone}
    if region is None and zone is not None and of_zone:
        inside = [name for name in written if name and zone.casefold().startswith(name)]
        region = of_zone.get(zone.casefold()) or (max(inside, key=len) if inside else zone)
    if region is None or region.casefold() in written:
        return (None if region is None else written[region.casefold()]), zone
    if region.casefold() in of_zone:  # RunPod's data centres are zones here, in regions that are countries
        return of_zone[region.casefold()], zone or region
    names = sorted(by_region)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    known = nearest(region, by_region, cutoff=0.8) or f"; it is in {', '.join(names[:8])}{more}"
    raise PriceUnavailable(f"it does not know {kind} in {region}{known}")


def _of_regions(
    file: CatalogFile, kind: str, by_region: dict[str, list[Row]], market: Market, suspect_too: bool
) -> list[Quote]:
    quotes = []
    reason = ""
    for offers in by_region.values():
        try:
            quote = _in_region(file, kind, offers, market, None)
            if quote.suspect and not suspect_too:
                reason = quote.assumed_because or ""
            else:
                quotes.append(quote)
        except PriceUnavailable as error:
            reason = str(error) if len(by_region) == 1 else f"it has no {_written(market)} price of {kind} anywhere"
    if not quotes:
        raise PriceUnavailable(reason)
    return quotes


def _in_region(file: CatalogFile, kind: str, offers: Sequence[Row], market: Market, zone: str | None) -> Quote:
    region = offers[0].region
    provider = find_provider(file.cloud)
    names = {zone.casefold(), (zone_id(file.cloud, zone) or zone).casefold()} if zone is not None else set()
    there = [offer for offer in offers if offer.zone.casefold() in names]
    ordinary = [offer for offer in offers if provider.is_ordinary(offer.zone)]
    priced: list[tuple[float, Row]] = []
    for among in (there,) if there else (ordinary, offers):
        priced = priced or [(usd, offer) for offer in among if (usd := offer.price(market)) is not None]
    if not priced:
        where = zone if there else region
        is_same = market == "spot" and any(offer.spot_usd_per_hour for offer in there or offers)
        why = ": it repeats the on-demand price, so there is no spot market" if is_same else ""
        raise PriceUnavailable(f"it has no {_written(market)} price of {kind} in {where or 'any region'}{why}")
    usd, dearest = max(priced, key=lambda each: each[0])
    least, cheapest = min(priced, key=lambda each: each[0])
    because = []
    if usd > least and (there or not any(offer.zone for _, offer in priced)):
        where = zone if there else region
        because.append(f"it has several prices of {kind} in {where}: the highest stands in (the lowest is {least:.6g})")
    elif usd > least:
        unknown = "the zone is not known" if zone is None else f"which zone of the catalog {zone} is, is not known"
        because.append(
            f"{unknown}: that of {dearest.zone or 'the dearest offer'} stands in, the dearest of {region} "
            f"({cheapest.zone or 'the cheapest'} is the cheapest, at {least:.6g} USD/h)"
        )
    if provider.gpus_apart is not None and provider.gpus_apart.other_hosts.match(kind):
        because.append(f"the catalog reckons the cores and memory of {kind} at the rates of another machine series")
    is_suspect = market == "on_demand" and any(offer.is_suspect for _, offer in priced)
    if is_suspect:
        because.append(
            f"the catalog's on-demand price of {kind} in {region} has a part that is hardly above its spot price, "
            "if at all: it may be that of a commitment"
        )
    return Quote(
        usd_per_hour=usd,
        source="skypilot",
        as_of=file.as_of,
        assumed=bool(because),
        assumed_because="; ".join(because) or None,
        suspect=is_suspect,
        provider=file.cloud,
        instance_type=kind,
        region=region or None,
        zone=zone if there else (dearest.zone or None) if usd > least else None,
        market=market,
        vcpus=dearest.vcpus,
        **_gpus(kind, dearest),  # type: ignore[arg-type]
    )


def _gpus(kind: str, offer: Row) -> dict[str, float | str]:
    if not offer.gpu:
        return gpus_of(kind)
    number = offer.gpus
    if number is None:
        return {"gpu": offer.gpu}
    return {"gpu": offer.gpu, "gpus": int(number) if number.is_integer() else number}


def assumed(quote: Quote, because: str) -> Quote:
    """Return a quote that is assumed for this reason too."""
    reasons = "; ".join(filter(None, (because, quote.assumed_because)))
    return msgspec.structs.replace(quote, assumed=True, assumed_because=reasons)


def _written(market: Market) -> str:
    return market.replace("_", "-")
