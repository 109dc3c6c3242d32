"""What a GPU is called: by NVIDIA's driver, by Milepost's tables, and in each provider's catalog.

A *model* is Milepost's name of one card, such as ``H100`` (the SXM module) beside ``H100-PCIE`` and ``H100-NVL``. Most
catalogs have one name for several of them.

Product names: https://docs.nvidia.com/datacenter/tesla/drivers/supported-drivers-and-cuda-toolkit-versions.html
and https://docs.runpod.io/references/gpu-types. Names in catalogs: SkyPilot 0.14's ``sky/catalog/data_fetchers``.
"""

import re
from functools import cache
from typing import NamedTuple

from milepost.data import gpu_memory_gb
from milepost.providers import every_provider, find_provider

VENDOR = re.compile(r"(?:(?:NVIDIA|AMD|GRID|Tesla|GeForce|Quadro|Instinct)[ -]+)+", re.IGNORECASE)

PRODUCTS = tuple(
    (re.compile(rf"(?:{pattern})(?![A-Za-z0-9])", re.IGNORECASE), model)
    for pattern, model in (
        (r"RTX[ -](\d{4})(?:[ -]SFF)?[ -]Ada", r"RTX\1-Ada"),
        (r"RTX[ -]PRO[ -](\d{4})\b.*Max-Q", r"RTXPRO\1-MaxQ"),
        (r"RTX[ -]PRO[ -](\d{4})\b.*Workstation", r"RTXPRO\1-WK"),
        (r"RTX[ -]PRO[ -](\d{4})", r"RTXPRO\1"),
        (r"RTX[ -]A(\d{4})", r"A\1"),
        (r"RTX[ -](\d{4})[ -]Ti[ -]SUPER", r"RTX\1-Ti-SUPER"),
        (r"RTX[ -](\d{4})[ -]Ti", r"RTX\1-Ti"),
        (r"RTX[ -](\d{4})[ -]SUPER", r"RTX\1-SUPER"),
        (r"RTX[ -](\d{4})", r"RTX\1"),
        (r"A100.*80GB.*PCIe|A100.*PCIe.*80GB", "A100-80GB-PCIE"),
        (r"A100.*80GB|A100D", "A100-80GB"),
        (r"A100.*PCIe.*40GB|A100.*40GB.*PCIe", "A100-PCIE"),
        (r"A100.*40GB|A100(?=-\d+[ABCQ]$|$)", "A100"),
        (r"H100.*NVL", "H100-NVL"),
        (r"H100.*(?:PCIe|HBM2e)", "H100-PCIE"),
        (r"H200.*NVL", "H200-NVL"),
        (r"V100.*32GB", "V100-32GB"),
        (r"V100.*16GB", "V100"),
        (r"MI(\d{3}[AX]?)(?:[ -]OAM)?", r"MI\1"),
        (r"([GB]H?[B]?[23]00|H[12]00|L40S|L40|L4|T4G?|P100|P40|P4|K80|M60|A10G|A10|A16|A2|A30|A40|V100)", r"\1"),
    )
)
"""Products, without the names of vendor and brand, and their models."""

VIRTUAL = re.compile(r"-(\d+)[ABCQ]$")
"""A part of a card, by its GB of memory: https://docs.nvidia.com/vgpu/latest/grid-vgpu-user-guide/index.html"""

USUAL = {"H100-PCIE": "H100", "A100-80GB-PCIE": "A100-80GB", "A100-PCIE": "A100"}
"""What catalogs call a model that has no name of its own there."""


SPEC = re.compile(r"\s*([A-Za-z][\w .+-]*?)\s*:\s*(\d+(?:\.\d+)?)\s*", re.ASCII)


class Card(NamedTuple):
    """What a product is: its model, and which part of one card it is."""

    model: str
    part: float = 1.0


def card_of(product: str) -> Card:
    """Return the model of a product, such as ``H100`` of ``NVIDIA H100 80GB HBM3``; the product itself if not known.

    A virtual GPU is a part of a card: ``NVIDIA A10-4Q`` has 4 of its 24 GB.
    """
    name = VENDOR.sub("", product.strip(), count=1) if VENDOR.match(product.strip()) else product.strip()
    found = ((pattern.match(name), model) for pattern, model in PRODUCTS)
    model = next((match.expand(model) for match, model in found if match), name)
    virtual = VIRTUAL.search(name)
    memory = gpu_memory_gb().get(model)
    if virtual is None or memory is None or not 0 < int(virtual[1]) <= memory:
        return Card(model)
    return Card(model, round(int(virtual[1]) / memory, 3))


def gpus_named(text: str | None) -> tuple[str, float] | None:
    """Return model and number of what names GPUs in place of an instance type, such as ``H100:8``; None if nothing."""
    written = SPEC.fullmatch(text or "")
    if written is None or float(written[2]) == 0:
        return None
    number = float(written[2])
    return written[1], int(number) if number.is_integer() else number


def model_named(name: str) -> str:
    """Return the model that somebody means: by its name, its product's, or the name that a catalog has for it alone."""
    return _own_names().get(name.casefold()) or card_of(name).model


def name_at(provider: str | None, model: str) -> str:
    """Return what a provider's catalog calls a model; its usual name where that has no other, or is not known."""
    names = find_provider(provider).gpu_names
    return names.get(model) or USUAL.get(model, model)


def model_at(provider: str | None, name: str) -> str:
    """Return which model a provider's catalog means by a name: RunPod's ``H100`` is the PCIe card."""
    theirs = {own.casefold(): model for model, own in find_provider(provider).gpu_names.items()}
    return theirs.get(name.casefold()) or _own_names().get(name.casefold(), name)


def theirs(provider: str | None, wanted: str) -> str:
    """Return what a provider's catalog calls the GPU that is asked for by whichever name.

    A name that the provider itself has means what that provider means by it.
    """
    own = {name.casefold() for name in find_provider(provider).gpu_names.values()}
    return wanted if wanted.casefold() in own else name_at(provider, model_named(wanted))


def is_called(provider: str | None, name: str, wanted: str) -> bool:
    """Say whether a provider's ``name`` of a GPU is what is asked for, by that name or by another of the same model.

    Upper and lower case are alike.
    """
    return bool(name) and name.casefold() in (wanted.casefold(), theirs(provider, wanted).casefold())


@cache
def _own_names() -> dict[str, str]:
    """Return each model by its name, and by each that some catalog has for it and that is no other model's."""
    pairs = [(model, name) for provider in every_provider() for model, name in provider.gpu_names.items()]
    models = {*gpu_memory_gb(), *(model for model, _ in pairs)}
    theirs = {name.casefold(): model for model, name in pairs if name not in models}
    return {**theirs, **{model.casefold(): model for model in models}}
