"""What stands in where a machine told its type and nobody knows its price: never what is known to be otherwise."""

import logging
import shutil
from typing import Any

import pytest

import milepost
from milepost.errors import PriceUnavailable
from milepost.log import Once
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices import chain
from milepost.prices.book import PriceBook
from milepost.prices.sources import azure
from tests.cli.test_cli import milepost as call
from tests.prices.catalogs.laid import FAULTS, folder, lay, lay_sample, needs_shared

TOLD = {"instance_type": "instance-type", "region": "placement/region"}


@pytest.fixture(autouse=True)
def _nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure, "why_no_http", lambda: "there is no network here")
    monkeypatch.setattr(chain, "_assumed", Once("prices"))


def of_machine(kind: str | None = None, **fields: Any) -> Quote:
    """The price of a machine that its provider's metadata service told of."""
    sources = dict.fromkeys(("instance_type", *fields), "metadata")
    return PriceBook().ask(Instance(instance_type=kind, **{"market": "on_demand", **fields}, sources=sources))


def facts(quote: Quote) -> tuple[Any, ...]:
    return quote.usd_per_hour, quote.instance_type, quote.region, quote.assumed


P6 = (
    "p6-b200.48xlarge,B200,8.0,192.0,2048.0,,nan,nan,us-east-1,use1-az6",
    "p6-b200.48xlarge,B200,8.0,192.0,2048.0,,113.9328,45.1234,us-west-2,usw2-az1",
)


def test_same_type_in_another_region_comes_first(caplog: pytest.LogCaptureFixture) -> None:
    lay("aws", *P6)
    with caplog.at_level(logging.WARNING):
        quote = of_machine("p6-b200.48xlarge", provider="aws", region="us-east-1")
    assert facts(quote) == (113.9328, "p6-b200.48xlarge", "us-west-2", True)
    because = "no on-demand price of p6-b200.48xlarge in us-east-1 is known: that of us-west-2 stands in"
    assert quote.assumed_because == because
    assert caplog.messages == [f"assumed price: {because}"]
    by_user = PriceBook().ask(Instance(instance_type="P6-B200.48xlarge", region="us-east-1", market="on_demand"))
    assert facts(by_user) == facts(quote)


def test_dearest_of_several_regions_stands_in_and_the_cheapest_is_named() -> None:
    lay("aws", *P6, "p6-b200.48xlarge,B200,8.0,192.0,2048.0,,130.0,,eu-north-1,eun1-az1")
    quote = of_machine("p6-b200.48xlarge", provider="aws", region="us-east-1")
    assert facts(quote) == (130.0, "p6-b200.48xlarge", "eu-north-1", True)
    said = "that of eu-north-1 stands in, the dearest of 2 (us-west-2 is the cheapest, at 113.933 USD/h)"
    assert (quote.assumed_because or "").endswith(said)


def test_on_demand_price_stands_in_for_a_spot_price_that_nobody_knows() -> None:
    lay("aws", *P6, "m5.large,,,2,8,,0.096,,us-east-1,use1-az1", "m5.large,,,2,8,,0.112,0.05,us-west-2,usw2-az1")
    spot = of_machine("m5.large", provider="aws", region="us-east-1", market="spot")
    assert facts(spot) == (0.096, "m5.large", "us-east-1", True)
    assert spot.assumed_because == (
        "no spot price of m5.large is known: its on-demand price stands in, the most that spot costs"
    )
    elsewhere = of_machine("p6-b200.48xlarge", provider="aws", region="us-east-1", market="spot")
    assert facts(elsewhere) == (113.9328, "p6-b200.48xlarge", "us-west-2", True)  # and not 45.1234 of there
    assert "its on-demand price of us-west-2 stands in" in (elsewhere.assumed_because or "")


def test_another_type_with_the_same_gpus_of_the_provider_goes_before_anybody_elses() -> None:
    lay("aws", "p9.48xlarge,H100,8.0,192.0,2048.0,,,,us-east-1,use1-az6")
    quote = of_machine("p9.48xlarge", provider="aws", region="us-east-1")
    assert facts(quote) == (55.04, "p5.48xlarge", "us-east-1", True)
    assert quote.assumed_because == (
        "no on-demand price of p9.48xlarge of aws in us-east-1 is known: the on-demand price of aws's p5.48xlarge in "
        "us-east-1, which has the same 8 × H100, stands in"
    )
    by_nvml = of_machine("p10.48xlarge", provider="aws", region="us-east-1", gpu="H100", gpus=8)
    assert facts(by_nvml) == facts(quote)
    other_number = of_machine("p11.48xlarge", provider="aws", region="us-east-1", gpu="H100", gpus=1)
    assert facts(other_number) == (6.88, "p5.4xlarge", "us-east-1", True)


