"""Which machines are allowed and what they cost, out of what lies on this machine: nobody is asked."""

from collections.abc import Iterable, Sequence

import msgspec

from milepost.data import machines
from milepost.errors import ConfigError, nearest
from milepost.launch.requirements import Model, Requirements, is_by_memory
from milepost.money.instance import Instance, same_gpus
from milepost.money.quote import Quote
from milepost.prices.book import PriceBook
from milepost.providers import find_provider, find_slice

CLOUDS = (
    *("aws", "azure", "cudo", "do", "fluidstack", "gcp", "hyperbolic", "ibm", "kubernetes", "lambda", "mithril"),
    *("nebius", "oci", "paperspace", "primeintellect", "runpod", "scp", "seeweb", "shadeform", "slurm", "ssh"),
    *("vast", "verda", "vsphere", "yotta"),
)
"""Where SkyPilot 0.14 can launch (``ALL_CLOUDS`` of ``sky/skylet/constants.py``)."""

SOURCES = ("user", "skypilot", "list", "fallback")
"""The price sources that are asked: each lies on this machine."""

OWN = ("user", "skypilot")

REFRESH = "`milepost price --refresh` fetches the catalogs of all clouds"


class KnownOffers:
    """All offers that are known here.

    Args:
        quotes: A price each; those of SkyPilot's catalogs where they lie here, else of the bundled tables.
    """

    def __init__(self, quotes: Iterable[Quote] | None = None) -> None:
        book = PriceBook(sources=SOURCES)
        self._listed = book.listed if quotes is None else _nothing_listed
        known = list(book.every_quote() if quotes is None else quotes)
        self._catalogs = {quote.provider for quote in known if quote.source == "skypilot"}
        # What a cloud's catalog lacks, SkyPilot can't launch, whatever the bundled tables say.
        self._quotes = [each for each in known if each.source in OWN or each.provider not in self._catalogs]

    def checked(self, node: Requirements) -> Requirements:
        """Return requirements with the names as the providers write them.

        Raises:
            ConfigError: A cloud, GPU, type or region is not known; names the nearest.
        """
        if found := find_slice(node.instance_type):  # SkyPilot knows it as an accelerator
            node = msgspec.structs.replace(node, models=((found.name, 1),), instance_type=None)
        if node.provider is not None:
            _known(node.provider, CLOUDS, "--cloud")
            if not self._of(node):
                return node  # a cluster of one's own, or a cloud whose catalog does not lie here: SkyPilot knows
        models = tuple(model if is_by_memory(model[0]) else self._model(*model, node) for model in node.models)
        if node.instance_type is not None:
            bundled = {kind for kind, each in machines().items() if node.provider in (None, each.provider)}
            types = {quote.instance_type for quote in self._of(node)} | bundled
            types |= {each.instance_type for each in self._lists_type(node)}
            _known(node.instance_type, types, "--instance-type", self._hint(node))
        provider = node.provider
        if provider is None and node.instance_type is not None:
            owners = {quote.provider for quote in self._quotes if quote.instance_type == node.instance_type}
            owners = owners or {each.provider for each in self._lists_type(node)}
            provider = owners.pop() if len(owners) == 1 else None
        node = msgspec.structs.replace(node, models=models, provider=provider)
        return msgspec.structs.replace(node, regions=tuple(self._region(each, node) for each in node.regions))

    def allowed(self, node: Requirements) -> list[Quote]:
        """Return the offers that a node may be, the cheapest first; none where no price is known, or can be trusted.

        Where only bundled tables know a type, their price stands in for regions that they lack, assumed.

        Raises:
            ConfigError: Catalogs lie here, and no zone offers it.
        """
        if not node.models and node.instance_type is None:
            return []
        of_kind = self._of_kind(node)
        there = _in_regions(of_kind, node.regions)
        if not there and of_kind and not any(quote.provider in self._catalogs for quote in of_kind):
            there = [_standing_in(quote, node.regions) for quote in of_kind]
        is_known = bool(self._catalogs) if node.provider is None else node.provider in self._catalogs
        if not there and (of_kind or is_known) and not self._may_be_launched(node):
            where = sorted({quote.region for quote in of_kind if quote.region})
            more = f"; it is offered in {', '.join(where[:8])}" if where else ""
            raise ConfigError(f"no {_shown(node)} is offered{more}")
        trusted = (quote for quote in there if not quote.suspect)
        return sorted(trusted, key=lambda quote: (quote.usd_per_hour, quote.provider or "", quote.region or ""))

    def left_out(self, node: Requirements) -> list[str]:
        """Say which machines may be launched without being in the estimate, and why."""
        there = _in_regions(self._of_kind(node), node.regions)
        suspect = [quote for quote in there if quote.suspect]
        reasons = []
        for provider, kind in dict.fromkeys((quote.provider, quote.instance_type) for quote in suspect):
            where = sorted({quote.region or "" for quote in suspect if quote.instance_type == kind})
            reasons.append(
                f"{provider}'s {kind} in {', '.join(where)}: the catalog's rate is hardly above that of spot, and not "
                "to be trusted"
            )
        priced = {(quote.provider, quote.gpu, quote.gpus) for quote in there}
        for model, number in node.models:
            if is_by_memory(model):
                reasons.append(f"which model {model}:{number:g} is, SkyPilot chooses")
            without = {each.provider or "" for each in self._lists(model, number, node)} - {
                provider for provider, gpu, gpus in priced if gpu == model and same_gpus(gpus, number)
            }
            reasons += _unpriced(f"{model}:{number:g}", without, node)
        if node.instance_type is not None and not there:
            without = {each.provider or "" for each in self._lists_type(node)}
            reasons += _unpriced(node.instance_type, without, node)
        return reasons

    def _of(self, node: Requirements) -> list[Quote]:
        return [quote for quote in self._quotes if node.provider in (None, quote.provider)]

    def _of_kind(self, node: Requirements) -> list[Quote]:
        of_market = (quote for quote in self._of(node) if quote.market == node.market)
        return [quote for quote in of_market if _is_of(quote, node) and _has_cpus(quote, node.cpus)]

    def _lists(self, model: str, number: float, node: Requirements) -> list[Instance]:
        """Return where catalogs have such GPUs, in the regions that are allowed."""
        regions = {each.casefold() for each in node.regions}
        listed = (each for each in self._listed(gpu=model, provider=node.provider) if same_gpus(each.gpus, number))
        return [each for each in listed if not regions or (each.region or "").casefold() in regions]

    def _lists_type(self, node: Requirements) -> list[Instance]:
        """Return where catalogs have the type, in the regions that are allowed."""
        listed = self._listed(instance_type=node.instance_type, provider=node.provider)
        return [each for each in listed if not node.regions or each.region in node.regions]

    def _may_be_launched(self, node: Requirements) -> bool:
        """Say whether SkyPilot may find one where no price of any such machine is known."""
        priced = {(quote.provider, quote.region) for quote in self._of(node) if _is_of(quote, node)}
        if node.instance_type is not None:
            return any((each.provider, each.region) not in priced for each in self._lists_type(node))
        return any(
            is_by_memory(model)
            or any((each.provider, each.region) not in priced for each in self._lists(model, number, node))
            for model, number in node.models
        )

    def _model(self, model: str, number: float, node: Requirements) -> Model:
        """Return a GPU's model and its number as catalogs write them.

        Raises:
            ConfigError: It is not known, or not in this number.
        """
        listed = self._listed(gpu=model, provider=node.provider)
        of_machines = {each.gpu for each in machines().values() if node.provider in (None, each.provider)}
        names = {quote.gpu for quote in self._of(node) if quote.gpu} | of_machines - {""}
        model = _known(model, names | {each.gpu or "" for each in listed}, "--gpu", self._hint(node))
        numbers = {quote.gpus for quote in self._of(node) if quote.gpu == model} | {each.gpus for each in listed}
        known = sorted(each for each in numbers if each)
        same = [each for each in known if same_gpus(each, number)]
        if known and not same:
            listing = ", ".join(f"{each:g}" for each in known)
            raise ConfigError(f"--gpus: found {number:g} of {model}, expected one of {listing}{self._hint(node)}")
        return model, min(same, key=lambda each: abs(each - number), default=number)

    def _region(self, region: str, node: Requirements) -> str:
        """Return a region as its provider writes it; unchecked where no catalog of the provider's lies here."""
        catalogs = self._catalogs if node.provider is None else self._catalogs & {node.provider}
        if not catalogs:
            return region
        anywhere = msgspec.structs.replace(node, regions=())
        listed = [*self._lists_type(anywhere)] if node.instance_type else []
        for model, number in node.models:
            listed += self._lists(model, number, anywhere)
        names = {quote.region for quote in self._of(node)} | {each.region for each in listed}
        return _known(region, names, "--region")

    def _hint(self, node: Requirements) -> str:
        return "" if node.provider in self._catalogs else f"; {REFRESH}"


