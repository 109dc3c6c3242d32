"""The bundled tables say what their sources say."""

import csv
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from milepost.data import fallback_prices, list_prices, machines

SHARED = Path(__file__).parents[3] / "shared" / "prices"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real prices are not beside the project")


def rows(name: str) -> list[dict[str, str]]:
    with (SHARED / name).open(newline="") as file:
        return list(csv.DictReader(file))


def listed(instance_type: str, region: str) -> float | None:
    found = [price.usd_per_hour for price in list_prices().get(instance_type, []) if price.region in (region, "*")]
    return found[0] if found else None


@needs_shared
def test_aws_list_prices_are_all_there() -> None:
    for row in rows("list-prices-aws.csv"):
        assert listed(row["instance_type"], row["region"]) == float(row["usd_per_hour"])
        machine = machines()[row["instance_type"]]
        assert (machine.provider, machine.gpu, machine.gpus) == ("aws", row["gpu"], int(row["gpus"]))


@needs_shared
@pytest.mark.parametrize("cloud", ["aws", "azure", "lambda"])
def test_gpu_types_of_the_catalog_are_all_there(cloud: str) -> None:
    for row in rows(f"skypilot/{cloud}/vms.csv"):
        if not row["AcceleratorName"] or not row["Price"]:
            continue
        assert listed(row["InstanceType"], row["Region"]) == float(row["Price"])
        machine = machines()[row["InstanceType"]]
        assert (machine.provider, machine.gpu) == (cloud, row["AcceleratorName"])
        assert machine.gpus == int(float(row["AcceleratorCount"]))


@needs_shared
def test_gcp_prices_are_the_host_and_its_gpus() -> None:
    catalog = rows("skypilot/gcp/vms.csv")
    hosts = {(row["InstanceType"], row["Region"]): row["Price"] for row in catalog}
    gpus = {(row["AcceleratorName"], float(row["AcceleratorCount"] or 0), row["Region"]): row for row in catalog}
    ours = [price for prices in list_prices().values() for price in prices if price.provider == "gcp"]
    assert len(ours) > 30
    for price in ours:
        machine = machines()[price.instance_type]
        gpu = gpus[machine.gpu, float(machine.gpus), price.region]
        total = Decimal(hosts[price.instance_type, price.region]) + Decimal(gpu["Price"])
        assert price.usd_per_hour == float(total)
        assert float(gpu["Price"]) > 1.5 * float(gpu["SpotPrice"])  # what is no on-demand rate was left out


def test_a2_highgpu_by_hand() -> None:
    assert listed("a2-highgpu-1g", "us-central1") == 3.67339


def test_every_price_belongs_to_a_machine_and_is_one() -> None:
    for kind, prices in list_prices().items():
        assert machines()[kind].provider == prices[0].provider
        assert len({price.region for price in prices}) == len(prices)
        assert all(0.1 < price.usd_per_hour < 200 for price in prices)
        assert all(price.as_of in ("2025", "2026") for price in prices)


def test_fallback_table_is_exactly_the_documented_one() -> None:
    assert {price.instance_type: msgspec.structs.astuple(price)[1:] for price in fallback_prices().values()} == {
        "g4dn.xlarge": (0.526, 0.158),
        "g5.xlarge": (1.006, 0.302),
        "g5.2xlarge": (1.212, 0.364),
        "g5.4xlarge": (2.424, 0.727),
        "g5.8xlarge": (4.848, 1.454),
        "g5.12xlarge": (7.272, 2.182),
        "g5.24xlarge": (14.544, 4.363),
        "p3.2xlarge": (3.06, 0.918),
        "p3.8xlarge": (12.24, 3.672),
        "p3.16xlarge": (24.48, 7.344),
    }
