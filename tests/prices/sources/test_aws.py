"""AWSPricingClient and real boto3 against a real HTTP server that answers as AWS does, decoys included."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import PriceUnavailable
from milepost.money.costs import cost
from milepost.money.instance import Commitment, Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.prices.aws_price_list import FILTERS
from milepost.prices.sources import aws
from milepost.prices.sources.aws import AWSPrices, AWSPricingClient
from tests.prices.server import PriceServer, Question, serving

pytest.importorskip("boto3")

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
Respond = Callable[[Question], tuple[int, str]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[PriceServer]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(aws, "TIMEOUT_SECONDS", 0.5)
    with serving() as running:
        yield running


def reserved_term(years: str, offering: str, payment: str, hourly: str, upfront: str) -> dict[str, Any]:
    return {
        "priceDimensions": {
            "a": {"unit": "Hrs", "pricePerUnit": {"USD": hourly}},
            "b": {"unit": "Quantity", "description": "Upfront Fee", "pricePerUnit": {"USD": upfront}},
        },
        "termAttributes": {"LeaseContractLength": years, "OfferingClass": offering, "PurchaseOption": payment},
    }


RESERVED = [
    reserved_term("1yr", "standard", "Partial Upfront", "17.5", "153300"),
    reserved_term("1yr", "standard", "No Upfront", "36.0", "0"),
    reserved_term("1yr", "convertible", "All Upfront", "0.0000000000", "350400"),
    reserved_term("3yr", "standard", "All Upfront", "0.0000000000", "525600"),
]


def product(usd: str, sku: str = "S", unit: str = "Hrs", currency: str = "USD", **attributes: str) -> str:
    """A product as the Price List API gives it: a string of JSON."""
    plain = {
        "instanceType": "p5.48xlarge",
        "regionCode": "us-west-2",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "operation": "RunInstances",
        "usagetype": "BoxUsage:p5.48xlarge",
    }
    dimension = {"unit": unit, "pricePerUnit": {currency: usd}}
    return json.dumps(
        {
            "product": {"productFamily": "Compute Instance", "attributes": plain | attributes, "sku": sku},
            "serviceCode": "AmazonEC2",
            "terms": {
                "OnDemand": {f"{sku}.T": {"priceDimensions": {f"{sku}.T.R": dimension}, "termAttributes": {}}},
                "Reserved": {f"{sku}.{at}": term for at, term in enumerate(RESERVED)},
            },
        }
    )


DECOYS = [
    product("99.0", "U", usagetype="UnusedBox:p5.48xlarge", capacitystatus="UnusedCapacityReservation"),
    product("0.0000000000", "C", marketoption="CapacityBlock", operation="RunInstances:CB"),
    product("70.0", "W", operatingSystem="Windows"),
    product("0.0000000000", "Z"),
    product("400.0", "Y", currency="CNY"),
    product("280.0", "Q", unit="Quantity"),
]


def pages(*contents: list[str]) -> Respond:
    def answer(question: Question) -> tuple[int, str]:
        at = int(question.fields.get("NextToken", 0))
        page: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": contents[at]}
        if at + 1 < len(contents):
            page["NextToken"] = str(at + 1)
        return 200, json.dumps(page)

    return answer


def ask(server: PriceServer, **arguments: Any) -> Any:
    client = AWSPricingClient("us-west-2", endpoint_url=server.url)
    return client.get_instance_pricing("p5.48xlarge", **arguments)


def test_on_demand_price_is_found_among_decoys_on_a_later_page(server: PriceServer) -> None:
    server.answer = pages(DECOYS[:3], DECOYS[3:], [product("55.0400000000")])
    quote = ask(server)
    assert (quote.usd_per_hour, quote.source, quote.region, quote.market) == (55.04, "aws", "us-west-2", "on_demand")
    assert (quote.gpus, quote.gpu, quote.assumed) == (8, "H100", False)
    filters = {each["Field"]: each["Value"] for each in server.asked[0].fields["Filters"]}
    assert filters == {"instanceType": "p5.48xlarge", "regionCode": "us-west-2", **FILTERS}


def test_more_than_one_price_is_an_error_that_names_them(server: PriceServer) -> None:
    server.answer = pages([product("55.04", "A"), product("56.04", "B")])
    with pytest.raises(PriceUnavailable, match=r"more than one on-demand price .*A at 55\.04 USD/h, B at 56\.04 USD/h"):
        ask(server)


@pytest.mark.parametrize("answer", [pages([]), pages(DECOYS)], ids=["nothing", "only decoys"])
def test_no_price_is_said(server: PriceServer, answer: Respond) -> None:
    server.answer = answer
    with pytest.raises(PriceUnavailable, match=r"no on-demand price of p5\.48xlarge in us-west-2"):
        ask(server)


def history(*changes: tuple[str, str, str], token: str = "") -> str:
    items = "".join(
        f"<item><instanceType>p5.48xlarge</instanceType><productDescription>Linux/UNIX</productDescription>"
        f"<spotPrice>{usd}</spotPrice><timestamp>{when}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
        for zone, usd, when in changes
    )
    return (
        '<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>x</requestId>'
        f"<spotPriceHistorySet>{items}</spotPriceHistorySet><nextToken>{token}</nextToken>"
        "</DescribeSpotPriceHistoryResponse>"
    )


def spot(question: Question) -> tuple[int, str]:
    if question.fields.get("NextToken") == "more":
        return 200, history(("us-west-2b", "31.5", "2026-11-02T00:00:00.000Z"))
    return 200, history(
        ("us-west-2a", "20.0", "2026-11-01T00:00:00.000Z"),
        ("us-west-2a", "21.0", "2026-11-03T00:00:00.000Z"),
        token="more",
    )


def test_spot_price_without_a_zone_is_the_dearest_and_assumed(server: PriceServer) -> None:
    server.answer = spot
    quote = ask(server, use_spot=True)
    assert (quote.usd_per_hour, quote.zone, quote.market, quote.assumed) == (31.5, "us-west-2b", "spot", True)
    assert "us-west-2a is the cheapest, at 21 USD/h" in quote.assumed_because


@pytest.mark.parametrize(
    ("zone", "parameter"), [("us-west-2a", "AvailabilityZone"), ("usw2-az1", "AvailabilityZoneId")]
)
def test_spot_price_of_a_zone_is_its_latest(server: PriceServer, zone: str, parameter: str) -> None:
    server.answer = lambda question: (200, history(("us-west-2a", "21.0", "2026-11-03T00:00:00.000Z")))
    quote = ask(server, use_spot=True, zone=zone)
    assert (quote.usd_per_hour, quote.zone, quote.assumed) == (21.0, zone, False)
    assert server.asked[0].fields[parameter] == zone


def test_zone_id_in_the_answer_is_the_zone_and_nobody_is_asked_for_it(server: PriceServer) -> None:
    plain = history(
        ("us-west-2a", "20.0", "2026-11-01T00:00:00.000Z"), ("us-west-2b", "31.5", "2026-11-02T00:00:00.000Z")
    )
    for name, id in (("us-west-2a", "usw2-az3"), ("us-west-2b", "usw2-az1")):
        plain = plain.replace(
            f"<availabilityZone>{name}<", f"<availabilityZoneId>{id}</availabilityZoneId><availabilityZone>{name}<"
        )
    server.answer = lambda question: (200, plain)
    quote = ask(server, use_spot=True)
    assert (quote.usd_per_hour, quote.zone) == (31.5, "usw2-az1")
    for zone in ("usw2-az3", "us-west-2a"):  # a server that does not know the filter answers with all
        quote = ask(server, use_spot=True, zone=zone)
        assert (quote.usd_per_hour, quote.zone, quote.assumed) == (20.0, zone, False)
    assert {asked.fields["Action"] for asked in server.asked} == {"DescribeSpotPriceHistory"}


def test_spot_price_since_a_moment_is_a_series_of_steps_from_the_change_before_it(server: PriceServer) -> None:
    """Six hours over three changes cost the sum of their parts, worked out by hand."""

    def answer(question: Question) -> tuple[int, str]:
        if question.fields.get("NextToken") == "more":
            return 200, history(("us-west-2a", "30.0", "2026-11-20T03:00:00.000Z"))
        return 200, history(
            ("us-west-2a", "24.0", "2026-11-20T05:00:00.000Z"),
            ("us-west-2a", "20.0", "2026-11-19T23:00:00.000Z"),
            ("us-west-2a", "99.0", "2026-11-18T23:00:00.000Z"),
            ("us-west-2a", "22.0", "2026-11-20T01:00:00.000Z"),
            token="more",
        )

    server.answer = answer
    since = datetime(2026, 11, 20, tzinfo=UTC)
    quote = ask(server, use_spot=True, zone="us-west-2a", since=since)
    assert server.asked[0].fields["StartTime"].startswith("2026-11-20T00:00:00")
    assert [step.usd_per_hour for step in quote.steps] == [20.0, 22.0, 30.0, 24.0]
    start = since.timestamp()
    ledger = Ledger().opened(Instance(num_nodes=2), quote, wall_time=start)
    end = Position(1, 6 * 3600.0, start + 6 * 3600, ledger.segments[0].id, 1)
    usd = cost(ledger, end)
    assert usd == pytest.approx(2 * (1 * 20.0 + 2 * 22.0 + 2 * 30.0 + 1 * 24.0), rel=1e-12)


def test_spot_prices_older_than_aws_keeps_are_said_to_stand_in(server: PriceServer) -> None:
    server.answer = lambda question: (200, history(("us-west-2a", "21.0", "2026-11-03T00:00:00.000Z")))
    quote = ask(server, use_spot=True, zone="us-west-2a", since=datetime(2020, 1, 1, tzinfo=UTC))
    assert quote.assumed_because == "AWS keeps 90 days of spot prices: the oldest of them stands in for before"


def test_local_zones_are_left_out_where_there_are_others(server: PriceServer) -> None:
    changes = [
        (zone, usd, "2026-11-03T00:00:00.000Z") for zone, usd in (("us-west-2-lax-1a", "40"), ("us-west-2a", "21"))
    ]
    server.answer = lambda question: (200, history(*changes))
    assert ask(server, use_spot=True).usd_per_hour == 21.0
    server.answer = lambda question: (200, history(*changes[:1]))
    assert ask(server, use_spot=True).usd_per_hour == 40.0


@pytest.mark.parametrize(
    ("commitment", "usd_per_hour"),
    [
        (Commitment("1yr", "standard", "partial_upfront"), 17.5 + 153300 / 8760),
        (Commitment("1yr", "standard", "no_upfront"), 36.0),
        (Commitment("1yr", "convertible", "all_upfront"), 40.0),
        (Commitment("3yr", "standard", "all_upfront"), 20.0),
    ],
)
def test_reserved_price_spreads_what_is_paid_upfront_over_the_term(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch, commitment: Commitment, usd_per_hour: float
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
    server.answer = pages([*DECOYS[:3], product("55.04")])
    instance = Instance(instance_type="p5.48xlarge", region="us-west-2", market="reserved", commitment=commitment)
    quote = AWSPrices().quote(instance)
    assert quote.usd_per_hour == pytest.approx(usd_per_hour, rel=1e-12)
    assert (quote.market, quote.assumed) == ("reserved", False)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"market": "reserved", "commitment": Commitment("3yr", "convertible")},
            "no 3yr convertible no upfront reserved",
        ),
        ({"market": "reserved"}, "needs term, offering_class and payment"),
        ({"market": "capacity_block"}, "give price_per_hour"),
    ],
)
def test_reserved_price_that_is_not_known_is_said(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
    server.answer = pages([product("55.04")])
    with pytest.raises(PriceUnavailable, match=said):
        AWSPrices().quote(Instance(instance_type="p5.48xlarge", region="us-west-2", **fields))


def test_source_asks_at_the_endpoints_that_boto3_is_told(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url)
    server.answer = lambda question: (200, history(("us-west-2a", "21.0", "2026-11-03T00:00:00.000Z")))
    quote = AWSPrices().quote(Instance(instance_type="p5.48xlarge", region="us-west-2", market="spot"))
    assert (quote.usd_per_hour, quote.steps) == (21.0, ())


def test_without_a_sign_of_credentials_nothing_is_asked(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert AWSPrices().why_not() is None
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setattr(aws, "VENDOR_FILE", tmp_path / "vendor")
    assert AWSPrices().why_not() == "no AWS credentials are set up"
    (tmp_path / "credentials").touch()
    assert AWSPrices().why_not() is None
    (tmp_path / "credentials").unlink()
    (tmp_path / "vendor").write_text("Amazon EC2\n")
    assert AWSPrices().why_not() == "no AWS credentials are set up"  # its metadata service is not to be asked
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    assert AWSPrices().why_not() is None


def test_no_spot_market_is_said(server: PriceServer) -> None:
    server.answer = lambda question: (200, history())
    with pytest.raises(PriceUnavailable, match=r"no spot price of p5\.48xlarge in us-west-2"):
        ask(server, use_spot=True)


def test_products_with_an_empty_software_field_are_asked_for_when_there_are_no_others(server: PriceServer) -> None:
    products = [product("55.04", preInstalledSw=""), product("61.0", "Q", preInstalledSw="SQL Std")]

    def answer(question: Question) -> tuple[int, str]:
        filtered = any(each["Field"] == "preInstalledSw" for each in question.fields["Filters"])
        return pages([] if filtered else products)(question)

    server.answer = answer
    assert ask(server).usd_per_hour == 55.04
    assert len(server.asked) == 2


@pytest.mark.parametrize("usd", ["0.0", "-1", "nan", "inf"])
def test_spot_price_that_is_none_is_passed_over(server: PriceServer, usd: str) -> None:
    server.answer = lambda question: (200, history(("us-west-2a", usd, "2026-11-03T00:00:00.000Z")))
    with pytest.raises(PriceUnavailable, match="no spot price"):
        ask(server, use_spot=True)


@pytest.mark.parametrize(("status", "text"), [(200, "<html>log in"), (400, ""), (500, "{}")])
def test_spot_answer_that_is_no_xml_is_a_price_that_is_not_available(
    server: PriceServer, status: int, text: str
) -> None:
    server.answer = lambda question: (status, text)
    with pytest.raises(PriceUnavailable, match="AWS could not be asked") as caught:
        ask(server, use_spot=True)
    assert "log in" not in str(caught.value)


FAULTS = {
    "throttling": (400, '{"__type": "ThrottlingException", "message": "Rate exceeded"}', "ThrottlingException"),
    "server error": (500, "{}", "ClientError"),
    "expired": (400, '{"__type": "ExpiredTokenException", "message": "expired"}', "ExpiredTokenException"),
    "no JSON": (200, "<html>log in</html>", "AWS"),
    "half an answer": (200, '{"FormatVersion": "aws_v1", "PriceList": ["{\\"product\\": {"]}', "expected form"),
    "no list": (200, '{"FormatVersion": "aws_v1"}', "AWS"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_prices_that_are_not_available(server: PriceServer, fault: str) -> None:
    status, text, said = FAULTS[fault]
    server.answer = lambda question: (status, text)
    with pytest.raises(PriceUnavailable, match=re.escape(said)) as caught:
        ask(server)
    assert SECRET not in str(caught.value)
    assert len(server.asked) <= aws.ATTEMPTS


def test_server_that_never_answers_is_given_up(server: PriceServer) -> None:
    gate = threading.Event()

    def hang(question: Question) -> tuple[int, str]:
        gate.wait(30)
        return 200, "{}"

    server.answer = hang
    with pytest.raises(PriceUnavailable, match="ReadTimeoutError"):
        ask(server)
    gate.set()


def test_missing_credentials_and_profiles_are_said(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PriceUnavailable, match="ProfileNotFound"):
        AWSPricingClient(profile="nobody", endpoint_url=server.url).get_instance_pricing("p5.48xlarge")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PriceUnavailable, match="NoCredentialsError"):
        ask(server)


def test_endpoint_is_one_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    client = AWSPricingClient("us-west-2")._client("pricing", "us-east-1")
    assert client.meta.endpoint_url == "https://api.pricing.us-east-1.amazonaws.com"
