"""Mistakes are named before anything is launched, and prices are those of the offers that are allowed."""

from pathlib import Path
from typing import Any

import pytest

from milepost.errors import ConfigError
from milepost.launch.offers import KnownOffers
from milepost.launch.plan import Plan, make_plan, own_bucket
from milepost.launch.request import Request
from milepost.money.instance import MARKETS
from milepost.money.quote import Quote
from tests.launch.skypilot import ROOT

OFFERS = (
    # type, GPU, number, vCPUs, region, on-demand, spot
    ("g5.xlarge", "A10G", 1, 4, "us-east-1", 1.0, 0.4),
    ("g5.xlarge", "A10G", 1, 4, "eu-west-1", 1.2, 0.5),
    ("g5.12xlarge", "A10G", 4, 48, "us-east-1", 5.6, 2.2),
    ("g6.xlarge", "L4", 1, 4, "us-east-1", 0.8, 0.3),
    ("g6.2xlarge", "L4", 1, 8, "us-east-1", 1.1, 0.35),
)
KNOWN = KnownOffers(
    Quote(
        usd_per_hour=usd,
        source="skypilot",
        as_of="2026-11-01",
        provider="aws",
        instance_type=kind,
        gpu=gpu,
        gpus=number,
        vcpus=vcpus,
        region=region,
        market=market,
    )
    for kind, gpu, number, vcpus, region, on_demand, spot in OFFERS
    for market, usd in zip(MARKETS, (on_demand, spot), strict=False)
)


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def plan(*arguments: str, task: str = "train", **options: Any) -> Plan:
    options = {"arguments": arguments, **options}
    return make_plan(Request(task=task, **options), known=KNOWN, environ={})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"task": "trian"}, "TASK: found 'trian', .*; nearest: train"),
        ({"task": "none.yaml"}, "TASK: found 'none.yaml', expected a SkyPilot task file"),
        ({"arguments": ("rnu=x",)}, "rnu: found no such key of the launcher's, nearest: run"),
        ({"arguments": ("run=",)}, "run: found '', expected a name"),
        ({"arguments": ("faster",)}, "found 'faster', expected key=value"),
        ({"gpu": ("A10H",)}, "--gpu: found 'A10H', which is not known; nearest: .*A10G"),
        ({"gpu": ("A10G:x",)}, "--gpu: found 'A10G:x', expected a model such as A10G"),
        ({"gpu": ("A10G:4",), "gpus": 8}, "--gpus: found 8, expected the number in --gpu A10G:4"),
        ({"gpus": 3}, "--gpus: found 3 of A10G, expected one of 1, 4"),
        ({"gpu": ("A10G",), "gpus": 0}, "--gpus: found 0, expected 1 or more beside --gpu"),
        ({"instance_type": "g5.xlagre"}, "--instance-type: found 'g5.xlagre', .*nearest: g5.xlarge"),
        ({"instance_type": "a2-highgpu-1g", "cloud": "aws"}, "found 'a2-highgpu-1g', which is not known"),
        ({"instance_type": "g5.xlarge", "gpus": 1}, "either it or --gpu and --gpus"),
        ({"cloud": "asw"}, "--cloud: found 'asw', which is not known; nearest: aws"),
        ({"regions": ("us-esat-1",)}, "--region: found 'us-esat-1', which is not known; nearest: us-east-1"),
        ({"gpu": ("L4",), "regions": ("eu-west-1",)}, "no on-demand L4:1 in eu-west-1 is offered; it is offered in "),
        ({"gpu": ("L4",), "cpus": "6"}, "no on-demand L4:1 with 6 CPUs is offered"),
        ({"cpus": "many"}, "--cpus: found 'many', expected such as 8, or 8\\+"),
        ({"max_usd_per_hour": 1.5, "nodes": 2}, "found 1.5, expected 2 or more: that is what 2 × g5.xlarge cost"),
        ({"config": "arean"}, "--config: found 'arean', expected a file, or the name of an environment"),
        ({"config": "/etc/hostname"}, "--config: found '/etc/hostname', expected a file below ., which "),
        ({"workdir": "nowhere"}, "--workdir: found 'nowhere', expected a folder"),
        ({"envs": ("MILEPOST_RUN_IDS=x",)}, "--env: found 'MILEPOST_RUN_IDS', .*: the launcher sets MILEPOST_RUN_ID"),
        ({"envs": ("SEED=3",)}, "--env: found 'SEED', expected an option in its place"),
        ({"envs": ("PLAIN",)}, "--env: found 'PLAIN', expected NAME=VALUE"),
        ({"secrets": ("TOKEN=hidden",)}, "--secret: found 'TOKEN', expected the name of a variable"),
        ({"secrets": ("SEED",)}, "--secret: found 'SEED', expected an option in its place"),
        ({"secrets": ("NOT_SET",)}, "--secret: found no variable NOT_SET here"),
        ({"instance_type": ""}, "--instance-type: found '', expected a value"),
        ({"bucket": " "}, "--bucket: found ' ', expected a value"),
        ({"bucket": "s3://mine"}, "--bucket: found 's3://mine', expected a bucket's name"),
        ({"copies": 2, "arguments": ("trainer.seed=1",)}, "seed: found it as key=value beside --copies"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_what_was_meant(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        plan(**options)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "cheapest", "dearest"),
    [
        ({}, ("g5.xlarge", "us-east-1", 1.0), ("g5.xlarge", "eu-west-1", 1.2)),
        ({"spot": True}, ("g5.xlarge", "us-east-1", 0.4), ("g5.xlarge", "eu-west-1", 0.5)),
        ({"gpu": ("a10g", "l4"), "gpus": 1}, ("g6.xlarge", "us-east-1", 0.8), ("g5.xlarge", "eu-west-1", 1.2)),
        ({"max_usd_per_hour": 2.2}, ("g5.xlarge", "us-east-1", 1.0), ("g5.xlarge", "us-east-1", 1.0)),
        ({"gpu": ("L4",), "cpus": "8+"}, ("g6.2xlarge", "us-east-1", 1.1), ("g6.2xlarge", "us-east-1", 1.1)),
        ({"regions": ("EU-west-1",)}, ("g5.xlarge", "eu-west-1", 1.2), ("g5.xlarge", "eu-west-1", 1.2)),
        ({"instance_type": "g5.12xlarge"}, ("g5.12xlarge", "us-east-1", 5.6), ("g5.12xlarge", "us-east-1", 5.6)),
    ],
)
def test_cheapest_and_dearest_of_what_is_allowed(
    options: dict[str, Any], cheapest: tuple[Any, ...], dearest: tuple[Any, ...]
) -> None:
    estimate = plan(nodes=2, copies=3, max_runtime_seconds=5400, **options).estimate
    for quote, expected in ((estimate.cheapest, cheapest), (estimate.dearest, dearest)):
        assert quote is not None
        assert (quote.instance_type, quote.region, quote.usd_per_hour) == expected
        assert estimate.usd_per_hour(quote) == pytest.approx(expected[2] * 2 * 3)
        assert estimate.usd_for_max_runtime(quote) == pytest.approx(expected[2] * 2 * 3 * 1.5)


