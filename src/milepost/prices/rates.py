"""What a user pays for what a source lists: discounts, and rates that were agreed on."""

from collections.abc import Mapping, Sequence

import msgspec

from milepost.config import PART, Rate
from milepost.errors import require
from milepost.money.instance import Instance
from milepost.money.quote import PriceStep, Quote

USER = "user"
"""Source of the user's own prices, off which nothing is taken."""


class Rates:
    """Takes discounts off looked-up prices.

    Args:
        discount: Part that is taken off every price; or one for each provider, family or type.
        rates: What was agreed on by name; here those that take a part off the on-demand price.

    Raises:
        ConfigError: A part is out of its range.
    """

    def __init__(self, discount: float | Mapping[str, float] = 0.0, rates: Sequence[Rate] = ()) -> None:
        by_name = discount if isinstance(discount, Mapping) else {"": discount}
        for name, part in by_name.items():
            require(0 <= part < 1, f"discount.{name}" if name else "discount", part, PART)
        self._by_name = {name.casefold(): part for name, part in by_name.items()}
        self._rates = [rate for rate in rates if rate.discount is not None]

    def applied_to(self, quote: Quote, asked: Instance | None = None) -> Quote:
        """Return a quote as its user pays it: at the rate that was agreed on, else less the discount.

        Args:
            quote: The price.
            asked: What was asked about, where another machine may stand in: discounts are those of what is paid for.
        """
        if quote.source == USER:
            return quote
        node = Instance(
            provider=quote.provider, instance_type=quote.instance_type, region=quote.region, market=quote.market
        )
        node = node if asked is None else asked.completed_by(node)
        rate = rate_of(self._rates, node)
        off = self._discount_of(node) if rate is None or rate.discount is None else rate.discount
        if not off and rate is None:
            return quote
        part = 1 - off
        return msgspec.structs.replace(
            quote,
            usd_per_hour=quote.usd_per_hour * part,
            steps=tuple(PriceStep(step.since, step.usd_per_hour * part) for step in quote.steps),
            rate=None if rate is None else rate.name,
        )

    def _discount_of(self, node: Instance) -> float:
        """Return the part that the longest name of a family or type tells, else the provider's, else that for all."""
        kind = node.instance_type or ""
        fitting = [name for name in self._by_name if name and is_of_family(kind, name)]
        for name in (*sorted(fitting, key=len, reverse=True), node.provider or "", ""):
            if name in self._by_name:
                return self._by_name[name]
        return 0.0


def rate_of(rates: Sequence[Rate], instance: Instance) -> Rate | None:
    """Return the rate that was agreed on for an on-demand machine, of several the one that says most; None without."""
    if instance.market not in (None, "on_demand"):
        return None
    fitting = [rate for rate in rates if _fits(rate, instance)]
    says = [(len(rate.machines or ""), rate.region is not None, rate.provider is not None) for rate in fitting]
    return fitting[says.index(max(says))] if fitting else None


def is_of_family(kind: str, family: str) -> bool:
    """Say whether a type is this, or of a family whose types begin so: p5.48xlarge is of ``p5``, and p5en's are not."""
    start = kind.casefold().removeprefix("standard_")
    wanted = family.casefold().removeprefix("standard_")
    return start.startswith(wanted) and not start[len(wanted) : len(wanted) + 1].isalnum()


def _fits(rate: Rate, instance: Instance) -> bool:
    return (
        (rate.provider is None or rate.provider.casefold() == instance.provider)
        and (rate.region is None or rate.region.casefold() == (instance.region or "").casefold())
        and (rate.machines is None or is_of_family(instance.instance_type or "", rate.machines))
    )
