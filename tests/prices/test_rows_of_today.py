"""Catalogs and answers have rows of these forms today."""

from typing import Any

import pytest

from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.sources.skypilot import SkyPilotCatalog
from tests.prices.catalogs.laid import HEADER, lay

AWS_16 = (
    f"{HEADER},Arch,LocalDiskType,NVMeSupported,LocalDiskSize,LocalDiskCount,MaximumEfaInterfaces"
    # as ``USEFUL_COLUMNS`` of SkyPilot 0.14's ``fetch_aws.py``
)


def ask(kind: str, **fields: Any) -> Quote:
    return SkyPilotCatalog().quote(Instance(instance_type=kind, **fields))


def test_sixteen_columns_of_aws() -> None:
    info = "\"{'Gpus': [{'Name': 'L4', 'Manufacturer': 'NVIDIA', 'Count': 1, 'MemoryInfo': {'SizeInMiB': 22888}}]}\""
    lay(
        "aws",
        f"g6.4xlarge,L4,1.0,16.0,64.0,{info},1.3232,0.6637,us-east-1,use1-az1,x86_64,ssd,required,600.0,1.0,1.0",
        "mac1.metal,,,12.0,32.0,,,,us-east-1,use1-az1,x86_64_mac,,,,,",
        "g6f.large,L4,0.125,2.0,8.0,,0.2018,0.0743,us-east-1,use1-az1,x86_64,ssd,required,100.0,1.0,",
        header=AWS_16,
    )
    quote = ask("g6.4xlarge", region="us-east-1")
    assert (quote.usd_per_hour, quote.gpus, quote.gpu, quote.vcpus, quote.assumed) == (1.3232, 1, "L4", 16.0, False)
    assert ask("g6.4xlarge", market="spot", zone="use1-az1").usd_per_hour == 0.6637
    assert (ask("g6f.large").gpus, ask("g6f.large").usd_per_hour) == (0.125, 0.2018)
    for market in ("on_demand", "spot"):
        with pytest.raises(PriceUnavailable, match=r"price of mac1\.metal in us-east-1"):
            ask("mac1.metal", market=market)


def test_azure_row_with_two_prices_is_the_higher_and_says_both() -> None:
    lay(
        "azure",
        "Standard_D2as_v5,,,2.0,8.0,,0.086,0.0086,westus3,",
        "Standard_D2as_v5,,,2.0,8.0,,0.178,0.0086,westus3,",
        "Standard_D2as_v5,,,2.0,8.0,,0.086,0.0086,eastus,",
    )
    quote = ask("Standard_D2as_v5", region="westus3")
    assert (quote.usd_per_hour, quote.assumed) == (0.178, True)
    assert quote.assumed_because == (
        "it has several prices of Standard_D2as_v5 in westus3: the highest stands in (the lowest is 0.086)"
    )
    assert (ask("Standard_D2as_v5", region="eastus").usd_per_hour, ask("Standard_D2as_v5").assumed) == (0.086, False)
    assert ask("Standard_D2as_v5", region="westus3", market="spot").assumed is False


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "0", "0.0"])
def test_row_without_a_price_is_a_type_that_is_known_and_not_priced(nothing: str) -> None:
    lay("azure", f"Standard_NC40ads_H100_v5,H100,1.0,40.0,320.0,,{nothing},{nothing},eastus,")
    nodes = Instance(instance_type="standard_nc40ads_h100_v5", provider="azure")
    assert SkyPilotCatalog().knows(nodes)
    assert SkyPilotCatalog().machine_of(nodes).gpus == 1
    with pytest.raises(PriceUnavailable, match="it has no on-demand price of Standard_NC40ads_H100_v5 in eastus"):
        ask("Standard_NC40ads_H100_v5")