def _nothing_listed(**_: str | None) -> list[Instance]:
    return []


def _unpriced(what: str, clouds: set[str], node: Requirements) -> list[str]:
    words = node.market.replace("_", "-")
    return [
        f"the catalog of {each} has {what}, and tells no {words} price of such a machine" for each in sorted(clouds)
    ]


def _in_regions(quotes: Iterable[Quote], regions: Sequence[str]) -> list[Quote]:
    wanted = {each.casefold() for each in regions}
    return [quote for quote in quotes if not wanted or (quote.region or "").casefold() in (*wanted, "")]


def _known(found: str, names: Iterable[str | None], option: str, hint: str = "") -> str:
    """Return a name as it is written; raises `ConfigError` where it is none of those that are known."""
    written = {name.casefold(): name for name in names if name}
    if found.casefold() in written:
        return written[found.casefold()]
    near = nearest(found.casefold(), written, most=3, cutoff=0.5, shown=written.__getitem__)
    raise ConfigError(f"{option}: found {found!r}, which is not known{near or '; nothing known is like it'}{hint}")


def _is_of(quote: Quote, node: Requirements) -> bool:
    if node.instance_type is not None:
        apart = find_provider(quote.provider).gpus_apart
        kind = quote.instance_type or ""
        is_put_on = bool(quote.gpus) and apart is not None and apart.may_have_gpus.match(kind) is not None
        return kind == node.instance_type and not is_put_on
    return any(_has(quote, *model) for model in node.models)


