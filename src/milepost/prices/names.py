"""Which names of types, GPUs and regions are known here, and which of them is nearest to one that is not."""

from collections.abc import Callable, Iterable
from functools import cached_property

from milepost.data import gcp_shapes, gpu_memory_gb, list_prices, machines
from milepost.errors import UnknownName, nearest
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.sources.skypilot import SkyPilotCatalog
from milepost.providers import every_provider, find_provider
from milepost.providers.gpu_names import is_called

GPUs = dict[str, list[tuple[float, str]]]
"""Numbers in which a model is offered, and a type for each."""


class KnownNames:
    """What is known without asking anybody: the bundled tables, and what lies here.

    Args:
        quotes: Returns every price that is known here. Called once there is something that the tables don't know.
        catalog: Has types that have no price, too, and places.
    """

    def __init__(self, quotes: Callable[[], Iterable[Quote]], catalog: SkyPilotCatalog) -> None:
        self._of_sources = quotes
        self._catalog = catalog

    @cached_property
    def _quotes(self) -> list[Quote]:
        return list(self._of_sources())

    def has_type(self, instance: Instance) -> bool:
        """Say whether an instance's type is one of its provider's, or of any where that is not known."""
        kind, provider = instance.instance_type or "", instance.provider
        machine = machines().get(kind)
        if machine is not None and provider in (None, machine.provider):
            return True
        if kind in gcp_shapes() and find_provider(provider).gpus_apart is not None:
            return True
        owners = [find_provider(provider)] if provider else every_provider()
        return any(kind.startswith(start) for each in owners for start in each.sold_otherwise) or self._catalog.knows(
            instance
        )

    def has_region(self, instance: Instance) -> bool:
        """Say whether an instance's region may be one: of its provider, of any where that is not known."""
        region = (instance.region or "").casefold()
        providers = [find_provider(instance.provider)] if instance.provider else list(every_provider())
        if any(each.region_names and each.region_names.fullmatch(region) for each in providers):
            return True
        if self._catalog.has_place(region, instance.provider):
            return True
        known = self._regions(instance.provider)
        return not known or region in {each.casefold() for each in known}

    def unknown_region(self, instance: Instance) -> UnknownName:
        """Return the error that says of a region that nobody knows it."""
        known = self._regions(instance.provider)
        hint = nearest((instance.region or "").casefold(), sorted(known), most=3)
        of = f" of {instance.provider}'s" if instance.provider else ""
        fault = f"region: found {instance.region!r}, which is no region{of} that is known"
        return UnknownName(f"{fault}{hint or '; nothing known is like it'}", certain=bool(hint))

    def unknown_type(self, instance: Instance, answers: Iterable[str], *, waiting: bool = False) -> UnknownName:
        """Return the error that says of a type, or of GPUs, that nobody knows them.

        Args:
            instance: What is not known.
            answers: What each source that was asked said.
            waiting: Whether one is yet to be asked.
        """
        # Those that had nothing to do with it are left out.
        said = "; ".join(each for each in answers if "not those of" not in each and not each.startswith("user: "))
        kind, provider = instance.instance_type, instance.provider
        of = f" of {provider}'s" if provider else ""
        if kind is None:
            found = f"{instance.gpu}:{instance.gpus:g}"
            hint = nearest(found, self._specs(provider), most=3, cutoff=0.7)
            return UnknownName(f"gpu: found {found!r}, which no machine{of} has{hint} ({said})", certain=True)
        if offered := self._of_gpu(kind, provider):
            wanted = f"found {kind!r}, the name of a GPU, expected an instance type, or a GPU and how many"
            return UnknownName(f"instance_type: {wanted}; nearest: {', '.join(offered)}", certain=True)
        names = [*self._types(provider), *self._specs(provider)]
        folded = {name.casefold(): name for name in names}
        hint = nearest(kind.casefold(), folded, most=3, cutoff=0.75, shown=folded.__getitem__)
        owners = [find_provider(provider)] if provider else list(every_provider())
        is_misspelt = bool(hint) and not any(each.may_have(kind) for each in owners)
        elsewhere = machines().get(kind)
        if elsewhere is not None:
            hint = f"; it is {elsewhere.provider}'s"
        fault = f"instance_type: found {kind!r}, which is no type{of} that anybody asked knows"
        return UnknownName(
            f"{fault}{hint or '; nothing known is like it'} ({said})", waiting=waiting, certain=is_misspelt
        )

    def require(self, instance: Instance) -> None:
        """Refuse a region or a GPU's model that nobody knows, by itself.

        Raises:
            UnknownName: Says the nearest.
        """
        if instance.region and not self.has_region(instance):
            raise self.unknown_region(instance)
        gpu = instance.gpu
        if not gpu or self._of_gpu(gpu, None) or self._catalog.listed(gpu=gpu):
            return
        known = {each.casefold(): each for each in (*self._gpus(instance.provider), *gpu_memory_gb())}
        hint = nearest(gpu.casefold(), known, most=3, shown=known.__getitem__)
        raise UnknownName(f"gpu: found {gpu!r}, which nobody knows{hint or '; nothing known is like it'}", certain=True)

    def _types(self, provider: str | None) -> set[str]:
        bundled = {kind for kind, each in machines().items() if provider in (None, each.provider)}
        return bundled | {
            quote.instance_type for quote in self._quotes if quote.instance_type and provider in (None, quote.provider)
        }

    def _regions(self, provider: str | None) -> set[str]:
        listed = {row.region for rows in list_prices().values() for row in rows if provider in (None, row.provider)}
        of_sources = [quote for quote in self._quotes if provider in (None, quote.provider)]
        found = {place for quote in of_sources for place in (quote.region, quote.zone) if place}
        return (listed | found) - {"*"}

    def _gpus(self, provider: str | None) -> GPUs:
        """Return what GPUs are offered, as the providers call them."""
        found: GPUs = {}
        for machine in machines().values():
            if machine.gpu and provider in (None, machine.provider):
                found.setdefault(machine.gpu, []).append((machine.gpus, machine.instance_type))
        for quote in self._quotes:
            if quote.gpu and quote.gpus and provider in (None, quote.provider):
                found.setdefault(quote.gpu, []).append((quote.gpus, quote.instance_type or ""))
        return found

    def _specs(self, provider: str | None) -> list[str]:
        return [f"{gpu}:{number:g}" for gpu, types in self._gpus(provider).items() for number in {n for n, _ in types}]

    def _of_gpu(self, name: str, provider: str | None) -> list[str]:
        """Return how to name machines with a GPU, where this is the name of one: the fewest and the most of them."""
        for gpu, types in (self._gpus(provider) or self._gpus(None)).items():
            if is_called(provider, gpu, name):
                fewest, most = min(types, key=lambda each: each[0]), max(types, key=lambda each: each[0])
                return list(dict.fromkeys((f"{gpu}:{fewest[0]:g}", fewest[1], f"{gpu}:{most[0]:g}")))
        known = {model.casefold(): model for model in gpu_memory_gb()}
        return [f"{known[name.casefold()]}:1"] if name.casefold() in known else []
