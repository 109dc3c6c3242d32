"""Runs that are over, at other prices."""

import pytest

from milepost.analysis.what_if import reprice
from milepost.errors import ConfigError, PriceUnavailable
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.runs.record import Run, RunRecord

HERE = Instance.known("log", instance_type="p4d.24xlarge", region="us-east-1", market="on_demand")


def record(instance: Instance) -> RunRecord:
    """A run of one segment on that instance, at an old price of 1 USD an hour."""
    ledger = Ledger().opened(instance, Quote(usd_per_hour=1.0, source="fallback"), wall_time=1_700_000_000.0)
    run = Run(id="a", started_at=1_700_000_000.0, alive_at=1_700_003_600.0, status="replayed")
    return RunRecord(
        run=run,
        processes=(),
        thresholds=(),
        results=(),
        crossings={},
        ledger=ledger,
        opened_by={},
        curves=(),
        events=(),
    )


def quote_of(repriced: RunRecord) -> Quote:
    (segment,) = repriced.ledger.segments
    assert segment.quote is not None
    return segment.quote


def test_price_is_marked_as_that_of_a_run_under_way_would_be() -> None:
    told = quote_of(reprice(record(HERE)))
    assert (told.usd_per_hour, told.source, told.assumed) == (21.957642, "list", False)
    untold = Instance.known("log", instance_type="p4d.24xlarge")
    assert quote_of(reprice(record(untold))).assumed_because == (
        "the machine's market and region are not known: taken for on-demand"
    )
    assert quote_of(reprice(record(untold), region="us-east-1")).assumed_because == (
        "the machine's market is not known: taken for on-demand"
    )


def test_users_price_is_that_of_whatever_it_ran_on() -> None:
    for instance in (HERE, Instance()):
        quote = quote_of(reprice(record(instance), price_per_hour=2.5))
        assert (quote.usd_per_hour, quote.source, quote.assumed, quote.instance_type) == (2.5, "user", False, None)
    with pytest.raises(ConfigError, match=r"price_per_hour: found -1\.0, expected USD an hour, 0 or above"):
        reprice(record(HERE), price_per_hour=-1.0)


def test_nothing_stands_in_for_a_machine_of_which_nothing_tells_what_it_is() -> None:
    with pytest.raises(
        PriceUnavailable, match=r"segment \w+ \(unknown\): .*default: not asked, nothing tells what it is"
    ):
        reprice(record(Instance()))
