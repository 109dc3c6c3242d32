"""Bundled tables: what a machine type is, and, apart from that, what it costs. Sources are in README.md beside them."""

import csv
from functools import cache
from importlib import resources
from typing import NamedTuple


class Machine(NamedTuple):
    """What an instance type is.

    Attributes:
        instance_type: The provider's name for it.
        provider: ``aws``, ``gcp``, ``azure`` or ``lambda``.
        gpu: Model of its accelerators, such as ``A100-80GB``.
        gpus: How many it has.
    """

    instance_type: str
    provider: str
    gpu: str
    gpus: int


class ListPrice(NamedTuple):
    """An on-demand list price, for Linux.

    Attributes:
        provider: As of its `Machine`.
        instance_type: The provider's name for it.
        region: The provider's region; ``*`` where the price is the same in all.
        usd_per_hour: USD an hour for one instance.
        as_of: The year in which it was true.
    """

    provider: str
    instance_type: str
    region: str
    usd_per_hour: float
    as_of: str


class FallbackPrice(NamedTuple):
    """A row of the documented fallback table: AWS, Linux, no region, not all of it AWS's list price.

    Attributes:
        instance_type: An EC2 type.
        on_demand_usd_per_hour: USD an hour for one instance.
        spot_usd_per_hour: USD an hour for one spot instance.
    """

    instance_type: str
    on_demand_usd_per_hour: float
    spot_usd_per_hour: float


class GCPShape(NamedTuple):
    """Out of what a Compute Engine machine type is made up, as far as each part is billed by itself.

    Attributes:
        instance_type: Google's name for it.
        family: Whose cores and memory it has, in lower case, such as ``a3plus``: not always the first part of its name.
        vcpus: Virtual CPUs.
        memory_gib: GiB of memory.
        gpu: Model of its GPUs, as of its `Machine`; empty where it has none, or where they are attached by hand.
        gpus: How many come with it; None where they are attached by hand, so that the type does not tell.
        local_ssd_gib: GiB of the local SSDs that come with it and are billed beside the rest.
    """

    instance_type: str
    family: str
    vcpus: int
    memory_gib: float
    gpu: str
    gpus: int | None
    local_ssd_gib: int


@cache
def machines() -> dict[str, Machine]:
    """Return what is known of instance types, by type."""
    return {
        row["instance_type"]: Machine(row["instance_type"], row["provider"], row["gpu"], int(row["gpus"]))
        for row in _rows("machines.csv")
    }


@cache
def list_prices() -> dict[str, list[ListPrice]]:
    """Return list prices by type; the first of each is that of its reference region."""
    prices: dict[str, list[ListPrice]] = {}
    for row in _rows("list_prices.csv"):
        price = ListPrice(**{**row, "usd_per_hour": float(row["usd_per_hour"])})  # type: ignore[arg-type]
        prices.setdefault(price.instance_type, []).append(price)
    return prices


@cache
def fallback_prices() -> dict[str, FallbackPrice]:
    """Return the documented fallback table, by type."""
    return {
        row["instance_type"]: FallbackPrice(
            row["instance_type"], float(row["on_demand_usd_per_hour"]), float(row["spot_usd_per_hour"])
        )
        for row in _rows("fallback_prices.csv")
    }


@cache
def gcp_shapes() -> dict[str, GCPShape]:
    """Return the shapes of Compute Engine's machine types, by type."""
    return {
        row["instance_type"]: GCPShape(
            row["instance_type"],
            row["family"],
            int(row["vcpus"]),
            float(row["memory_gib"]),
            row["gpu"],
            int(row["gpus"]) if row["gpus"] else None,
            int(row["local_ssd_gib"]),
        )
        for row in _rows("gcp_shapes.csv")
    }


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