def _has(quote: Quote, model: str, number: float) -> bool:
    return quote.gpu == model and same_gpus(quote.gpus, number)


def _has_cpus(quote: Quote, cpus: str | None) -> bool:
    """Say whether a machine may have these virtual CPUs: bundled tables don't tell."""
    if cpus is None or quote.vcpus is None:
        return True
    wanted = float(cpus.removesuffix("+"))
    return quote.vcpus >= wanted if cpus.endswith("+") else quote.vcpus == wanted


def _standing_in(quote: Quote, regions: Sequence[str]) -> Quote:
    because = f"no price in {' or '.join(regions)} lies here: that of {quote.region} stands in; {REFRESH}"
    return msgspec.structs.replace(
        quote, region=None, assumed=True, assumed_because="; ".join(filter(None, (quote.assumed_because, because)))
    )


def _what(node: Requirements) -> str:
    return node.instance_type or " or ".join(f"{model}:{number:g}" for model, number in node.models)


def _shown(node: Requirements) -> str:
    where = " or ".join(node.regions)
    of = f" of {node.provider}" if node.provider else ""
    cpus = f" with {node.cpus} CPUs" if node.cpus else ""
    return f"{node.market.replace('_', '-')} {_what(node)}{cpus}{of}{f' in {where}' if where else ''}"
