"""GCPPrices against a real HTTP server that answers as the Cloud Billing Catalog does, decoys included."""

import copy
import csv
import logging
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from milepost.data import gcp_shapes, machines
from milepost.errors import PriceUnavailable
from milepost.money.instance import Commitment, Instance
from milepost.money.quote import Quote
from milepost.prices import gcp_skus, http
from milepost.prices.sources import gcp
from milepost.prices.sources.gcp import GCPPrices
from tests.prices.server import Answer, PriceServer, Question, serving

pytest.importorskip("httpx")

KEY = "AIzaSyEXAMPLE-0123456789abcdefghijklmno"
CATALOG = Path(__file__).parents[4] / "shared" / "prices" / "skypilot" / "gcp" / "vms.csv"
FREE, MONTHLY = {"units": "0", "nanos": 0, "currencyCode": "USD"}, "GiBy.mo"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http, "LONGEST_WAIT_SECONDS", 0.001)
    monkeypatch.setenv(gcp_skus.KEY_VARIABLE, KEY)
    with serving() as running:
        monkeypatch.setenv(gcp_skus.URL_VARIABLE, running.url)
        yield running


def sku(
    description: str,
    usd: float,
    *,
    unit: str | None = None,
    usage_type: str = "OnDemand",
    regions: tuple[str, ...] = ("us-central1",),
    sku_id: str = "0000-0000-0000",
) -> dict[str, Any]:
    """A SKU as the catalog gives it: whole dollars as text, and billionths."""
    price = {"currencyCode": "USD", "units": str(int(usd)), "nanos": round((usd - int(usd)) * 1e9)}
    expression = {
        "usageUnit": unit or ("GiBy.h" if " Ram " in description else "h"),
        "displayQuantity": 1,
        "tieredRates": [{"startUsageAmount": 0, "unitPrice": price}],
    }
    return {
        "name": f"services/{gcp_skus.COMPUTE_ENGINE}/skus/{sku_id}",
        "skuId": sku_id,
        "description": description,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": "Compute",
            "resourceGroup": "CPU",
            "usageType": usage_type,
        },
        "serviceRegions": list(regions),
        "pricingInfo": [{"pricingExpression": expression, "effectiveTime": "2026-11-20T12:00:00Z"}],
        "serviceProviderName": "Google",
    }


def changed(content: dict[str, Any], value: Any, *path: str | int) -> dict[str, Any]:
    """The SKU with another value at ``path``; with nothing there where the value is ``...``."""
    result = copy.deepcopy(content)
    place: Any = result
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return result


A2 = [
    sku("A2 Instance Core running in Americas", 0.031611, sku_id="2922-40C5-B19F"),
    sku("A2 Instance Ram running in Americas", 0.004237, sku_id="2390-DCAF-DA38"),
    sku("Nvidia Tesla A100 GPU running in Americas", 2.933908, sku_id="039F-D0DA-4055"),
]
A2_SPOT = [
    sku("Spot Preemptible A2 Instance Core running in Americas", 0.0158, usage_type="Preemptible"),
    sku("Spot Preemptible A2 Instance Ram running in Americas", 0.00212, usage_type="Preemptible"),
    sku(
        "Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas",
        1.4341,
        usage_type="Preemptible",
    ),
]
CORE = A2[0]["description"]
PRICE = ("pricingInfo", 0, "pricingExpression")
RATE = (*PRICE, "tieredRates", 0)

