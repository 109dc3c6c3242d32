"""``gcp``: prices of Compute Engine's machines, put together from the SKUs of the Cloud Billing Catalog.

The catalog prices vCPUs, GiB of memory, GPUs and GiB of local SSD apart; how many of each a machine type has stands in
the bundled table of shapes. A price is the sum of all parts, or none at all.

Source: https://cloud.google.com/skus/sku-groups (how SKUs are named).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from milepost.data import GCPShape, gcp_shapes
from milepost.errors import PriceUnavailable, nearest
from milepost.money.instance import Instance, Market
from milepost.money.quote import Quote
from milepost.prices.gcp_skus import KEY_VARIABLE, api_key, every_sku, read
from milepost.prices.http import why_no_http
from milepost.prices.source import LivePriceSource
from milepost.providers.gcp import GCP

HOURS_A_MONTH = 730
"""What Google reckons with where a price is per month: https://cloud.google.com/compute/all-pricing"""

CORES_AND_MEMORY: dict[str, tuple[str, ...]] = {
    "a2": ("A2 Instance",),
    "a3": ("A3 Instance",),
    "a3plus": ("A3Plus Instance",),
    "a3ultra": ("A3Ultra Instance",),
    "a4": (),  # its GPUs' SKU is the whole machine
    "c2": ("Compute optimized", "Compute optimized Instance"),  # the second in newer regions
    "c3": ("C3 Instance",),
    "e2": ("E2 Instance",),
    "g2": ("G2 Instance",),
    "g4": ("G4 Instance",),
    "n1": ("N1 Predefined Instance",),
    "n2": ("N2 Instance",),
    "n2d": ("N2D AMD Instance",),
}
"""What the SKUs of a family's vCPUs and memory begin with; ``Core`` or ``Ram`` follows."""

GPUS: dict[str, tuple[str, ...]] = {
    "A100": ("Nvidia Tesla A100 GPU",),
    "A100-80GB": ("Nvidia Tesla A100 80GB GPU",),
    "B200": ("A4 Nvidia B200 (1 gpu slice)",),
    "H100": ("Nvidia H100 80GB GPU",),
    "H100-MEGA": ("Nvidia H100 80GB Mega GPU", "Nvidia H100 Mega 80GB GPU", "Nvidia H100 80GB Plus GPU"),  # by region
    "H200": ("H200 141GB GPU", "Nvidia H200 141GB GPU"),
    "L4": ("Nvidia L4 GPU",),
    "P100": ("Nvidia Tesla P100 GPU",),
    "P4": ("Nvidia Tesla P4 GPU",),
    "RTXPRO6000": ("RTX 6000 96GB",),
    "T4": ("Nvidia Tesla T4 GPU",),
    "V100": ("Nvidia Tesla V100 GPU",),
}
"""What the SKUs of a GPU begin with."""

ATTACHABLE = {"P100": (1, 2, 4), "P4": (1, 2, 4), "T4": (1, 2, 4), "V100": (1, 2, 4, 8)}
"""Which GPUs, and how many, can be attached to N1: https://cloud.google.com/compute/docs/gpus#n1-gpus"""

ATTACHED = re.compile(r"(?:NVIDIA[ -])?(?:TESLA[ -])?(\w+?)(?:-(?:SXM2|PCIE)-16GB)?", re.ASCII)
"""Such a GPU as Google, NVIDIA's driver or SkyPilot write it; not a virtual workstation (-VWS), which costs more."""

LOCAL_SSD = ("SSD backed Local Storage",)

IN_A_PLACE = " running in .+"
IN_ANY_PLACE = "(?: (?:running )?in .+)?"
"""The oldest regions' local SSD has a SKU that names no place."""


class Part(NamedTuple):
    """A part of a machine that is priced by itself: ``amount`` of it at the price of its SKU's ``unit``."""

    what: str
    description: re.Pattern[str]
    unit: str
    amount: float
    hours: int = 1

    @classmethod
    def named(cls, what: str, names: tuple[str, ...], *rest: Any, place: str = IN_A_PLACE) -> "Part":
        """Return a part whose SKUs bear one of these names, with what Google writes around it for spot."""
        name = "|".join(re.escape(name) for name in names)
        spot = "(?: attached to Spot Preemptible VMs?)?"
        return cls(what, re.compile(f"(?:Spot Preemptible )?(?:{name}){spot}{place}", re.IGNORECASE), *rest)


