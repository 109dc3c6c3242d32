"""What is known of a provider, in one record: how it bills, who tells its prices, and who tells of its machines."""

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal

import msgspec

from milepost.money.instance import Market
from milepost.money.quote import BillingRule

PER_SECOND = BillingRule(granularity_seconds=1)
PER_SECOND_FROM_A_MINUTE = BillingRule(granularity_seconds=1, minimum_seconds=60)


class GPUsApart(msgspec.Struct, frozen=True, kw_only=True):
    """What SkyPilot's catalog of a provider is like that prices hosts and accelerators by rows of their own.

    Attributes:
        with_gpus: Types that have accelerators, each its own number.
        other_gpus: Of those, types for which the catalog's rows of GPUs are not meant.
        may_have_gpus: Types to which GPUs can be attached.
        other_hosts: Types whose host the catalog reckons at the rates of another machine series.
        highest_spot_share: The most of its on-demand price that a part can cost as spot: where it costs more, the
            on-demand price is suspect.
        attached: GPUs that are put on hosts of those types by hand, and by their number how many virtual CPUs the host
            has at least, where nobody says which it is.
        gib_per_vcpu: How much memory such a host has at least.
    """

    with_gpus: re.Pattern[str]
    other_gpus: re.Pattern[str]
    may_have_gpus: re.Pattern[str]
    other_hosts: re.Pattern[str]
    highest_spot_share: float
    attached: Mapping[str, Mapping[int, int]]
    gib_per_vcpu: float


class Slices(msgspec.Struct, frozen=True, kw_only=True):
    """Accelerators that are machines of their own, priced whole: a slice is one node, of one or several hosts.

    Attributes:
        named: Tells their names, which are their types; its groups ``kind`` and ``size`` say what they are.
        on_a_host: By kind, the largest size that one host has by itself, and how much of a larger one each host has.
    """

    named: re.Pattern[str]
    on_a_host: Mapping[str, tuple[int, int]]

    def hosts(self, name: str) -> int | None:
        """Return how many hosts a slice has; None where that is not known, or it is none."""
        found = self.named.fullmatch(name)
        if found is None or (sizes := self.on_a_host.get(found["kind"].lower())) is None:
            return None
        size = int(found["size"])
        return 1 if size <= sizes[0] else -(-size // sizes[1])


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider. What is not known of it is left out.

    Attributes:
        name: As an instance's ``provider`` names it, in lower case.
        billing: How it bills, by market; ``*`` stands for every market without a rule of its own.
        reference_region: The region whose prices its pages show first: taken where the region is not known.
        prices: Its live price source, which bears its name: ``module:class`` of a `LivePriceSource`.
        metadata: Who tells what a machine of its is: ``module:class`` of a `Probe`.
        variables: What its machines' environment tells: ``module:function`` that returns a `Placement`.
        types: Names of its instance types beyond the table of machines: ``module:function`` that returns a collection.
        type_names: What its instance types look like: a name that does not is none that it will ever have.
        region_names: What its regions look like.
        sold_otherwise: Types that are not sold as its machines are, by how their names begin, and what they are: no
            price of its machines stands in for theirs.
        ordinary_zone: Tells its availability zones from others, which have prices of their own.
        gpu_names: What SkyPilot's catalog of it calls models of GPUs, where that is not the usual name.
        gpus_apart: What its catalog is like, where that prices GPUs apart from their hosts.
        slices: Its accelerators that are machines of their own.
    """

    name: str
    billing: Mapping[Market | Literal["*"], BillingRule] = {}
    reference_region: str | None = None
    prices: str | None = None
    metadata: str | None = None
    variables: str | None = None
    types: str | None = None
    type_names: re.Pattern[str] | None = None
    region_names: re.Pattern[str] | None = None
    sold_otherwise: Mapping[str, str] = {}
    ordinary_zone: re.Pattern[str] | None = None
    gpu_names: Mapping[str, str] = {}
    gpus_apart: GPUsApart | None = None
    slices: Slices | None = None

    def billing_rule(self, market: Market | None) -> BillingRule:
        """Return how it bills a machine; by the instant where its rule is not known."""
        return self.billing.get(market or "on_demand") or self.billing.get("*") or BillingRule()

    def may_have(self, kind: str) -> bool:
        """Say whether this looks like one of its instance types; where nobody says what they look like, none does."""
        return self.type_names is not None and self.type_names.fullmatch(kind) is not None

    def is_ordinary(self, zone: str) -> bool:
        """Say whether this is a zone as most of its are."""
        return self.ordinary_zone is None or not zone or self.ordinary_zone.fullmatch(zone) is not None


def load(reference: str) -> Any:
    """Return what a record refers to as ``module:name``."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
