import logging
import math
from typing import Any

import pytest

from milepost.errors import ConfigError, PriceUnavailable, UnknownName
from milepost.log import Once
from milepost.money.instance import Instance
from milepost.prices import chain as chain_module
from milepost.prices.book import PriceBook


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "MILEPOST_MARKET", "MILEPOST_NUM_NODES", "SKYPILOT_NUM_NODES", "SKYPILOT_USE_SPOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(chain_module, "_assumed", Once("prices"))


def ask(instance_type: str | None = None, *, sources: Any = None, strict: bool = False, **fields: Any) -> Any:
    """Sources are names of price sources, or say where the fields are known from."""
    known_from, named = (sources, None) if isinstance(sources, dict) else ({}, sources)
    instance = Instance(instance_type=instance_type, **fields, sources=known_from)
    quote = PriceBook(sources=named, strict=strict).quote(instance)
    return quote.usd_per_hour, quote.source, quote.assumed


def test_list_comes_before_fallback() -> None:
    assert ask("g5.4xlarge") == (1.624, "list", False)
    assert ask("g5.4xlarge", sources=["fallback"]) == (2.424, "fallback", True)


def test_spot_offline_is_known_to_the_fallback_only() -> None:
    assert ask("g5.4xlarge", market="spot") == (0.727, "fallback", True)


def test_region_that_the_table_lacks_is_substituted_and_said() -> None:
    assert ask("g6.4xlarge", region="eu-central-1") == (1.65466, "list", False)
    quote = PriceBook().quote(Instance(instance_type="g5.4xlarge", region="eu-west-1"))
    assert (quote.usd_per_hour, quote.region, quote.assumed) == (1.624, "us-east-1", True)
    assert quote.assumed_because == (
        "no on-demand price of g5.4xlarge in eu-west-1 is known: that of us-east-1 stands in"
    )
    quote = PriceBook().quote(Instance(instance_type="g6.4xlarge", region="ap-south-1"))  # the dearest of three
    assert (quote.usd_per_hour, quote.region, quote.assumed) == (1.65466, "eu-central-1", True)
    assert quote.assumed_because == (
        "no on-demand price of g6.4xlarge in ap-south-1 is known: that of eu-central-1 stands in, the dearest of 3 "
        "(us-east-1 is the cheapest, at 1.3232 USD/h)"
    )


def test_lambda_costs_the_same_in_every_region() -> None:
    quote = PriceBook().quote(Instance(instance_type="gpu_8x_a100", region="us-west-9", provider="lambda"))
    assert (quote.usd_per_hour, quote.region, quote.assumed) == (15.92, "us-west-9", False)


def test_unknown_type_does_not_look_priced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert ask("quantum.9xlarge", sources=["list", "default"]) == (1.624, "default", True)
            assert ask("quantum.9xlarge", sources={"instance_type": "SKYPILOT_INSTANCE_TYPE"}) == (
                1.624,
                "default",
                True,
            )
    assert len(caplog.records) == 1
    assert "'quantum.9xlarge'" in caplog.text
    with pytest.raises(UnknownName, match=r"found 'quantum\.9xlarge', which is no type that anybody asked knows"):
        ask("quantum.9xlarge")
    with pytest.raises(PriceUnavailable, match=r"quantum.9xlarge.*list: it does not know.*default: not asked"):
        ask("quantum.9xlarge", strict=True)


def test_known_type_without_a_spot_price_is_not_priced_as_another_type() -> None:
    quote = PriceBook().quote(Instance(instance_type="p4d.24xlarge", market="spot"))
    assert (quote.usd_per_hour, quote.source, quote.assumed) == (21.957642, "default", True)
    assert quote.assumed_because == (
        "no spot price of p4d.24xlarge is known: its on-demand list price stands in, the most that spot costs"
    )
    quote = PriceBook().quote(Instance(instance_type="p4d.24xlarge", market="spot", region="ap-south-1"))
    assert (quote.usd_per_hour, quote.region) == (27.43298, "eu-central-1")  # the dearest
    assert quote.assumed_because == (
        "no spot price of p4d.24xlarge is known: its on-demand list price of eu-central-1 stands in"
    )


