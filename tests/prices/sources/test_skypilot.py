import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from milepost.data import list_prices
from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.catalogs import catalog as catalog_module
from milepost.prices.sources.skypilot import SkyPilotCatalog

SHARED = Path(__file__).parents[4] / "shared" / "prices" / "skypilot"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real prices are not beside the project")

HEADER = "InstanceType,AcceleratorName,AcceleratorCount,GpuInfo,Price,SpotPrice,Region,AvailabilityZone"
INFO = "\"{'Gpus': [{'Name': 'A10G', 'Count': 1}], 'Total': 22888}\""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SKY_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def real(home: Path) -> None:
    for cloud in ("aws", "azure", "gcp", "lambda"):
        shutil.copytree(SHARED / cloud, home / ".sky" / "catalogs" / "v8" / cloud)


def lay(cloud: str, *lines: str, header: str = HEADER, end: str = "\n") -> Path:
    path = Path.home() / ".sky" / "catalogs" / "v8" / cloud / "vms.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *lines)) + end, encoding="utf-8", newline="")
    return path


def ask(instance_type: str | None = None, **fields: Any) -> Quote:
    return SkyPilotCatalog().quote(Instance(instance_type=instance_type, **fields))


def why_not(instance_type: str | None = None, **fields: Any) -> str:
    with pytest.raises(PriceUnavailable) as error:
        ask(instance_type, **fields)
    return str(error.value)


def usd(instance_type: str | None = None, **fields: Any) -> tuple[float, bool]:
    quote = ask(instance_type, **fields)
    return quote.usd_per_hour, quote.assumed