def test_cap_leaves_out_what_is_dearer_and_says_so_to_skypilot_by_type_and_region() -> None:
    resources = plan(max_usd_per_hour=1.1).tasks[0].task["resources"]
    assert (resources["infra"], resources["instance_type"]) == ("aws/us-east-1", "g5.xlarge")
    both = plan(max_usd_per_hour=2.4, nodes=2).tasks[0].task["resources"]["any_of"]
    assert [entry["infra"] for entry in both] == ["aws/us-east-1", "aws/eu-west-1"]


def test_cap_leaves_the_regions_as_they_were_asked_for() -> None:
    """Also where only a price of another region lies here."""
    request = Request(task="train", instance_type="g5.xlarge", regions=("us-west-2", "eu-west-1"), max_usd_per_hour=2.0)
    resources = make_plan(request, environ={}).tasks[0].task["resources"]
    assert [entry["infra"] for entry in resources["any_of"]] == ["aws/us-west-2", "aws/eu-west-1"]


def test_what_looks_like_a_secret_is_one() -> None:
    def secrets(*arguments: str, **options: Any) -> dict[str, str]:
        return plan(*arguments, **options).tasks[0].secrets

    names = ("PGPASSWORD", "accessToken", "GITHUB_PAT", "HF_TOKEN")
    assert secrets(envs=tuple(f"{name}=x" for name in names)) == dict.fromkeys(names, "x")
    assert secrets("db=postgres://me:x@host/runs") == {"ARGUMENTS": "db=postgres://me:x@host/runs"}
    assert secrets("train.max_tokens=1e9", "monkey=1", "pattern=x", envs=("PATHS=/x",)) == {}


