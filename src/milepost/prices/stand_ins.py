"""What stands in for a machine whose price nobody knows: as like it as can be, and the dearest of several."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from milepost.data import gcp_shapes, machines
from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.providers import find_provider

SOURCE = "default"
"""What a price is said to be from that is another market's or another type's."""


def in_another_region(instance: Instance, quotes: Iterable[Quote]) -> Quote:
    """Return the price of the same type in the dearest region that has one.

    Args:
        instance: With the region that lacks it.
        quotes: Prices of this type in this market, by region.

    Raises:
        PriceUnavailable: There are none.
    """
    found = [each for each in quotes if (each.region or "").casefold() != (instance.region or "").casefold()]
    if not found:
        raise PriceUnavailable(f"no other region has a price of {instance.instance_type}")
    # What is sure goes first: of what is assumed itself, it is not known whether it is right where it is.
    sure = [each for each in found if not each.assumed] or found
    dearest = max(sure, key=lambda each: each.usd_per_hour)
    because = (
        f"no {_written(instance.market)} price of {dearest.instance_type} in {instance.region} is known: "
        f"that of {dearest.region} stands in"
    )
    return _standing_in(dearest, sure, because, lambda each: each.region)


def with_same_gpus(instance: Instance, model: str, gpus: float, quotes: Iterable[Quote]) -> Quote:
    """Return the price of another type with the same GPUs and as many: its provider's, else anybody's.

    Of several the dearest. Where the region is not known, or is another provider's, each type is priced in its
    provider's reference region.

    Args:
        instance: What is to be priced.
        model: The model of its GPUs, as Milepost calls it.
        gpus: How many it has.
        quotes: Prices of machines with them.

    Raises:
        PriceUnavailable: No other type has them.
    """
    own, market = (instance.instance_type or "").casefold(), instance.market or "on_demand"
    others = [each for each in quotes if not each.suspect and (each.instance_type or "").casefold() != own]
    alike = [each for each in others if each.market == market] or [
        each for each in others if each.market == "on_demand"
    ]
    at_provider = [each for each in alike if each.provider == instance.provider]
    found = _by_type(at_provider, instance.region) or _by_type(alike, None)
    if not found:
        raise PriceUnavailable(f"no other type with {gpus:g} × {model} has a price")
    dearest = max(found, key=lambda each: each.usd_per_hour)
    whose = f" of {instance.provider}" if instance.provider else ""
    where = f" in {instance.region}" if instance.region else ""
    what = f"{_written(market)} price of {instance.instance_type or f'{gpus:g} × {instance.gpu}'}{whose}{where}"
    because = (
        f"no {what} is known: the {_written(dearest.market)} price of {dearest.provider}'s {dearest.instance_type}"
        f"{f' in {dearest.region}' if dearest.region else ''}, which has the same {gpus:g} × {dearest.gpu}, stands in"
    )
    stand_in = _standing_in(dearest, found, because, lambda each: f"{each.provider}'s {each.instance_type}")
    return msgspec.structs.replace(stand_in, source=SOURCE)


def as_on_demand(instance: Instance, on_demand: Quote) -> Quote:
    """Return a type's on-demand price in place of its spot price that nobody knows."""
    listed = " list" if on_demand.source == "list" else ""
    is_elsewhere = on_demand.region is not None and instance.region not in (None, on_demand.region)
    where = f" of {on_demand.region}" if on_demand.assumed and is_elsewhere else ""
    because = f"no spot price of {on_demand.instance_type} is known: its on-demand{listed} price{where} stands in"
    if not where and not on_demand.assumed:
        because += ", the most that spot costs"
    return msgspec.structs.replace(on_demand, source=SOURCE, assumed=True, assumed_because=because, steps=())


def known_gpus(instance: Instance) -> tuple[str, float] | None:
    """Return model and number of an instance's GPUs, by its type or as it says itself; None where it has none."""
    kind = instance.instance_type or ""
    machine, shape = machines().get(kind), gcp_shapes().get(kind)
    gpu, gpus = instance.gpu, instance.gpus
    if machine is not None and instance.provider in (None, machine.provider):
        gpu, gpus = machine.gpu, machine.gpus
    elif shape is not None and shape.gpus is not None:
        gpu, gpus = shape.gpu, shape.gpus
    return (gpu, gpus) if gpu and gpus else None


def _written(market: str | None) -> str:
    return (market or "on_demand").replace("_", "-")


def _by_type(quotes: Sequence[Quote], region: str | None) -> list[Quote]:
    """Return one price for each type: in the region, else in its provider's reference region, else the dearest."""
    sure = [each for each in quotes if not each.assumed] or quotes
    by_type: dict[tuple[str | None, str | None], list[Quote]] = {}
    for each in sure:
        by_type.setdefault((each.provider, each.instance_type), []).append(each)
    there = [
        here
        for of_type in by_type.values()
        for here in of_type
        if region and (here.region or region).casefold() == region.casefold()
    ]
    if there:
        return there
    found = []
    for (provider, _), of_type in by_type.items():
        reference = None if region else find_provider(provider).reference_region
        found.append(
            next(
                (each for each in of_type if each.region == reference),
                max(of_type, key=lambda each: each.usd_per_hour),
            )
        )
    return found


def _standing_in(quote: Quote, among: Sequence[Quote], because: str, name: Callable[[Quote], str | None]) -> Quote:
    """Return a quote that stands in, and between which prices the right one lies as far as is known."""
    cheapest = min(among, key=lambda each: each.usd_per_hour)
    if cheapest.usd_per_hour < quote.usd_per_hour:
        because += (
            f", the dearest of {len(among)} ({name(cheapest)} is the cheapest, at {cheapest.usd_per_hour:.6g} USD/h)"
        )
    reasons = "; ".join(filter(None, (because, quote.assumed_because)))
    return msgspec.structs.replace(quote, assumed=True, assumed_because=reasons)
