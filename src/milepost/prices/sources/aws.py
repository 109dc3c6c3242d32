"""``aws``: on-demand and reserved prices from the Price List API, spot prices from EC2's spot price history.

Price List Query API: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
Spot price history: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
"""

import math
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from milepost.errors import MissingExtra, PriceUnavailable
from milepost.money.instance import Commitment, Instance, Market
from milepost.money.quote import PriceStep, Quote
from milepost.prices import aws_price_list
from milepost.prices.aws_price_list import FILTERS, Price
from milepost.prices.source import LivePriceSource, gpus_of
from milepost.providers.aws import AWS

T = TypeVar("T")

PRICE_LIST_REGIONS = ("us-east-1", "eu-central-1", "ap-south-1")
"""The only regions with a Price List endpoint, whatever region is asked about."""

SPOT_HISTORY = timedelta(days=90)
"""How far back AWS keeps spot prices."""

TIMEOUT_SECONDS = 5.0
ATTEMPTS = 3

CREDENTIAL_VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
)
CREDENTIAL_FILES = {
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_CONFIG_FILE": "~/.aws/config",
    "BOTO_CONFIG": "~/.boto",
}
"""Where boto3 looks, by the variable that names another place:
https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html"""

VENDOR_FILE = Path("/sys/devices/virtual/dmi/id/sys_vendor")
"""Says ``Amazon EC2`` on an instance, whose role may give credentials."""


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

    def get_instance_pricing(
        self, instance_type: str, use_spot: bool = False, *, zone: str | None = None, since: datetime | None = None
    ) -> Quote:
        """Return what an hour of a Linux instance costs.

        Args:
            instance_type: An EC2 type, such as ``p4d.24xlarge``.
            use_spot: The spot price in place of the on-demand price.
            zone: For spot: the availability zone, by its name or its id. Where not given, the dearest zone's price,
                assumed.
            since: For spot: from when on the changes of the price are wanted, as the quote's steps; the price of now
                where not given.

        Raises:
            PriceUnavailable: AWS did not answer, has no such price, or more than one; says which. Also where boto3
                is not installed or finds no credentials.
        """
        if use_spot:
            return self._spot(instance_type, zone, since)
        price = self._listed(instance_type, "on-demand", aws_price_list.on_demand)
        return self._quote(instance_type, price, zone, "on_demand")

    def get_reserved_pricing(self, instance_type: str, commitment: Commitment) -> Quote:
        """Return the effective hourly price of a reserved Linux instance: what is paid upfront is spread over the term.

        Raises:
            PriceUnavailable: As of `get_instance_pricing`.
        """
        what = f"{commitment.term} {commitment.offering_class} {commitment.payment} reserved".replace("_", " ")
        price = self._listed(instance_type, what, lambda product: aws_price_list.reserved(product, commitment))
        return self._quote(instance_type, price, None, "reserved")

    def get_spot_price_history(
        self, instance_type: str, since: datetime, *, zone: str | None = None
    ) -> dict[str, tuple[PriceStep, ...]]:
        """Return by zone the changes of the Linux spot price, in order, the last one before ``since`` included.

        A zone bears its id where AWS tells it: its name means another zone in every account.

        Args:
            instance_type: An EC2 type.
            since: Aware datetime; AWS keeps 90 days.
            zone: An availability zone, by its name or its id; every zone of the region where not given, local zones
                only where there are no others.

        Raises:
            PriceUnavailable: AWS did not answer, or has no such price.
        """
        changes = _answer(lambda: self._spot_changes(instance_type, since, zone), instance_type)
        ordinary = {place: steps for place, steps in changes.items() if AWS.is_ordinary(place)}
        if not changes:
            raise PriceUnavailable(f"AWS has no spot price of {instance_type} in {zone or self.region}")
        return ordinary if ordinary and zone is None else changes

    def _listed(self, instance_type: str, what: str, prices_of: Callable[[dict[str, Any]], Any]) -> float:
        """Return the one price that the Price List has."""
        prices: set[Price] = _answer(lambda: self._price_list(instance_type, prices_of), instance_type)
        if not prices:
            raise PriceUnavailable(f"AWS lists no {what} price of {instance_type} in {self.region}")
        if len(prices) > 1:
            found = ", ".join(f"{sku} at {usd} USD/h" for sku, usd in sorted(prices))
            raise PriceUnavailable(f"AWS lists more than one {what} price of {instance_type} in {self.region}: {found}")
        return prices.pop()[1]

    def _price_list(self, instance_type: str, prices_of: Callable[[dict[str, Any]], Any]) -> set[Price]:
        endpoint = self.region if self.region in PRICE_LIST_REGIONS else "us-east-1"
        pages = self._client("pricing", endpoint).get_paginator("get_products")
        asked = {"instanceType": instance_type, "regionCode": self.region, **FILTERS}
        # Some products bear an empty preInstalledSw: where none bears NA, those are asked for.
        for each in (asked, asked | {"preInstalledSw": ""}):
            products = aws_price_list.wanted(pages.paginate(**aws_price_list.question(each)), each)
            if prices := {price for product in products for price in prices_of(product)}:
                return prices
        return set()

    def _spot(self, instance_type: str, zone: str | None, since: datetime | None) -> Quote:
        now = datetime.now(UTC)
        kept = max(since or now, now - SPOT_HISTORY)
        history = self.get_spot_price_history(instance_type, kept, zone=zone)
        quotes = {
            place: self._quote(instance_type, steps[0].usd_per_hour, zone or place, "spot", steps=steps)
            for place, steps in history.items()
        }
        mean = {place: quote.mean_usd_per_hour(kept.timestamp(), now.timestamp()) for place, quote in quotes.items()}
        dearest, cheapest = max(mean, key=mean.__getitem__), min(mean, key=mean.__getitem__)
        quote = quotes[dearest]
        because = None
        if mean[dearest] > mean[cheapest]:
            because = (
                f"the zone is not known: that of {dearest} stands in, the dearest of {self.region} "
                f"({cheapest} is the cheapest, at {mean[cheapest]:.6g} USD/h)"
            )
        elif since is not None and since < kept:
            because = f"AWS keeps {SPOT_HISTORY.days} days of spot prices: the oldest of them stands in for before"
        if since is None:
            latest = quote.steps[-1].usd_per_hour
            quote = msgspec.structs.replace(quote, usd_per_hour=latest, steps=())
        return msgspec.structs.replace(quote, assumed=because is not None, assumed_because=because)

    def _spot_changes(self, instance_type: str, since: datetime, zone: str | None) -> dict[str, tuple[PriceStep, ...]]:
        asked: dict[str, Any] = {}
        if zone is not None:
            asked["AvailabilityZone" if zone.startswith(self.region) else "AvailabilityZoneId"] = zone
        pages = self._client("ec2", self.region).get_paginator("describe_spot_price_history")
        found: dict[str, dict[float, float]] = {}
        of_zone: set[str] = set()
        for page in pages.paginate(
            InstanceTypes=[instance_type], ProductDescriptions=["Linux/UNIX"], StartTime=since, **asked
        ):
            for change in page["SpotPriceHistory"]:
                usd = float(change["SpotPrice"])
                plain = change["InstanceType"] == instance_type and change["ProductDescription"] == "Linux/UNIX"
                if plain and 0 < usd < math.inf:
                    names = [change.get("AvailabilityZoneId"), change.get("AvailabilityZone")]
                    place = str(names[0] or names[1])
                    found.setdefault(place, {})[change["Timestamp"].timestamp()] = usd
                    of_zone |= {place} if zone in names else set()
        return {
            place: _steps(changes, since.timestamp())
            for place, changes in found.items()
            if not of_zone or place in of_zone
        }

    def _quote(
        self,
        instance_type: str,
        usd_per_hour: float,
        zone: str | None,
        market: Market,
        steps: tuple[PriceStep, ...] = (),
    ) -> Quote:
        return Quote(
            usd_per_hour=usd_per_hour,
            source=AWS.name,
            as_of=datetime.now(UTC).isoformat(timespec="seconds"),
            steps=steps,
            provider=AWS.name,
            instance_type=instance_type,
            region=self.region,
            zone=zone,
            market=market,
            **gpus_of(instance_type),  # type: ignore[arg-type]
        )

    def _client(self, service: str, region: str) -> Any:
        import boto3
        from botocore.config import Config

        limits = Config(
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},  # waits of random length in between
        )
        session = boto3.Session(profile_name=self._profile)
        return session.client(service, region_name=region, endpoint_url=self._endpoint_url, config=limits)


