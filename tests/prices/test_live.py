"""The price book with live sources: what is asked, what is kept, and what stands in meanwhile."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from milepost.errors import PriceUnavailable
from milepost.money.instance import Instance
from milepost.money.quote import PriceStep, Quote
from milepost.prices.book import PriceBook
from milepost.prices.cache import Question, QuoteCache
from tests.prices.server import Answer, PriceServer, serving
from tests.prices.sources.test_aws import history, product

pytest.importorskip("boto3")

P5 = Instance(provider="aws", instance_type="p5.48xlarge", region="us-west-2", market="on_demand")
SPOT = msgspec.structs.replace(P5, market="spot", zone="us-west-2a")
REAL_TIME = time.time


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    with serving(lambda asked: Answer(200, {"FormatVersion": "aws_v1", "PriceList": [product("72.0")]})) as running:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "EXAMPLE")
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", running.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", running.url)
        yield running


def facts(quote: Quote) -> tuple[Any, ...]:
    return quote.usd_per_hour, quote.source, quote.cached, quote.provisional


def hours_later(monkeypatch: pytest.MonkeyPatch, hours: float) -> None:
    monkeypatch.setattr(time, "time", lambda: REAL_TIME() + hours * 3600)


def test_live_price_stands_behind_a_stand_in_a_fresh_and_a_stale_answer(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = PriceBook()
    assert facts(book.quote(P5)) == (55.04, "list", False, True)  # what is known at once
    assert facts(book.ask(P5)) == (72.0, "aws", False, False)
    assert facts(book.quote(P5)) == (72.0, "aws", True, False)
    hours_later(monkeypatch, 25)
    stale = book.quote(P5)
    assert facts(stale) == (72.0, "aws", True, True)  # it beats the list, and is to be asked anew
    assert (stale.as_of or "") < datetime.fromtimestamp(time.time() - 24 * 3600, UTC).isoformat()
    server.answer = lambda asked: Answer(500)
    assert facts(book.ask(P5)) == (72.0, "aws", True, False)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert facts(book.quote(P5)) == (72.0, "aws", True, False)
    assert facts(book.quote(msgspec.structs.replace(P5, region="us-east-1"))) == (55.04, "list", False, False)


def test_other_providers_are_not_asked(server: PriceServer) -> None:
    azure = Instance(provider="azure", instance_type="Standard_ND96asr_v4", region="eastus")
    for instance in (azure, Instance(provider="lambda", instance_type="gpu_8x_a100"), Instance(region="us-west-2")):
        PriceBook(sources=["aws", "list", "default"]).ask(instance)
    assert server.asked == []


def test_type_tells_its_provider_and_a_source_that_is_named_needs_none(server: PriceServer) -> None:
    assert PriceBook().live_source(Instance(instance_type="p5.48xlarge")) == "aws"
    assert PriceBook().live_source(Instance(instance_type="p9.metal")) == "aws"  # no other has such names
    assert PriceBook().live_source(Instance(instance_type="big")) is None
    assert PriceBook(sources=["aws"]).live_source(Instance(instance_type="big")) == "aws"


def test_order_of_the_sources_is_kept(server: PriceServer) -> None:
    book, listed = PriceBook(sources=["list", "aws"]), msgspec.structs.replace(P5, region="us-east-1")
    assert facts(book.quote(listed)) == (55.04, "list", False, False)
    assert facts(book.ask(listed)) == (55.04, "list", False, False)
    assert server.asked == []
    assert facts(book.ask(P5)) == (72.0, "aws", False, False)  # another region's stands in where nobody knows


def test_discount_is_taken_off_every_step(server: PriceServer) -> None:
    server.answer = lambda asked: Answer(
        200,
        history(("us-west-2a", "20.0", "2026-01-01T00:00:00.000Z"), ("us-west-2a", "30.0", "2026-01-02T00:00:00.000Z")),
    )
    since = datetime(2026, 1, 1, 12, tzinfo=UTC)
    kept = QuoteCache()
    steps = (PriceStep(since.timestamp(), 20.0), PriceStep(since.timestamp() + 60, 30.0))
    kept.keep(Question.of("aws", SPOT), Quote(usd_per_hour=20.0, source="aws", steps=steps), since)
    quote = PriceBook(discount=0.5).ask(SPOT, since)
    assert [step.usd_per_hour for step in quote.steps] == [10.0, 15.0]
    assert quote.usd_per_hour == 10.0


def test_nothing_known_and_something_to_ask_is_said(server: PriceServer) -> None:
    with pytest.raises(PriceUnavailable, match="aws: it is yet to be asked") as caught:
        PriceBook(sources=["aws"]).quote(P5)
    assert caught.value.waiting
    with pytest.raises(PriceUnavailable) as caught:
        PriceBook(sources=["fallback"]).quote(P5)
    assert not caught.value.waiting


def test_fault_of_the_live_source_is_told(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PriceBook().live_fault(P5) is None
    server.answer = lambda asked: Answer(400, {"__type": "ExpiredTokenException"})
    assert "ExpiredTokenException" in (PriceBook().live_fault(P5) or "")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert PriceBook().live_fault(P5) is None  # there is nothing to go wrong


def test_history_is_told_by_the_providers_own_source_only(server: PriceServer) -> None:
    server.answer = lambda asked: Answer(200, history(("us-west-2a", "20.0", "2026-01-01T00:00:00.000Z")))
    since = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert list(PriceBook().history(SPOT, since)) == ["us-west-2a"]
    azure = Instance(provider="azure", instance_type="Standard_ND96asr_v4", market="spot")
    with pytest.raises(PriceUnavailable, match="azure: it keeps no history of spot prices"):
        PriceBook().history(azure, since)
