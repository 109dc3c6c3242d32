"""What a catalog has that names no instance type: accelerators that are machines of their own, and GPUs without a host.

Only a provider that prices accelerators apart has such rows (`GPUsApart`, `Slices`).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from milepost.money.instance import Instance
from milepost.prices.catalogs.catalog import Catalog, Row
from milepost.providers import find_provider, find_slice


class Sold(NamedTuple):
    """A machine as a catalog sells it.

    Attributes:
        rows: Those of its type.
        node: Which GPUs it has, where the type does not tell.
        because: Why its price is assumed.
    """

    rows: Sequence[Row]
    node: Instance = Instance(gpus=0)
    because: str | None = None


def rows_of(catalog: Catalog, cloud: str, kind: str) -> list[Row]:
    """Return the rows of a type, also of one that is an accelerator by itself.

    Raises:
        PriceUnavailable: A row of its is broken.
    """
    found = find_slice(kind, cloud)
    if found is None:
        return catalog.of_type(kind)
    rows = catalog.of_accelerator(found.name)
    return [row._replace(instance_type=found.name) for row in rows if not row.instance_type]


def sold_apart(catalog: Catalog, cloud: str, rows: Iterable[Row]) -> Iterator[Sold]:
    """Yield as what the accelerators of rows without a type are sold: by themselves, or on a host that stands in."""
    for gpu, gpus in dict.fromkeys((row.gpu, int(row.gpus or 0)) for row in rows if not row.instance_type):
        if found := find_slice(gpu, cloud):
            yield Sold(rows_of(catalog, cloud, found.name))
        elif host := _host(catalog, cloud, gpu, gpus):
            kind = host[0].instance_type
            because = f"which host the {gpus} × {gpu} are on is not known: {kind}, the cheapest that is fit, stands in"
            yield Sold(host, Instance(gpu=gpu, gpus=gpus), because)


def _host(catalog: Catalog, cloud: str, gpu: str, gpus: int) -> list[Row]:
    """Return the rows of the cheapest host for these GPUs, as SkyPilot chooses it; none where they take no host.

    It has virtual CPUs by their number, and memory by these; where the catalog has none with that memory, one with
    less stands in.
    """
    apart = find_provider(cloud).gpus_apart
    vcpus = None if apart is None else apart.attached.get(gpu, {}).get(gpus)
    if apart is None or vcpus is None:
        return []
    fitting = [rows for rows in catalog.types_like(apart.may_have_gpus) if (rows[0].vcpus or 0) >= vcpus]
    roomy = [rows for rows in fitting if (rows[0].memory_gib or 0) >= vcpus * apart.gib_per_vcpu]
    return min(roomy or fitting, key=_lowest_usd, default=[])


def _lowest_usd(rows: Sequence[Row]) -> float:
    return min((row.usd_per_hour for row in rows if row.usd_per_hour is not None), default=math.inf)