class GCPPrices(LivePriceSource):
    """List prices of Compute Engine's machines, on-demand and spot, by region; the same in all of its zones.

    They are before sustained-use discounts, which N1, N2, N2D and C2 earn by running for much of a month:
    https://cloud.google.com/compute/docs/sustained-use-discounts
    """

    name = GCP.name
    provider = GCP.name

    def why_not(self) -> str | None:
        """Say whether the API key or httpx is missing."""
        return why_no_http() if api_key() else f"no API key is set: {KEY_VARIABLE}"

    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        """Return the price of today, whatever ``since``: the catalog is not asked for those of the past.

        On N1, whose GPUs are attached by hand, the instance has to say how many it has: 0, or which. Without that
        there is no price, as that of the host alone would be too low.
        """
        market = instance.market or "on_demand"
        if market not in ("on_demand", "spot"):
            raise PriceUnavailable("committed use is priced by contract: give price_per_hour")
        shape = _with_gpus(_shape(instance.instance_type), instance)
        zone_region = instance.zone.rpartition("-")[0] if instance.zone else ""
        region = (instance.region or zone_region or GCP.reference_region or "").lower()
        return Quote(
            usd_per_hour=_usd_per_hour(shape, market, region),
            source=self.name,
            as_of=datetime.now(UTC).isoformat(timespec="seconds"),
            provider=self.provider,
            instance_type=shape.instance_type,
            region=region,
            zone=instance.zone,
            market=market,
            gpus=shape.gpus,
            gpu=shape.gpu or None,
        )


def _shape(kind: str | None) -> GCPShape:
    shapes = gcp_shapes()
    if kind is None or kind.lower() not in shapes:
        hint = nearest((kind or "").lower(), shapes, cutoff=0.8)
        raise PriceUnavailable(f"it does not know of what {(kind or '')[:80]!r} is made up{hint}")
    return shapes[kind.lower()]


def _with_gpus(shape: GCPShape, instance: Instance) -> GCPShape:
    """Return a shape with the GPUs that are attached to it by hand, where it has such."""
    if shape.gpus is not None:
        return shape
    if instance.gpus is None:
        raise PriceUnavailable(f"GPUs may be attached to {shape.instance_type}: say how many (0 for none), and which")
    if instance.gpus == 0:
        return msgspec.structs.replace(shape, gpus=0)
    written = ATTACHED.fullmatch((instance.gpu or "").upper())
    model = written[1] if written else ""
    if instance.gpus not in ATTACHABLE.get(model, ()):
        found = f"{instance.gpus} × {(instance.gpu or 'an unknown GPU')[:80]}"
        known = ", ".join(f"{'/'.join(map(str, counts))} × {name}" for name, counts in ATTACHABLE.items())
        raise PriceUnavailable(f"GPUs of {shape.instance_type}: found {found}, expected one of {known}")
    return msgspec.structs.replace(shape, gpu=model, gpus=instance.gpus)


def _parts(shape: GCPShape) -> Iterator[Part]:
    """Yield all that a machine is made up of."""
    if names := CORES_AND_MEMORY[shape.family]:
        family = names[0].removesuffix(" Instance")
        yield Part.named(f"{family} cores", tuple(f"{name} Core" for name in names), "h", shape.vcpus)
        yield Part.named(f"{family} memory", tuple(f"{name} Ram" for name in names), "GiBy.h", shape.memory_gib)
    if shape.gpus:
        yield Part.named(f"{shape.gpu} GPUs", GPUS[shape.gpu], "h", shape.gpus)
    if shape.local_ssd_gib:
        unit = ("GiBy.mo", shape.local_ssd_gib, HOURS_A_MONTH)
        yield Part.named("local SSD", LOCAL_SSD, *unit, place=IN_ANY_PLACE)


def _usd_per_hour(shape: GCPShape, market: Market, region: str) -> float:
    """Return the sum of all parts.

    Raises:
        PriceUnavailable: A part has no price, or more than one; says which.
    """
    parts = list(_parts(shape))
    found: list[dict[float, str]] = [{} for _ in parts]
    for content in every_sku():
        description = content.get("description") if isinstance(content, dict) else None
        if not isinstance(description, str):
            continue
        for part, prices in zip(parts, found, strict=True):
            if part.description.fullmatch(description) and (sku := read(content)):
                usd = sku.usd_per(part.unit)
                if usd > 0 and sku.market == market and region in sku.service_regions:
                    prices.setdefault(usd, sku.sku_id[:40])
    faults = [fault for part, prices in zip(parts, found, strict=True) if (fault := _fault(part, prices))]
    if faults:
        words = market.replace("_", "-")
        raise PriceUnavailable(f"no {words} price of {shape.instance_type} in {region}: {'; '.join(faults)}")
    return sum(part.amount * next(iter(prices)) / part.hours for part, prices in zip(parts, found, strict=True))


def _fault(part: Part, prices: dict[float, str]) -> str | None:
    """Say why a part has not exactly one price; None where it has."""
    if not prices:
        return f"GCP lists none of {part.what}"
    if len(prices) > 1:
        listed = ", ".join(f"{sku} at {usd:.9g} USD/{part.unit}" for usd, sku in sorted(prices.items()))
        return f"GCP lists more than one of {part.what}: {listed}"
    return None
