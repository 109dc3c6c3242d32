"""Prices that come while a run goes on: real lookups in processes of their own, of a real HTTP server."""

import io
import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import milepost
from milepost import pricing
from milepost.config import Config, InstanceSettings, PriceSettings
from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.prices import cache as cache_module
from milepost.pricing import Priced
from milepost.report.terminal import print_results
from milepost.tracked_run import price_watch
from milepost.tracked_run.opening import track
from milepost.tracked_run.price_watch import PriceWatch, Question, restated
from milepost.tracked_run.run import TrackedRun
from milepost.tracking.thresholds import PerformanceThreshold
from tests.prices.server import Answer, PriceServer, Question as Asked, serving
from tests.prices.sources.test_aws import history, product
from tests.tracked_run.helpers import part_of
from tests.tracked_run.test_tracked_run import Shelf

pytest.importorskip("boto3")

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
THRESHOLD = PerformanceThreshold("two", "m", 2.0, smoothing_factor=1.0)
P5 = {"provider": "aws", "instance_type": "p5.48xlarge", "region": "us-west-2", "market": "on_demand"}
SPOT = {**P5, "market": "spot", "zone": "us-west-2a"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    """A server in AWS's place, and credentials to ask it with."""
    with serving() as running:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", running.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", running.url)
        yield running


def listed(usd: str) -> Answer:
    return Answer(200, {"FormatVersion": "aws_v1", "PriceList": [product(usd)]})


def settle(tracked: TrackedRun) -> None:
    """Wait for the answer that is under way, and have it put into the ledger."""
    part_of(tracked, PriceWatch).wait(60)
    tracked.get_results()


def test_cost_is_provisional_until_the_live_price_is_there_and_restated_after(server: PriceServer) -> None:
    gate = threading.Event()

    def answer(asked: Asked) -> Answer:
        gate.wait(60)
        return listed("72.0")

    server.answer = answer
    shelf = Shelf()
    with track(thresholds=[THRESHOLD], instance=P5, sinks=[shelf]) as tracked:
        tracked.update({"m": 1.0}, 10, elapsed_seconds=1800.0)
        (before,) = tracked.update({"m": 2.0}, 20, elapsed_seconds=3600.0)
        quote = tracked.ledger.segments[0].quote
        assert quote is not None
        assert (quote.provisional, quote.source) == (True, "list")
        assert before.price_source == "list"
        assert before.cost_to_threshold == pytest.approx(55.04)
        gate.set()
        settle(tracked)
        after = tracked.get_results()["two"]
    assert (after.price_source, after.price_assumed, after.usd_per_hour) == ("aws", False, 72.0)
    assert after.cost_to_threshold == pytest.approx(72.0, rel=1e-12)
    assert tracked.calculate_total_cost() == pytest.approx(72.0, rel=1e-12)
    shown = {key: value for _, row in shelf.rows for key, value in row.items()}
    assert shown["performance_threshold/two/cost_to_threshold"] == pytest.approx(72.0)
    assert shown["performance_threshold/price_source"] == "aws"
    assert len(server.asked) == 1


def test_second_run_finds_the_answer_of_the_first(server: PriceServer) -> None:
    server.answer = lambda asked: listed("72.0")
    with track(thresholds=[THRESHOLD], instance=P5, sinks=[]) as first:
        settle(first)
    with track(thresholds=[THRESHOLD], instance=P5, sinks=[]) as second:
        quote = second.ledger.segments[0].quote
    assert quote is not None
    assert (quote.usd_per_hour, quote.cached, quote.provisional) == (72.0, True, False)
    assert len(server.asked) == 1


def test_spot_price_is_asked_for_anew_while_the_run_goes_on(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pricing, "SPOT_REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(cache_module, "FRESH_SPOT_SECONDS", 0.0)
    changes = [("us-west-2a", "20.0", "2026-11-01T00:00:00.000Z")]
    server.answer = lambda asked: Answer(200, history(*changes))
    with track(thresholds=[THRESHOLD], instance=SPOT, sinks=[]) as tracked:
        settle(tracked)
        first = tracked.ledger.segments[0].quote
        assert first is not None
        assert [step.usd_per_hour for step in first.steps] == [20.0]
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 3600))
        changes.append(("us-west-2a", "26.0", now))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(tracked.ledger.segments[0].quote.steps) < 2:  # type: ignore[union-attr]
            time.sleep(0.02)
            tracked.update({"m": 1.0}, 1)
        last = tracked.ledger.segments[0].quote
    assert last is not None
    assert [step.usd_per_hour for step in last.steps] == [20.0, 26.0]
    assert server.asked[0].fields["AvailabilityZone"] == "us-west-2a"


