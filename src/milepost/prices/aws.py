"""AWS: on-demand prices from the Price List API, spot prices from EC2's spot price history.

Price List Query API: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
Spot price history: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
"""

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

from milepost.data import machines
from milepost.errors import MissingExtra, PriceUnavailable
from milepost.quote import Quote

T = TypeVar("T")

PRICE_LIST_REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
"""The only regions with a Price List endpoint, whatever region is asked about."""

FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
    "marketoption": "OnDemand",
}
"""What tells the plain on-demand product from unused reservations, capacity blocks, Windows and bundled software."""

TIMEOUT_SECONDS = 5.0


class AWSPricingClient:
    """Asks AWS what an instance costs an hour. Each call goes over the network: not for the training thread.

    Args:
        region: The region whose prices are asked for.
        profile: Profile of boto3's; boto3's own chain of credentials where not given.
        endpoint_url: Where to ask, in place of AWS; ``AWS_ENDPOINT_URL_PRICING`` and ``AWS_ENDPOINT_URL_EC2`` are
            read by boto3 itself.
    """

    def __init__(
        self, region: str = "us-east-1", profile: str | None = None, *, endpoint_url: str | None = None
    ) -> None:
        self.region = region
        self._profile = profile
        self._endpoint_url = endpoint_url

    def get_instance_pricing(self, instance_type: str, use_spot: bool = False, *, zone: str | None = None) -> Quote:
        """Return what an hour of a Linux instance costs now.

        Args:
            instance_type: An EC2 type, such as ``p4d.24xlarge``.
            use_spot: The spot price in place of the on-demand price.
            zone: For spot: the availability zone, by its name or its id. Where not given, the dearest zone's price,
                assumed.

        Raises:
            PriceUnavailable: AWS did not answer, has no such price, or more than one; says which. Also where boto3
                is not installed or finds no credentials.
        """
        ask = self._spot if use_spot else self._on_demand
        return _answer(lambda: ask(instance_type, zone), instance_type)

    def _on_demand(self, instance_type: str, zone: str | None) -> Quote:
        endpoint = self.region if self.region in PRICE_LIST_REGIONS else "us-east-1"
        pages = self._client("pricing", endpoint).get_paginator("get_products")
        asked = {"instanceType": instance_type, "regionCode": self.region, **FILTERS}
        # Some products bear an empty preInstalledSw: where none bears NA, those are asked for.
        prices = _prices(pages, asked) or _prices(pages, asked | {"preInstalledSw": ""})
        if not prices:
            raise PriceUnavailable(f"AWS lists no on-demand price of {instance_type} in {self.region}")
        if len(prices) > 1:
            found = ", ".join(f"{sku} at {usd} USD/h" for sku, usd in sorted(prices))
            raise PriceUnavailable(f"AWS lists more than one price of {instance_type} in {self.region}: {found}")
        return self._quote(instance_type, prices.pop()[1], zone, "on_demand")

    def _spot(self, instance_type: str, zone: str | None) -> Quote:
        now = datetime.now(UTC)
        asked: dict[str, Any] = {}
        if zone is not None:
            asked["AvailabilityZone" if zone.startswith(self.region) else "AvailabilityZoneId"] = zone
        pages = self._client("ec2", self.region).get_paginator("describe_spot_price_history")
        latest: dict[str, tuple[datetime, float]] = {}
        for page in pages.paginate(
            InstanceTypes=[instance_type], ProductDescriptions=["Linux/UNIX"], StartTime=now, **asked
        ):
            for change in page["SpotPriceHistory"]:
                found = (change["Timestamp"], float(change["SpotPrice"]))
                place = change["AvailabilityZone"]
                plain = change["InstanceType"] == instance_type and change["ProductDescription"] == "Linux/UNIX"
                if plain and 0 < found[1] < math.inf:
                    latest[place] = max(found, latest.get(place, found))
        if not latest:
            where = zone or self.region
            raise PriceUnavailable(f"AWS has no spot price of {instance_type} in {where}")
        dearest = max(latest, key=lambda place: latest[place][1])
        cheapest = min(latest, key=lambda place: latest[place][1])
        because = None
        if zone is None and len(latest) > 1:
            because = (
                f"the zone is not known: that of {dearest} stands in, the dearest of {self.region} "
                f"({cheapest} is the cheapest, at {latest[cheapest][1]} USD/h)"
            )
        return self._quote(instance_type, latest[dearest][1], zone or dearest, "spot", because)

    def _quote(
        self, instance_type: str, usd_per_hour: float, zone: str | None, market: Any, because: str | None = None
    ) -> Quote:
        machine = machines().get(instance_type)
        return Quote(
            usd_per_hour=usd_per_hour,
            source="aws",
            as_of=datetime.now(UTC).isoformat(timespec="seconds"),
            assumed=because is not None,
            assumed_because=because,
            provider="aws",
            instance_type=instance_type,
            region=self.region,
            zone=zone,
            market=market,
            gpus=machine.gpus if machine else None,
            gpu=machine.gpu if machine else None,
        )

    def _client(self, service: str, region: str) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(
            connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 2}
        )
        session = boto3.Session(profile_name=self._profile)
        return session.client(service, region_name=region, endpoint_url=self._endpoint_url, config=limits)


def _answer(ask: Callable[[], T], instance_type: str) -> T:
    """Return what AWS answers; what goes wrong on the way is a price that is not available.

    A botocore message may quote what it sent. Only the kind of fault is passed on, so that no credential is.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError
    except ImportError:
        raise PriceUnavailable(str(MissingExtra("boto3", "aws", "asking AWS for prices"))) from None
    try:
        return ask()
    except ClientError as error:
        kind = f"ClientError {str(error.response.get('Error', {}).get('Code', ''))[:60]}"
    except (BotoCoreError, ResponseParserError, OSError) as error:  # OSError: a file of credentials that can't be read
        kind = type(error).__name__
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        kind = f"its answer is not of the expected form ({type(error).__name__})"
    raise PriceUnavailable(f"AWS could not be asked about {instance_type}: {kind}")


def _prices(pages: Any, asked: dict[str, str]) -> set[tuple[str, float]]:
    """Return SKU and USD an hour of every product that is as asked; an empty value is one not filtered by."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in asked.items() if value]
    products = [
        json.loads(product)
        for page in pages.paginate(ServiceCode="AmazonEC2", Filters=filters, FormatVersion="aws_v1")
        for product in page["PriceList"]
    ]
    # A server that knows a filter less answers with more than was asked for.
    wanted = [each for each in products if _is_wanted(each["product"].get("attributes", {}), asked)]
    return {price for product in wanted for price in _hourly_prices(product)}


def _is_wanted(attributes: dict[str, str], asked: dict[str, str]) -> bool:
    plain = "UnusedBox" not in attributes.get("usagetype", "") and attributes.get("operation") == "RunInstances"
    return plain and all(attributes.get(field, value) == value for field, value in asked.items())


def _hourly_prices(product: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield SKU and USD an hour of a product's on-demand terms; zero and other currencies are passed over."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            usd = float(dimension["pricePerUnit"].get("USD", 0.0))
            if dimension["unit"] == "Hrs" and 0 < usd < math.inf:
                yield product["product"]["sku"], usd
