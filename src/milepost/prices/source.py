"""What every price source does."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime

from milepost.data import machines
from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance
from milepost.money.quote import PriceStep, Quote


class PriceSource(ABC):
    """Knows what some instances cost, and answers at once: from memory or from a file.

    Attributes:
        name: Name of the source.
        provider: The provider whose instances it prices; None for those of several.
    """

    name: str
    provider: str | None = None

    @abstractmethod
    def quote(self, instance: Instance) -> Quote:
        """Return the price of one such instance.

        Raises:
            PriceUnavailable: It does not know; says why.
        """

    def every_quote(self) -> Iterable[Quote]:
        """Return all that it knows without being asked about a type."""
        return ()


class LivePriceSource(ABC):
    """Asks one provider over the network: never on the training thread.

    Attributes:
        name: Name of the source.
        provider: The provider whose instances it prices.
    """

    name: str
    provider: str

    @abstractmethod
    def why_not(self) -> str | None:
        """Say why it can't be asked here, such as a package or credentials that are missing; None where it can.

        Called on the training thread: looks at variables and files, imports nothing, asks nobody.
        """

    @abstractmethod
    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        """Return the price of one such instance. Takes seconds.

        Args:
            instance: Of this provider, with its type known. Without a region, the provider's reference region.
            since: For prices that change by the hour: from when on its price steps are wanted; now where not given.

        Raises:
            PriceUnavailable: It does not know, or could not be asked; says why, without any credential.
        """

    def history(self, instance: Instance, since: datetime) -> dict[str, tuple[PriceStep, ...]]:
        """Return by zone how the spot price moved, the last change before ``since`` included. Takes seconds.

        Raises:
            PriceUnavailable: The provider keeps none, or could not be asked.
        """
        raise PriceUnavailable("it keeps no history of spot prices")


def gpus_of(instance_type: str | None) -> dict[str, float | str]:
    """Return ``gpus`` and ``gpu`` of a type for a quote, where they are known."""
    machine = machines().get(instance_type or "")
    return {} if machine is None else {"gpus": machine.gpus, "gpu": machine.gpu}
