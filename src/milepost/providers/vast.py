"""Vast."""

from milepost.providers.provider import PER_SECOND, Provider

VAST = Provider(
    name="vast",
    # Its catalog has NVIDIA's names without spaces, and without the form of the card.
    gpu_names={
        "A4000": "RTXA4000",
        "A4500": "RTXA4500",
        "A5000": "RTXA5000",
        "A6000": "RTXA6000",
        "H100-NVL": "H100",
        "H200-NVL": "H200",
    },
    billing={"*": PER_SECOND},  # every second that an instance is active: https://vast.ai/docs/billing/billing
)
