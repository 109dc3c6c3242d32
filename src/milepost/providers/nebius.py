"""Nebius."""

from milepost.providers.provider import PER_SECOND, Provider

NEBIUS = Provider(
    name="nebius",
    billing={"*": PER_SECOND},  # https://docs.nebius.com/compute/resources/pricing
)
