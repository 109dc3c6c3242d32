"""Vast."""

from milepost.providers.provider import PER_SECOND, Provider

VAST = Provider(
    name="vast",
    billing={"*": PER_SECOND},  # every second that an instance is active: https://vast.ai/docs/billing/billing
)