DECOYS = {
    # by its name: another thing, or the same on other terms
    "DWS": sku("DWS Defined Duration A2 Core running in Americas", 0.0158),
    "DWS GPU": sku("Nvidia Tesla A100 GPU attached to DWS Defined Duration VMs running in Americas", 1.71),
    "reserved": sku("Reserved A2 Core in Americas", 0.0192),
    "calendar": sku("Reserved Nvidia Tesla A100 GPU in Americas in Calendar Mode", 1.9),
    "sole tenancy": sku("A2 Instance Core Sole Tenancy running in Americas", 0.0316),
    "sole tenancy GPU": sku("Nvidia Tesla A100 GPU attached to Sole Tenancy VMs running in Americas", 2.95),
    "custom": sku("A2 Custom Instance Core running in Americas", 0.0332),
    "premium": sku("Committed Use Discount Premium for A2 Instance Core running in Americas", 0.0001),
    "upgrade": sku("Upgrade Premium for A2 Instance Ram running in Americas", 0.0003),
    "commitment": sku("Commitment v1: A2 Instance Core running in Americas for 1 Year", 0.0199),
    "other family": sku("N2A2 Instance Core running in Americas", 0.04),
    "longer family": sku("A2 Ultra Instance Core running in Americas", 0.041),
    "other GPU": sku("Nvidia Tesla A100 80GB GPU running in Americas", 3.92808),
    "workstation": sku("Nvidia Tesla A100 GPU Virtual Workstation running in Americas", 3.1),
    "no place": sku("A2 Instance Core", 0.0317),
    # by what stands after the place
    **{
        f"tail: {tail}": sku(f"A2 Instance Core running in Americas {tail}", 0.02)
        for tail in (
            *("for 1 Year", "in Calendar Mode", "DWS", "Flex Start", "Defined Duration", "Sole", "with Tenancy"),
            *("Custom", "Premium", "Reserved", "Commitment", "Committed", "Overcommit", "Upgrade", "Suspended"),
            *("Licensing Fee", "Windows", "Workstation"),
        )
    },
    # by its fields
    "spot": A2_SPOT[0],
    "spot that is marked as on-demand": sku("Spot Preemptible A2 Instance Core running in Americas", 0.0157),
    "spot in its type only": sku(CORE, 0.0156, usage_type="Preemptible"),
    "commitment in its type only": sku(CORE, 0.0199, usage_type="Commit1Yr"),
    "premium in its type only": sku(CORE, 0.0198, usage_type="CmtCudPremium"),
    "other region": sku(CORE, 0.0349, regions=("europe-west4", "us-central2")),
    "zero": sku(CORE, 0.0),
    "other currency": changed(sku(CORE, 0.03), "EUR", *RATE, "unitPrice", "currencyCode"),
    "per month": sku(CORE, 23.0, unit="mo"),
    "memory per GB": sku("A2 Instance Ram running in Americas", 0.0039, unit="GBy.h"),
    "memory by the hour": sku("A2 Instance Ram running in Americas", 0.0041, unit="h"),
    "a free first tier": changed(
        sku(CORE, 0.033),
        [
            {"startUsageAmount": 0, "unitPrice": FREE},
            {"startUsageAmount": 100, "unitPrice": {**FREE, "nanos": 33_000_000}},
        ],
        *RATE[:-1],
    ),
    "a later tier only": changed(sku(CORE, 0.034), 100, *RATE, "startUsageAmount"),
    # what can't be read
    "no units": changed(sku(CORE, 1.034), ..., *RATE, "unitPrice", "units"),
    "units that are no text": changed(sku(CORE, 1.034), 1, *RATE, "unitPrice", "units"),
    "units that are no number": changed(sku(CORE, 1.034), "one", *RATE, "unitPrice", "units"),
    "negative": changed(sku(CORE, 0.5), "-1", *RATE, "unitPrice", "units"),
    "no nanos": changed(sku(CORE, 1.034), ..., *RATE, "unitPrice", "nanos"),
    "nanos in text": changed(sku(CORE, 0.034), "34000000", *RATE, "unitPrice", "nanos"),
    "nanos of true": changed(sku(CORE, 0.034), True, *RATE, "unitPrice", "nanos"),
    "nanos above a unit": changed(sku(CORE, 0.034), 10**9, *RATE, "unitPrice", "nanos"),
    "no currency": changed(sku(CORE, 0.034), ..., *RATE, "unitPrice", "currencyCode"),
    "no rates": changed(sku(CORE, 0.034), [], *PRICE, "tieredRates"),
    "no unit": changed(sku(CORE, 0.034), ..., *PRICE, "usageUnit"),
    "no pricing": changed(sku(CORE, 0.034), [], "pricingInfo"),
    "no regions": changed(sku(CORE, 0.034), ..., "serviceRegions"),
    "regions in text": changed(sku(CORE, 0.034), "us-central1", "serviceRegions"),
    "no type": changed(sku(CORE, 0.034), ..., "category", "usageType"),
    "description of null": changed(sku(CORE, 0.034), None, "description"),
    "no object": [CORE],
}


