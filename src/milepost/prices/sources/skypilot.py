"""``skypilot``: SkyPilot's public catalog of on-demand and spot prices, as it lies on this machine.

It needs no credentials and asks nobody. Sources: https://github.com/skypilot-org/skypilot-catalog (README.md, Schema
V8) and SkyPilot 0.14's ``sky/catalog/``.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from weakref import WeakKeyDictionary

import msgspec

from milepost.data import machines
from milepost.errors import PriceUnavailable
from milepost.log import logger
from milepost.money.instance import Instance, Market, same_gpus
from milepost.money.quote import Quote
from milepost.prices.catalogs.apart import Sold, rows_of, sold_apart
from milepost.prices.catalogs.catalog import Catalog, Row, load, shown
from milepost.prices.catalogs.copies import CatalogFile, fetched_folder, find_catalog, find_catalogs, skypilot_folder
from milepost.prices.catalogs.offers import assumed, offers_of, quote_of
from milepost.prices.source import PriceSource
from milepost.providers import find_provider
from milepost.providers.gpu_names import is_called, name_at, theirs

MARKETS: tuple[Market, ...] = ("on_demand", "spot")


class SkyPilotCatalog(PriceSource):
    """Prices of every cloud whose catalog lies on this machine, by region and zone."""

    name = "skypilot"

    def quote(self, instance: Instance) -> Quote:
        """Return the price of one such instance.

        Where its type is not known but its accelerators are, the cheapest type that offers exactly those stands in.

        Raises:
            PriceUnavailable: No catalog lies here, it can't be read, or it does not know this type, region or market.
        """
        if instance.market not in (None, *MARKETS):
            raise PriceUnavailable(f"it has on-demand and spot prices only, no {instance.market} ones")
        kind = instance.instance_type
        if kind is None:
            return self._of_accelerators(instance)
        return self.quote_of_type(instance)

    def quote_of_type(self, instance: Instance, *, suspect_too: bool = False) -> Quote:
        """Return the price of an instance whose type is known; an on-demand price that can't be trusted if asked to.

        Raises:
            PriceUnavailable: As of `quote`.
        """
        file, catalog = _with_type(instance.instance_type or "", instance.provider)
        rows = rows_of(catalog, file.cloud, instance.instance_type or "")
        offers, because = offers_of(catalog, file.cloud, rows, instance)
        quote = quote_of(file, offers[0].instance_type, offers, instance, suspect_too=suspect_too)
        return assumed(quote, because) if because else quote

    def offers(
        self,
        gpu: str,
        gpus: float | None = None,
        *,
        provider: str | None = None,
        region: str | None = None,
        spot: bool = False,
    ) -> list[Quote]:
        """Return what instances with such accelerators cost, the cheapest first: one quote per type and region.

        Upper and lower case are alike; ``A100`` is not ``A100-80GB``, and ``A6000`` is RunPod's ``RTXA6000``. A region
        may be a zone, as RunPod's data centres are. What is not given may be any.

        Raises:
            PriceUnavailable: No catalog lies here, or none can be read.
        """
        market: Market = "spot" if spot else "on_demand"
        asked = region.casefold() if region is not None else None
        quotes: list[Quote] = []
        for file, catalog in _catalogs(provider):
            try:
                quotes += _offered(file, catalog, gpu, market, asked)
            except PriceUnavailable as error:
                logger("prices.skypilot").warning("%s; it is passed over", error)
        quotes = [quote for quote in quotes if gpus is None or same_gpus(gpus, quote.gpus)]
        return sorted(
            quotes, key=lambda each: (each.usd_per_hour, each.provider, each.instance_type, each.region or "")
        )

    def listed(
        self, *, instance_type: str | None = None, gpu: str | None = None, provider: str | None = None
    ) -> list[Instance]:
        """Return by provider and region where there are such types, or accelerators and how many, priced or not.

        Upper and lower case of accelerators are alike. A catalog that can't be read has none.
        """
        found: dict[tuple[str, ...], Instance] = {}
        for file in find_catalogs().values():
            if provider not in (None, file.cloud):
                continue
            with suppress(PriceUnavailable):
                catalog = load(file.path)
                rows = catalog.of_accelerator(gpu) if gpu else rows_of(catalog, file.cloud, instance_type or "")
                for row in rows:
                    number = None if row.gpus is None else int(row.gpus) if row.gpus.is_integer() else row.gpus
                    found[file.cloud, row.region, row.instance_type, row.gpu, str(number)] = Instance(
                        provider=file.cloud,
                        region=row.region,
                        instance_type=row.instance_type or None,
                        gpu=row.gpu or None,
                        gpus=number,
                    )
        return list(found.values())

    def every_quote(self) -> Iterable[Quote]:
        """Return all prices: one per cloud, type, region and market. Reads every catalog in full."""
        return _all_quotes()

    def quotes_in(self, region: str) -> Iterable[Quote]:
        """Return all prices of a region, or of a zone: RunPod's data centres are zones here."""
        return _all_quotes(region.casefold())

    def knows(self, instance: Instance) -> bool:
        """Say whether a catalog has an instance's type, whether or not it has a price of it."""
        return bool(self._rows_of(instance)[1])

    def has_place(self, place: str, provider: str | None) -> bool:
        """Say whether a catalog has a region or a zone of that name."""
        folded = place.casefold()
        try:
            return any(
                folded in (row.region.casefold(), row.zone.casefold())
                for _, catalog in _catalogs(provider)
                for rows in catalog.every_type()
                for row in rows
            )
        except PriceUnavailable:
            return False

    def machine_of(self, instance: Instance) -> Instance:
        """Return which GPUs an instance's type has, by its row, which may lack a price."""
        _, rows = self._rows_of(instance)
        row = rows[0] if rows else None
        if row is None or not row.gpu or row.gpus is None:
            return Instance()
        gpus = int(row.gpus) if row.gpus.is_integer() else row.gpus
        return Instance.known("skypilot", gpu=row.gpu, gpus=gpus)

    def quotes_of(self, instance: Instance) -> Iterable[Quote]:
        """Return the prices of an instance's type in its market, by region."""
        found, rows = self._rows_of(instance)
        if found is None or not rows:
            return
        file, catalog = found
        markets = (instance.market or "on_demand",)
        node = instance if instance.gpus is not None else Instance(gpus=0)
        quotes = _by_region(file, catalog, Sold(rows, node), markets)
        yield from (quote for quote in quotes if not quote.suspect)

    def quotes_with(self, model: str, gpus: float) -> Iterable[Quote]:
        """Return the prices of all machines with so many GPUs of a model."""
        for file in find_catalogs().values():
            try:
                catalog, theirs = load(file.path), name_at(file.cloud, model)
                for market in MARKETS:
                    offered = _offered(file, catalog, theirs, market, None)
                    yield from (each for each in offered if same_gpus(gpus, each.gpus))
            except PriceUnavailable as error:
                logger("prices.skypilot").warning("%s; it is passed over", error)

    def _rows_of(self, instance: Instance) -> tuple[tuple[CatalogFile, Catalog] | None, list[Row]]:
        """Return the catalog that has an instance's type, and its rows; none where none has."""
        try:
            file, catalog = _with_type(instance.instance_type or "", instance.provider)
            return (file, catalog), rows_of(catalog, file.cloud, instance.instance_type or "")
        except PriceUnavailable:
            return None, []

    def _of_accelerators(self, instance: Instance) -> Quote:
        """Return the price of the cheapest type with the accelerators that are asked for, assumed."""
        gpu, gpus, provider, region = instance.gpu, instance.gpus, instance.provider, instance.region
        if gpus and not gpu and provider:
            return self._of_number(instance, gpus, provider)
        if not gpu or not gpus:
            raise PriceUnavailable("no instance type is known")
        is_spot = instance.market == "spot"
        reference = find_provider(provider).reference_region if region is None else None
        places = dict.fromkeys((reference or region, region))
        found_in = ((place, self.offers(gpu, gpus, provider=provider, region=place, spot=is_spot)) for place in places)
        trusted = ((place, [quote for quote in found if not quote.suspect]) for place, found in found_in)
        reference, quotes = next(((place, found) for place, found in trusted if found), (None, []))
        if not quotes:
            where = f"{provider or 'any provider'}{f' in {region}' if region else ''}"
            raise PriceUnavailable(f"it knows no instance type of {where} with {gpus} × {gpu}")
        quote, dearest = quotes[0], quotes[-1]
        found = quote.instance_type if provider else f"{quote.provider}'s {quote.instance_type}"
        among = (provider or "all providers") + (f" in {region or reference}" if region or reference else "")
        because = (
            f"the instance type is not known: {found}, the cheapest of {among} with {gpus} × {quote.gpu}, stands in"
        )
        if dearest.usd_per_hour > quote.usd_per_hour:
            because += f" (the dearest is {dearest.instance_type}, at {dearest.usd_per_hour:.6g} USD/h)"
        return assumed(self._in_zone(quote, instance), because)

    def _in_zone(self, quote: Quote, instance: Instance) -> Quote:
        """Return the price of a type that was found by its GPUs in an instance's zone, where that is known."""
        if instance.zone is None:
            return quote
        there = {"provider": quote.provider, "instance_type": quote.instance_type, "region": quote.region}
        try:
            return self.quote(msgspec.structs.replace(instance, **there))
        except PriceUnavailable:
            return quote

    def _of_number(self, instance: Instance, gpus: float, provider: str) -> Quote:
        """Return the price of the provider's dearest type with so many accelerators, of whatever model, assumed.

        A task file that asks for them by their memory tells no model. Where there is no spot price, the on-demand one
        stands in.
        """
        region = instance.region or find_provider(provider).reference_region
        wanted: tuple[Market, ...] = ("spot", "on_demand") if instance.market == "spot" else ("on_demand",)
        there: list[Quote] = []
        for file, catalog in _catalogs(provider):
            apart = find_provider(provider).gpus_apart is not None
            for rows in catalog.every_type():
                if apart or same_gpus(rows[0].gpus, gpus):
                    there += _by_region(file, catalog, Sold(rows), wanted, region and region.casefold())
        for market in wanted:
            if found := [each for each in there if each.market == market and same_gpus(each.gpus, gpus)]:
                dearest = max(found, key=lambda each: each.usd_per_hour)
                which = f"{dearest.instance_type}, the dearest of {provider}{f' in {region}' if region else ''}"
                unspotted = "" if market == wanted[0] else ", at its on-demand price"
                because = f"neither type nor GPU is known: {which} with {gpus:g} accelerators, stands in{unspotted}"
                return assumed(dearest, because)
        raise PriceUnavailable(f"it knows no instance type of {provider} with {gpus:g} accelerators in {region}")


