"""``azure``: prices of Linux virtual machines from the Azure Retail Prices API, which is public and takes no key.

Source: https://learn.microsoft.com/en-us/rest/api/cost-management/retail-prices/azure-retail-prices
"""

import math
import os
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from milepost.data import machines
from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance, Market
from milepost.money.quote import Quote
from milepost.prices.http import get_pages, why_no_http
from milepost.prices.source import LivePriceSource, gpus_of
from milepost.providers.azure import AZURE

URL = "https://prices.azure.com/api/retail/prices"
URL_VARIABLE = "MILEPOST_AZURE_PRICES_URL"

HOURS_A_YEAR = 8760

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", re.ASCII)
"""What a type or a region may look like: nothing that could end a text in a filter."""

SPOT = re.compile(r"\bSpot\b", re.IGNORECASE)
LOW_PRIORITY = re.compile(r"\bLow Priority\b", re.IGNORECASE)
OTHER_OFFERS = re.compile(r"\bWin(dows)?\b|Cloud ?Services|\bDedicated\b|\bExpired\b", re.IGNORECASE)
"""In the name of a product, SKU or meter. The last: not a Linux machine on shared hardware, or no longer sold."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A price of one meter. What Azure documents as optional may be missing or null."""

    arm_sku_name: str
    arm_region_name: str
    service_name: str
    product_name: str
    sku_name: str
    meter_name: str
    type: str
    currency_code: str
    unit_of_measure: str
    retail_price: float
    tier_minimum_units: float = 0.0
    meter_id: str | None = None
    is_primary_meter_region: bool | None = None
    reservation_term: str | None = None
    effective_start_date: Moment | None = None
    effective_end_date: Moment | None = None

    @property
    def names(self) -> str:
        """Its product's, SKU's and meter's names: what they say is said nowhere else."""
        return f"{self.product_name}, {self.sku_name}, {self.meter_name}"

    @property
    def market(self) -> Market | None:
        """How it is paid for; None for low priority and for what tests and development pay."""
        if self.type == "Reservation":
            return "reserved"
        if self.type != "Consumption" or LOW_PRIORITY.search(self.names):
            return None
        return "spot" if SPOT.search(self.names) else "on_demand"

    @property
    def years(self) -> int | None:
        """Years of its reservation; None without one."""
        term = re.fullmatch(r"([1-9]) years?", self.reservation_term or "", re.IGNORECASE)
        return int(term[1]) if term else None

    @property
    def usd_per_hour(self) -> float:
        """USD an hour. The price of a reservation is for its whole term, whatever unit is written beside it.

        How it is paid does not change it: monthly payments add up to what is paid upfront.
        Source: https://learn.microsoft.com/en-us/azure/cost-management-billing/reservations/prepare-buy-reservation
        """
        return self.retail_price / (HOURS_A_YEAR * self.years) if self.years else self.retail_price


class AzurePrices(LivePriceSource):
    """Retail prices of Azure's Linux virtual machines: on-demand, spot and reserved."""

    name = AZURE.name
    provider = AZURE.name

    def why_not(self) -> str | None:
        """Say whether httpx is missing."""
        return why_no_http()

    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        """Return the price of today; assumed where it was not yet in force ``since`` then, as Azure tells no older one.

        A reservation is found by its term alone: Azure has no offering classes, and charges the same however it is
        paid.
        """
        market = instance.market or "on_demand"
        if market == "capacity_block":
            raise PriceUnavailable("Azure has no capacity blocks")
        if market == "reserved" and instance.commitment is None:
            raise PriceUnavailable("of a reserved instance it needs the term: 1yr or 3yr")
        years = int(instance.commitment.term[0]) if market == "reserved" and instance.commitment else None
        kind = _azures_spelling(_checked("instance type", instance.instance_type, "Standard_ND96asr_v4"))
        region = AZURE.reference_region if instance.region is None else instance.region
        region = _checked("region", region, "eastus").lower()
        now = datetime.now(UTC)
        rows = [row for row in _ask(kind, region, market) if _is_wanted(row, kind, region, market, years, now)]
        row = _only_price(_in_force(rows), f"{_words(market, years)} price of {kind} in {region}")
        start = row.effective_start_date
        because = None
        if since is not None and start is not None and start > since:
            because = f"Azure tells only the price in force since {start.date()}: it stands in for before"
        gpus: dict[str, Any] = gpus_of(row.arm_sku_name) or {"gpus": instance.gpus, "gpu": instance.gpu}
        return Quote(
            usd_per_hour=row.usd_per_hour,
            source=self.name,
            as_of=now.isoformat(timespec="seconds"),
            assumed=because is not None,
            assumed_because=because,
            provider=self.provider,
            instance_type=row.arm_sku_name,
            region=region,
            market=market,
            **gpus,
        )