def answer(*pages: list[Any]) -> Any:
    """Answer with pages, each naming the next one by a token; the last by an empty one."""

    def respond(question: Question) -> Answer:
        at = int(question.fields.get("pageToken", "page-0").removeprefix("page-"))
        token = f"page-{at + 1}" if at + 1 < len(pages) else ""
        return Answer(200, {"skus": pages[at], "nextPageToken": token})

    return respond


def ask(kind: str = "a2-highgpu-1g", **fields: Any) -> Quote:
    return GCPPrices().quote(Instance(**{"provider": "gcp", "instance_type": kind, "region": "us-central1", **fields}))


def test_price_is_the_sum_of_its_parts_on_several_pages(server: PriceServer) -> None:
    """12 × 0.031611 + 85 × 0.004237 + 2.933908, by hand: SkyPilot's catalog has 3.67339."""
    decoys = list(DECOYS.values())
    server.answer = answer(decoys[:9], A2[1:], [], [*decoys[9:], A2[0]])
    quote = ask(zone="us-central1-f")
    assert quote.usd_per_hour == pytest.approx(0.379332 + 0.360145 + 2.933908, rel=1e-12)
    assert quote.usd_per_hour == pytest.approx(3.67339, abs=1e-5)
    assert (quote.source, quote.provider, quote.instance_type) == ("gcp", "gcp", "a2-highgpu-1g")
    assert (quote.region, quote.zone, quote.market) == ("us-central1", "us-central1-f", "on_demand")
    assert (quote.gpus, quote.gpu, quote.assumed, quote.steps) == (1, "A100", False, ())
    age = datetime.now(UTC) - datetime.fromisoformat(quote.as_of or "")
    assert 0 <= age.total_seconds() < 600


def test_question_has_the_key_in_its_header_only(server: PriceServer) -> None:
    server.answer = answer(A2[:2], A2[2:])
    ask()
    first, second = server.asked
    assert first.path == second.path == "/v1/services/6F81-5844-456A/skus"
    assert first.fields == {"pageSize": "5000", "currencyCode": "USD"}
    assert second.fields == {**first.fields, "pageToken": "page-1"}
    for question in server.asked:
        assert [name for name, value in question.headers.items() if KEY in value] == ["X-Goog-Api-Key"]


@pytest.mark.parametrize("decoy", DECOYS)
def test_decoy_is_neither_a_price_nor_a_contradiction(server: PriceServer, decoy: str) -> None:
    server.answer = answer([DECOYS[decoy], *A2])
    assert ask().usd_per_hour == pytest.approx(3.673385, rel=1e-12)
    server.answer = answer([*A2, DECOYS[decoy]])
    assert ask().usd_per_hour == pytest.approx(3.673385, rel=1e-12)


@pytest.mark.parametrize(
    ("left_out", "said"), [(0, "none of A2 cores"), (1, "none of A2 memory"), (2, "none of A100 GPUs")]
)
def test_part_without_a_price_leaves_no_price_at_all(server: PriceServer, left_out: int, said: str) -> None:
    server.answer = answer([*A2[:left_out], *A2[left_out + 1 :], *DECOYS.values()])
    with pytest.raises(
        PriceUnavailable, match=f"no on-demand price of a2-highgpu-1g in us-central1: GCP lists {said}$"
    ):
        ask()


def test_parts_that_contradict_are_named_with_their_prices(server: PriceServer) -> None:
    server.answer = answer([*A2, sku("A2 Instance Core running in Iowa", 0.04, sku_id="FFFF-0000-0001")])
    said = "more than one of A2 cores: 2922-40C5-B19F at 0.031611 USD/h, FFFF-0000-0001 at 0.04 USD/h"
    with pytest.raises(PriceUnavailable, match=re.escape(said)):
        ask()


def test_parts_that_agree_are_no_contradiction(server: PriceServer) -> None:
    server.answer = answer([*A2, sku("A2 Instance Core running in Iowa", 0.031611)])
    assert ask().usd_per_hour == pytest.approx(3.673385, rel=1e-12)