def _with_type(kind: str, provider: str | None) -> tuple[CatalogFile, Catalog]:
    """Return the catalog that prices a type.

    Raises:
        PriceUnavailable: None does, or several do and which of them is meant is not known.
    """
    machine = machines().get(kind)
    if provider is None and machine is not None and (file := find_catalog(machine.provider)):
        provider = machine.provider if rows_of(load(file.path), machine.provider, kind) else None
    with_it = [(file, catalog) for file, catalog in _catalogs(provider) if _has_type(file, catalog, kind, provider)]
    if not with_it:
        raise PriceUnavailable(f"it does not know {kind!r}{f' of {provider}' if provider else ''}")
    if len(with_it) > 1:
        clouds = ", ".join(file.cloud for file, _ in with_it)
        raise PriceUnavailable(f"several providers have a {kind}: {clouds}; say which")
    return with_it[0]


def _has_type(file: CatalogFile, catalog: Catalog, kind: str, provider: str | None) -> bool:
    """Say whether a catalog prices a type. One that can't be read counts where it is the only one that may."""
    try:
        return bool(rows_of(catalog, file.cloud, kind))
    except PriceUnavailable:
        if provider is not None:
            raise
        return True  # the type is there, in a row that is broken


def _catalogs(provider: str | None) -> Iterator[tuple[CatalogFile, Catalog]]:
    """Yield a provider's catalog, or every one that can be read.

    Raises:
        PriceUnavailable: There is none, or none can be read.
    """
    if provider is not None:
        file = find_catalog(provider.lower())
        files = [file] if file else []
    else:
        files = list(find_catalogs().values())
    if not files:
        where = " or ".join(shown(folder) for folder in (skypilot_folder(), fetched_folder()))
        what = f"no catalog of {provider} lies" if provider else "no catalogs lie"
        raise PriceUnavailable(f"{what} in {where}; `milepost price --refresh` fetches them")
    faults = []
    for file in files:
        try:
            catalog = load(file.path)
        except PriceUnavailable as error:
            faults.append(str(error))
            continue
        yield file, catalog
    if len(faults) == len(files):
        raise PriceUnavailable("; ".join(faults))


