"""Google Cloud."""

import re

from milepost.money.quote import BillingRule
from milepost.providers.provider import PER_SECOND_FROM_A_MINUTE, GPUsApart, Provider, Slices

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
    # https://cloud.google.com/compute/docs/machine-resource
    type_names=re.compile(
        r"[a-z]\d+[a-z]*-(standard|high(mem|cpu|gpu)|(mega|ultra|max|edge)gpu|(mega|ultra|hyper)mem|custom|micro|small"
        r"|medium)(-[a-z0-9-]+)?",
        re.IGNORECASE,
    ),
    # https://cloud.google.com/compute/docs/regions-zones
    region_names=re.compile(
        r"(us|northamerica|southamerica|europe|asia|australia|me|africa)-(central|(north|south)(east|west)?|east|west)\d+",
        re.IGNORECASE,
    ),
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
        # The host that SkyPilot 0.14 chooses (``sky/catalog/gcp_catalog.py``); how many can be attached:
        # https://cloud.google.com/compute/docs/gpus#n1-gpus
        attached={
            "K80": {1: 4, 2: 8, 4: 16, 8: 32},
            "P100": {1: 8, 2: 16, 4: 32},
            "P4": {1: 8, 2: 16, 4: 32},
            "T4": {1: 4, 2: 8, 4: 48},
            "V100": {1: 8, 2: 16, 4: 32, 8: 64},
        },
        gib_per_vcpu=4,
    ),
    # TPU VMs cost what their TPUs do. A name counts cores (v2 to v4, v5p: two a chip) or chips (v5e, v6e); a host has
    # four chips, or all eight of a v5e or v6e slice that has no more.
    # https://cloud.google.com/tpu/docs/system-architecture-tpu-vm, https://cloud.google.com/tpu/docs/v5e,
    # https://cloud.google.com/tpu/docs/v6e
    slices=Slices(
        named=re.compile(r"tpu-(?P<kind>v\d+[a-z]*)-(?P<size>\d{1,6})", re.IGNORECASE),
        on_a_host={"v2": (8, 8), "v3": (8, 8), "v4": (8, 8), "v5p": (8, 8), "v5litepod": (8, 4), "v6e": (8, 4)},
    ),
)