@pytest.mark.parametrize("status", [400, 403, 500])
def test_refused_lookup_leaves_the_stand_in_and_no_secret_anywhere(
    server: PriceServer, status: int, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "TOKEN" + SECRET)
    server.answer = lambda asked: Answer(
        status,
        {"__type": "ExpiredTokenException", "message": f"{SECRET} AKIAEXAMPLE {asked.headers.get('Authorization')}"},
    )
    shelf = Shelf()
    with caplog.at_level(logging.DEBUG), track(thresholds=[THRESHOLD], instance=P5, sinks=[shelf]) as tracked:
        settle(tracked)
        tracked.update({"m": 2.0}, 1, elapsed_seconds=3600.0)
        state = json.dumps(tracked.state_dict())
    quote = tracked.ledger.segments[0].quote
    assert quote is not None
    assert (quote.source, quote.provisional) == ("list", False)
    assert server.asked
    assert "ClientError ExpiredTokenException" in caplog.text
    cached = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for kept in (caplog.text, state, repr(shelf.rows), repr(tracked.ledger), cached.decode()):
        assert SECRET not in kept
        assert "AKIAEXAMPLE" not in kept


def test_server_that_hangs_holds_the_end_up_for_a_bounded_time(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(price_watch, "CLOSE_WAIT_SECONDS", 0.1)
    gate = threading.Event()

    def hang(asked: Asked) -> Answer:
        gate.wait(60)
        return listed("72.0")

    server.answer = hang
    with track(thresholds=[THRESHOLD], instance=P5, sinks=[]) as tracked:
        tracked.update({"m": 2.0}, 1, elapsed_seconds=3600.0)
    gate.set()
    result = tracked.get_results()["two"]
    assert result.cost_to_threshold == pytest.approx(55.04)
    quote = tracked.ledger.segments[0].quote
    assert quote is not None
    assert quote.provisional
    threads = [each for each in threading.enumerate() if each.name == "milepost-prices"]
    for each in threads:
        each.join(30)  # the lookup was given up
    assert not any(each.is_alive() for each in threads)


def test_price_of_an_earlier_process_that_was_still_under_way_is_restated(server: PriceServer) -> None:
    server.answer = lambda asked: listed("72.0")
    earlier = Ledger().opened(
        Instance.known("instance=", **P5, gpus=8, gpu="H100", num_nodes=1, share=1.0),
        Quote(usd_per_hour=55.04, source="list", provisional=True),
        wall_time=time.time() - 7200,
    )
    tracker = milepost.PerformanceThresholdTracker([THRESHOLD], ledger=earlier)
    tracker.update({"m": 1.0}, 10, elapsed_seconds=1800.0)
    state = tracker.state_dict()
    with track(thresholds=[THRESHOLD], instance=P5, sinks=[]) as tracked:
        tracked.load_state_dict(state)
        tracked.update({"m": 2.0}, 20, elapsed_seconds=3600.0)
        settle(tracked)
        assert [each.quote and each.quote.usd_per_hour for each in tracked.ledger.segments] == [72.0, 72.0]
        assert tracked.get_results()["two"].cost_to_threshold == pytest.approx(72.0)


def test_without_credentials_no_thread_is_started_and_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with track(thresholds=[THRESHOLD], instance=P5, sinks=[]):
        assert "milepost-prices" not in {thread.name for thread in threading.enumerate()}


def test_billing_follows_the_provider_and_other_charges_have_lines_of_their_own() -> None:
    settings = Config(
        thresholds=(THRESHOLD,),
        instance=InstanceSettings.from_mapping({**SPOT, "num_nodes": 2}),
        prices=PriceSettings(
            price_per_hour=36.0,
            storage=Storage(gb=730.0, usd_per_gb_month=0.1),
            network=Network(egress_gb=20.0, usd_per_gb=0.09),
        ),
    )
    with track(settings, sinks=[]) as tracked:
        segment = tracked.ledger.segments[0]
        tracked.update({"m": 2.0}, 1, elapsed_seconds=1.0, wall_time=segment.billed_from + 7200.5)
        lines = tracked.get_cost_lines()
    assert segment.billing.free_if_reclaimed_within_seconds == 3600
    console = Console(file=io.StringIO(), width=120)
    print_results(tracked, console)
    assert "so far: compute $144.02, storage $0.2000, network $1.80" in console.file.getvalue()  # type: ignore[attr-defined]
    assert lines["compute"] == pytest.approx(7201 / 3600 * 36.0 * 2)
    assert lines["storage"] == pytest.approx(730 * 0.1 * 7200.5 / 3600 / 730)
    assert lines["network"] == pytest.approx(1.8)
    assert tracked.get_results()["two"].cost_to_threshold == pytest.approx(1 / 3600 * 36.0 * 2)


def test_fault_in_asking_is_logged_and_training_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Any] = [RuntimeError("broken"), Priced(Instance(), None, "none")]

    def ask(instance: Instance, since: Any) -> Priced:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    watch = PriceWatch(ask)
    watch.put(Question(Instance(), 0.0))
    watch.put(Question(Instance(), 1.0))
    watch.wait(30)
    assert [question.since for question, _ in watch.take()] == [1.0]
    assert watch.take() == []
    assert "asking for a price failed" in caplog.text
    watch.close()


