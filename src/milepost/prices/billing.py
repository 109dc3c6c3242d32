"""How providers turn the time that an instance ran into time that they bill.

The rule of a provider is data: one row of `RULES`, with its source beside it.
"""

from milepost.money.instance import Instance
from milepost.money.quote import BillingRule

_PER_SECOND = BillingRule(granularity_seconds=1)
_PER_SECOND_FROM_A_MINUTE = BillingRule(granularity_seconds=1, minimum_seconds=60)

RULES: dict[tuple[str, str], BillingRule] = {
    # AWS, Linux: per second, at least 60 s for each start. A spot instance that EC2 interrupts in its first hour is
    # free; one that its user stops is not.
    # https://aws.amazon.com/ec2/pricing/on-demand/
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html
    ("aws", "*"): _PER_SECOND_FROM_A_MINUTE,
    ("aws", "spot"): BillingRule(granularity_seconds=1, minimum_seconds=60, free_if_reclaimed_within_seconds=3600),
    # Google Cloud: per second, at least a minute; a spot VM that is preempted within its first minute is free.
    # https://cloud.google.com/compute/vm-instance-pricing
    # https://cloud.google.com/compute/docs/instances/spot
    ("gcp", "*"): _PER_SECOND_FROM_A_MINUTE,
    ("gcp", "spot"): BillingRule(granularity_seconds=1, minimum_seconds=60, free_if_reclaimed_within_seconds=60),
    # Azure: per second. Of a minimum its pages and its support say different things (none, 60 s, 300 s): none here.
    # https://azure.microsoft.com/pricing/details/virtual-machines/linux/
    ("azure", "*"): _PER_SECOND,
    # Lambda: in increments of one minute. https://docs.lambda.ai/public-cloud/billing
    ("lambda", "*"): BillingRule(granularity_seconds=60),
    # RunPod: per second. https://docs.runpod.io/accounts-billing/billing
    ("runpod", "*"): _PER_SECOND,
    # Nebius: per second. https://docs.nebius.com/compute/resources/pricing
    ("nebius", "*"): _PER_SECOND,
    # Vast: for every second that an instance is active. https://vast.ai/docs/billing/billing
    ("vast", "*"): _PER_SECOND,
}
"""By provider and market; ``*`` stands for every market without a row of its own."""


def billing_rule(instance: Instance) -> BillingRule:
    """Return how an instance is billed; by the instant where its provider's rule is not known."""
    provider = instance.provider or ""
    return RULES.get((provider, instance.market or "on_demand")) or RULES.get((provider, "*")) or BillingRule()
