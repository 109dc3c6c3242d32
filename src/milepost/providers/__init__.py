"""Providers: one file each. A new cloud is a file beside these and a line in `PROVIDERS`."""

from collections.abc import Iterator
from typing import NamedTuple

from milepost.data import machines
from milepost.money.instance import Instance
from milepost.money.quote import BillingRule
from milepost.providers.provider import GPUsApart, Provider, Slices, load

__all__ = [
    "GPUsApart",
    "Provider",
    "Slice",
    "Slices",
    "billing_rule",
    "every_provider",
    "find_provider",
    "find_slice",
    "load",
    "provider_of",
]

PROVIDERS = {
    "aws": "milepost.providers.aws:AWS",
    "gcp": "milepost.providers.gcp:GCP",
    "azure": "milepost.providers.azure:AZURE",
    "lambda": "milepost.providers.lambda_cloud:LAMBDA",
    "runpod": "milepost.providers.runpod:RUNPOD",
    "nebius": "milepost.providers.nebius:NEBIUS",
    "vast": "milepost.providers.vast:VAST",
    "oci": "milepost.providers.oci:OCI",
}
"""Records by name, in the order in which their live price sources and metadata services are asked."""


def find_provider(name: str | None) -> Provider:
    """Return a provider's record; one that knows nothing where there is none."""
    known = PROVIDERS.get(name or "")
    return Provider(name=name or "") if known is None else load(known)


def every_provider() -> Iterator[Provider]:
    """Yield every record."""
    return map(find_provider, PROVIDERS)


class Slice(NamedTuple):
    """Accelerators that are a machine of their own.

    Attributes:
        name: Its type, and the model of the one accelerator that it is.
        provider: Whose it is.
        hosts: How many hosts it has; None where that is not known.
    """

    name: str
    provider: str
    hosts: int | None


def find_slice(name: str | None, provider: str | None = None) -> Slice | None:
    """Return the slice that a type or a model of accelerator names; None where it is none, or not this provider's."""
    for each in every_provider():
        if name and provider in (None, each.name) and each.slices is not None and each.slices.named.fullmatch(name):
            return Slice(name.lower(), each.name, each.slices.hosts(name))
    return None


def provider_of(instance_type: str) -> str | None:
    """Return the provider that has a type of this name, where a table knows it."""
    if machine := machines().get(instance_type):
        return machine.provider
    if found := find_slice(instance_type):
        return found.provider
    has_it = (each.name for each in every_provider() if each.types and instance_type in load(each.types)())
    return next(has_it, None)


def billing_rule(instance: Instance) -> BillingRule:
    """Return how an instance is billed, as its provider or its type tells; by the instant where neither is known."""
    provider = instance.provider or provider_of(instance.instance_type or "")
    return find_provider(provider).billing_rule(instance.market)
