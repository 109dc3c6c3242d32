"""A cloud that Milepost does not know: its record, its price source and its metadata service."""

from collections.abc import Mapping
from datetime import datetime

from milepost.instances.probe import Placement, Probe
from milepost.money.instance import Instance
from milepost.money.quote import BillingRule, Quote
from milepost.prices.source import LivePriceSource
from milepost.providers import Provider

TYPES = ("rocket.1", "rocket.2")

ACME = Provider(
    name="acme",
    billing={"*": BillingRule(granularity_seconds=3600), "spot": BillingRule(minimum_seconds=10)},
    reference_region="desert-1",
    prices="tests.providers.acme:AcmePrices",
    metadata="tests.providers.acme:AcmeMetadata",
    variables="tests.providers.acme:from_acme",
    types="tests.providers.acme:types",
    sold_otherwise={"anvil.": "by weight"},
)


class AcmePrices(LivePriceSource):
    name = provider = "acme"

    def why_not(self) -> str | None:
        return None

    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        region = instance.region or ACME.reference_region
        usd = 12.5 if instance.market == "spot" else 25.0
        return Quote(usd_per_hour=usd, source="acme", provider="acme", region=region, market=instance.market)


class AcmeMetadata(Probe):
    name = "acme metadata"

    def why_not(self, environ: Mapping[str, str]) -> str | None:
        return None

    def ask(self, environ: Mapping[str, str], deadline: float) -> Instance:
        told = {"provider": "acme", "instance_type": "rocket.1", "market": "spot", "region": "desert-1"}
        return Instance.known(self.name, **told)

    def notice(self, environ: Mapping[str, str], deadline: float) -> str | None:
        return "the road runner is near"


def from_acme(environ: Mapping[str, str]) -> Placement:
    nodes = environ.get("ACME_NODES")
    return Placement(instance=Instance.known("ACME_NODES", num_nodes=nodes and int(nodes)))


def types() -> tuple[str, ...]:
    return TYPES