def test_last_price_of_a_sku_is_in_force(server: PriceServer) -> None:
    core = copy.deepcopy(A2[0])
    core["pricingInfo"].insert(0, sku(CORE, 0.9)["pricingInfo"][0])
    server.answer = answer([core, *A2[1:]])
    assert ask().usd_per_hour == pytest.approx(3.673385, rel=1e-12)


def test_spot_price_is_that_of_spot_parts_only(server: PriceServer) -> None:
    """12 × 0.0158 + 85 × 0.00212 + 1.4341, by hand; one part is marked as on-demand, one says spot in its type only."""
    parts = [
        changed(A2_SPOT[0], "OnDemand", "category", "usageType"),
        changed(A2_SPOT[1], "A2 Instance Ram running in Americas", "description"),
        A2_SPOT[2],
    ]
    server.answer = answer([*A2, *parts])
    quote = ask(market="spot")
    assert quote.usd_per_hour == pytest.approx(0.1896 + 0.1802 + 1.4341, rel=1e-12)
    assert quote.market == "spot"
    server.answer = answer(A2)
    with pytest.raises(PriceUnavailable, match="no spot price of a2-highgpu-1g"):
        ask(market="spot")


SSD = sku("SSD backed Local Storage", 0.08, unit=MONTHLY)


@pytest.mark.parametrize("name", ["SSD backed Local Storage", "SSD backed Local Storage in Iowa"])
def test_bundled_local_ssd_is_billed_by_the_month_of_730_hours(server: PriceServer, name: str) -> None:
    """Google's own price of a2-ultragpu-1g in us-central1: 5.06879789 USD an hour."""
    gpu = sku("Nvidia Tesla A100 80GB GPU running in Americas", 3.92808)
    ssd = changed(SSD, name, "description")
    decoys = [
        sku("SSD backed Local Storage attached to Spot Preemptible VMs", 0.048, unit=MONTHLY),
        sku("Commitment v1: Local SSD in Americas for 1 Year", 0.05, unit=MONTHLY),
        sku("C4D Instance Local SSD running in Americas", 0.16, unit=MONTHLY),
        sku("SSD backed Local Storage Snapshot in Iowa", 0.06, unit=MONTHLY),
        sku("SSD backed Local Storage", 0.07, unit="h"),
    ]
    server.answer = answer([*A2, *decoys, gpu, ssd])
    assert ask("a2-ultragpu-1g").usd_per_hour == pytest.approx(5.06879789, abs=1e-8)
    server.answer = answer([*A2, *decoys, gpu])
    with pytest.raises(PriceUnavailable, match=r"none of local SSD$"):
        ask("a2-ultragpu-1g")


@pytest.mark.parametrize("usage_type", ["OnDemand", "Preemptible"])
@pytest.mark.parametrize("place", ["", " in Iowa"])
def test_bundled_local_ssd_of_a_spot_machine_has_a_spot_price(server: PriceServer, place: str, usage_type: str) -> None:
    """12 × 0.0158 + 170 × 0.00212 + 1.964 + 375 × 0.048 / 730, by hand; Google marks that of local SSD as on-demand."""
    gpu = "Nvidia Tesla A100 80GB GPU attached to Spot Preemptible VMs running in Americas"
    name = f"SSD backed Local Storage attached to Spot Preemptible VMs{place}"
    server.answer = answer(
        [
            *A2_SPOT,
            sku(gpu, 1.964, usage_type="Preemptible"),
            SSD,
            sku(name, 0.048, unit=MONTHLY, usage_type=usage_type),
        ]
    )
    quote = ask("a2-ultragpu-1g", market="spot")
    assert quote.usd_per_hour == pytest.approx(0.1896 + 0.3604 + 1.964 + 18 / 730, rel=1e-12)


