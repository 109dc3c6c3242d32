"""A type, GPU or region that its user named and that nobody knows is refused, with the nearest names."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost.config import Config
from milepost.errors import ConfigError, PriceUnavailable, UnknownName
from milepost.log import Once
from milepost.money.instance import Instance
from milepost.prices import chain
from milepost.prices.book import PriceBook
from milepost.prices.sources import azure
from tests.cli.test_cli import milepost as call
from tests.prices.catalogs.laid import lay, lay_sample, needs_shared
from tests.prices.server import Answer, PriceServer, serving
from tests.prices.sources.test_aws import product

REACHED = milepost.PerformanceThreshold("t", "reward", 2.0, smoothing_factor=1.0)


@pytest.fixture(autouse=True)
def _nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure, "why_no_http", lambda: "there is no network here")
    monkeypatch.setattr(chain, "_assumed", Once("prices"))


def refusal(kind: str | None = None, **fields: Any) -> str:
    with pytest.raises(UnknownName) as caught:
        PriceBook().ask(Instance(instance_type=kind, **fields))
    return str(caught.value)


def hint(message: str) -> str:
    return message.partition("; ")[2].partition(" (")[0]


@pytest.mark.parametrize("with_catalogs", [False, pytest.param(True, marks=needs_shared)])
def test_nearest_names_of_types_and_gpus(with_catalogs: bool) -> None:
    if with_catalogs:
        lay_sample()
    for kind, near in (
        ("p4d.24xlarg", "nearest: p4d.24xlarge, p4de.24xlarge, p3dn.24xlarge"),
        ("P4D.24XLARG", "nearest: p4d.24xlarge, p4de.24xlarge, p3dn.24xlarge"),
        ("H100", "nearest: H100:1, p5.4xlarge, H100:8"),
        ("h100", "nearest: H100:1, p5.4xlarge, H100:8"),
        ("H100-SXM", "nearest: H100:1, p5.4xlarge, H100:8"),
        ("NVIDIA H100 80GB HBM3", "nearest: H100:1, p5.4xlarge, H100:8"),
        ("A6000", "nearest: A6000:1, gpu_1x_a6000, A6000:4"),
        ("RTX4090", "nearest: RTX4090:1"),
        ("quantum.9xlarge", "nothing known is like it"),
        ("a2-highgpu-1gg", "nearest: a2-highgpu-1g, a3-highgpu-1g, a2-highgpu-8g"),
    ):
        assert hint(refusal(kind)) == near, kind
    assert hint(refusal("p5.48xlarge", provider="gcp")) == "it is aws's"
    assert "gpu: found 'H100:3', which no machine has; nearest: H100:8, H100:4, H100:2" in refusal("H100:3")


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("P4D.24xlarge", "p4d.24xlarge"),
        ("standard_nc24ads_a100_v4", "Standard_NC24ads_A100_v4"),
        ("A2-HIGHGPU-1G", "a2-highgpu-1g"),
        ("GPU_8X_A100", "gpu_8x_a100"),
        ("G5.XLARGE", "g5.xlarge"),
        ("M5.Large", "m5.large"),
    ],
)
def test_names_are_alike_in_upper_and_lower_case(kind: str, written: str) -> None:
    lay("aws", "m5.large,,,2,8,,0.096,0.04,us-east-1,use1-az1", "g5.xlarge,A10G,1,4,16,,1.006,0.4,us-east-1,use1-az1")
    for named in (kind, written):
        quote = PriceBook().ask(Instance(instance_type=named))
        assert (quote.instance_type, quote.assumed) == (written, False)
    assert PriceBook().ask(Instance(instance_type=kind)) == PriceBook().ask(Instance(instance_type=written))
    spot = PriceBook().ask(Instance(instance_type="G5.XLARGE", region="US-EAST-1", zone="USE1-AZ1", market="spot"))
    assert (spot.usd_per_hour, spot.assumed) == (0.4, False)


def test_row_of_the_users_own_table_is_found_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("instance_type,region,usd_per_hour\nDGX-a100,North,12.5\n")
    book = PriceBook(table=tmp_path / "own.csv")
    assert book.ask(Instance(instance_type="dgx-A100", region="north")).usd_per_hour == 12.5
    book.require_known(Instance(instance_type="dgx-A100", region="north"))


@pytest.mark.parametrize(
    ("region", "provider", "near"),
    [
        ("us-est-1", None, "us-east-1"),
        ("us-est-1", "aws", "us-east-1"),
        ("eu-central1", None, "eu-central-1"),
        ("us-centrall1", "gcp", "us-central1"),
        ("estus", "azure", "eastus"),
    ],
)
def test_region_that_is_none_is_refused(region: str, provider: str | None, near: str) -> None:
    kind = {"gcp": "a2-highgpu-1g", "azure": "Standard_ND96asr_v4"}.get(provider or "", "p4d.24xlarge")
    for market in ("on_demand", "spot"):
        said = refusal(kind, region=region, provider=provider, market=market)
        assert said.startswith(f"region: found {region!r}, which is no region")
        assert f"; nearest: {near}" in said


@pytest.mark.parametrize("region", ["ap-south-2", "EU-WEST-3", "us-gov-east-1", "me-central-1", "il-central-1"])
def test_region_that_no_table_has_and_that_may_be_one_is_not_refused(region: str) -> None:
    assert PriceBook().ask(Instance(instance_type="g5.xlarge", region=region)).assumed


def test_region_that_a_machine_told_is_never_refused() -> None:
    told = Instance(instance_type="g5.xlarge", region="us-east-1-new", sources={"region": "imds"})
    assert (PriceBook().ask(told).usd_per_hour, PriceBook().ask(told).assumed) == (1.006, True)


@pytest.mark.parametrize("kind", ["p4d.24xlarg", "H100", "quantum.9xlarge"])
def test_every_way_refuses_it(kind: str, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"timesteps": 1, "elapsed_seconds": 3600.0, "reward": 3.0}\n')
    configured = Config.loads(f"thresholds: []\ninstance: {{instance_type: {kind}}}")
    by_default = Config.loads(f"thresholds: []\naws: {{instance_type: {kind}}}")
    for way in (
        lambda: milepost.calculate_total_cost(2.5, kind),
        lambda: milepost.track(thresholds=[REACHED], instance=kind, sinks=[], store="off"),
        lambda: milepost.track(configured, sinks=[], store="off"),
        lambda: milepost.track(by_default, sinks=[], store="off"),
        lambda: milepost.replay(log, thresholds=[REACHED], instance=kind),
        lambda: milepost.replay(log, config=configured, thresholds=[REACHED]),
    ):
        with pytest.raises(ConfigError, match=f"instance_type: found '{kind}'"):
            way()
    for arguments in (("price", kind), ("replay", str(log), "--threshold", "reward >= 2", "--instance", kind)):
        done = call(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"instance_type: found '{kind}'" in done.stderr


def test_it_has_no_price_where_pricing_is_strict_and_the_default_where_that_is_named() -> None:
    for kind in ("p4d.24xlarg", "H100", "quantum.9xlarge"):
        assert milepost.calculate_total_cost(2.0, kind, strict_pricing=True) is None
        assert milepost.calculate_total_cost(2.0, kind, sources=["list", "default"]) == pytest.approx(2 * 1.624)
        with milepost.track(
            Config.loads("thresholds: []\nprices: {strict_pricing: true}"), instance=kind, sinks=[], store="off"
        ) as run:
            assert run.ledger.segments[-1].quote is None


def test_price_that_the_user_gave_is_that_of_whatever_is_named() -> None:
    with milepost.track(instance="H100", price_per_hour=2.0, thresholds=[REACHED], sinks=[], store="off") as run:
        quote = run.ledger.segments[-1].quote
    assert quote is not None
    assert (quote.usd_per_hour, quote.assumed) == (2.0, False)


def test_variable_that_is_wrong_leaves_the_price_unknown_and_lets_training_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MILEPOST_INSTANCE_TYPE", "p4d.24xlarg")
    with milepost.track(thresholds=[REACHED], sinks=[], store="off") as run:
        run.update({"reward": 3.0}, 1, elapsed_seconds=3600.0)
    segment = run.ledger.segments[-1]
    assert segment.quote is None
    assert "nearest: p4d.24xlarge" in (segment.unpriced_because or "")
    assert milepost.calculate_total_cost(1.0) is None


def test_configuration_that_was_found_by_name_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "configs" / "performance_thresholds"
    folder.mkdir(parents=True)
    (folder / "arena.yaml").write_text("thresholds: []\ninstance: {instance_type: p4d.24xlarg}\n")
    monkeypatch.chdir(tmp_path)
    with milepost.track("arena", sinks=[], store="off") as run:
        assert {each.threshold for each in run.get_results().values()} == {"heart_gained_2", "heart_gained_5"}
    with pytest.raises(ConfigError, match=r"arena: instance_type: found 'p4d.24xlarg'"):
        milepost.track("arena", sinks=[], store="off", strict=True)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    pytest.importorskip("boto3")
    with serving(lambda asked: Answer(200, {"FormatVersion": "aws_v1", "PriceList": []})) as running:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "EXAMPLE")
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", running.url)
        yield running


def test_type_that_only_its_provider_knows_is_asked_for(aws: PriceServer) -> None:
    new = Instance(instance_type="p9.48xlarge", region="us-east-1")
    book = PriceBook()
    book.require_known(new)  # AWS may know it
    with pytest.raises(UnknownName) as caught:
        book.quote(new)
    assert caught.value.waiting
    with pytest.raises(UnknownName, match=r"AWS lists no on-demand price of p9\.48xlarge"):
        book.require_known(new, ask=True)
    for certain in ("p9.48xlarg3", "H100"):
        with pytest.raises(UnknownName):
            book.require_known(Instance(instance_type=certain, provider="aws"))
    found = product("99.0", instanceType="p9.48xlarge", regionCode="us-east-1")
    aws.answer = lambda asked: Answer(200, {"FormatVersion": "aws_v1", "PriceList": [found]})
    assert (book.ask(new).usd_per_hour, book.ask(new).source) == (99.0, "aws")


def test_provider_that_does_not_answer_has_not_said_no(aws: PriceServer, caplog: pytest.LogCaptureFixture) -> None:
    aws.answer = lambda asked: Answer(400, {"__type": "ExpiredTokenException"})
    with pytest.raises(PriceUnavailable, match="ExpiredTokenException") as caught:
        PriceBook().ask(Instance(instance_type="p9.48xlarge", region="us-east-1"))
    assert not isinstance(caught.value, UnknownName)
    with caplog.at_level(logging.WARNING):
        assert milepost.calculate_total_cost(1.0, "p9.48xlarge") is None
    assert "the cost is unknown" in caplog.text


def test_list_says_what_is_not_known() -> None:
    for arguments, said in (
        (("--list", "--gpu", "H1O0"), "gpu: found 'H1O0', which nobody knows; nearest: H100"),
        (("H1O0:8",), "gpu: found 'H1O0', which nobody knows; nearest: H100"),
        (("--list", "--region", "us-est-1"), "region: found 'us-est-1'"),
    ):
        done = call("price", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
