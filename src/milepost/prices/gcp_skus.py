"""Reads SKUs of Google's Cloud Billing Catalog: what each is, in which market, and what a unit of it costs.

Source: https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list
"""

import os
import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from milepost.errors import PriceUnavailable
from milepost.money.instance import Market
from milepost.prices.http import get_pages

URL = "https://cloudbilling.googleapis.com"
URL_VARIABLE = "MILEPOST_GCP_BILLING_URL"
KEY_VARIABLE = "MILEPOST_GCP_API_KEY"
KEY_HEADER = "X-Goog-Api-Key"
"""Takes the key in place of ``key=`` in the URL, which ends up in logs:
https://cloud.google.com/docs/authentication/api-keys-use"""

COMPUTE_ENGINE = "6F81-5844-456A"

SPOT = re.compile(r"\b(?:Spot|Preemptible)\b", re.IGNORECASE)
OTHER_OFFERS = re.compile(
    r"\b(?:Commit|Over-?commit|Custom|Premium|Reserv|Sole|Tenan|DWS|Flex|Calendar|Defined Duration|Upgrade|Suspend|"
    r"Licens|Windows|Workstation|Year)",
    re.IGNORECASE,
)
"""In a description: not what a plain machine costs that is there until it is deleted or taken back."""

Units = Annotated[str, msgspec.Meta(pattern=r"^\d{1,9}$")]
Nanos = Annotated[int, msgspec.Meta(ge=0, lt=10**9)]


class Money(msgspec.Struct, frozen=True, rename="camel"):
    """An amount: whole units as text, and billionths. One of the two alone is not taken for the whole."""

    currency_code: str
    units: Units
    nanos: Nanos

    @property
    def usd(self) -> float:
        """US dollars; 0 for any other currency."""
        return int(self.units) + self.nanos / 1e9 if self.currency_code == "USD" else 0.0


class Rate(msgspec.Struct, frozen=True, rename="camel"):
    """What a unit costs from an amount of use on."""

    unit_price: Money
    start_usage_amount: float = 0.0


class Expression(msgspec.Struct, frozen=True, rename="camel"):
    """Rates, and the unit they are for."""

    usage_unit: str
    tiered_rates: list[Rate]


class Pricing(msgspec.Struct, frozen=True, rename="camel"):
    """A price at one time."""

    pricing_expression: Expression


class Category(msgspec.Struct, frozen=True, rename="camel"):
    """Where a SKU belongs."""

    usage_type: str


class Sku(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that can be bought, in some regions; of its pricing, the last is in force."""

    sku_id: str
    description: str
    category: Category
    service_regions: list[str]
    pricing_info: Annotated[list[Pricing], msgspec.Meta(min_length=1)]

    @property
    def market(self) -> Market | None:
        """How it is paid for: some spot SKUs are marked as on-demand, and only their description says so."""
        if self.category.usage_type not in ("OnDemand", "Preemptible") or OTHER_OFFERS.search(self.description):
            return None
        is_spot = self.category.usage_type == "Preemptible" or SPOT.search(self.description)
        return "spot" if is_spot else "on_demand"

    def usd_per(self, unit: str) -> float:
        """Return the USD of one unit from the first on; 0 where it is free or sold by another unit."""
        expression = self.pricing_info[-1].pricing_expression
        if expression.usage_unit != unit:
            return 0.0
        return next((rate.unit_price.usd for rate in expression.tiered_rates if rate.start_usage_amount == 0), 0.0)


def api_key() -> str:
    """Return the key to ask with; empty without one."""
    return os.environ.get(KEY_VARIABLE, "").strip()


def every_sku() -> Iterator[Any]:
    """Yield every SKU of Compute Engine."""
    base = (os.environ.get(URL_VARIABLE) or URL).rstrip("/")
    for page in get_pages(
        f"{base}/v1/services/{COMPUTE_ENGINE}/skus",
        {"pageSize": "5000", "currencyCode": "USD"},
        next_page=lambda page: {"pageToken": str(token)} if (token := page.get("nextPageToken")) else None,
        headers={KEY_HEADER: api_key()},
    ):
        skus = page.get("skus", [])
        if not isinstance(skus, list):
            raise PriceUnavailable("GCP's answer is not of the expected form: its SKUs are not a list")
        yield from skus


def read(content: dict[str, Any]) -> Sku | None:
    """Return a SKU; None where it can't be read as one with a price."""
    try:
        return msgspec.convert(content, Sku)
    except msgspec.ValidationError:
        return None