def test_stand_in_of_a_lookup_that_failed_gives_way_to_a_later_live_price() -> None:
    spot = Instance(instance_type="g5.xlarge", market="spot")
    book = Ledger().opened(spot, Quote(usd_per_hour=0.727, source="fallback"), wall_time=100.0)
    question = Question(spot, 100.0)
    for source, usd in (("aws", 0.5), ("list", 9.0), ("aws", 0.4), ("fallback", 9.0)):
        book = restated(book, question, Priced(spot, Quote(usd_per_hour=usd, source=source), None))
        quote = book.segments[0].quote
        assert quote is not None
        assert (quote.source, quote.usd_per_hour) == ("aws", 0.4 if usd == 0.4 or source == "fallback" else 0.5)


def test_segment_of_an_earlier_process_that_had_no_price_is_asked_about(server: PriceServer) -> None:
    server.answer = lambda asked: listed("72.0")
    machine = Instance.known("instance=", **P5, gpus=8, gpu="H100", num_nodes=1, share=1.0)
    earlier = Ledger().opened(machine, None, wall_time=time.time() - 7200, unpriced_because="waiting for aws")
    tracker = milepost.PerformanceThresholdTracker([THRESHOLD], ledger=earlier)
    tracker.update({"m": 1.0}, 10, elapsed_seconds=1800.0)
    with track(thresholds=[THRESHOLD], instance=P5, sinks=[]) as tracked:
        tracked.load_state_dict(tracker.state_dict())
        tracked.update({"m": 2.0}, 20, elapsed_seconds=3600.0)
        settle(tracked)
        assert tracked.get_results()["two"].cost_to_threshold == pytest.approx(72.0)


@pytest.mark.parametrize(
    ("source", "assumed"), [("default", True), ("aws:", True), ("instance=", False), ("aws metadata", False)]
)
@pytest.mark.parametrize("here", [P5, {}], ids=["told here", "not told here"])
def test_what_an_earlier_process_was_not_told_is_assumed_whatever_this_one_knows(
    server: PriceServer, source: str, assumed: bool, here: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = lambda asked: listed("72.0")
    monkeypatch.setenv("MILEPOST_REGION", "us-west-2")
    machine = Instance.known(
        {**dict.fromkeys(P5, "SKYPILOT"), "instance_type": source, "num_nodes": "default", "share": "default"},
        **P5,
        num_nodes=1,
        share=1.0,
    )
    waiting = Quote(usd_per_hour=55.04, source="list", provisional=True)
    earlier = Ledger().opened(machine, waiting, wall_time=time.time() - 7200)
    tracker = milepost.PerformanceThresholdTracker([THRESHOLD], ledger=earlier)
    assert tracker.update({"m": 2.0}, 10, elapsed_seconds=1800.0)
    with track(thresholds=[THRESHOLD], instance=here, sinks=[]) as tracked:
        tracked.load_state_dict(tracker.state_dict())
        settle(tracked)
        quote = tracked.ledger.segments[0].quote
        result = tracked.get_results()["two"]
        own = tracked.ledger.segments[-1].quote
    assert quote is not None
    assert (quote.usd_per_hour, quote.assumed, quote.provisional) == (72.0, assumed, False)
    sentence = "the machine's instance type is not known: taken for p5.48xlarge"
    assert quote.assumed_because == (sentence if assumed else None)
    assert result.cost_to_threshold == pytest.approx(36.0)
    assert result.price_assumed is assumed
    assert own is not None
    assert own.assumed is (not here)


def test_segments_that_know_one_fleet_from_other_sources_keep_their_own_prices() -> None:
    told, taken = (Instance.known(source, instance_type="p5.48xlarge") for source in ("instance=", "default"))
    waiting = Quote(usd_per_hour=1.0, source="list", provisional=True)
    book = Ledger().opened(told, waiting, wall_time=100.0).opened(taken, waiting, wall_time=200.0)
    final = Quote(usd_per_hour=72.0, source="aws")
    book = restated(book, Question(told, 100.0), Priced(told, final, None))
    assert [each.quote for each in book.segments] == [final, waiting]
