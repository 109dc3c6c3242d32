"""What runs that are over ran on, and at what price."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost.config import Config
from milepost.histories.history import History, Rows
from milepost.money.instance import Instance
from milepost.money.segment import Segment
from milepost.replaying.pricing import NO_INSTANCE, ReplayPricer


def rows() -> Iterator[Rows]:
    yield from ()


def segment_of(pricer: ReplayPricer, **told: Any) -> Segment:
    """What a history that tells this ran on."""
    return pricer.open_ledger(History(run="a", rows=rows, **told), 0.0).segments[0]


def pricer(config: str = "", instance: Instance | None = None, **words: Any) -> ReplayPricer:
    return ReplayPricer(Config.loads(f"thresholds: []\n{config}"), instance or Instance(), **words)


def test_what_a_log_tells_goes_before_what_is_taken_by_default() -> None:
    replay = pricer("aws: {instance_type: g5.4xlarge}", Instance.known("instance=", provider="aws"))
    by_log, by_default = segment_of(replay, instance_type="g5.4xlarge"), segment_of(replay)
    assert by_log.quote is not None
    assert by_default.quote is not None
    assert by_log.quote.usd_per_hour == by_default.quote.usd_per_hour == 1.624
    assert by_log.quote.assumed_because == "the machine's market and region are not known: taken for on-demand"
    assert by_default.quote.assumed_because == (
        "the machine's instance type, market and region are not known: taken for g5.4xlarge on-demand"
    )
    assert segment_of(replay, instance_type="p4d.24xlarge", num_nodes=4).instance.nodes_charged == 4


def test_default_type_is_none_of_another_provider() -> None:
    replay = pricer("aws: {instance_type: g5.4xlarge}", Instance.known("instance=", provider="gcp"))
    segment = segment_of(replay)
    assert (segment.instance.instance_type, segment.quote, segment.unpriced_because) == (None, None, NO_INSTANCE)


def test_price_that_a_log_tells_is_that_of_the_whole_fleet_and_gives_way_to_the_users() -> None:
    told = {"instance_type": "p3.16xlarge", "num_nodes": 16, "fleet_usd_per_hour": 400.0}
    of_log = segment_of(pricer(), **told)
    assert of_log.quote is not None
    assert (of_log.quote.usd_per_hour, of_log.quote.source, of_log.instance.nodes_charged) == (400.0, "log", 1)
    assert of_log.billing == milepost.BillingRule()
    of_user = segment_of(pricer(price_per_hour=20.0), **told)
    assert of_user.quote is not None
    assert (of_user.quote.usd_per_hour, of_user.quote.source, of_user.instance.nodes_charged) == (20.0, "user", 16)
    assert segment_of(pricer("prices: off"), **told).unpriced_because == "prices: off"


def test_users_table_goes_before_what_a_log_tells(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("instance_type,usd_per_hour\np3.16xlarge,9.5\n,4.5\n")
    replay = pricer(f"prices: {{table: {tmp_path / 'own.csv'}}}")
    for told, usd in (({"instance_type": "p3.16xlarge", "fleet_usd_per_hour": 400.0}, 9.5), ({}, 4.5)):
        quote = segment_of(replay, **told).quote
        assert quote is not None
        assert (quote.usd_per_hour, quote.source, quote.assumed) == (usd, "user", False)


def test_type_alone_tells_how_its_provider_bills() -> None:
    replay = pricer()
    for kind, seconds in (("p3.16xlarge", 60.0), ("a2-highgpu-1g", 60.0), ("gpu_8x_a100", 120.0), ("dgx-a100", 60.5)):
        least = 60.5 if kind in ("gpu_8x_a100", "dgx-a100") else 1.0
        assert segment_of(replay, instance_type=kind).billing.billed_seconds(least) == seconds


def test_share_of_gpus_cannot_be_told_from_a_log_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "log.jsonl").write_text('{"timesteps": 1, "elapsed_seconds": 3600.0, "reward": 3.0}\n')
    node = {"instance_type": "p4d.24xlarge", "share": "gpus"}
    with caplog.at_level(logging.WARNING):
        (result,) = milepost.replay(tmp_path, thresholds=["reward >= 2"], instance=node)
    assert result.cost_to_threshold == pytest.approx(21.957642)
    assert "share: gpus: logs don't tell which GPUs a run saw; whole instances are charged for" in caplog.text