@pytest.mark.parametrize("market", [None, "on_demand"])
def test_default_alone_says_why_it_stands_in(market: Any) -> None:
    quote = PriceBook(sources=["default"]).quote(Instance(instance_type="g5.xlarge", market=market))
    assert (quote.usd_per_hour, quote.assumed) == (1.006, True)
    assert quote.assumed_because == (
        "no other source that was asked knows g5.xlarge: its on-demand list price stands in"
    )


def test_provider_is_read_as_people_write_it() -> None:
    assert ask("p4d.24xlarge", provider="AWS") == (21.957642, "list", False)


def test_fallback_table_is_of_no_region() -> None:
    quote = PriceBook().quote(Instance(instance_type="g5.xlarge", market="spot", region="ap-south-1"))
    assert (quote.usd_per_hour, quote.source, quote.region) == (0.302, "fallback", None)


@pytest.mark.parametrize(
    "instance",
    [
        Instance(instance_type="p4d.24xlarge", market="reserved"),
        Instance(instance_type="p5.48xlarge", market="capacity_block"),
        Instance(instance_type="ml.p4d.24xlarge", market="on_demand"),
    ],
)
def test_nothing_stands_in_for_a_contract_or_for_sagemaker(instance: Instance) -> None:
    with pytest.raises(PriceUnavailable, match="give price_per_hour"):
        PriceBook().quote(instance)
    assert PriceBook(price_per_hour=2.5).quote(instance).usd_per_hour == 2.5


def test_type_of_another_provider_is_not_known() -> None:
    with pytest.raises(PriceUnavailable, match=r"knows g5\.4xlarge as aws's, not as gcp's"):
        ask("g5.4xlarge", provider="gcp", sources=["list"])
    with pytest.raises(UnknownName, match=r"found 'g5\.4xlarge', which is no type of gcp's that.* knows; it is aws's"):
        ask("g5.4xlarge", provider="gcp")
    quote = PriceBook(sources=["default"]).quote(Instance(instance_type="g5.4xlarge", provider="gcp"))
    assert quote.assumed_because == (
        "no price of 'g5.4xlarge' of gcp is known: that of an on-demand g5.4xlarge stands in"
    )


def test_gpus_are_those_of_the_machine_and_not_of_the_fallback_table() -> None:
    quote = PriceBook(sources=["fallback"]).quote(Instance(instance_type="g5.24xlarge"))
    assert (quote.gpus, quote.gpu) == (4, "A10G")


def test_users_price_wins_and_is_not_discounted() -> None:
    quote = PriceBook(price_per_hour=0.0, discount=0.5).quote(Instance(instance_type="g5.4xlarge"))
    assert (quote.usd_per_hour, quote.source, quote.assumed) == (0.0, "user", False)
    assert PriceBook(discount=0.25).quote(Instance(instance_type="g5.4xlarge")).usd_per_hour == 1.624 * 0.75


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"price_per_hour": -1.0}, "price_per_hour: found -1.0"),
        ({"price_per_hour": math.nan}, "price_per_hour: found nan"),
        ({"price_per_hour": "3"}, "price_per_hour: found '3'"),
        ({"price_per_hour": True}, "price_per_hour: found True"),
        ({"price_per_hour": math.inf}, "price_per_hour: found inf"),
        ({"discount": math.nan}, "discount: found nan"),
        ({"discount": 1.0}, "discount: found 1.0"),
        ({"sources": ["lst"]}, "sources: found 'lst'.*nearest: 'list'"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PriceBook(**arguments)


def test_live_source_that_has_nothing_to_say_is_passed_over_and_said() -> None:
    assert ask("g5.4xlarge", sources=["aws", "list"]) == (1.624, "list", False)
    with pytest.raises(PriceUnavailable, match="azure: it knows azure's prices, not those of aws"):
        ask("g5.4xlarge", sources=["azure"])
    with pytest.raises(PriceUnavailable, match="aws: no AWS credentials are set up"):
        ask("g5.4xlarge", sources=["aws"])
    with pytest.raises(PriceUnavailable, match="aws: no instance type is known"):
        ask(sources=["aws"])


def test_everything_known_has_each_type_and_market_once_per_region() -> None:
    quotes = list(PriceBook().every_quote())
    keys = [(quote.instance_type, quote.market, quote.region) for quote in quotes]
    assert len(keys) == len(set(keys)) > 150
    assert {quote.source for quote in quotes if quote.instance_type == "g5.4xlarge"} == {"list", "fallback"}
    assert all(quote.market == "spot" for quote in quotes if quote.source == "fallback")
