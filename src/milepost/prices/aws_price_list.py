"""Reads products of AWS's Price List: which of them is the plain one, and what its terms cost an hour.

Source: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from milepost.money.instance import Commitment

FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
    "marketoption": "OnDemand",
}
"""What tells the plain on-demand product from unused reservations, capacity blocks, Windows and bundled software."""

HOURS_A_YEAR = 8760

Price = tuple[str, float]
"""SKU and USD an hour."""


def question(asked: dict[str, str]) -> dict[str, Any]:
    """Return the parameters of ``get_products`` for these attributes; an empty value is one not filtered by."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in asked.items() if value]
    return {"ServiceCode": "AmazonEC2", "Filters": filters, "FormatVersion": "aws_v1"}


def wanted(pages: Iterable[dict[str, Any]], asked: dict[str, str]) -> list[dict[str, Any]]:
    """Return the products that are as asked: a server that knows a filter less answers with more."""
    products = [json.loads(product) for page in pages for product in page["PriceList"]]
    return [each for each in products if _is_wanted(each["product"].get("attributes", {}), asked)]


def on_demand(product: dict[str, Any]) -> Iterator[Price]:
    """Yield the prices of its on-demand terms; zero and other currencies are passed over."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            usd = _usd(dimension)
            if dimension["unit"] == "Hrs" and usd > 0:
                yield product["product"]["sku"], usd


def reserved(product: dict[str, Any], commitment: Commitment) -> Iterator[Price]:
    """Yield the effective hourly prices of its reserved terms: what is paid upfront is spread over the term.

    A year has 8,760 hours, as in AWS's own effective hourly prices:
    https://aws.amazon.com/ec2/pricing/reserved-instances/pricing/
    """
    for term in product.get("terms", {}).get("Reserved", {}).values():
        attributes = {name: str(value).replace(" ", "_").lower() for name, value in term["termAttributes"].items()}
        if (
            attributes.get("LeaseContractLength", "").replace("_", "") != commitment.term
            or attributes.get("OfferingClass") != commitment.offering_class
            or attributes.get("PurchaseOption") != commitment.payment
        ):
            continue
        usd = {"Hrs": 0.0, "Quantity": 0.0}
        for dimension in term["priceDimensions"].values():
            usd[dimension["unit"]] += _usd(dimension)
        hourly = usd["Hrs"] + usd["Quantity"] / (HOURS_A_YEAR * int(commitment.term[0]))
        if hourly > 0:
            yield product["product"]["sku"], hourly


def _is_wanted(attributes: dict[str, str], asked: dict[str, str]) -> bool:
    plain = "UnusedBox" not in attributes.get("usagetype", "") and attributes.get("operation") == "RunInstances"
    return plain and all(attributes.get(field, value) == value for field, value in asked.items())


def _usd(dimension: dict[str, Any]) -> float:
    """Return the USD of a price dimension; 0 where it has none."""
    usd = float(dimension["pricePerUnit"].get("USD", 0.0))
    return usd if 0 < usd < math.inf else 0.0
