"""One way from a configuration to dollars: live, replayed and reckoned alike."""

import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, event, given, settings, strategies as st

import milepost
from milepost.config import AwsDefaults, Config, InstanceSettings, PriceSettings
from milepost.errors import ConfigError
from milepost.log import Once
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.money.segment import Segment
from milepost.prices import chain as chain_module
from milepost.prices.sources import azure
from milepost.pricing import Terms, calculate_total_cost, fleet_of, told
from milepost.replaying.pricing import NO_INSTANCE
from milepost.runs.record import RunRecord
from milepost.tracked_run import price_watch
from milepost.tracking.result import ThresholdResult

REACHED = milepost.PerformanceThreshold("t", "reward", 2.0, smoothing_factor=1.0)
HOUR = 3600.0


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells what this machine is, and nobody answers who could be asked."""
    for name in list(os.environ):
        if name.startswith(("MILEPOST_", "SKYPILOT_", "SLURM_", "OMPI_", "SM_", "RUNPOD_")) and name[-4:] != "_URL":
            monkeypatch.delenv(name)
    for name in ("RANK", "WORLD_SIZE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(azure, "why_no_http", lambda: "there is no network here")
    monkeypatch.setattr(chain_module, "_assumed", Once("prices"))
    monkeypatch.setattr(price_watch, "CLOSE_WAIT_SECONDS", 60.0)


class Told(NamedTuple):
    """What one of the ways says of an hour's training."""

    result: ThresholdResult
    segment: Segment

    @property
    def quote(self) -> Quote | None:
        return self.segment.quote


def live(config: Config, **words: Any) -> Told:
    with milepost.track(config, thresholds=[REACHED], sinks=[], store="off", **words) as run:
        run.update({"reward": 3.0}, 1, elapsed_seconds=HOUR)
    (result,) = run.get_results().values()
    return Told(result, run.ledger.segments[-1])


def replayed(config: Config, folder: Path, **words: Any) -> Told:
    log = folder / "log.jsonl"
    log.write_text(json.dumps({"timesteps": 1, "elapsed_seconds": HOUR, "reward": 3.0}) + "\n")
    records: list[RunRecord] = []
    (result,) = milepost.replay(log, config=config, thresholds=[REACHED], on_kept=records.append, **words)
    return Told(result, records[0].ledger.segments[-1])


def outcome(way: Any, *arguments: Any, **words: Any) -> Told | str:
    """What one of the ways says, or why it refuses what its user named."""
    try:
        return way(*arguments, **words)  # type: ignore[no-any-return]
    except ConfigError as error:
        return str(error)


def configured(text: str) -> Config:
    return Config.loads(f"thresholds: []\n{text}")


@pytest.mark.parametrize(
    ("config", "usd", "assumed"),
    [
        # The documented spot price of a g5.4xlarge; on-demand it lists at 1.624 in us-east-1.
        ("aws: {use_spot: true}\ninstance: {instance_type: g5.4xlarge, region: us-east-1}", 0.727, True),
        ("aws: {instance_type: g5.4xlarge, use_spot: true}", 0.727, True),
        ("aws: {use_spot: false}\ninstance: {instance_type: g5.4xlarge, region: us-east-1}", 1.624, True),
        ("instance: {instance_type: g5.4xlarge, region: us-east-1, market: on_demand}", 1.624, False),
        ("instance: {instance_type: g5.4xlarge, region: us-east-1, market: on_demand, share: 0.25}", 1.624, False),
        ("instance: {instance_type: g5.4xlarge, region: us-east-1, market: on_demand, num_nodes: 3}", 1.624, False),
        ("instance: {provider: AWS, instance_type: g5.4xlarge, region: us-east-1}", 1.624, True),
        ("prices: {strict_pricing: true}\naws: {instance_type: g5.4xlarge, use_spot: false}", None, None),
        ("prices: {strict_pricing: true, sources: [fallback]}\naws: {instance_type: g5.4xlarge}", None, None),
        ("prices: {strict_pricing: true}\ninstance: {instance_type: g5.4xlarge}", 1.624, True),
        ("prices: {strict_pricing: true}\ninstance: {instance_type: quantum.9xlarge}", None, None),
        ("prices: {discount: 0.5}\ninstance: {instance_type: p4d.24xlarge, market: on_demand}", 21.957642 / 2, True),
        ("prices: {price_per_hour: 2.5, strict_pricing: true}\naws: {instance_type: g5.4xlarge}", 2.5, False),
        # Lambda's prices are the same in all regions: where it is does not matter.
        ("instance: {instance_type: gpu_8x_a100, market: on_demand}", 15.92, False),
        ("instance: {instance_type: ml.p4d.24xlarge, market: on_demand}", None, None),
        ("prices: off\ninstance: {instance_type: g5.4xlarge}", None, None),
    ],
)
def test_hour_costs_the_same_live_and_replayed(
    config: str, usd: float | None, assumed: bool | None, tmp_path: Path
) -> None:
    settings = configured(config)
    for way in (live(settings), replayed(settings, tmp_path)):
        node = way.segment.instance
        cost = None if usd is None else pytest.approx(usd * node.nodes_charged, rel=1e-12)
        assert (way.result.cost_to_threshold, way.result.price_assumed) == (cost, assumed)
        assert (way.result.usd_per_hour, way.quote is None) == (
            None if usd is None else pytest.approx(usd),
            usd is None,
        )
        assert (way.segment.unpriced_because is None) is (usd is not None)


