"""``milepost price`` as a person runs it, with catalogs on disk and real servers on loopback."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_cli import milepost
from tests.prices.server import Answer, Question, serving
from tests.prices.sources.test_aws import history, product

COLUMNS = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone"
)
ROWS = """\
g5.xlarge,A10G,1.0,4,16,,1.006,0.40,us-east-1,use1-az1
g5.xlarge,A10G,1.0,4,16,,1.006,0.50,us-east-1,use1-az2
g5.2xlarge,A10G,1.0,8,32,,1.212,,us-east-1,use1-az1
g5.12xlarge,A10G,4.0,48,192,,5.672,2.0,us-east-1,use1-az1
m5.large,,,2,8,,0.096,0.04,us-east-1,use1-az1
"""


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """SkyPilot's catalog of one cloud."""
    folder = tmp_path / ".sky" / "catalogs" / "v8" / "aws"
    folder.mkdir(parents=True)
    (folder / "vms.csv").write_text(f"{COLUMNS}\n{ROWS}")
    monkeypatch.setenv("SKY_RUNTIME_DIR", str(tmp_path))
    return f"{COLUMNS}\n{ROWS}"


def rows_of(*arguments: str, **environ: str) -> list[dict[str, Any]]:
    done = milepost("price", *arguments, "--json", cwd=None, **environ)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def types(*arguments: str) -> list[tuple[str, float]]:
    return [(row["instance_type"], row["usd_per_hour"]) for row in rows_of(*arguments, "--source", "skypilot")]


@pytest.mark.usefixtures("catalog")
def test_catalog_answers_by_zone_and_says_what_stands_in() -> None:
    (row,) = rows_of("g5.xlarge", "--spot", "--region", "us-east-1", "--zone", "use1-az1")
    assert (row["usd_per_hour"], row["zone"], row["source"], row["assumed"]) == (0.40, "use1-az1", "skypilot", False)
    done = milepost("price", "g5.xlarge", "--spot", "--region", "us-east-1")
    assert "0.5000*" in done.stdout
    assert "use1-az1" in " ".join(done.stdout.split())


@pytest.mark.usefixtures("catalog")
def test_gpus_find_the_types_that_offer_them_the_cheapest_gpu_hour_first() -> None:
    assert types("A10G:1") == [("g5.xlarge", 1.006), ("g5.2xlarge", 1.212)]
    assert types("a10g:4") == [("g5.12xlarge", 5.672)]
    assert types("A10G:1", "--spot") == [("g5.xlarge", 0.5)]
    assert types("--list", "--gpu", "A10G") == [("g5.xlarge", 1.006), ("g5.2xlarge", 1.212), ("g5.12xlarge", 5.672)]
    assert types("--list", "--gpu", "A10G", "--max-usd", "1.5") == [("g5.xlarge", 1.006), ("g5.2xlarge", 1.212)]
    assert types("--list")[-1] == ("m5.large", 0.096)  # it has no GPU to be reckoned by
    assert types("--list", "--region", "eu-west-1") == []
    assert "nothing is known that fits" in milepost("price", "H200:8", "--source", "skypilot").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--gpu", "A100"], "expected an instance TYPE, --list or --refresh"),
        (["g5.xlarge", "--gpu", "A100"], "expected --list beside --gpu and --max-usd"),
        (["--list", "--history"], "expected an instance TYPE with --history"),
        (["g5.xlarge", "--history"], "no history of the spot price of g5.xlarge (aws: no AWS credentials are set up"),
        (["g5.xlarge", "--history", "--days", "91"], "less than or equal to 90"),
        (["--refresh", "--provider", "../aws"], "expected a provider's name, such as aws"),
    ],
)
def test_wrong_calls_say_what_was_expected(arguments: list[str], said: str) -> None:
    done = milepost("price", *arguments)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_refresh_fetches_catalogs_and_then_prices_by_them(catalog: str, tmp_path: Path) -> None:
    index = "AcceleratorName,Clouds\nA10G,\"['aws', 'lambda']\"\n"
    with serving(lambda asked: Answer(200, index if "accelerators" in asked.path else catalog)) as server:
        environ = {
            "MILEPOST_CATALOG_URL": server.url,
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "SKY_RUNTIME_DIR": str(tmp_path / "none"),
        }
        done = milepost("price", "g5.xlarge", "--refresh", "--region", "us-east-1", "--json", cwd=None, **environ)
        assert (done.returncode, json.loads(done.stdout)["source"]) == (0, "skypilot"), done.stderr
        assert {asked.path for asked in server.asked} == {
            "/v8/common/accelerators.csv",
            "/v8/aws/vms.csv",
            "/v8/lambda/vms.csv",
        }
        server.answer = lambda asked: Answer(404)
        done = milepost("price", "--refresh", "--provider", "aws", cwd=None, **environ)
    assert done.returncode == 2
    assert "1 of 1 catalogs could not be fetched (aws: " in " ".join(done.stderr.split())
    assert rows_of("g5.xlarge", "--region", "us-east-1", **environ)[0]["source"] == "skypilot"  # nothing was lost


