"""``user``: the price that the user gave."""

from datetime import UTC, datetime

from milepost.errors import PriceUnavailable, require
from milepost.instance import Instance
from milepost.prices.source import PriceSource
from milepost.quote import Quote


class UserPrice(PriceSource):
    """One price for whatever the run is on: ``price_per_hour``, in USD an hour of one node. Never assumed.

    Raises:
        ConfigError: It is negative or no finite number.
    """

    name = "user"

    def __init__(self, price_per_hour: float | None) -> None:
        if price_per_hour is not None:
            number = isinstance(price_per_hour, int | float) and not isinstance(price_per_hour, bool)
            holds = number and 0 <= price_per_hour < float("inf")
            require(holds, "price_per_hour", price_per_hour, "USD an hour, 0 or above")
        self._price_per_hour = price_per_hour

    def quote(self, instance: Instance) -> Quote:
        """Return the user's price."""
        if self._price_per_hour is None:
            raise PriceUnavailable("no price_per_hour is given")
        return Quote(
            usd_per_hour=self._price_per_hour,
            source=self.name,
            as_of=datetime.now(UTC).date().isoformat(),
            provider=instance.provider,
            instance_type=instance.instance_type,
            region=instance.region,
            zone=instance.zone,
            market=instance.market,
            gpus=instance.gpus,
            gpu=instance.gpu,
        )