@pytest.mark.parametrize("gpu", ["Nvidia H100 80GB Plus GPU", "Nvidia H100 80GB Mega GPU", "Nvidia H100 Mega 80GB GPU"])
def test_a3_mega_has_cores_and_gpus_of_its_own(server: PriceServer, gpu: str) -> None:
    """208 × 0.026924 + 1872 × 0.002344 + 8 × 10.344276 + 6000 × 0.08 / 730, by hand.

    Google's own price of it is 93.400712807; core and memory are rounded here, by up to 208 + 1872 halves of 1e-6.
    """
    server.answer = answer(
        [
            sku("A3 Instance Core running in Americas", 0.0293),
            sku("A3 Instance Ram running in Americas", 0.0018),
            sku("Nvidia H100 80GB GPU running in Americas", 9.796551),
            sku("A3Plus Instance Core running in Americas", 0.026924),
            sku("A3Plus Instance Ram running in Americas", 0.002344),
            sku(f"{gpu} running in Americas", 10.344276),
            sku("Reserved Nvidia H100 80GB Mega GPU in Americas in Calendar Mode", 4.841121),
            sku("Nvidia H100 Mega 80GB GPU attached to DWS Defined Duration VMs running in Americas", 4.423936),
            SSD,
        ]
    )
    quote = ask("a3-megagpu-8g")
    assert quote.usd_per_hour == pytest.approx(5.600192 + 4.387968 + 82.754208 + 480 / 730, rel=1e-12)
    assert quote.usd_per_hour == pytest.approx(93.400712807, abs=0.00104)
    assert (quote.gpus, quote.gpu) == (8, "H100-MEGA")


def test_a4_is_priced_by_its_gpus_alone(server: PriceServer) -> None:
    """8 × 4.9542 = 39.6336: Google's own price of it on spot, whose SKU is marked as on-demand."""
    server.answer = answer(
        [
            sku("A4 Nvidia B200 (1 gpu slice) running in Americas", 16.11),
            sku("Spot Preemptible A4 Nvidia B200 (1 gpu slice) running in Americas", 4.9542),
            sku("DWS Calendar Mode A4 Nvidia B200 (1 gpu slice) running in Americas", 11.2775),
        ]
    )
    assert ask("a4-highgpu-8g", market="spot").usd_per_hour == pytest.approx(39.6336, rel=1e-12)
    assert ask("a4-highgpu-8g").usd_per_hour == pytest.approx(128.88, rel=1e-12)


def test_g4_is_found_by_the_name_of_its_gpu(server: PriceServer) -> None:
    """48 × 0.04891 + 180 × 0.00587 + 1.09565: Google's own price of g4-standard-48, 4.49993."""
    server.answer = answer(
        [
            sku("G4 Instance Core running in Iowa", 0.04891),
            sku("G4 Instance Ram running in Iowa", 0.00587),
            sku("RTX 6000 96GB running in Iowa", 1.09565),
            sku("1/8 vGPU no lssd running in Iowa", 0.64688),
        ]
    )
    assert ask("g4-standard-48").usd_per_hour == pytest.approx(4.49993, rel=1e-9)


N1 = [
    sku("N1 Predefined Instance Core running in Americas", 0.031611),
    sku("N1 Predefined Instance Ram running in Americas", 0.004237),
    sku("Custom Instance Core running in Americas", 0.033174),
    sku("Nvidia Tesla T4 GPU running in Americas", 0.35),
    sku("Nvidia Tesla V100 GPU running in Americas", 2.48),
]


@pytest.mark.parametrize(
    ("gpus", "gpu", "usd"),
    [
        (0, None, 0.379998),
        (2, "T4", 1.079998),
        (1, "Tesla T4", 0.729998),
        (1, "nvidia-tesla-t4", 0.729998),
        (8, "Tesla V100-SXM2-16GB", 20.219998),
    ],
)
def test_n1_costs_its_host_and_the_gpus_attached_to_it(
    server: PriceServer, gpus: int, gpu: str | None, usd: float
) -> None:
    """8 × 0.031611 + 30 × 0.004237 = 0.379998 for an n1-standard-8, and 0.35 for a T4 or 2.48 for a V100."""
    server.answer = answer(N1)
    quote = ask("n1-standard-8", gpus=gpus, gpu=gpu)
    assert quote.usd_per_hour == pytest.approx(usd, rel=1e-12)
    assert (quote.gpus, quote.gpu) == (gpus, gpu and ("V100" if "V100" in gpu else "T4"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "GPUs may be attached to n1-standard-8: say how many"),
        ({"gpu": "T4"}, "GPUs may be attached to n1-standard-8: say how many"),
        ({"gpus": 1}, "found 1 × an unknown GPU, expected one of 1/2/4 × P100, "),
        ({"gpus": 3, "gpu": "T4"}, "found 3 × T4"),
        ({"gpus": 1, "gpu": "A100"}, "found 1 × A100"),
        ({"gpus": 1, "gpu": "nvidia-tesla-t4-vws"}, "found 1 × nvidia-tesla-t4-vws"),
    ],
)
def test_n1_has_no_price_where_its_gpus_are_not_known(server: PriceServer, fields: dict[str, Any], said: str) -> None:
    server.answer = answer(N1)
    with pytest.raises(PriceUnavailable, match=re.escape(said)):
        ask("n1-standard-8", **fields)
    assert server.asked == []