_kept: WeakKeyDictionary[Catalog, dict[tuple[str | None, ...], list[Quote]]] = WeakKeyDictionary()
"""Answers of `_offered`, for as long as the catalog that they are from is the one in use."""


def _offered(file: CatalogFile, catalog: Catalog, gpu: str, market: Market, region: str | None) -> list[Quote]:
    """Return the prices of all types with these accelerators."""
    kept, question = _kept.setdefault(catalog, {}), (gpu.casefold(), market, region, file.as_of)
    if question not in kept:
        types = _types_with(catalog, file.cloud, gpu)
        kept[question] = [each for sold in types for each in _by_region(file, catalog, sold, (market,), region)]
    return kept[question]


def _types_with(catalog: Catalog, cloud: str, gpu: str) -> Iterator[Sold]:
    """Yield each type that has these accelerators."""
    if find_provider(cloud).gpus_apart is not None:
        for machine in machines().values():
            if machine.provider == cloud and is_called(cloud, machine.gpu, gpu):
                yield from map(Sold, filter(None, [catalog.of_type(machine.instance_type)]))
        yield from sold_apart(catalog, cloud, catalog.of_accelerator(gpu) or catalog.of_accelerator(theirs(cloud, gpu)))
        return
    by_type: dict[str, list[Row]] = {}
    for row in catalog.of_accelerator(gpu) or catalog.of_accelerator(theirs(cloud, gpu)):
        by_type.setdefault(row.instance_type, []).append(row)
    yield from map(Sold, by_type.values())


