"""RunPod."""

from milepost.providers.provider import PER_SECOND, Provider

RUNPOD = Provider(
    name="runpod",
    billing={"*": PER_SECOND},  # https://docs.runpod.io/accounts-billing/billing
    variables="milepost.instances.probes.runpod:from_runpod",
)
