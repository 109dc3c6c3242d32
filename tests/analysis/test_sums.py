"""The terms of an amount, against the amount: under price changes, billing minimums, shares, unknown prices."""

import msgspec
import pytest

from milepost.analysis.sums import billed, total, trained
from milepost.money.costs import billed_cost, cost
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.quote import BillingRule
from tests.helpers import START, ledger, quote


def here(opened: Ledger, seconds: float) -> Ledger:
    """A ledger that goes on to so many seconds."""
    return opened.marked("heartbeat", Position(int(seconds), seconds / 2, START + seconds))


def with_billing(opened: Ledger, rule: BillingRule) -> Ledger:
    (segment,) = opened.segments
    return msgspec.structs.replace(opened, segments=(msgspec.structs.replace(segment, billing=rule),))


def test_one_price() -> None:
    grown = here(ledger(3.6, num_nodes=2, share=0.5), 7200)
    assert grown.here is not None
    (term,) = trained(grown, grown.here)
    assert (term.hours, term.nodes, term.share) == (1.0, 2, 0.5)
    assert term.usd_per_hour == pytest.approx(3.6)
    assert term.usd == pytest.approx(3.6) == cost(grown, grown.here)
    (term,) = billed(grown, grown.here)
    assert term.usd == pytest.approx(7.2) == billed_cost(grown, grown.here)


def test_changes_of_a_price_are_in_its_mean() -> None:
    grown = here(ledger(1.0, (3600, 3.0)), 7200)
    assert grown.here is not None
    (term,) = billed(grown, grown.here)
    assert term.hours == 2.0
    assert [term.usd_per_hour, term.usd] == pytest.approx([2.0, 4.0])


def test_billing_minimum_is_a_term_of_its_own() -> None:
    grown = with_billing(here(ledger(3.6), 30), BillingRule(granularity_seconds=1, minimum_seconds=60))
    assert grown.here is not None
    time, minimum = billed(grown, grown.here)
    assert [time.usd, minimum.usd] == pytest.approx([0.03, 0.03])
    assert minimum.what == "billing minimum and rounding"
    assert total([time, minimum]) == pytest.approx(billed_cost(grown, grown.here))


def test_unknown_price_has_no_sum() -> None:
    grown = here(ledger(None), 3600)
    assert grown.here is not None
    (term,) = billed(grown, grown.here)
    assert (term.usd, term.usd_per_hour, term.hours) == (None, None, 1.0)
    assert total([term]) is None
    assert quote(1.0).tried == ""
