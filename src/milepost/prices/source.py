"""What every price source does."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from milepost.data import machines
from milepost.instance import Instance
from milepost.quote import Quote


class PriceSource(ABC):
    """Knows what some instances cost. The price book asks it, off the training thread where it is slow."""

    name: str

    @abstractmethod
    def quote(self, instance: Instance) -> Quote:
        """Return the price of one such instance.

        Raises:
            PriceUnavailable: It does not know; says why.
        """

    def every_quote(self) -> Iterable[Quote]:
        """Return all that it knows without being asked about a type."""
        return ()


def gpus_of(instance_type: str | None) -> dict[str, int | str]:
    """Return ``gpus`` and ``gpu`` of a type for a quote, where they are known."""
    machine = machines().get(instance_type or "")
    return {} if machine is None else {"gpus": machine.gpus, "gpu": machine.gpu}
