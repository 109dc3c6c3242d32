"""Which machines are allowed and what they cost, out of what lies on this machine: nobody is asked."""

from collections.abc import Iterable, Sequence

import msgspec

from milepost.data import machines
from milepost.errors import ConfigError, nearest
from milepost.launch.requirements import Requirements
from milepost.money.quote import Quote
from milepost.prices.book import PriceBook

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
        known = list(PriceBook(sources=SOURCES).every_quote() if quotes is None else quotes)
        self._catalogs = {quote.provider for quote in known if quote.source == "skypilot"}
        # What a cloud's catalog lacks, SkyPilot can't launch, whatever the bundled tables say.
        self._quotes = [each for each in known if each.source in OWN or each.provider not in self._catalogs]

    def checked(self, node: Requirements) -> Requirements:
        """Return requirements with the names as the providers write them.

        Raises:
            ConfigError: A cloud, GPU, type or region is not known; names the nearest.
        """
        if node.provider is not None:
            _known(node.provider, CLOUDS, "--cloud")
            if not self._of(node):
                return node  # a cluster of one's own, or a cloud whose catalog does not lie here: SkyPilot knows
        models = tuple((self._gpu(model, node), number) for model, number in node.models)
        for model, number in models:
            self._require_number(model, number, node)
        if node.instance_type is not None:
            bundled = {kind for kind, each in machines().items() if node.provider in (None, each.provider)}
            types = {quote.instance_type for quote in self._of(node)} | bundled
            _known(node.instance_type, types, "--instance-type", self._hint(node))
        provider = node.provider
        if provider is None and node.instance_type is not None:
            owners = {quote.provider for quote in self._quotes if quote.instance_type == node.instance_type}
            provider = owners.pop() if len(owners) == 1 else None
        node = msgspec.structs.replace(node, models=models, provider=provider)
        return msgspec.structs.replace(node, regions=tuple(self._region(each, node) for each in node.regions))

    def allowed(self, node: Requirements) -> list[Quote]:
        """Return the offers that a node may be, the cheapest first; none where no price is known.

        Where only bundled tables know a type, their price stands in for regions that they lack, assumed.

        Raises:
            ConfigError: Catalogs lie here, and no zone offers it.
        """
        if not node.models and node.instance_type is None:
            return []
        of_market = [quote for quote in self._of(node) if quote.market == node.market]
        of_kind = [quote for quote in of_market if _is_of(quote, node) and _has_cpus(quote, node.cpus)]
        regions = {each.casefold() for each in node.regions}
        there = [quote for quote in of_kind if not regions or (quote.region or "").casefold() in (*regions, "")]
        if not there and of_kind and not any(quote.provider in self._catalogs for quote in of_kind):
            there = [_standing_in(quote, node.regions) for quote in of_kind]
        is_known = bool(self._catalogs) if node.provider is None else node.provider in self._catalogs
        if not there and (of_kind or is_known):
            where = sorted({quote.region for quote in of_kind if quote.region})
            more = f"; it is offered in {', '.join(where[:8])}" if where else ""
            raise ConfigError(f"no {_shown(node)} is offered{more}")
        return sorted(there, key=lambda quote: (quote.usd_per_hour, quote.provider or "", quote.region or ""))

    def _of(self, node: Requirements) -> list[Quote]:
        return [quote for quote in self._quotes if node.provider in (None, quote.provider)]

    def _gpu(self, model: str, node: Requirements) -> str:
        of_machines = {each.gpu for each in machines().values() if node.provider in (None, each.provider)}
        names = {quote.gpu for quote in self._of(node) if quote.gpu} | of_machines - {""}
        return _known(model, names, "--gpu", self._hint(node))

    def _require_number(self, model: str, number: int, node: Requirements) -> None:
        quotes = [quote for quote in self._of(node) if quote.gpu == model and quote.gpus]
        numbers = {quote.gpus for quote in quotes}
        if numbers and number not in numbers:
            known = ", ".join(str(each) for each in sorted(each for each in numbers if each))
            raise ConfigError(f"--gpus: found {number} of {model}, expected one of {known}{self._hint(node)}")

    def _region(self, region: str, node: Requirements) -> str:
        """Return a region as its provider writes it; unchecked where no catalog of the provider's lies here."""
        catalogs = self._catalogs if node.provider is None else self._catalogs & {node.provider}
        if not catalogs:
            return region
        return _known(region, {quote.region for quote in self._of(node) if quote.region}, "--region")

    def _hint(self, node: Requirements) -> str:
        return "" if node.provider in self._catalogs else f"; {REFRESH}"


def _known(found: str, names: Iterable[str | None], option: str, hint: str = "") -> str:
    """Return a name as it is written; raises `ConfigError` where it is none of those that are known."""
    written = {name.casefold(): name for name in names if name}
    if found.casefold() in written:
        return written[found.casefold()]
    near = nearest(found.casefold(), written, most=3, cutoff=0.5, shown=written.__getitem__)
    raise ConfigError(f"{option}: found {found!r}, which is not known{near or '; nothing known is like it'}{hint}")


def _is_of(quote: Quote, node: Requirements) -> bool:
    if node.instance_type is not None:
        return quote.instance_type == node.instance_type
    return (quote.gpu, quote.gpus) in node.models


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


def _shown(node: Requirements) -> str:
    what = node.instance_type or " or ".join(f"{model}:{number}" for model, number in node.models)
    where = " or ".join(node.regions)
    of = f" of {node.provider}" if node.provider else ""
    cpus = f" with {node.cpus} CPUs" if node.cpus else ""
    return f"{node.market.replace('_', '-')} {what}{cpus}{of}{f' in {where}' if where else ''}"
