"""Bundled tables: what a machine type is, and, apart from that, what it costs. Sources are in README.md beside them."""

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)
V = TypeVar("V")


class ByType(Mapping[str, V]):
    """What is known of instance types, by type: found whatever its case, told as its provider writes it."""

    def __init__(self, rows: dict[str, V]) -> None:
        self._rows = rows
        self._written = {kind.casefold(): kind for kind in rows}

    def __getitem__(self, kind: str) -> V:
        return self._rows[self._written[kind.casefold()]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def written(self, kind: str) -> str | None:
        """Return a type as its provider writes it; None where it is not among these."""
        return self._written.get(kind.casefold())


class Machine(msgspec.Struct, frozen=True):
    """What an instance type is.

    Attributes:
        instance_type: The provider's name for it.
        provider: ``aws``, ``gcp``, ``azure`` or ``lambda``.
        gpu: Model of its accelerators, such as ``A100-80GB``.
        gpus: How many it has; a fraction where it has a part of one.
        gpu_memory_gb: GB of memory of each.
        interconnect: How they are connected in the machine: ``nvlink``, ``neuronlink`` or ``pcie``; None for a single
            one, and where that is not known.
    """

    instance_type: str
    provider: str
    gpu: str
    gpus: int | float
    gpu_memory_gb: float | None = None
    interconnect: str | None = None


class ListPrice(msgspec.Struct, frozen=True):
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


class GPU(msgspec.Struct, frozen=True):
    """What a model of GPU is.

    Attributes:
        model: As of its `Machine`, or a card that catalogs have under another's name, such as ``H100-PCIE``.
        memory_gb: GB of memory of one, as its maker writes it.
    """

    model: str
    memory_gb: int


class FallbackPrice(msgspec.Struct, frozen=True):
    """A row of the documented fallback table: AWS, Linux, no region, not all of it AWS's list price.

    Attributes:
        instance_type: An EC2 type.
        on_demand_usd_per_hour: USD an hour for one instance.
        spot_usd_per_hour: USD an hour for one spot instance.
    """

    instance_type: str
    on_demand_usd_per_hour: float
    spot_usd_per_hour: float


class GCPShape(msgspec.Struct, frozen=True, kw_only=True):
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
    gpu: str = ""
    gpus: int | None = None
    local_ssd_gib: int


@cache
def machines() -> ByType[Machine]:
    """Return what is known of instance types, by type."""
    return ByType({each.instance_type: each for each in _rows("machines.csv", Machine)})


@cache
def gpu_memory_gb() -> dict[str, int]:
    """Return GB of memory of one GPU, by model."""
    return {each.model: each.memory_gb for each in _rows("gpus.csv", GPU)}


@cache
def list_prices() -> ByType[list[ListPrice]]:
    """Return list prices by type; the first of each is that of its reference region."""
    prices: dict[str, list[ListPrice]] = {}
    for price in _rows("list_prices.csv", ListPrice):
        prices.setdefault(price.instance_type, []).append(price)
    return ByType(prices)


@cache
def fallback_prices() -> ByType[FallbackPrice]:
    """Return the documented fallback table, by type."""
    return ByType({each.instance_type: each for each in _rows("fallback_prices.csv", FallbackPrice)})


@cache
def gcp_shapes() -> ByType[GCPShape]:
    """Return the shapes of Compute Engine's machine types, by type."""
    return ByType({each.instance_type: each for each in _rows("gcp_shapes.csv", GCPShape)})


def _rows(name: str, kind: type[S]) -> list[S]:
    text = resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return [msgspec.convert({k: v for k, v in row.items() if v}, kind, strict=False) for row in rows]  # numbers as text
