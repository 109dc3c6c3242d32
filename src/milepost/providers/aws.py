"""Amazon Web Services."""

import re

from milepost.money.quote import BillingRule
from milepost.providers.provider import PER_SECOND_FROM_A_MINUTE, Provider

AWS = Provider(
    name="aws",
    # Linux: per second, at least 60 s for each start. A spot instance that EC2 interrupts in its first hour is free;
    # one that its user stops is not.
    # https://aws.amazon.com/ec2/pricing/on-demand/
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/billing-for-interrupted-spot-instances.html
    billing={
        "*": PER_SECOND_FROM_A_MINUTE,
        "spot": BillingRule(granularity_seconds=1, minimum_seconds=60, free_if_reclaimed_within_seconds=3600),
    },
    reference_region="us-east-1",
    prices="milepost.prices.sources.aws:AWSPrices",
    metadata="milepost.instances.probes.aws:AWSMetadata",
    variables="milepost.instances.probes.sagemaker:from_sagemaker",
    # https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
    type_names=re.compile(
        r"[a-z][a-z0-9]*(-[a-z0-9]+)*\.(nano|micro|small|medium|large|\d*xlarge|metal(-\d+xl)?)", re.IGNORECASE
    ),
    # https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
    region_names=re.compile(
        r"(af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)(-(gov|iso[a-z]?|de))?-"
        r"(central|(north|south)(east|west)?|east|west)-\d",
        re.IGNORECASE,
    ),
    sold_otherwise={"ml.": "as SageMaker, not as EC2"},
    # By id or by name; not local and wavelength zones.
    # https://docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html
    ordinary_zone=re.compile(r"[a-z]+\d+-az\d+|[a-z]+(-[a-z]+)+-\d+[a-z]"),
)