@needs_shared
@pytest.mark.usefixtures("real")
class TestRealCatalog:
    def test_on_demand_and_spot(self) -> None:
        assert usd("g6.4xlarge", region="eu-central-1") == (1.65466, False)
        assert usd("p4d.24xlarge") == (21.957642, False)
        assert usd("p4d.24xlarge", market="spot", zone="use1-az1") == (2.4655, False)
        quote = ask("p4d.24xlarge", market="spot")
        assert (quote.usd_per_hour, quote.zone, quote.gpus, quote.gpu) == (8.1915, "use1-az2", 8, "A100")
        assert quote.assumed_because == (
            "the zone is not known: that of use1-az2 stands in, the dearest of us-east-1 "
            "(use1-az1 is the cheapest, at 2.4655 USD/h)"
        )

    def test_spot_price_that_repeats_on_demand_is_none(self) -> None:
        assert usd("p5.48xlarge", market="spot") == (19.2531, False)  # 55.04 in the other zone
        assert "no spot market" in why_not("p5.48xlarge", market="spot", zone="use1-az1")
        assert "no spot market" in why_not("p4d.24xlarge", market="spot", region="eu-central-1")  # 27.4330 is 27.43298
        assert "no spot market" in why_not("Standard_ND96isr_H200_v5", market="spot")

    def test_type_without_any_price(self) -> None:
        assert why_not("mac1.metal") == "it has no on-demand price of mac1.metal in us-east-1"

    def test_gcp_adds_host_and_gpus(self) -> None:
        assert usd("a2-highgpu-1g", region="us-central1") == (0.73948 + 2.93391, False)
        assert usd("a2-highgpu-1g", region="us-central1") == (3.67339, False)
        assert usd("a2-highgpu-1g", region="us-central1", zone="us-central1-b", market="spot") == (1.80385, False)
        quote = ask("a3-ultragpu-8g")
        assert (quote.usd_per_hour, quote.gpus, quote.gpu, quote.assumed) == (86.75992, 8, "H200", True)
        assert quote.assumed_because == (
            "the catalog reckons the cores and memory of a3-ultragpu-8g at the rates of another machine series"
        )

    def test_gcp_gpus_attached_by_hand_are_the_instances(self) -> None:
        assert usd("n1-standard-8", gpus=2, gpu="t4") == (1.08, False)
        assert usd("n1-standard-8", gpus=0) == (0.38, False)
        assert usd("n1-standard-8") == (0.38, True)
        assert "no price of the 3 × T4" in why_not("n1-standard-8", gpus=3, gpu="T4")
        assert "its host alone is not its price" in why_not("n1-standard-8", gpus=1)

    @pytest.mark.parametrize("kind", ["a3-edgegpu-8g", "a3-ultragpu-8g-nolssd"])
    def test_gcp_host_is_never_priced_without_its_gpus(self, kind: str) -> None:
        assert "its host alone is not its price" in why_not(kind)

    def test_gcp_on_demand_price_at_its_spot_price_is_suspect(self) -> None:
        for told in ({}, {"gpu": "A100-80GB", "gpus": 1}):
            assert "has a part that is hardly above its spot price" in why_not("a2-ultragpu-1g", **told)
            assert usd("a2-ultragpu-1g", market="spot", **told) == (2.51378, False)
        assert usd("a2-ultragpu-1g", gpu="A100-80GB", gpus=1, market="spot") == (2.51378, False)
        assert "may be that of a commitment" in why_not("a3-highgpu-1g", region="us-central1")  # 5.38327
        assert usd("a3-highgpu-1g", region="us-east4") == (10.97906, False)
        quote = ask("a3-highgpu-1g")  # the reference region's is suspect: it does not stand in for others
        assert (quote.usd_per_hour, quote.region, quote.assumed) == (13.97715, "europe-west4", True)

    def test_gcp_prices_are_sound_where_they_are_in_the_list(self) -> None:
        listed = {(row.instance_type, row.region): row for rows in list_prices().values() for row in rows}
        priced = {
            (quote.instance_type, quote.region): quote
            for quote in SkyPilotCatalog().every_quote()
            if quote.provider == "gcp" and quote.market == "on_demand" and quote.gpus
        }
        tpus = {key for key, quote in priced.items() if (quote.gpu or "").startswith("tpu-")}  # the list has none
        sound = {key for key, quote in priced.items() if not quote.assumed} - tpus
        assert sound == {key for key, row in listed.items() if row.provider == "gcp"}
        for key, row in listed.items():
            if row.provider == "gcp":
                assert priced[key].usd_per_hour == pytest.approx(row.usd_per_hour, abs=1e-5)

    def test_region_that_is_not_known(self) -> None:
        assert ask("Standard_NC24ads_A100_v4").region == "eastus"
        quote = ask("gpu_8x_a100")
        assert (quote.usd_per_hour, quote.region, quote.assumed) == (15.92, None, False)

    def test_region_that_the_catalog_lacks_is_not_substituted(self) -> None:
        assert why_not("g6.4xlarge", region="eu-central1").endswith("in eu-central1; nearest: eu-central-1")
        assert why_not("g6.4xlarge", region="mars").endswith("it is in eu-central-1, us-east-1, us-west-2")

    def test_accelerators_find_the_cheapest_type(self) -> None:
        quote = ask(gpu="l4", gpus=1, provider="aws")
        assert (quote.instance_type, quote.usd_per_hour, quote.assumed) == ("g6.4xlarge", 1.3232, True)
        assert quote.assumed_because == (
            "the instance type is not known: g6.4xlarge, the cheapest of aws in us-east-1 with 1 × L4, stands in"
        )
        assert ask(gpu="A100", gpus=8, provider="gcp").usd_per_hour == 29.38708
        assert "lambda's gpu_8x_a100, the cheapest of all" in (ask(gpu="A100", gpus=8).assumed_because or "")
        assert "no instance type of aws with 3 × L4" in why_not(gpu="L4", gpus=3, provider="aws")
        assert why_not(gpu="L4") == "no instance type is known"

    def test_offers_are_of_that_model_only(self) -> None:
        offers = SkyPilotCatalog().offers("a100", 8)
        assert {quote.gpu for quote in offers} == {"A100"}
        assert {quote.gpus for quote in offers} == {8}
        assert offers == sorted(offers, key=lambda quote: quote.usd_per_hour)
        assert {quote.provider for quote in offers} == {"aws", "azure", "gcp", "lambda"}
        spot = SkyPilotCatalog().offers("A100", provider="aws", spot=True)
        assert [(quote.instance_type, quote.region, quote.usd_per_hour) for quote in spot] == [
            ("p4d.24xlarge", "us-east-1", 8.1915)
        ]
        assert SkyPilotCatalog().offers("A100", provider="aws", region="us-west-2") == []

    def test_every_quote_is_what_asking_gives(self) -> None:
        quotes = list(SkyPilotCatalog().every_quote())
        kinds = {(q.provider, q.instance_type, q.region, q.market, q.gpu) for q in quotes if q.gpu}
        assert len([quote for quote in quotes if quote.gpu]) > len(kinds) > 300  # T4:1 and T4:2 on the same host
        assert len({(q.provider, q.instance_type, q.region, q.market, q.gpu, q.gpus) for q in quotes}) == len(quotes)
        assert not [quote for quote in quotes if not quote.instance_type]
        for quote in quotes[::7]:
            if quote.suspect:
                continue  # it can't be trusted: what is offered is told, what it costs is not
            place = {"provider": quote.provider, "region": quote.region, "market": quote.market}
            on_n1 = {"gpu": quote.gpu, "gpus": quote.gpus or 0} if quote.instance_type == "n1-standard-8" else {}
            again = ask(quote.instance_type, **place, **on_n1)
            if on_n1 and quote.gpu:  # the type is told, so no host stands in
                assert (quote.assumed, again.assumed, again.usd_per_hour) == (True, False, quote.usd_per_hour)
            else:
                assert again == quote


