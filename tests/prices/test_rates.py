"""Discounts by provider, family or type, and rates that were agreed on under a name."""

from typing import Any

import pytest

from milepost.config import Config
from milepost.errors import ConfigError
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.book import PriceBook
from milepost.pricing import Terms

P5 = Instance(provider="aws", instance_type="p5.48xlarge", region="us-east-1", market="on_demand")


def quote(prices: str, instance: Instance = P5, **fields: Any) -> Quote:
    settings = Config.loads(f"thresholds: []\nprices: {prices}")
    assert Config.loads(settings.dumps()) == settings
    found = Terms(settings).price(Instance(**({"market": "on_demand"} | fields)) if fields else instance).quote
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("discount", "usd"),
    [
        ("0.1", 55.04 * 0.9),
        ("{aws: 0.1}", 55.04 * 0.9),
        ("{AWS: 0.1, p5: 0.2}", 55.04 * 0.8),
        ("{aws: 0.1, p5: 0.2, p5.48xlarge: 0.5}", 55.04 * 0.5),
        ("{gcp: 0.1, p5en: 0.2, p: 0.3, p4d: 0.4}", 55.04),
    ],
)
def test_discount_of_the_narrowest_name_is_taken_off(discount: str, usd: float) -> None:
    found = quote(f"{{discount: {discount}}}")
    assert found.usd_per_hour == pytest.approx(usd)
    assert (found.rate, found.source) == (None, "list")


def test_families_of_other_providers() -> None:
    gcp: dict[str, Any] = {"instance_type": "a2-highgpu-1g"}
    azure: dict[str, Any] = {"instance_type": "Standard_ND96asr_v4"}
    assert quote("{discount: {a2: 0.5}}", **gcp).usd_per_hour == pytest.approx(3.67339 / 2)
    assert quote("{discount: {a2-highgpu: 0.5, gcp: 0.1}}", **gcp).usd_per_hour == pytest.approx(3.67339 / 2)
    assert quote("{discount: {ND96asr: 0.5}}", **azure).usd_per_hour == pytest.approx(27.197 / 2)


def test_rate_that_was_agreed_on_is_shown_by_its_name() -> None:
    plan = "{rates: [{name: Compute Savings Plan 1yr, provider: aws, machines: p5, usd_per_hour: 40.5}], discount: 0.1}"
    found = quote(plan)
    assert (found.usd_per_hour, found.source, found.rate, found.assumed) == (
        40.5,
        "user",
        "Compute Savings Plan 1yr",
        False,
    )
    assert quote(plan, instance_type="p4d.24xlarge").rate is None
    cud = "{rates: [{name: CUD 3yr, provider: gcp, machines: a2, region: us-central1, discount: 0.55}], discount: 0.1}"
    found = quote(cud, instance_type="a2-highgpu-1g", region="us-central1")
    assert found.usd_per_hour == pytest.approx(3.67339 * 0.45)
    assert (found.rate, found.source) == ("CUD 3yr", "list")
    assert quote(cud, instance_type="a2-megagpu-16g", region="us-east4").rate is None


def test_discount_is_that_of_what_is_paid_for_and_not_of_what_stands_in() -> None:
    of_gcp: dict[str, Any] = {"provider": "gcp", "instance_type": "a2-ultragpu-8g"}  # for which azure's stands in
    assert quote("{discount: {azure: 0.5}}", **of_gcp).usd_per_hour == 32.77
    assert quote("{discount: {gcp: 0.5}}", **of_gcp).usd_per_hour == 32.77 / 2


def test_rate_is_for_on_demand_machines_and_gives_way_to_the_users_price() -> None:
    rates = [{"name": "plan", "usd_per_hour": 0.5}]
    settings = Config.loads(f"thresholds: []\nprices: {{rates: {rates}}}")
    spot = Instance(instance_type="g5.4xlarge", market="spot")
    assert PriceBook.of(settings.prices).quote(spot).usd_per_hour == 0.727  # type: ignore[arg-type]
    own = PriceBook.of(settings.prices, price_per_hour=2.0).quote(P5)  # type: ignore[arg-type]
    assert (own.usd_per_hour, own.rate) == (2.0, None)


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ("{discount: {aws: 1.0}}", "discount.aws: found 1.0"),
        ("{discount: -0.1}", "discount: found -0.1"),
        ("{rates: [{name: x}]}", "usd_per_hour: found None, expected either it or discount"),
        ("{rates: [{name: x, usd_per_hour: 1, discount: 0.1}]}", "usd_per_hour: found 1.0, expected either"),
        ("{rates: [{name: x, discount: 2}]}", "discount: found 2"),
        ("{rates: [{name: ' ', discount: 0.2}]}", "name: found ' '"),
        ("{rates: [{name: x, discont: 0.2}]}", "'discount'"),
    ],
)
def test_what_is_wrong_is_said(prices: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.loads(f"thresholds: []\nprices: {prices}")
    assert said in str(caught.value)