@pytest.mark.parametrize("with_catalogs", [False, pytest.param(True, marks=needs_shared)])
def test_dearest_of_anybodys_types_with_the_same_gpus_stands_in(with_catalogs: bool) -> None:
    if with_catalogs:  # whose own rates of it can't be trusted
        lay_sample()
    for told in ({}, {"gpu": "A100-80GB", "gpus": 8}, {"region": "us-central1", "gpu": "A100-80GB", "gpus": 8}):
        quote = of_machine("a2-ultragpu-8g", provider="gcp", **told)
        assert facts(quote) == (32.77, "Standard_ND96amsr_A100_v4", "eastus", True)
        said = "which has the same 8 × A100-80GB, stands in, the dearest of 3 (lambda's gpu_8x_a100_80gb_sxm4 is the"
        assert said in (quote.assumed_because or "")
    done = call("price", "a2-ultragpu-8g", "--provider", "gcp")
    assert done.returncode == 0
    assert "32.7700*" in done.stdout
    assert "* assumed: no on-demand price of a2-ultragpu-8g of gcp is known" in " ".join(done.stdout.split())


def test_gpus_alone_are_enough() -> None:
    quote = of_machine(None, provider="runpod", region="US-KS-2", gpu="H100-SXM", gpus=8)
    assert quote.usd_per_hour > 50
    assert "8 × H100" in (quote.assumed_because or "")
    # The dearest of p4d.24xlarge, Standard_ND96asr_v4, gpu_8x_a100 and a2-highgpu-8g in their reference regions.
    assert milepost.calculate_total_cost(1.0, "a100:8", use_spot=False) == pytest.approx(29.38708)
    assert facts(of_machine(None, gpu="A100", gpus=8)) == (29.38708, "a2-highgpu-8g", "us-central1", True)


def test_default_instance_is_the_last_resort_of_a_machine_and_none_of_its_users(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lay("aws", "trn2.48xlarge,Trainium2,16.0,192.0,2048.0,,,,us-east-2,use2-az3")
    with caplog.at_level(logging.WARNING):
        assert facts(of_machine("trn2.48xlarge", provider="aws", region="us-east-2"))[:2] == (1.624, "g5.4xlarge")
        assert facts(of_machine("big", provider="acme"))[:2] == (1.624, "g5.4xlarge")
    assert len(caplog.messages) == 2
    with pytest.raises(PriceUnavailable, match="no machine that is like it has a price either"):
        PriceBook().ask(Instance(instance_type="trn2.48xlarge"))


@needs_shared
def test_pod_is_found_by_its_data_centre_and_its_gpu() -> None:
    shutil.copytree(FAULTS / "runpod", folder() / "runpod")
    pod = {"provider": "runpod", "region": "US-KS-2", "zone": "US-KS-2", "gpus": 1}
    for gpu, usd in (("H100", 2.39), ("H100-SXM", 2.99), ("RTXA6000", 0.49), ("H200", 3.99), ("A6000", 0.49)):
        quote = of_machine(None, gpu=gpu, **pod)
        assert (quote.usd_per_hour, quote.region, quote.zone, quote.assumed) == (usd, "US", "US-KS-2", True)
    for region in ("US-KS-2", "us-ks-2", "US"):
        done = call("price", "--list", "--gpu", "H100", "--region", region, "--source", "skypilot")
        assert done.stdout.count("1x_H100_SECURE") == 1, done.stderr
        assert "1x_H100-SXM_SECURE" not in done.stdout
    assert (
        "nothing is known"
        in call("price", "--list", "--gpu", "L40S", "--region", "US-KS-2", "--source", "skypilot").stdout
    )


def test_run_says_once_what_stands_in_and_so_does_a_sum(caplog: pytest.LogCaptureFixture) -> None:
    node = {"provider": "aws", "instance_type": "g6.4xlarge", "region": "ap-south-1", "market": "on_demand"}
    with caplog.at_level(logging.WARNING, logger="milepost.prices"):
        for _ in range(2):
            with milepost.track(thresholds=[], instance=node, sinks=[], store="off"):
                pass
            milepost.calculate_total_cost(1.0, "g6.4xlarge", use_spot=False, region="ap-south-1")
    said = (
        "assumed price: no on-demand price of g6.4xlarge in ap-south-1 is known: that of eu-central-1 stands in, the "
    )
    assert [message for message in caplog.messages if message.startswith(said)] == caplog.messages
    assert len(caplog.messages) == 1