def test_columns_are_joined_by_name_in_any_order() -> None:
    lay("lambda", "us-east-1,2.5,x", header="Region,Price,InstanceType")
    lay("runpod", "1.1,x1,US,0.2,new", header="Price,InstanceType,Region,SpotPrice,Unheard")
    assert usd("x") == (2.5, False)
    assert usd("x1", market="spot") == (0.2, False)
    assert why_not("x", market="spot") == "it has no spot price of x in us-east-1"


def test_type_inside_anothers_name_is_another_type() -> None:
    lay("aws", "xg5.4xlarge,,,,9,,r,", "g5.4xlarge,A10G,1.0," + INFO + ",1.624,,r,", "g5.4xlarge2,,,,8,,r,")
    assert usd("g5.4xlarge") == (1.624, False)
    assert "does not know 'g5'" in why_not("g5", provider="aws")


def test_provider_is_found_by_the_type_alone() -> None:
    lay("verda", "one,,,,1.0,,r,", "both,,,,1.0,,r,")
    lay("vast", "both,,,,2.0,,r,", "g5.xlarge,,,,9,,r,")
    lay("aws", "g5.xlarge,,,,1.006,,us-east-1,")
    assert ask("one").provider == "verda"
    assert ask("both", provider="Vast").usd_per_hour == 2.0
    assert why_not("both") == "several providers have a both: vast, verda; say which"
    assert ask("g5.xlarge").provider == "aws"  # which the bundled table of machines knows
    assert why_not("one", provider="aws") == "it does not know 'one' of aws"


def test_missing_catalog_says_how_to_get_it() -> None:
    assert why_not("g5.xlarge") == (
        "no catalogs lie in ~/.sky/catalogs/v8 or ~/cache/milepost/catalogs/v8; `milepost price --refresh` fetches them"
    )
    lay("aws")
    assert "no catalog of nebius lies in" in why_not("x", provider="nebius")
    assert "no catalog of ../aws lies in" in why_not("x", provider="../aws")


@pytest.mark.parametrize("price", ["", "0", "0.0", "nan", "-1.0", "inf"])
def test_what_is_no_price_is_never_one(price: str) -> None:
    lay("aws", f"t,,,,{price},{price},us-east-1,use1-az1")
    assert why_not("t") == "it has no on-demand price of t in us-east-1"
    assert why_not("t", market="spot") == "it has no spot price of t in us-east-1"
    assert list(SkyPilotCatalog().every_quote()) == []


@pytest.mark.parametrize("market", ["reserved", "capacity_block"])
def test_other_markets_are_not_known(market: Any) -> None:
    assert why_not("t", market=market) == f"it has on-demand and spot prices only, no {market} ones"