def _checked(what: str, found: str | None, example: str) -> str:
    if not NAME.fullmatch(found or ""):
        raise PriceUnavailable(f"{what}: found {(found or '')[:80]!r}, expected an Azure name such as {example}")
    return found or ""


def _azures_spelling(kind: str) -> str:
    """Return a type as Azure writes it, where it is known: from version 2023-01-01 on, filters are case-sensitive."""
    known = (machine.instance_type for machine in machines().values() if machine.provider == AZURE.name)
    return next((name for name in known if name.lower() == kind.lower()), kind)


def _ask(kind: str, region: str, market: Market) -> list[Row]:
    """Return the rows that Azure answers with and that can be read as prices."""
    asked = {
        "serviceName": "Virtual Machines",
        "armRegionName": region,
        "armSkuName": kind,
        "priceType": "Reservation" if market == "reserved" else "Consumption",
    }
    question = {"$filter": " and ".join(f"{field} eq '{value}'" for field, value in asked.items())}
    rows: list[Row] = []
    url = os.environ.get(URL_VARIABLE) or URL
    for page in get_pages(url, question, next_page=lambda page: page.get("NextPageLink")):
        items = page.get("Items")
        if not isinstance(items, list):
            raise PriceUnavailable("Azure's answer is not of the expected form: it has no list of Items")
        for item in items:
            try:
                rows.append(msgspec.convert(item, Row))
            except msgspec.ValidationError:  # a price that can't be read is none
                continue
    return rows


def _is_wanted(row: Row, kind: str, region: str, market: Market, years: int | None, now: datetime) -> bool:
    """Say whether a row is the plain Linux machine's as asked for: a server that knows a filter less sends others."""
    return (
        row.service_name == "Virtual Machines"
        and row.arm_sku_name.lower() == kind.lower()
        and row.arm_region_name.lower() == region
        and row.market == market
        and row.years == years
        and not OTHER_OFFERS.search(row.names)
        and row.currency_code == "USD"
        and (row.unit_of_measure == "1 Hour" or market == "reserved")
        and row.tier_minimum_units == 0
        and row.retail_price > 0  # finite it is, as every number in JSON
        and (row.effective_start_date is None or row.effective_start_date <= now)
        and (row.effective_end_date is None or row.effective_end_date > now)
    )


def _in_force(rows: list[Row]) -> list[Row]:
    """Return each meter's latest price, of the primary meters where there are any.

    Azure lists the meters that it bills by (primary ones) and others of the same machine. Where none is marked as
    primary, all are kept: one may be the only row there is.
    """
    latest: dict[tuple[str | None, str], float] = {}
    for row in rows:
        meter = (row.meter_id, row.names)
        latest[meter] = max(_start(row), latest.get(meter, -math.inf))
    kept = [row for row in rows if _start(row) == latest[row.meter_id, row.names]]
    return [row for row in kept if row.is_primary_meter_region] or kept


def _start(row: Row) -> float:
    return row.effective_start_date.timestamp() if row.effective_start_date else -math.inf


def _only_price(rows: list[Row], what: str) -> Row:
    """Return a row of the one price there is, the one in force for the longest."""
    if not rows:
        raise PriceUnavailable(f"Azure lists no {what}")
    found = sorted({(row.usd_per_hour, row.meter_name[:60], row.product_name[:60]) for row in rows})
    if found[0][0] != found[-1][0]:
        listed = "; ".join(f"{meter} ({product}) at {usd:.6g} USD/h" for usd, meter, product in found[:6])
        raise PriceUnavailable(f"Azure lists more than one {what}: {listed}")
    return min(rows, key=_start)


def _words(market: Market, years: int | None) -> str:
    return f"{years}-year reserved" if years else market.replace("_", "-")
