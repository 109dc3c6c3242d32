"""What RunPod's variables tell of a pod: how many GPUs of which model, and in which data centre.

Source: https://docs.runpod.io/pods/templates/environment-variables
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote_plus

from milepost.instances.environment import read, text, whole
from milepost.instances.probe import Placement
from milepost.money.instance import Instance
from milepost.providers.gpu_names import card_of, name_at

DATA_CENTRE = re.compile(r"(?:(?P<country>US|CA)-[A-Z]+|(?:AP|EUR?|OC|SEA)-(?P<inside>[A-Z]{2}))-\d+")


def from_runpod(environ: Mapping[str, str]) -> Placement:
    """Return what ``RUNPOD_GPU_COUNT``, ``RUNPOD_GPU_NAME`` and ``RUNPOD_DC_ID`` say; nothing outside of a pod.

    The data centre is a zone; its country, which its name holds, is what SkyPilot's catalog calls a region. No variable
    tells the market, or whether the pod is in the secure or the community cloud, so its type and price are not known.
    """
    if not environ.get("RUNPOD_POD_ID", "").strip():
        return Placement()
    place = read(environ, "RUNPOD_DC_ID", text, "a data centre, such as EU-RO-1")
    instance = Instance.known(
        {
            "provider": "RUNPOD_POD_ID",
            "region": "RUNPOD_DC_ID",
            "zone": "RUNPOD_DC_ID",
            "gpus": "RUNPOD_GPU_COUNT",
            "gpu": "RUNPOD_GPU_NAME",
        },
        provider="runpod",
        region=_country(place or ""),
        zone=place,
        gpus=read(environ, "RUNPOD_GPU_COUNT", whole, "a whole number, 0 or more"),
        gpu=_model(environ.get("RUNPOD_GPU_NAME", "")),
    )
    return Placement(instance=instance)


def _country(data_centre: str) -> str | None:
    """Return the country of ``US-KS-2``, ``CA-MTL-1``, ``EU-RO-1`` or ``SEA-SG-1``; None where none is told.

    As SkyPilot 0.14 has them (``REGION_ZONES`` of ``sky/catalog/data_fetchers/fetch_runpod.py``): a state or a city
    follows two countries, and a part of the world goes before all others.
    """
    found = DATA_CENTRE.fullmatch(data_centre.upper())
    return found and (found["country"] or found["inside"])


def _model(name: str) -> str | None:
    """Return what RunPod's catalog calls a GPU: RunPod sets this variable without documenting it.

    It is written as in a URL: ``NVIDIA+A40``.
    """
    product = unquote_plus(name).strip()
    return (
        name_at("runpod", card_of(product).model) if product.isascii() and product.isprintable() and product else None
    )
