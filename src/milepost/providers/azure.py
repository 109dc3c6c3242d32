"""Microsoft Azure."""

import re

from milepost.providers.provider import PER_SECOND, Provider

AZURE = Provider(
    name="azure",
    # Per second. Of a minimum its pages and its support say different things (none, 60 s, 300 s): none here.
    # https://azure.microsoft.com/pricing/details/virtual-machines/linux/
    billing={"*": PER_SECOND},
    gpu_names={"H100-NVL": "H100"},  # NCads_H100_v5: https://learn.microsoft.com/azure/virtual-machines/ncads-h100-v5
    reference_region="eastus",
    # https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
    type_names=re.compile(r"(standard|basic)_[a-z]+\d+[a-z0-9_-]*", re.IGNORECASE),
    # https://learn.microsoft.com/azure/reliability/regions-list
    region_names=re.compile(
        r"(us(gov|dod)?(east|west|central|virginia|arizona|texas)|((north|south|west)central|central|east|west)us\d?"
        r"|(east|southeast)asia|(north|west)europe|(central|south|west)india"
        r"|(australia|austria|belgium|brazil|canada|chile|china|denmark|finland|france|germany|greece|indonesia|israel"
        r"|italy|japan|jioindia|korea|malaysia|mexico|newzealand|norway|poland|qatar|saudiarabia|southafrica|spain|sweden"
        r"|switzerland|taiwan|uae|uk)(north|south|east|west|central|southeast|westcentral)\d?)(euap)?",
        re.IGNORECASE,
    ),
    prices="milepost.prices.sources.azure:AzurePrices",
    metadata="milepost.instances.probes.azure:AzureMetadata",
)
