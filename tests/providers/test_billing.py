import pytest

from milepost.money.instance import Instance, Market
from milepost.providers import billing_rule


@pytest.mark.parametrize(
    ("provider", "market", "ran_seconds", "reclaimed", "billed_seconds"),
    [
        ("aws", "on_demand", 12.0, False, 60.0),
        ("aws", "on_demand", 61.2, False, 62.0),
        ("aws", "reserved", 3600.5, False, 3601.0),
        ("aws", "spot", 3599.0, True, 0.0),
        ("aws", "spot", 3599.0, False, 3599.0),
        ("aws", "spot", 3601.0, True, 3601.0),
        ("gcp", "spot", 30.0, True, 0.0),
        ("gcp", "spot", 30.0, False, 60.0),
        ("gcp", "on_demand", 30.0, True, 60.0),
        ("azure", "spot", 30.2, True, 31.0),
        ("lambda", "on_demand", 61.0, False, 120.0),
        ("runpod", None, 61.5, False, 62.0),
        ("cellar", "on_demand", 61.5, False, 61.5),
        (None, None, 61.5, False, 61.5),
    ],
)
def test_time_is_billed_as_its_provider_documents(
    provider: str | None, market: Market | None, ran_seconds: float, reclaimed: bool, billed_seconds: float
) -> None:
    rule = billing_rule(Instance(provider=provider, market=market))
    assert rule.billed_seconds(ran_seconds, reclaimed=reclaimed) == billed_seconds