def test_reasons_say_what_was_not_told_and_what_it_was_taken_for(tmp_path: Path) -> None:
    for config, said in (
        (
            "aws: {instance_type: g5.4xlarge}",
            "the machine's instance type, market and region are not known: taken for g5.4xlarge on-demand",
        ),
        (
            "instance: {instance_type: g5.4xlarge, region: us-east-1}",
            "the machine's market is not known: taken for on-demand",
        ),
        ("instance: {instance_type: g5.4xlarge, market: on_demand}", "the machine's region is not known"),
    ):  # fmt: skip
        for way in (live(configured(config)), replayed(configured(config), tmp_path)):
            assert way.quote is not None
            assert way.quote.assumed_because == said
    strict = configured("prices: {strict_pricing: true}\naws: {instance_type: g5.4xlarge}")
    said = "the machine's instance type, market and region are not known: taken for g5.4xlarge on-demand"
    assert live(strict).segment.unpriced_because == replayed(strict, tmp_path).segment.unpriced_because == said


KINDS = ("g5.4xlarge", "p4d.24xlarge", "g5.24xlarge", "a2-highgpu-1g", "n1-standard-8", "gpu_8x_a100")
ODD_KINDS = ("Standard_ND96asr_v4", "quantum.9xlarge", "ml.p4d.24xlarge", "big")
REGIONS = ("us-east-1", "eu-west-1", "us-central1", "mars-1")
TABLE = """\
provider,instance_type,region,market,usd_per_hour
,quantum.9xlarge,,,5.5
aws,p4d.24xlarge,,spot,0.5
,big,,on_demand,9
"""
CATALOG = """\
InstanceType,AcceleratorName,AcceleratorCount,Price,SpotPrice,Region,AvailabilityZone
g5.4xlarge,A10G,1,1.7,0.6,us-east-1,use1-az1
g5.4xlarge,A10G,1,1.7,0.7,us-east-1,use1-az2
g5.4xlarge,A10G,1,2.0,,eu-west-1,euw1-az1
p4d.24xlarge,A100,8,22.0,11.0,us-east-1,use1-az1
"""


def _maybe(*values: Any) -> st.SearchStrategy[Any]:
    return st.none() | st.sampled_from(values)