class AWSPrices(LivePriceSource):
    """Prices of EC2 instances, as AWS gives them to whoever has credentials."""

    name = AWS.name
    provider = AWS.name

    def why_not(self) -> str | None:
        """Say whether boto3 is missing, or anything that boto3 could take credentials from."""
        if not _may_have_credentials(os.environ):
            return "no AWS credentials are set up"
        return None if find_spec("boto3") else str(MissingExtra("boto3", "aws", "asking AWS for prices"))

    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        """Return the on-demand, spot or reserved price of an EC2 instance."""
        kind = (instance.instance_type or "").lower()  # as EC2 writes all of its types
        if instance.market == "capacity_block":
            raise PriceUnavailable("a capacity block is paid for in advance: give price_per_hour")
        if instance.market == "reserved" and instance.commitment is None:
            raise PriceUnavailable("of a reserved instance it needs term, offering_class and payment")
        client = AWSPricingClient(instance.region or AWS.reference_region or "")
        if instance.market == "reserved" and instance.commitment is not None:
            return client.get_reserved_pricing(kind, instance.commitment)
        return client.get_instance_pricing(kind, instance.market == "spot", zone=instance.zone, since=since)

    def history(self, instance: Instance, since: datetime) -> dict[str, tuple[PriceStep, ...]]:
        """Return how the spot price of an EC2 instance moved, by zone."""
        client = AWSPricingClient(instance.region or AWS.reference_region or "")
        return client.get_spot_price_history(instance.instance_type or "", since, zone=instance.zone)


def _may_have_credentials(environ: Mapping[str, str]) -> bool:
    """Say whether boto3 may find credentials: where there is no sign of any, it is not even imported."""
    if any(environ.get(name) for name in CREDENTIAL_VARIABLES):
        return True
    files = (environ.get(name) or usual for name, usual in CREDENTIAL_FILES.items())
    if any(os.path.isfile(os.path.expanduser(file)) for file in files):
        return True
    try:
        on_ec2 = "Amazon" in VENDOR_FILE.read_text()
    except OSError:
        on_ec2 = False
    return on_ec2 and environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true"


def _steps(changes: dict[float, float], since: float) -> tuple[PriceStep, ...]:
    """Return the changes after ``since``, and the last one before it, in order."""
    times = sorted(changes)
    before = [time for time in times if time <= since][-1:]
    return tuple(PriceStep(time, changes[time]) for time in times if time > since or time in before)


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
    raise PriceUnavailable(f"AWS could not be asked about {instance_type}: {kind}", failed=True)
