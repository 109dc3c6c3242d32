"""In which order prices are listed: by what a GPU, a machine or a GB of GPU memory costs, or by what spot saves."""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from milepost.data import gpu_memory_gb, machines
from milepost.money.quote import Quote
from milepost.providers.gpu_names import model_at

Sort = Literal["gpu-hour", "hour", "gpu-memory", "spot-saving"]
"""What decides; the least comes first, but the most that is saved."""


def sorted_by(sort: Sort, quotes: Sequence[Quote], known: Iterable[Quote]) -> list[Quote]:
    """Return prices in an order; those of which nothing tells it come last.

    Args:
        sort: What decides.
        quotes: The prices.
        known: All prices, among them the on-demand ones that spot saves against.
    """
    if sort == "spot-saving":
        saved = zip(spot_savings(quotes, known), quotes, strict=True)
        most_first = sorted(saved, key=lambda each: math.inf if each[0] is None else -each[0])
        return [quote for _, quote in most_first]
    priced = [(_amount(sort, quote), quote) for quote in quotes]
    least_first = sorted(priced, key=lambda each: (not each[0], each[1].usd_per_hour / (each[0] or 1)))
    return [quote for _, quote in least_first]


def spot_savings(quotes: Sequence[Quote], known: Iterable[Quote]) -> list[float | None]:
    """Return which part of the on-demand price of the same place each spot price saves.

    None where that is not known, or can't be trusted.
    """
    whole_prices = (each for each in known if each.market == "on_demand" and not each.suspect)
    on_demand = {_place(each): each.usd_per_hour for each in whole_prices}
    found: list[float | None] = []
    for quote in quotes:
        whole = on_demand.get(_place(quote)) if quote.market == "spot" else None
        found.append(1 - quote.usd_per_hour / whole if whole else None)
    return found


def _place(quote: Quote) -> tuple[object, ...]:
    return quote.provider, quote.instance_type, quote.region, quote.gpu, quote.gpus


def _amount(sort: Sort, quote: Quote) -> float:
    """Return of how much of it a quote is the price; 0 where that is not known."""
    if sort == "hour":
        return 1.0
    gpus = quote.gpus or 0.0
    if sort == "gpu-hour":
        return gpus
    machine = machines().get(quote.instance_type or "")
    memory = machine.gpu_memory_gb if machine is not None and machine.provider == quote.provider else None
    return gpus * (memory or gpu_memory_gb().get(model_at(quote.provider, quote.gpu or ""), 0))