aws_defaults = st.builds(
    AwsDefaults, instance_type=_maybe("g5.4xlarge", "p4d.24xlarge", "quantum.9xlarge"), use_spot=_maybe(True, False)
)
nodes = st.fixed_dictionaries(
    {"instance_type": _maybe(*KINDS, *ODD_KINDS)},
    optional={
        "provider": st.sampled_from(("aws", "AWS", "gcp", "lambda", "azure", "acme")),
        "region": st.sampled_from(REGIONS),
        "zone": st.sampled_from(("use1-az1", "us-central1-a")),
        "market": st.sampled_from(("on_demand", "spot", "reserved", "capacity_block")),
        "num_nodes": st.integers(1, 5),
        "share": st.sampled_from((0.25, 1.0, "gpus")),
    },
)
sources = _maybe(
    ("list",), ("fallback",), ("default",), ("list", "default"), ("aws", "fallback"), ("azure", "skypilot")
)
prices = st.just("off") | st.builds(
    PriceSettings,
    price_per_hour=_maybe(0.0, 2.5),
    table=st.just(None) | st.just("own.csv"),
    sources=sources,
    discount=st.sampled_from((0.0, 0.25)),
    strict_pricing=st.booleans(),
)
configs = st.builds(
    Config,
    thresholds=st.just(()),
    aws=aws_defaults,
    instance=nodes.map(InstanceSettings.from_mapping),
    prices=prices,
)
instances = nodes.map(lambda node: Instance(**{key: each for key, each in node.items() if each != "gpus"}))  # type: ignore[arg-type]
said_by_call = st.none() | st.sampled_from((*KINDS, *ODD_KINDS)) | nodes | instances


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=configs, instance=said_by_call, price_per_hour=_maybe(3.0), has_catalog=st.booleans())
def test_same_dollars_marks_and_reasons_live_and_replayed(
    config: Config,
    instance: Any,
    price_per_hour: float | None,
    has_catalog: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".sky" / "catalogs" / "v8" / "aws"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vms.csv").write_text(CATALOG)
    monkeypatch.setenv("SKY_RUNTIME_DIR", str(tmp_path if has_catalog else tmp_path / "nowhere"))
    (tmp_path / "own.csv").write_text(TABLE)
    words = {"instance": instance, "price_per_hour": price_per_hour}
    here, there = outcome(live, config, **words), outcome(replayed, config, tmp_path, **words)
    if isinstance(here, str) or isinstance(there, str):
        event("refused")
        assert here == there
        return
    if there.segment.instance.instance_type is None and config.prices != "off":
        # A run that goes on has a machine, and is priced as the default one; of a log nobody knows that it had one.
        event("nothing tells the type")
        if there.quote is None:
            assert there.segment.unpriced_because == NO_INSTANCE
            assert here.quote is None or here.quote.assumed or here.quote.source == "user"
        else:
            assert here.quote is not None
            assert (here.quote.usd_per_hour, here.quote.source) == (there.quote.usd_per_hour, "user")
        return
    event("no price" if here.quote is None else "assumed" if here.quote.assumed else "told")
    assert here.quote == there.quote
    assert here.segment.unpriced_because == there.segment.unpriced_because
    if config.prices != "off":
        assert here.segment.billing == there.segment.billing
    for name in ("usd_per_hour", "price_source", "price_assumed", "cost_to_threshold"):
        assert getattr(here.result, name) == getattr(there.result, name)
    if here.quote is not None:
        cost = here.quote.usd_per_hour * here.segment.instance.nodes_charged
        assert here.result.cost_to_threshold is not None
        assert math.isclose(here.result.cost_to_threshold, cost, rel_tol=1e-12)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=_maybe(*KINDS, *ODD_KINDS),
    use_spot=_maybe(True, False),
    num_nodes=_maybe(1, 3),
    region=_maybe(*REGIONS),
    sources=sources,
    strict=st.booleans(),
    hours=st.sampled_from((0.0, 1.0, 2.5)),
)
def test_reckoned_hours_cost_what_a_run_of_them_does(
    kind: str | None,
    use_spot: bool | None,
    num_nodes: int | None,
    region: str | None,
    sources: tuple[str, ...] | None,
    strict: bool,
    hours: float,
    tmp_path: Path,
) -> None:
    market = None if use_spot is None else "spot" if use_spot else "on_demand"
    told_of_it = {"instance_type": kind, "market": market, "num_nodes": num_nodes, "region": region}
    config = Config(thresholds=(), prices=PriceSettings(sources=sources, strict_pricing=strict))
    told_here = {name: value for name, value in told_of_it.items() if value is not None}
    run = outcome(live, config, instance=told_here)
    if isinstance(run, str):
        event("refused")
        with pytest.raises(ConfigError, match=r"region: found|instance_type: found"):
            calculate_total_cost(hours, kind, use_spot, num_nodes, region=region, sources=sources)
        return
    usd = calculate_total_cost(hours, kind, use_spot, num_nodes, region=region, sources=sources, strict_pricing=strict)
    _, quote, because, *_ = Terms(config).price(fleet_of(kind, use_spot, num_nodes, region))
    assert (quote, because) == (run.quote, run.segment.unpriced_because)
    assert usd == (None if quote is None else pytest.approx(hours * quote.usd_per_hour * (num_nodes or 1), rel=1e-12))
    if kind is not None:
        assert replayed(config, tmp_path, instance=told_of_it).quote == quote


