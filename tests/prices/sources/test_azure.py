"""AzurePrices against a real HTTP server that answers as the Retail Prices API does, decoys included."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from milepost.errors import PriceUnavailable
from milepost.money.instance import Commitment, Instance
from milepost.money.quote import Quote
from milepost.prices import http
from milepost.prices.sources import azure
from milepost.prices.sources.azure import AzurePrices
from tests.prices.server import Answer, PriceServer, Question, serving

pytest.importorskip("httpx")

KIND = "Standard_ND96asr_v4"
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
PATH = "/api/retail/prices"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http, "LONGEST_WAIT_SECONDS", 0.001)
    with serving() as running:
        monkeypatch.setenv(azure.URL_VARIABLE, running.url + PATH)
        yield running


def row(retail_price: Any = 27.197, **fields: Any) -> dict[str, Any]:
    """A price as the API gives it; a field that is ``...`` is left out."""
    plain = {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": retail_price,
        "unitPrice": retail_price,
        "armRegionName": "eastus",
        "location": "US East",
        "effectiveStartDate": "2021-05-01T00:00:00Z",
        "meterId": "3f3ea9d2-5c1c-5ae0-9a3b-f6ea3b5ba1a5",
        "meterName": "ND96asr A100 v4",
        "productId": "DZH318Z0CSHG",
        "skuId": "DZH318Z0CSHG/001M",
        "productName": "Virtual Machines NDasrv4 Series",
        "skuName": "ND96asr A100 v4",
        "serviceName": "Virtual Machines",
        "serviceId": "DZH313Z7MMC8",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": KIND,
    }
    return {name: value for name, value in {**plain, **fields}.items() if value is not ...}


def spot(retail_price: Any = 10.8788, **fields: Any) -> dict[str, Any]:
    return row(
        retail_price,
        **{"meterName": "ND96asr A100 v4 Spot", "skuName": "ND96asr A100 v4 Spot", "meterId": "s", **fields},
    )


def reserved(retail_price: Any, term: str, **fields: Any) -> dict[str, Any]:
    return row(retail_price, **{"type": "Reservation", "reservationTerm": term, "unitOfMeasure": "1 Hour", **fields})


LOW_PRIORITY = row(5.4394, meterName="ND96asr A100 v4 Low Priority", skuName="ND96asr A100 v4 Low Priority")
NEXT_YEAR = (datetime.now(UTC) + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")

DECOYS = {
    "Windows": row(31.613, productName="Virtual Machines NDasrv4 Series Windows"),
    "Win": row(31.614, productName="NDasrv4 Series Win"),
    "Cloud Services": row(27.2, productName="NDasrv4 Series Cloud Services"),
    "CloudServices": row(27.21, productName="NDasrv4 Series CloudServices"),
    "Dedicated": row(29.9, productName="NDasrv4 Series Dedicated Host"),
    "expired": row(20.0, meterName="ND96asr A100 v4 Expired"),
    "DevTest": row(21.0, type="DevTestConsumption"),
    "other service": row(0.06, serviceName="Virtual Machines Licenses"),
    "other unit": row(640.0, unitOfMeasure="1 Day"),
    "other currency": row(25.1, currencyCode="EUR"),
    "other region": row(35.4, armRegionName="westeurope"),
    "other SKU": row(32.77, armSkuName="Standard_ND96amsr_A100_v4"),
    "zero": row(0.0),
    "negative": row(-27.0),
    "from next year": row(30.0, effectiveStartDate=NEXT_YEAR),
    "of the past": row(33.0, effectiveEndDate="2024-01-01T00:00:00Z"),
    "higher tier": row(26.0, tierMinimumUnits=100.0),
    "low priority": LOW_PRIORITY,
    "spot by its meter": row(9.0, meterName="ND96asr A100 v4 Spot"),
    "spot by its SKU": row(9.1, skuName="ND96asr A100 v4 Spot"),
    "reservation": reserved(121_000.0, "1 Year"),
    "a price in words": row("28.0"),
    "a price of true": row(True),
    "a price of null": row(None),
    "no price": row(...),
    "a name of null": row(28.1, meterName=None),
    "no currency": row(28.2, currencyCode=...),
    "a tier in words": row(28.3, tierMinimumUnits="0"),
    "a date that is none": row(28.4, effectiveStartDate="soon"),
    "no object": ["27.1"],
}
for _name, _decoy in DECOYS.items():  # each a meter of its own: none stands back because another is newer
    if isinstance(_decoy, dict):
        _decoy["meterId"] = _name


def answer(*pages: list[Any]) -> Any:
    """Answer with pages, each naming the next one as Azure does: by a full URL."""

    def respond(question: Question) -> Answer:
        at = int(question.fields.get("$skip", 0))
        body: dict[str, Any] = {
            "BillingCurrency": "USD",
            "Items": pages[at],
            "NextPageLink": None,
            "Count": len(pages[at]),
        }
        if at + 1 < len(pages):
            link = f"http://{question.headers['Host']}{PATH}?$filter={question.fields['$filter']}&$skip={at + 1}"
            body["NextPageLink"] = link
        return Answer(200, body)

    return respond


def ask(since: datetime | None = None, **fields: Any) -> Quote:
    return AzurePrices().quote(
        Instance(**{"provider": "azure", "instance_type": KIND, "region": "eastus", **fields}), since
    )


def test_on_demand_price_is_found_among_decoys_on_a_later_page(server: PriceServer) -> None:
    decoys = list(DECOYS.values())
    server.answer = answer(decoys[:9], decoys[9:], [], [row()])
    quote = ask()
    assert (quote.usd_per_hour, quote.source, quote.provider, quote.market) == (27.197, "azure", "azure", "on_demand")
    assert (quote.instance_type, quote.region, quote.assumed, quote.cached) == (KIND, "eastus", False, False)
    assert (quote.gpus, quote.gpu) == (8, "A100")
    assert quote.as_of is not None
    assert datetime.now(UTC) - datetime.fromisoformat(quote.as_of) < timedelta(minutes=5)
    expected = (
        "serviceName eq 'Virtual Machines' and armRegionName eq 'eastus' "
        f"and armSkuName eq '{KIND}' and priceType eq 'Consumption'"
    )
    assert [question.fields["$filter"] for question in server.asked] == [expected] * 4
    assert {question.path for question in server.asked} == {PATH}


@pytest.mark.parametrize("decoy", DECOYS)
def test_decoy_is_passed_over(server: PriceServer, decoy: str) -> None:
    server.answer = answer([DECOYS[decoy], row()])
    assert ask().usd_per_hour == 27.197
    server.answer = answer([DECOYS[decoy]])
    with pytest.raises(PriceUnavailable, match=rf"lists no on-demand price of {KIND} in eastus"):
        ask()


@pytest.mark.parametrize("fields", [{"meterName": "ND96asr A100 v4"}, {"skuName": "ND96asr A100 v4"}])
def test_spot_price_is_told_from_on_demand_and_low_priority(server: PriceServer, fields: dict[str, str]) -> None:
    server.answer = answer([row(), LOW_PRIORITY, spot(**fields)])
    quote = ask(market="spot")
    assert (quote.usd_per_hour, quote.market) == (10.8788, "spot")


def test_low_priority_is_no_spot_price(server: PriceServer) -> None:
    server.answer = answer([LOW_PRIORITY, row()])
    with pytest.raises(PriceUnavailable, match="no spot price"):
        ask(market="spot")


@pytest.mark.parametrize(
    ("term", "usd_per_hour"),
    [("1yr", 24.0), ("3yr", 15.0)],  # 210,240 USD over 8,760 hours; 394,200 USD over 26,280 hours
)
def test_price_of_a_reservation_is_spread_over_its_term(server: PriceServer, term: Any, usd_per_hour: float) -> None:
    terms = [reserved(210_240.0, "1 Year"), reserved(394_200.0, "3 Years"), reserved(600_000.0, "5 Years")]
    server.answer = answer([row(), *terms, reserved(1.0, ""), reserved(2.0, "1 Month"), reserved(3.0, "3 Months")])
    quote = ask(market="reserved", commitment=Commitment(term=term))
    assert (quote.usd_per_hour, quote.market) == (usd_per_hour, "reserved")
    assert server.asked[0].fields["$filter"].endswith(" and priceType eq 'Reservation'")


def test_reservation_may_be_in_another_unit_and_spelling(server: PriceServer) -> None:
    server.answer = answer([reserved(210_240, "1 year", unitOfMeasure="1 Year")])
    assert ask(market="reserved", commitment=Commitment()).usd_per_hour == 24.0


def test_reservation_without_a_term_and_capacity_blocks_are_not_priced(server: PriceServer) -> None:
    with pytest.raises(PriceUnavailable, match="the term: 1yr or 3yr"):
        ask(market="reserved")
    with pytest.raises(PriceUnavailable, match="no capacity blocks"):
        ask(market="capacity_block")
    assert not server.asked


def test_commitment_of_what_is_not_reserved_is_nothing(server: PriceServer) -> None:
    server.answer = answer([row()])
    assert ask(commitment=Commitment()).usd_per_hour == 27.197


def test_more_than_one_price_is_an_error_that_names_them(server: PriceServer) -> None:
    server.answer = answer([row(28.5, meterName="ND96asr v5", meterId="b"), row()])
    said = (
        "more than one on-demand price of Standard_ND96asr_v4 in eastus: "
        "ND96asr A100 v4 (Virtual Machines NDasrv4 Series) at 27.197 USD/h; "
        "ND96asr v5 (Virtual Machines NDasrv4 Series) at 28.5 USD/h"
    )
    with pytest.raises(PriceUnavailable, match=re.escape(said)):
        ask()


def test_same_price_twice_is_one(server: PriceServer) -> None:
    server.answer = answer([row(), row(meterId="other", meterName="Other")])
    assert ask().usd_per_hour == 27.197


def test_later_price_of_a_meter_supersedes_the_earlier(server: PriceServer) -> None:
    earlier = row(32.0, effectiveStartDate="2020-01-01T00:00:00Z")
    undated = row(33.0, effectiveStartDate=None)
    server.answer = answer([earlier, row(), undated])
    assert ask().usd_per_hour == 27.197
    server.answer = answer([row(), row(28.0)])  # both from the same day: which holds is not known
    with pytest.raises(PriceUnavailable, match="more than one"):
        ask()


def test_price_of_another_meter_is_not_superseded(server: PriceServer) -> None:
    server.answer = answer([row(32.0, effectiveStartDate="2020-01-01T00:00:00Z", meterId="other"), row()])
    with pytest.raises(PriceUnavailable, match="more than one"):
        ask()


def test_primary_meter_is_the_one_that_is_billed(server: PriceServer) -> None:
    second = row(28.0, isPrimaryMeterRegion=False, meterId="second")
    server.answer = answer([second, row()])
    assert ask().usd_per_hour == 27.197
    server.answer = answer([second])  # the only one there is
    assert ask().usd_per_hour == 28.0
    server.answer = answer([second, row(29.0, isPrimaryMeterRegion=False, meterId="third")])
    with pytest.raises(PriceUnavailable, match="more than one"):
        ask()


@pytest.mark.parametrize("value", [None, ...], ids=["null", "missing"])
def test_optional_fields_may_be_missing_or_null(server: PriceServer, value: Any) -> None:
    optional = ["meterId", "isPrimaryMeterRegion", "effectiveStartDate", "effectiveEndDate", "reservationTerm"]
    server.answer = answer([row(**dict.fromkeys(optional, value))])
    assert ask(since=datetime(2020, 1, 1, tzinfo=UTC)).usd_per_hour == 27.197


def test_price_that_came_into_force_during_the_run_is_assumed_for_before(server: PriceServer) -> None:
    server.answer = answer([row(effectiveStartDate="2022-11-01T00:00:00Z")])
    quote = ask(since=datetime(2022, 10, 31, 23, tzinfo=UTC))
    assert (quote.usd_per_hour, quote.assumed) == (27.197, True)
    assert quote.assumed_because == "Azure tells only the price in force since 2022-11-01: it stands in for before"
    assert not ask(since=datetime(2022, 11, 1, 1, tzinfo=UTC)).assumed
    server.answer = answer([row(effectiveStartDate="2022-11-01T00:00:00Z"), row(meterId="other")])
    assert not ask(since=datetime(2022, 10, 31, 23, tzinfo=UTC)).assumed  # the other meter cost the same even then


@pytest.mark.parametrize("kind", ["standard_nd96ASR_v4", KIND])
def test_type_and_region_are_asked_for_in_azures_spelling(server: PriceServer, kind: str) -> None:
    server.answer = answer([row()])
    quote = ask(instance_type=kind, region="EastUS")
    assert (quote.instance_type, quote.region, quote.gpus) == (KIND, "eastus", 8)
    assert f"armRegionName eq 'eastus' and armSkuName eq '{KIND}'" in server.asked[0].fields["$filter"]


def test_type_that_is_not_known_here_is_asked_for_as_given(server: PriceServer) -> None:
    server.answer = answer([row(0.096, armSkuName="Standard_D2s_v3")])
    quote = ask(instance_type="standard_d2s_v3", region=None, gpus=1, gpu="L4")
    assert (quote.usd_per_hour, quote.region, quote.gpus, quote.gpu) == (0.096, "eastus", 1, "L4")
    assert quote.instance_type == "Standard_D2s_v3"  # as Azure answers
    assert "armSkuName eq 'standard_d2s_v3'" in server.asked[0].fields["$filter"]


@pytest.mark.parametrize("bad", ["x' or 'a' eq 'a", "a b", "", "x\n", "eastus%27", "ééé", "a" * 81])
@pytest.mark.parametrize("field", ["instance_type", "region"])
def test_names_that_could_break_out_of_the_filter_are_refused(server: PriceServer, field: str, bad: str) -> None:
    server.answer = answer([row()])
    with pytest.raises(PriceUnavailable, match=r"expected an Azure name such as \w+"):
        ask(None, **{field: bad})
    assert not server.asked


def test_unknown_type_is_refused(server: PriceServer) -> None:
    with pytest.raises(PriceUnavailable, match="instance type"):
        ask(instance_type=None)


@pytest.mark.parametrize("body", [{}, {"Items": None}, {"Items": {"a": 1}}, {"Error": {"Code": "BadRequest"}}])
def test_answer_without_a_list_of_items_is_a_price_that_is_not_available(server: PriceServer, body: Any) -> None:
    server.answer = lambda question: Answer(200, body)
    with pytest.raises(PriceUnavailable, match="no list of Items"):
        ask()


def test_next_page_of_another_server_is_not_asked(server: PriceServer) -> None:
    with serving(answer([row()])) as other:
        server.answer = lambda question: Answer(200, {"Items": [row()], "NextPageLink": f"{other.url}{PATH}?$skip=0"})
        with pytest.raises(PriceUnavailable, match="another server"):
            ask()
        assert not other.asked


def test_no_secret_of_the_endpoint_is_in_an_error(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = server.url.replace("http://", f"http://me:{SECRET}@") + f"{PATH}?code={SECRET}"
    monkeypatch.setenv(azure.URL_VARIABLE, secret)
    server.answer = lambda question: Answer(403, {"Error": f"{SECRET} may not"})
    with pytest.raises(PriceUnavailable, match="HTTP 403") as caught:
        ask()
    assert SECRET not in str(caught.value)
    assert server.asked[0].fields["code"] == SECRET  # what the endpoint's own query says is asked too


def test_it_can_be_asked_wherever_httpx_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AzurePrices().why_not() is None
    assert AzurePrices.name == AzurePrices.provider == "azure"
    monkeypatch.setattr(http, "find_spec", lambda name: None)
    assert "pip install 'milepost[prices]'" in str(AzurePrices().why_not())
