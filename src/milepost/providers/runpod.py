"""RunPod."""

from milepost.providers.provider import PER_SECOND, Provider

RUNPOD = Provider(
    name="runpod",
    billing={"*": PER_SECOND},  # https://docs.runpod.io/accounts-billing/billing
    # Its catalog is named after RunPod's display names: the PCIe cards of H100 and A100 have no mark, the others have.
    gpu_names={
        "A100-80GB": "A100-80GB-SXM",
        "A100-80GB-PCIE": "A100-80GB",
        "H100": "H100-SXM",
        "H100-PCIE": "H100",
        "H100-NVL": "H100-NVL",
        "H200": "H200-SXM",
        "V100": "V100-SXM2",
        "V100-32GB": "V100-SXM2-32GB",
        "A4000": "RTXA4000",
        "A4500": "RTXA4500",
        "A5000": "RTXA5000",
        "A6000": "RTXA6000",
    },
    variables="milepost.instances.probes.runpod:from_runpod",
)
