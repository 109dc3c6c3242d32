"""AWSPricingClient and real boto3 against a real HTTP server that answers as AWS does, decoys included."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from milepost.errors import PriceUnavailable
from milepost.prices import aws
from milepost.prices.aws import AWSPricingClient

pytest.importorskip("boto3")

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
Answer = Callable[[dict[str, Any]], tuple[int, str]]


class Server(ThreadingHTTPServer):
    """Answers with what a test gives it, and keeps what it was asked."""

    daemon_threads = True
    answer: Answer

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers["Content-Type"].startswith("application/x-www-form-urlencoded"):
            from urllib.parse import parse_qsl

            question: dict[str, Any] = dict(parse_qsl(body))
        else:
            question = json.loads(body)
        self.server.asked.append(question)
        status, text = self.server.answer(question)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Server]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(aws, "TIMEOUT_SECONDS", 0.5)
    with Server() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


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
    reserved = {"unit": "Hrs", "pricePerUnit": {"USD": "0.0530000000"}}
    return json.dumps(
        {
            "product": {"productFamily": "Compute Instance", "attributes": plain | attributes, "sku": sku},
            "serviceCode": "AmazonEC2",
            "terms": {
                "OnDemand": {f"{sku}.T": {"priceDimensions": {f"{sku}.T.R": dimension}, "termAttributes": {}}},
                "Reserved": {f"{sku}.R": {"priceDimensions": {"a": reserved}, "termAttributes": {}}},
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


def pages(*contents: list[str]) -> Answer:
    def answer(question: dict[str, Any]) -> tuple[int, str]:
        at = int(question.get("NextToken", 0))
        page: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": contents[at]}
        if at + 1 < len(contents):
            page["NextToken"] = str(at + 1)
        return 200, json.dumps(page)

    return answer


def ask(server: Server, **arguments: Any) -> Any:
    client = AWSPricingClient("us-west-2", endpoint_url=server.url)
    return client.get_instance_pricing("p5.48xlarge", **arguments)


def test_on_demand_price_is_found_among_decoys_on_a_later_page(server: Server) -> None:
    server.answer = pages(DECOYS[:3], DECOYS[3:], [product("55.0400000000")])
    quote = ask(server)
    assert (quote.usd_per_hour, quote.source, quote.region, quote.market) == (55.04, "aws", "us-west-2", "on_demand")
    assert (quote.gpus, quote.gpu, quote.assumed) == (8, "H100", False)
    filters = {each["Field"]: each["Value"] for each in server.asked[0]["Filters"]}
    assert filters == {"instanceType": "p5.48xlarge", "regionCode": "us-west-2", **aws.FILTERS}


def test_more_than_one_price_is_an_error_that_names_them(server: Server) -> None:
    server.answer = pages([product("55.04", "A"), product("56.04", "B")])
    with pytest.raises(PriceUnavailable, match=r"more than one price .*A at 55\.04 USD/h, B at 56\.04 USD/h"):
        ask(server)


@pytest.mark.parametrize("answer", [pages([]), pages(DECOYS)], ids=["nothing", "only decoys"])
def test_no_price_is_said(server: Server, answer: Answer) -> None:
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


def spot(question: dict[str, Any]) -> tuple[int, str]:
    if question.get("NextToken") == "more":
        return 200, history(("us-west-2b", "31.5", "2026-11-02T00:00:00.000Z"))
    return 200, history(
        ("us-west-2a", "20.0", "2026-11-01T00:00:00.000Z"),
        ("us-west-2a", "21.0", "2026-11-03T00:00:00.000Z"),
        token="more",
    )


def test_spot_price_without_a_zone_is_the_dearest_and_assumed(server: Server) -> None:
    server.answer = spot
    quote = ask(server, use_spot=True)
    assert (quote.usd_per_hour, quote.zone, quote.market, quote.assumed) == (31.5, "us-west-2b", "spot", True)
    assert "us-west-2a is the cheapest, at 21.0 USD/h" in quote.assumed_because


@pytest.mark.parametrize(
    ("zone", "parameter"), [("us-west-2a", "AvailabilityZone"), ("usw2-az1", "AvailabilityZoneId")]
)
def test_spot_price_of_a_zone_is_its_latest(server: Server, zone: str, parameter: str) -> None:
    server.answer = lambda question: (200, history(("us-west-2a", "21.0", "2026-11-03T00:00:00.000Z")))
    quote = ask(server, use_spot=True, zone=zone)
    assert (quote.usd_per_hour, quote.zone, quote.assumed) == (21.0, zone, False)
    assert server.asked[0][parameter] == zone


def test_no_spot_market_is_said(server: Server) -> None:
    server.answer = lambda question: (200, history())
    with pytest.raises(PriceUnavailable, match=r"no spot price of p5\.48xlarge in us-west-2"):
        ask(server, use_spot=True)


def test_products_with_an_empty_software_field_are_asked_for_when_there_are_no_others(server: Server) -> None:
    products = [product("55.04", preInstalledSw=""), product("61.0", "Q", preInstalledSw="SQL Std")]

    def answer(question: dict[str, Any]) -> tuple[int, str]:
        filtered = any(each["Field"] == "preInstalledSw" for each in question["Filters"])
        return pages([] if filtered else products)(question)

    server.answer = answer
    assert ask(server).usd_per_hour == 55.04
    assert len(server.asked) == 2


@pytest.mark.parametrize("usd", ["0.0", "-1", "nan", "inf"])
def test_spot_price_that_is_none_is_passed_over(server: Server, usd: str) -> None:
    server.answer = lambda question: (200, history(("us-west-2a", usd, "2026-11-03T00:00:00.000Z")))
    with pytest.raises(PriceUnavailable, match="no spot price"):
        ask(server, use_spot=True)


@pytest.mark.parametrize(("status", "text"), [(200, "<html>log in"), (400, ""), (500, "{}")])
def test_spot_answer_that_is_no_xml_is_a_price_that_is_not_available(server: Server, status: int, text: str) -> None:
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
def test_faults_are_prices_that_are_not_available(server: Server, fault: str) -> None:
    status, text, said = FAULTS[fault]
    server.answer = lambda question: (status, text)
    with pytest.raises(PriceUnavailable, match=re.escape(said)) as caught:
        ask(server)
    assert SECRET not in str(caught.value)
    assert len(server.asked) <= 2


def test_server_that_never_answers_is_given_up(server: Server) -> None:
    gate = threading.Event()

    def hang(question: dict[str, Any]) -> tuple[int, str]:
        gate.wait(30)
        return 200, "{}"

    server.answer = hang
    with pytest.raises(PriceUnavailable, match="ReadTimeoutError"):
        ask(server)
    gate.set()


def test_missing_credentials_and_profiles_are_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PriceUnavailable, match="ProfileNotFound"):
        AWSPricingClient(profile="nobody", endpoint_url=server.url).get_instance_pricing("p5.48xlarge")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PriceUnavailable, match="NoCredentialsError"):
        ask(server)


def test_endpoint_is_one_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    client = AWSPricingClient("us-west-2")._client("pricing", "us-east-1")
    assert client.meta.endpoint_url == "https://api.pricing.us-east-1.amazonaws.com"