@pytest.mark.parametrize("name", ["Compute optimized", "Compute optimized Instance"])
def test_cpu_machine_has_no_gpus(server: PriceServer, name: str) -> None:
    server.answer = answer(
        [sku(f"{name} Core running in Doha", 0.04), sku(f"{name} Ram running in Doha", 0.005), *A2, *N1]
    )
    quote = ask("c2-standard-8")
    assert quote.usd_per_hour == pytest.approx(8 * 0.04 + 32 * 0.005, rel=1e-12)
    assert (quote.gpus, quote.gpu) == (0, None)


def test_region_is_that_of_the_zone_or_the_reference_region(server: PriceServer) -> None:
    dutch = [changed(each, ["europe-west4"], "serviceRegions") for each in A2]
    server.answer = answer([*A2, *(changed(each, "1", *RATE, "unitPrice", "units") for each in dutch)])
    assert ask(region=None).region == "us-central1"
    assert ask(region="US-Central1").region == "us-central1"
    quote = ask(region=None, zone="europe-west4-b")
    assert (quote.region, quote.zone) == ("europe-west4", "europe-west4-b")
    assert quote.usd_per_hour == pytest.approx(12 * 1.031611 + 85 * 1.004237 + 1.933908, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("a2-higpu-1g", {}, "does not know of what 'a2-higpu-1g' is made up; nearest: a2-highgpu-1g"),
        ("a3-edgegpu-8g", {}, "does not know of what 'a3-edgegpu-8g' is made up"),
        ("a2-highgpu-1g", {"market": "reserved", "commitment": Commitment("1yr")}, "give price_per_hour"),
        ("a2-highgpu-1g", {"market": "capacity_block"}, "give price_per_hour"),
    ],
)
def test_what_has_no_price_is_said_without_asking(
    server: PriceServer, kind: str, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(PriceUnavailable, match=said):
        ask(kind, **fields)
    assert server.asked == []


def test_without_a_key_nothing_is_asked(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert GCPPrices().why_not() is None
    monkeypatch.setattr(http, "find_spec", lambda name: None)
    assert "milepost[prices]" in (GCPPrices().why_not() or "")
    for key in ("", " "):
        monkeypatch.setenv(gcp_skus.KEY_VARIABLE, key)
        assert GCPPrices().why_not() == "no API key is set: MILEPOST_GCP_API_KEY"
    monkeypatch.delenv(gcp_skus.KEY_VARIABLE)
    assert GCPPrices().why_not() == "no API key is set: MILEPOST_GCP_API_KEY"


FAULTS = {
    "wrong key": (Answer(403, {"error": {"code": 403, "message": f"API key {KEY} is not valid"}}), "HTTP 403"),
    "bad request": (Answer(400, {"error": {"message": f"API key {KEY} expired"}}), "HTTP 400"),
    "throttled": (Answer(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}), "HTTP 429"),
    "server error": (Answer(500, f"{KEY}"), "HTTP 500"),
    "moved": (Answer(302, "", {"Location": "http://127.0.0.1:9/"}), "HTTP 302"),
    "no JSON": (Answer(200, f"<html>{KEY}"), "does not answer with a JSON object"),
    "half an answer": (Answer(200, '{"skus": [{"skuId": "'), "does not answer with a JSON object"),
    "a list": (Answer(200, A2), "does not answer with a JSON object"),
    "no list of SKUs": (Answer(200, {"skus": {"a": KEY}}), "its SKUs are not a list"),
    "SKUs of null": (Answer(200, {"skus": None}), "its SKUs are not a list"),
    "nothing": (Answer(200, {}), "none of A2 cores; GCP lists none of A2 memory; GCP lists none of A100 GPUs"),
    "no SKUs": (Answer(200, {"skus": [], "nextPageToken": ""}), "none of A2 cores"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_prices_that_are_not_available(
    server: PriceServer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    content, said = FAULTS[fault]
    server.answer = lambda question: content
    with pytest.raises(PriceUnavailable, match=said) as caught:
        ask()
    assert 1 <= len(server.asked) <= http.ATTEMPTS
    for text in (str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__), caplog.text):
        assert KEY not in text


@pytest.mark.parametrize("key", ["AIza\nSyEXAMPLE", "AIzaSy\u00e9\u4e2d"])
def test_key_that_can_be_no_header_is_not_repeated(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(gcp_skus.KEY_VARIABLE, key)
    with pytest.raises(PriceUnavailable, match="could not be asked") as caught:
        ask()
    assert "AIza" not in str(caught.value)
    assert server.asked == []


@pytest.mark.parametrize("status", [429, 500])
def test_what_passes_is_asked_again(server: PriceServer, status: int) -> None:
    whole = answer(A2)
    server.answer = lambda question: Answer(status) if len(server.asked) < 3 else whole(question)
    assert ask().usd_per_hour == pytest.approx(3.673385, rel=1e-12)


def test_page_that_fails_leaves_no_price_of_the_others(server: PriceServer) -> None:
    whole = answer(A2, [])
    server.answer = lambda question: Answer(500) if "pageToken" in question.fields else whole(question)
    with pytest.raises(PriceUnavailable, match="HTTP 500"):
        ask()


def test_server_that_never_answers_is_given_up(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.3)
    gate = threading.Event()

    def hang(question: Question) -> Answer:
        gate.wait(30)
        return Answer(200, {"skus": A2})

    server.answer = hang
    with pytest.raises(PriceUnavailable, match="ReadTimeout"):
        ask()
    gate.set()


def test_every_shape_can_be_priced() -> None:
    """Each family and GPU of the table has the names of its SKUs."""
    for shape in gcp_shapes().values():
        whole = shape if shape.gpus is not None else msgspec.structs.replace(shape, gpus=1, gpu="T4")
        parts = list(gcp._parts(whole))
        assert parts
        assert all(part.amount > 0 for part in parts)
        assert (shape.gpu == "") == (not shape.gpus)
        assert (shape.gpus is None) == (shape.family == "n1")


def test_smaller_a3_is_a_fraction_of_the_whole_one() -> None:
    """Google's own price of an a3-highgpu-1g, 11.061250015, is an eighth of that of eight GPUs, 88.490000119."""
    whole = gcp_shapes()["a3-highgpu-8g"]
    for gpus in (1, 2, 4):
        part, share = gcp_shapes()[f"a3-highgpu-{gpus}g"], gpus / 8
        assert (part.vcpus, part.memory_gib) == (whole.vcpus * share, whole.memory_gib * share)
        assert (part.family, part.gpus, part.local_ssd_gib) == (whole.family, gpus, whole.local_ssd_gib * share)


def test_every_machine_of_gcp_has_a_shape_with_its_gpus() -> None:
    for machine in machines().values():
        if machine.provider == "gcp":
            shape = gcp_shapes()[machine.instance_type]
            assert (shape.gpu, shape.gpus) == (machine.gpu, machine.gpus)


def test_shapes_agree_with_skypilots_catalog() -> None:
    if not CATALOG.exists():
        pytest.skip(f"no excerpt of SkyPilot's catalog at {CATALOG}")
    with CATALOG.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["InstanceType"] in gcp_shapes()]
    assert len({row["InstanceType"] for row in rows}) >= 20
    for row in rows:
        shape = gcp_shapes()[row["InstanceType"]]
        assert (shape.vcpus, shape.memory_gib) == (float(row["vCPUs"]), float(row["MemoryGiB"]))