def test_names_are_such_as_clouds_take() -> None:
    run = plan("run=it's 5 o'clock: 2 × A100 / night --- shift, and a tail that is long").tasks[0].run
    assert run.startswith("it-s-5-o-clock-2-A100-night-shift-and-a-2")
    assert plan("run=42").tasks[0].run.startswith("run-42-")
    assert plan("run=a", "run=b").name == "b"
    assert own_bucket() == own_bucket()


def test_bundled_tables_answer_where_no_catalog_lies_here() -> None:
    estimate = make_plan(Request(task="train", regions=("us-west-2",)), environ={}).estimate
    assert estimate.cheapest is not None
    assert (estimate.cheapest.source, estimate.cheapest.assumed) == ("list", True)
    assert "no price in us-west-2 lies here" in (estimate.cheapest.assumed_because or "")


def test_commit_is_checked_out_in_place_of_a_copy(tmp_path: Path) -> None:
    url = "https://me:token@example.org/milepost.git"
    workdir = plan(git_ref="main", workdir=url).tasks[0].task["workdir"]
    assert workdir == {"url": "https://example.org/milepost.git", "ref": "main"}
    for ssh in ("ssh://git@example.org/milepost.git", "git@example.org:me/milepost.git"):
        assert plan(workdir=ssh).tasks[0].task["workdir"] == {"url": ssh}
        assert plan(git_ref="main", workdir=ssh).tasks[0].task["workdir"] == {"url": ssh, "ref": "main"}
    hidden = plan(workdir="ssh://git:token@example.org/milepost.git").tasks[0].task["workdir"]
    assert hidden == {"url": "ssh://git@example.org/milepost.git"}
    with pytest.raises(ConfigError, match="has no git remote named origin"):
        plan(git_ref="main", workdir=str(tmp_path))


def test_cluster_of_ones_own_has_no_price_and_no_names_to_check() -> None:
    found = plan(cloud="Kubernetes", gpu=("H100",), gpus=8)
    assert found.estimate.cheapest is None
    assert "no source on this machine knows it" in (found.estimate.unknown_because or "")
    assert found.tasks[0].task["resources"]["infra"] == "kubernetes"


def test_seed_of_the_training_scripts_own_is_not_the_launchers() -> None:
    assert [plan(*arguments).tasks[0].seed for arguments in ((), ("trainer.seed=3",))] == [1, None]


@pytest.mark.parametrize(
    ("prices", "cheapest", "dearest"),
    [
        ("{discount: 0.5}", ("us-east-1", 0.5, "skypilot"), ("eu-west-1", 0.6, "skypilot")),
        ("{price_per_hour: 0.5}", ("us-east-1", 0.5, "user"), ("eu-west-1", 0.5, "user")),
        ("{table: TABLE}", ("eu-west-1", 0.1, "user"), ("us-east-1", 1.0, "skypilot")),
        ("off", None, None),
    ],
)
def test_offers_cost_what_the_configuration_says(prices: str, cheapest: Any, dearest: Any, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("instance_type,region,usd_per_hour\ng5.xlarge,eu-west-1,0.1\n")
    prices = prices.replace("TABLE", str(tmp_path / "own.csv"))
    (tmp_path / "mine.yaml").write_text(f"thresholds: []\nprices: {prices}\n")
    made = plan(config=str(tmp_path / "mine.yaml"), workdir=str(tmp_path), nodes=2)
    found = [made.estimate.cheapest, made.estimate.dearest]
    shown = [None if quote is None else (quote.region, quote.usd_per_hour, quote.source) for quote in found]
    assert shown == [cheapest, dearest]
    assert made.estimate.unknown_because == ("prices: off" if prices == "off" else None)
    if cheapest is not None:
        with pytest.raises(ConfigError, match=r"that is what 2 × g5\.xlarge cost"):
            plan(config=str(tmp_path / "mine.yaml"), workdir=str(tmp_path), nodes=2, max_usd_per_hour=0.19)
