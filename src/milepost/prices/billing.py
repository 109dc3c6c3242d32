"""How providers turn the time that an instance ran into time that they bill.

The rule of a provider is data: one row of `RULES`, with its source beside it.
"""

from milepost.instance import Instance
from milepost.quote import BillingRule

RULES: dict[tuple[str, str], BillingRule] = {
    # Linux: per second, at least 60 s for each start. A spot instance that EC2 interrupts in its first hour is free;
    # one that its user stops is not.
    # https://aws.amazon.com/ec2/pricing/on-demand/
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html
    ("aws", "spot"): BillingRule(granularity_seconds=1, minimum_seconds=60, free_if_reclaimed_within_seconds=3600),
    ("aws", "*"): BillingRule(granularity_seconds=1, minimum_seconds=60),
}
"""By provider and market; ``*`` stands for every market without a row of its own."""


def billing_rule(instance: Instance) -> BillingRule:
    """Return how an instance is billed; by the instant where its provider's rule is not known."""
    provider = instance.provider or ""
    return RULES.get((provider, instance.market or "on_demand")) or RULES.get((provider, "*")) or BillingRule()
