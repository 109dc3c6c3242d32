"""``milepost price`` of machines that are not whole GPUs in a box: parts of a GPU, TPU slices, GPUs put on a host."""

from pathlib import Path

import pytest

from tests.cli.test_cli import milepost
from tests.cli.test_price import COLUMNS, rows_of

AWS = """\
g6f.large,L4,0.125,2.0,8.0,,0.2018,0.0743,us-east-1,use1-az1
g6f.4xlarge,L4,0.5,16.0,64.0,,0.9660,0.3551,us-east-1,use1-az1
g6.xlarge,L4,1.0,4.0,16.0,,0.8048,0.3,us-east-1,use1-az1
"""
AZURE = "Standard_NV6ads_A10_v5,A10,0.167,6.0,55.0,,0.454,0.09,eastus,\n"


@pytest.fixture
def catalogs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SkyPilot's catalogs, of rows in its form."""
    for cloud, rows in (("aws", AWS), ("azure", AZURE)):
        folder = tmp_path / ".sky" / "catalogs" / "v8" / cloud
        folder.mkdir(parents=True)
        (folder / "vms.csv").write_text(f"{COLUMNS}\n{rows}")
    monkeypatch.setenv("SKY_RUNTIME_DIR", str(tmp_path))


@pytest.mark.usefixtures("catalogs")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("L4:0.5", [("g6f.4xlarge", 0.5, 0.966)]),
        ("l4:0.125", [("g6f.large", 0.125, 0.2018)]),
        ("L4:1", [("g6.xlarge", 1, 0.8048)]),
        ("A10:0.167", [("Standard_NV6ads_A10_v5", 0.167, 0.454)]),
        ("A10:0.1667", [("Standard_NV6ads_A10_v5", 0.167, 0.454)]),  # a sixth, written to another digit
        ("L4:0.25", []),
        ("L4:many", []),
    ],
)
def test_parts_of_a_gpu_are_found_by_their_fraction(asked: str, found: list[tuple[str, float, float]]) -> None:
    rows = rows_of(asked, "--source", "skypilot")
    assert [(row["instance_type"], row["gpus"], row["usd_per_hour"]) for row in rows] == found


@pytest.mark.usefixtures("catalogs")
def test_a_part_of_a_gpu_is_shown_as_one_with_what_a_whole_one_would_cost() -> None:
    done = milepost("price", "L4:0.125", "--source", "skypilot")
    assert "0.125 L4" in done.stdout
    assert "1.6144" in done.stdout  # 0.2018 / 0.125


GCP = """\
n1-standard-4,,,4.0,15.0,,0.19,0.04,us-central1,us-central1-a
n1-highmem-4,,,4.0,26.0,,0.2366,0.05,us-central1,us-central1-a
n1-standard-8,,,8.0,30.0,,0.38,0.08,us-central1,us-central1-a
n2-standard-8,,,8.0,32.0,,0.1,0.05,us-central1,us-central1-a
,T4,1,,,{},0.35,0.11,us-central1,us-central1-a
,T4,4,,,{},1.4,0.44,us-central1,us-central1-a
,P4,1,,,{},0.6,0.2,us-central1,us-central1-a
,GB999,1,,,{},9.0,3.0,us-central1,us-central1-a
,tpu-v3-8,1,,,tpu-v3-8,8.0,2.04,us-central1,us-central1-a
,tpu-v3-8,1,,,tpu-v3-8,8.8,2.244,europe-west4,europe-west4-a
,tpu-v3-32,1,,,tpu-v3-32,32.0,10.56,europe-west4,europe-west4-a
,tpu-v5p-8,1,,,tpu-v5p-8,1.0,0.9,us-east5,us-east5-a
,tpu-broken-8,1,,,,much,,us-east5,us-east5-a
"""


@pytest.fixture
def gcp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SkyPilot's catalog of GCP, which has hosts, GPUs and TPUs in rows of their own."""
    folder = tmp_path / ".sky" / "catalogs" / "v8" / "gcp"
    folder.mkdir(parents=True)
    (folder / "vms.csv").write_text(f"{COLUMNS}\n{GCP}")
    monkeypatch.setenv("SKY_RUNTIME_DIR", str(tmp_path))


@pytest.mark.usefixtures("gcp")
@pytest.mark.parametrize(
    ("arguments", "usd", "region", "assumed"),
    [
        (["tpu-v3-32", "--provider", "gcp"], 32.0, "europe-west4", False),
        (["tpu-v3-32"], 32.0, "europe-west4", False),
        (["TPU-v3-32"], 32.0, "europe-west4", False),
        (["tpu-v3-32", "--spot"], 10.56, "europe-west4", False),
        (["tpu-v3-8"], 8.0, "us-central1", False),  # the reference region
        (["tpu-v3-8", "--region", "europe-west4"], 8.8, "europe-west4", False),
        (["tpu-v5p-8"], 1.0, "us-east5", True),  # hardly above its spot price
        (["--list", "--gpu", "tpu-v3-32"], 32.0, "europe-west4", False),
        (["tpu-v3-32:1", "--provider", "gcp"], 32.0, "europe-west4", False),
    ],
)
def test_a_tpu_slice_has_one_price(arguments: list[str], usd: float, region: str, assumed: bool) -> None:
    (row,) = rows_of(*arguments)
    assert (row["usd_per_hour"], row["region"], row["assumed"], row["source"]) == (usd, region, assumed, "skypilot")
    assert row["instance_type"] == row["gpu"]
    assert row["gpus"] == 1


@pytest.mark.usefixtures("gcp")
@pytest.mark.parametrize(
    ("asked", "spot", "kind", "usd"),
    [
        ("T4:1", False, "n1-highmem-4", 0.5866),  # 4 virtual CPUs and 16 GiB at least
        ("T4:1", True, "n1-highmem-4", 0.16),
        ("P4:1", False, "n1-standard-8", 0.98),  # 8 and 32 GiB: none has so much memory
    ],
)
def test_gpus_without_a_host_cost_what_they_do_on_the_cheapest_that_is_fit(
    asked: str, spot: bool, kind: str, usd: float
) -> None:
    (row,) = rows_of(asked, "--provider", "gcp", *(["--spot"] if spot else []))
    assert (row["instance_type"], row["gpu"], row["gpus"], row["assumed"]) == (kind, asked[:2], 1, True)
    assert row["usd_per_hour"] == pytest.approx(usd)


@pytest.mark.usefixtures("gcp")
def test_gpus_for_which_no_host_is_fit_have_no_price() -> None:
    assert rows_of("T4:4", "--provider", "gcp") == []  # 48 virtual CPUs
    assert rows_of("GB999:1", "--provider", "gcp") == []  # not known to be put on a host


@pytest.mark.usefixtures("catalogs")
def test_explanation_names_who_was_asked_and_what_each_said() -> None:
    (row,) = rows_of("g6f.large", "--provider", "aws", "--explain")
    asked = {each["source"]: each["said"] for each in row["asked"]}
    assert list(asked) == ["user", "aws", "gcp", "azure", "skypilot"]
    assert asked["user"] == "no price_per_hour is given"
    assert asked["aws"] == "no AWS credentials are set up"
    assert asked["skypilot"].startswith("0.2018 USD/h for aws g6f.large us-east-1 on-demand, as of ")
    done = milepost("price", "g5.4xlarge", "--spot", "--explain")
    said = " ".join(done.stdout.split())
    assert "skypilot it does not know 'g5.4xlarge' of aws" in said
    assert "fallback 0.727 USD/h for aws g5.4xlarge spot, assumed" in said
    assert "* assumed: the spot price of g5.4xlarge is that of the documented fallback table" in said