def _all_quotes(region: str | None = None) -> Iterator[Quote]:
    """Yield all prices, of everywhere or of a region or zone, in lower case."""
    for file in find_catalogs().values():
        try:
            catalog = load(file.path)
            for rows in catalog.every_type():
                is_apart = not rows[0].instance_type
                for sold in sold_apart(catalog, file.cloud, rows) if is_apart else (Sold(rows),):
                    yield from _by_region(file, catalog, sold, MARKETS, region)
        except PriceUnavailable as error:
            logger("prices.skypilot").warning("%s; it is passed over", error)


def _by_region(
    file: CatalogFile, catalog: Catalog, sold: Sold, markets: Iterable[Market], region: str | None = None
) -> Iterator[Quote]:
    """Yield the prices of one type, in every region or in one (or a zone, in lower case), in these markets.

    What has none is passed over; what can't be trusted is marked as suspect.
    """
    kind = sold.rows[0].instance_type
    rows = [row for row in sold.rows if region is None or region in (row.region.casefold(), row.zone.casefold())]
    try:
        offers, _ = offers_of(catalog, file.cloud, rows, sold.node) if kind and rows else ([], None)
    except PriceUnavailable:
        return
    by_region: dict[str, list[Row]] = {}
    for offer in offers:
        by_region.setdefault(offer.region, []).append(offer)
    for name, there in by_region.items():
        zone = None if region in (None, name.casefold()) else there[0].zone
        for market in markets:
            try:
                where = Instance(region=name, zone=zone, market=market)
                quote = quote_of(file, kind, there, where, suspect_too=True)
            except PriceUnavailable:
                continue
            yield assumed(quote, sold.because) if sold.because else quote
