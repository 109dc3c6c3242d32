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
