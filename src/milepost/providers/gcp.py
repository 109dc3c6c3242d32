"""Google Cloud."""

import re

from milepost.money.quote import BillingRule
from milepost.providers.provider import PER_SECOND_FROM_A_MINUTE, GPUsApart, Provider

GCP = Provider(
    name="gcp",
    # Per second, at least a minute; a spot VM that is preempted within its first minute is free.
    # https://cloud.google.com/compute/vm-instance-pricing
    # https://cloud.google.com/compute/docs/instances/spot
    billing={
        "*": PER_SECOND_FROM_A_MINUTE,
        "spot": BillingRule(granularity_seconds=1, minimum_seconds=60, free_if_reclaimed_within_seconds=60),
    },
    reference_region="us-central1",
    prices="milepost.prices.sources.gcp:GCPPrices",
    metadata="milepost.instances.probes.gcp:GCPMetadata",
    types="milepost.data:gcp_shapes",
    gpus_apart=GPUsApart(
        # Accelerator-optimized machine types: https://cloud.google.com/compute/docs/accelerator-optimized-machines
        with_gpus=re.compile(r"(a|g)([2-9]|[1-9]\d)x?-|ct\d|tpu"),
        other_gpus=re.compile(r"-edgegpu-|-nolssd$"),
        may_have_gpus=re.compile(r"n1-"),  # https://cloud.google.com/compute/docs/gpus
        # The catalog has those of A3: it is off by 1 to 4 % (see ``milepost/data/README.md``).
        other_hosts=re.compile(r"a3-(mega|ultra)gpu-"),
        # Spot VMs and GPUs cost 9 to 40 % of on-demand (https://cloud.google.com/compute/docs/instances/spot). In the
        # catalog they cost up to 51 %, and then 76 % and more: of rates of commitments and flex-start that it took for
        # on-demand ones (see ``milepost/data/README.md``).
        highest_spot_share=2 / 3,
    ),
)