def test_history_is_shown_as_a_plot_and_a_table(tmp_path: Path) -> None:
    pytest.importorskip("boto3")
    pytest.importorskip("plotext")

    def answer(asked: Question) -> Answer:
        return Answer(
            200,
            history(
                ("us-west-2a", "20.0", "2020-01-01T00:00:00.000Z"), ("us-west-2b", "31.5", "2020-01-01T00:00:00.000Z")
            ),
        )

    with serving(answer) as server:
        environ = {
            "AWS_ENDPOINT_URL_EC2": server.url,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "EXAMPLE",
        }
        asked = ("p5.48xlarge", "--history", "--region", "us-west-2", "--days", "2")
        done = milepost("price", *asked, cwd=None, **environ)
        assert done.returncode == 0, done.stderr
        assert "USD an hour, times in UTC" in done.stdout
        assert done.stdout.count("us-west-2b") == 2  # in the plot's legend and in the table
        rows = [
            json.loads(line) for line in milepost("price", *asked, "--json", cwd=None, **environ).stdout.splitlines()
        ]
    assert [(row["zone"], row["usd_per_hour"]) for row in rows] == [("us-west-2a", 20.0), ("us-west-2b", 31.5)]
    assert rows[0]["since"] == "2020-01-01T00:00:00+00:00"


def test_live_price_is_asked_for_and_kept(tmp_path: Path) -> None:
    pytest.importorskip("boto3")
    body = {"FormatVersion": "aws_v1", "PriceList": [product("72.0")]}
    with serving(lambda asked: Answer(200, body)) as server:
        environ = {
            "AWS_ENDPOINT_URL_PRICING": server.url,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "EXAMPLE",
            "XDG_CACHE_HOME": str(tmp_path),
        }
        (first,) = rows_of("p5.48xlarge", "--region", "us-west-2", **environ)
        (second,) = rows_of("p5.48xlarge", "--region", "us-west-2", **environ)
        assert len(server.asked) == 1
    assert (first["usd_per_hour"], first["source"], first["cached"]) == (72.0, "aws", False)
    assert (second["usd_per_hour"], second["source"], second["cached"]) == (72.0, "aws", True)
    assert second["as_of"] == first["as_of"]


@pytest.mark.usefixtures("catalog")
def test_list_is_sorted_by_what_is_asked_for(tmp_path: Path) -> None:
    catalog = tmp_path / ".sky" / "catalogs" / "v8" / "aws" / "vms.csv"
    more = (
        "g6.xlarge,L4,1.0,4,16,,0.8,0.6,us-east-1,use1-az1",
        "g4dn.xlarge,T4,1.0,4,16,,0.526,0.1,us-east-1,use1-az1",
    )
    catalog.write_text(catalog.read_text() + "\n".join(more) + "\n")

    def sorted_by(sort: str, *arguments: str) -> list[str]:
        return [kind for kind, _ in types("--list", "--sort", sort, *arguments)]

    assert sorted_by("gpu-hour")[:3] == ["g4dn.xlarge", "g6.xlarge", "g5.xlarge"]
    assert sorted_by("hour")[:2] == ["m5.large", "g4dn.xlarge"]
    # A GB of the 16 of a T4 is 0.0329, of the 24 of an L4 0.0333, of the 24 of an A10G 0.0419.
    assert sorted_by("gpu-memory") == ["g4dn.xlarge", "g6.xlarge", "g5.xlarge", "g5.2xlarge", "g5.12xlarge", "m5.large"]
    rows = rows_of("--list", "--sort", "spot-saving", "--source", "skypilot")
    assert [(row["instance_type"], row["market"], round(row["spot_saving"], 3)) for row in rows] == [
        ("g4dn.xlarge", "spot", 0.81),
        ("g5.12xlarge", "spot", 0.647),
        ("m5.large", "spot", 0.583),
        ("g5.xlarge", "spot", 0.503),
        ("g6.xlarge", "spot", 0.25),
    ]
    done = milepost("price", "--list", "--sort", "spot-saving", "--source", "skypilot")
    assert "saving" in done.stdout
    assert "81%" in done.stdout
    assert milepost("price", "g5.xlarge", "--sort", "hour").returncode == 2
    assert milepost("price", "--list", "--sort", "cheap").returncode == 2
