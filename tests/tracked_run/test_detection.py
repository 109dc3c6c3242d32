"""What a metadata service tells while a run goes on: a real server on loopback in EC2's place."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from milepost.instances import probing
from milepost.tracked_run.opening import track
from milepost.tracked_run.price_watch import PriceWatch
from milepost.tracked_run.run import TrackedRun
from milepost.tracking.thresholds import PerformanceThreshold
from tests.instances.metadata_server import EC2, Answer, Asked, MetadataServer, Raw, like_ec2, serving
from tests.tracked_run.helpers import part_of

THRESHOLD = PerformanceThreshold("two", "m", 2.0, smoothing_factor=1.0)
ON_DEMAND = {**EC2, "instance-life-cycle": "on-demand"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MetadataServer]:
    """A metadata service, and a process that has not asked it yet."""
    monkeypatch.setattr(probing, "_answers", None)
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setattr(probing, "LIMIT_SECONDS", 60.0)  # a machine may be busy
    with serving(like_ec2(ON_DEMAND)) as running:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", running.url)
        yield running
    probing._answers = None


def settle(tracked: TrackedRun) -> None:
    part_of(tracked, PriceWatch).wait(60)
    tracked.get_results()


def test_what_arrives_late_restates_the_ledger(server: MetadataServer) -> None:
    was_seen, told = threading.Event(), like_ec2(ON_DEMAND)

    def late(asked: Asked) -> Answer | Raw:
        was_seen.wait(60)
        return told(asked)

    server.answer = late
    with track(thresholds=[THRESHOLD], sinks=[]) as tracked:
        (before,) = tracked.update({"m": 2.0}, 1, elapsed_seconds=3600.0)
        quote = tracked.ledger.segments[0].quote
        assert quote is not None
        assert (quote.instance_type, quote.assumed, quote.provisional) == ("g5.4xlarge", True, True)
        assert before.cost_to_threshold == pytest.approx(1.624)
        was_seen.set()
        settle(tracked)
        (segment,) = tracked.ledger.segments
        after = tracked.get_results()["two"]
    assert segment.instance.instance_type == "p4d.24xlarge"
    assert segment.instance.sources["instance_type"] == "aws metadata"
    assert segment.instance.zone == "use1-az2"
    assert (after.price_source, after.price_assumed) == ("list", False)
    assert after.cost_to_threshold == pytest.approx(21.957642)


def test_market_that_arrives_late_brings_its_billing_rule(server: MetadataServer) -> None:
    server.answer = like_ec2(EC2)
    with track(thresholds=[THRESHOLD], sinks=[], price_per_hour=1.0) as tracked:
        settle(tracked)
        (segment,) = tracked.ledger.segments
    assert (segment.instance.market, segment.billing.free_if_reclaimed_within_seconds) == ("spot", 3600)
    assert segment.quote is not None
    assert (segment.quote.source, segment.quote.usd_per_hour) == ("user", 1.0)


def test_second_run_of_a_process_asks_no_more(server: MetadataServer) -> None:
    for _ in range(2):
        with track(thresholds=[THRESHOLD], sinks=[]) as tracked:
            settle(tracked)
    assert server.paths.count("/latest/api/token") == 1


def test_nobody_is_asked_where_variables_tell(server: MetadataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("INSTANCE_TYPE", "g5.xlarge"), ("REGION", "us-east-1"), ("MARKET", "on_demand")):
        monkeypatch.setenv(f"MILEPOST_{name}", value)
    with track(thresholds=[THRESHOLD], sinks=[]) as tracked:
        assert "milepost-prices" not in {thread.name for thread in threading.enumerate()}
    assert server.asked == []
    assert tracked.ledger.segments[0].instance.instance_type == "g5.xlarge"


def test_machine_that_is_on_no_cloud_is_priced_as_the_default_and_assumed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(probing, "_answers", None)
    with caplog.at_level(logging.WARNING), track(thresholds=[THRESHOLD], sinks=[]) as tracked:
        settle(tracked)
        quote = tracked.ledger.segments[0].quote
    probing._answers = None
    assert quote is not None
    assert (quote.usd_per_hour, quote.assumed, quote.provisional) == (1.624, True, False)
    assert "g5.4xlarge" in (quote.assumed_because or "")


def test_two_hosts_with_different_metadata_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from milepost.instances.detect import detect; found = detect(probe=True).instance\n"
        "print(found.instance_type, found.region, found.market)"
    )
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    other = {**ON_DEMAND, "instance-type": "g5.xlarge", "placement/region": "eu-west-1"}
    with serving(like_ec2(EC2)) as one, serving(like_ec2(other)) as two:
        found = []
        for server in (one, two):
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url)
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            found.append(done.stdout.split())
    assert found == [["p4d.24xlarge", "us-east-1", "spot"], ["g5.xlarge", "eu-west-1", "on_demand"]]