def test_local_zones_count_where_there_are_no_others() -> None:
    lay(
        "aws",
        *("t,,,,1.0,0.5,us-east-1,use1-az1", "t,,,,2.0,0.9,us-east-1,use1-atl2-az1"),
        *("t,,,,3.0,,us-west-2,usw2-lax1-az1", "t,,,,4.0,,us-west-2,usw2-wl1-den-wlz1"),
    )
    assert usd("t") == (1.0, False)
    assert usd("t", zone="use1-atl2-az1") == (2.0, False)
    assert usd("t", region="us-west-2") == (4.0, True)


def test_zone_by_its_name_in_the_account() -> None:
    path = lay("aws", "t,,,,1.0,0.5,us-east-1,use1-az1", "t,,,,1.0,0.7,us-east-1,use1-az2")
    quote = ask("t", market="spot", zone="us-east-1b")
    assert quote.assumed_because == (
        "which zone of the catalog us-east-1b is, is not known: that of use1-az2 stands in, the dearest of us-east-1 "
        "(use1-az1 is the cheapest, at 0.5 USD/h)"
    )
    assert usd("t", zone="us-east-1b") == (1.0, False)  # it makes no difference there
    mapping = "AvailabilityZone,AvailabilityZoneName\n{},us-east-1b\n"
    (path.parent / "az_mappings-1a2b.csv").write_text(mapping.format("use1-az1"))
    quote = ask("t", market="spot", zone="us-east-1b")
    assert (quote.usd_per_hour, quote.zone, quote.assumed) == (0.5, "us-east-1b", False)
    (path.parent / "az_mappings-3c4d.csv").write_text(mapping.format("use1-az2"))  # of another account
    assert usd("t", market="spot", zone="us-east-1b") == (0.7, True)
    (path.parent / "az_mappings-3c4d.csv").write_bytes(b"\xff\0,")
    assert usd("t", market="spot", zone="us-east-1b") == (0.5, False)


def test_region_is_told_by_the_zone() -> None:
    lay("aws", "t,,,,1.0,,us-east-1,use1-az1", "t,,,,2.0,,us-east-2,use2-az1")
    assert usd("t", zone="use2-az1") == (2.0, False)
    assert usd("t", zone="us-east-2c") == (2.0, False)
    assert "does not know t in eu-west-9a" in why_not("t", zone="eu-west-9a")
    lay("runpod", "pod,,,,1.0,,US,US-CA-1", "pod,,,,2.0,,CA,CA-MTL-1")
    assert usd("pod", region="ca-mtl-1") == (2.0, False)  # a data centre


def test_dearest_region_stands_in_where_prices_differ() -> None:
    lay("vast", 't,,,,1.5,0.00,"Texas, US, NA",', 't,,,,1.25,0.00,"Japan, JP, AS",')
    quote = ask("t")
    assert (quote.usd_per_hour, quote.region) == (1.5, "Texas, US, NA")
    assert quote.assumed_because == (
        "the region is not known: that of Texas, US, NA stands in, the dearest "
        "(Japan, JP, AS is the cheapest, at 1.25 USD/h)"
    )
    assert usd("t", region="japan, jp, as") == (1.25, False)


def test_part_of_a_gpu_is_a_fraction() -> None:
    lay("verda", "half,A100,0.5,,1.0,,r,", "two,A100,2.0,,3.0,,r,")
    assert (ask("half").gpus, ask("half").gpu) == (0.5, "A100")
    assert (ask("two").gpus, ask("two").gpu) == (2, "A100")
    assert [quote.instance_type for quote in SkyPilotCatalog().offers("A100", 2)] == ["two"]


