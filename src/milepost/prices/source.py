"""What every price source does."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime

from milepost.data import machines
from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance, same_gpus
from milepost.money.quote import PriceStep, Quote
from milepost.providers.gpu_names import model_at


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

    def quotes_of(self, instance: Instance) -> Iterable[Quote]:
        """Return the prices of an instance's type in its market, by region; of machines that are as it in all else."""
        kind, market = (instance.instance_type or "").casefold(), instance.market or "on_demand"
        of_type = (each for each in self.every_quote() if (each.instance_type or "").casefold() == kind)
        return (each for each in of_type if each.market == market and instance.provider in (None, each.provider))

    def quotes_with(self, model: str, gpus: float) -> Iterable[Quote]:
        """Return the prices of all machines with so many GPUs of a model, as Milepost calls it."""
        with_gpus = (each for each in self.every_quote() if each.gpu and same_gpus(gpus, each.gpus))
        return (each for each in with_gpus if model_at(each.provider, each.gpu or "") == model)

    def quotes_in(self, region: str) -> Iterable[Quote]:
        """Return what of that is of a region, or holds in all; upper and lower case are alike."""
        return (each for each in self.every_quote() if (each.region or region).casefold() == region.casefold())


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
