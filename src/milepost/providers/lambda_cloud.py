"""Lambda."""

from milepost.money.quote import BillingRule
from milepost.providers.provider import Provider

LAMBDA = Provider(
    name="lambda",
    # In increments of one minute: https://docs.lambda.ai/public-cloud/billing
    billing={"*": BillingRule(granularity_seconds=60)},
)