def test_total_cost_of_hours() -> None:
    fallback = calculate_total_cost(2.5, "g5.4xlarge", use_spot=False, num_nodes=2, sources=["fallback"])
    assert fallback == pytest.approx(12.12)
    assert calculate_total_cost(2.5, "g5.4xlarge", use_spot=False, num_nodes=2) == pytest.approx(8.12)
    assert calculate_total_cost(1.0, "g5.xlarge", use_spot=True) == pytest.approx(0.302)
    assert calculate_total_cost(1.0, "quantum.9xlarge", sources=["list", "default"]) == pytest.approx(1.624)
    assert calculate_total_cost(1.0) == pytest.approx(1.624)


def test_total_cost_is_not_known_where_pricing_is_strict_and_nothing_tells_the_type() -> None:
    assert calculate_total_cost(1.0, "quantum.9xlarge", strict_pricing=True) is None
    assert calculate_total_cost(1.0, strict_pricing=True) is None
    assert calculate_total_cost(1.0, "g5.4xlarge", strict_pricing=True) == pytest.approx(1.624)


def test_total_cost_takes_what_is_not_said_from_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_NUM_NODES", "4")
    monkeypatch.setenv("MILEPOST_SHARE", "0.5")
    assert calculate_total_cost(1.0, "g5.4xlarge") == pytest.approx(2 * 1.624)
    monkeypatch.setenv("MILEPOST_REGION", "eu-central-1")  # of a g6.4xlarge: 1.65466 there, 1.3232 in us-east-1
    assert calculate_total_cost(1.0, "g6.4xlarge", num_nodes=1) == pytest.approx(1.65466 / 2)
    assert calculate_total_cost(1.0, "g6.4xlarge", num_nodes=1, region="us-east-1") == pytest.approx(1.3232 / 2)
    monkeypatch.setenv("MILEPOST_PROVIDER", "gcp")  # whose regions are not those of AWS
    assert calculate_total_cost(1.0, "g6.4xlarge", num_nodes=1) == pytest.approx(1.3232 / 2)
    monkeypatch.delenv("MILEPOST_PROVIDER")
    monkeypatch.setenv("MILEPOST_REGION", "us-east-1")
    monkeypatch.setenv("MILEPOST_INSTANCE_TYPE", "p4d.24xlarge")
    assert calculate_total_cost(1.0) == pytest.approx(2 * 21.957642)


def test_zone_of_this_machine_is_not_that_of_another_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("REGION", "us-east-1"), ("ZONE", "use1-az1"), ("INSTANCE_TYPE", "g5.4xlarge")):
        monkeypatch.setenv(f"MILEPOST_{name}", value)
    for kind in (None, "g5.4xlarge"):
        here, elsewhere = fleet_of(kind), fleet_of(kind, region="eu-west-1")
        assert (here.region, here.zone) == ("us-east-1", "use1-az1")
        assert (elsewhere.region, elsewhere.zone) == ("eu-west-1", None)


@pytest.mark.parametrize("arguments", [{"hours": -1.0}, {"hours": math.nan}, {"hours": 1.0, "num_nodes": 0}])
def test_total_cost_of_nonsense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        calculate_total_cost(instance_type="g5.4xlarge", **arguments)


def test_call_says_more_than_the_configuration() -> None:
    config = configured("instance: {provider: AWS, instance_type: g5.xlarge, region: us-east-1, share: gpus}")
    for word in (
        {"instance_type": "p4d.24xlarge", "share": 0.5},
        Instance(instance_type="p4d.24xlarge", share=0.5, sources={"instance_type": "default"}),
    ):
        said, _ = told(config, word)
        assert (said.provider, said.instance_type, said.region, said.share) == ("aws", "p4d.24xlarge", "us-east-1", 0.5)
        assert (said.sources["instance_type"], said.sources["region"]) == ("instance=", "instance:")
    assert told(config, "p4d.24xlarge")[1] == "gpus"
