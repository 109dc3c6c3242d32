"""Microsoft Azure."""

from milepost.providers.provider import PER_SECOND, Provider

AZURE = Provider(
    name="azure",
    # Per second. Of a minimum its pages and its support say different things (none, 60 s, 300 s): none here.
    # https://azure.microsoft.com/pricing/details/virtual-machines/linux/
    billing={"*": PER_SECOND},
    gpu_names={"H100-NVL": "H100"},  # NCads_H100_v5: https://learn.microsoft.com/azure/virtual-machines/ncads-h100-v5
    reference_region="eastus",
    prices="milepost.prices.sources.azure:AzurePrices",
    metadata="milepost.instances.probes.azure:AzureMetadata",
)