def test_new_file_is_seen() -> None:
    lay("verda", "t,,,,1.0,,r,")
    assert usd("t") == (1.0, False)
    os.utime(lay("verda", "t,,,,2.0,,r,"), (1e9, 1e9))
    quote = ask("t")
    assert (quote.usd_per_hour, quote.as_of) == (2.0, "2001-09-09")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its header has no column InstanceType or Region or Price"),
        (b"<html>no</html>\n", "its header has no column"),
        (b"InstanceType,Price\nt,1\n", "its header has no column Region"),
        (b"InstanceType,Price,Region,Price\nt,1,r,2\n", "its header names a column twice"),
        (b"\x89PNG\r\n\xff\xfe", "it is no text in UTF-8"),
        (b"InstanceType,Price,Region\nt,1,r\0\n", "there are NUL bytes in it"),
        (b"InstanceType,Price,Region\nt,1,r,\n", "a row has 4 fields where the header has 3"),
        (b"InstanceType,Price,Region\nt,1\n", "a row has 2 fields where the header has 3"),
        (b"InstanceType,Price,Region\nt,one,r\n", "'one' stands where a number is expected"),
        (b"InstanceType,Price,Region\nt,1_0,r\n", "'1_0' stands where a number is expected"),
        (b"InstanceType,Price,Region\nt,1,r", "its last line, which is of it, has no end"),
        (b'InstanceType,Price,Region\nt,1,"r\n', "it is no CSV"),
        (b'InstanceType,Price,Region\n"i"x"y",1,r\nt,2,r\n', "it is no CSV"),
        (b"InstanceType,Price,Region\nt,1," + b"r" * 200_000 + b"\n", "it is no CSV (field larger"),
    ],
)
def test_broken_file_is_no_price(content: bytes, reason: str) -> None:
    lay("aws").write_bytes(content)
    said = why_not("t", provider="aws")
    assert said.startswith("~/.sky/catalogs/v8/aws/vms.csv can't be read: ")
    assert reason in said
    assert list(SkyPilotCatalog().every_quote()) == [] or "last line" in reason
    assert reason in why_not("t") or "does not know" in why_not("t")


def test_file_that_cannot_be_read_is_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    path = lay("aws", "t,,,,1.0,,r,")
    lay("verda", "t,,,,2.0,,r,")
    with monkeypatch.context() as patch:
        patch.setattr(catalog_module, "MAX_BYTES", 10)
        assert "it has more than 0 MiB" in why_not("t", provider="aws")
    catalog_module._loaded.clear()
    path.unlink()
    path.mkdir()
    assert why_not("t", provider="aws") == "~/.sky/catalogs/v8/aws/vms.csv can't be read: it is no file"
    assert usd("t") == (2.0, False)  # another cloud's is whole
    assert [quote.provider for quote in SkyPilotCatalog().every_quote()] == ["verda"]
    if os.geteuid():
        path.rmdir()
        lay("aws", "t,,,,1.0,,r,").chmod(0)
        assert "can't be read: Permission denied" in why_not("t", provider="aws")


def test_broken_row_harms_its_own_type_only() -> None:
    lay("aws", "good,A10G,1,,1.0,,r,", "bad,L4,1,,1.0,,r", "bad,L4,1,,2.0,,r,", header=HEADER)
    assert usd("good") == (1.0, False)
    assert "a row has 7 fields" in why_not("bad")
    assert [quote.instance_type for quote in SkyPilotCatalog().every_quote()] == ["good"]
    assert [quote.instance_type for quote in SkyPilotCatalog().offers("a10g")] == ["good"]
    assert SkyPilotCatalog().offers("l4") == []


@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(alphabet='t,"\n\r\0é1.-e', max_size=60).map(lambda text: f"{HEADER}\n{text}".encode()),
        st.binary(max_size=60).map(lambda junk: HEADER.encode() + b"\nt,t,1,,1.0,0.5,r,z\n" + junk),
    )
)
def test_no_content_raises_anything_else(content: bytes) -> None:
    source = SkyPilotCatalog()
    for cloud in ("aws", "gcp"):
        lay(cloud).write_bytes(content)
    catalog_module._loaded.clear()
    for instance in (Instance(instance_type="t", provider="aws"), Instance(instance_type="t", gpu="t", gpus=1)):
        with suppress(PriceUnavailable):
            assert source.quote(instance).usd_per_hour > 0
    with suppress(PriceUnavailable):
        assert all(quote.usd_per_hour > 0 for quote in (*source.every_quote(), *source.offers("t")))
