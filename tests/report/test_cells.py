from typing import Any

import msgspec
import pytest

from milepost.analysis.reach import Reach
from milepost.report.cells import COLUMNS, NUMBERS, bound_of, bounded, dollars, figures, number, row, status
from milepost.tracking.result import ThresholdResult

RESULT = ThresholdResult(
    run="seed-1",
    group="seeds",
    threshold="near",
    metric="m",
    comparison=">=",
    target_value=2.0,
    status="achieved",
    achieved=True,
    samples_to_threshold=12_000,
    minutes_to_threshold=1234.5,
    cost_to_threshold=1.25,
    billed_cost_to_threshold=2.5,
    final_smoothed_value=2.34567,
    price_assumed=False,
)


def changed(**fields: Any) -> ThresholdResult:
    return msgspec.structs.replace(RESULT, **fields)


UNREACHED = ThresholdResult(
    threshold="far", metric="m", comparison="<", target_value=0.125, status="not_reached", achieved=False
)


def test_row_says_all_that_people_read() -> None:
    assert row(RESULT) == (
        *("seed-1", "seeds", "near", "m >= 2", "achieved"),
        *("12,000", "1234.50", "1.2500", "2.5000", "2.346"),
    )
    assert row(UNREACHED) == ("–", "–", "far", "m < 0.125", "not reached", "–", "–", "–", "–", "–")
    assert len(row(RESULT)) == len(COLUMNS)
    assert [name[:3] for name in COLUMNS[-NUMBERS:]] == ["sam", "min", "USD", "USD", "fin"]


def test_upper_bounds_and_assumed_prices_are_marked() -> None:
    met = changed(already_met=True, price_assumed=True)
    assert row(met)[5:] == ("≤ 12,000", "≤ 1234.50", "≤ 1.2500*", "≤ 2.5000*", "2.346")
    assert figures(met) == ("≤ 12,000", "≤ 1234.50", "≤ $1.25*")
    assert (bound_of(met), bound_of(RESULT)) == ("≤", "")


@pytest.mark.parametrize(
    ("result", "reach", "shown"),
    [
        (RESULT, None, ("12,000", "1,234.50", "$1.25")),
        (UNREACHED, Reach(1_000, 2.0, 0.5), ("1,000", "2.00", "$0.5000")),
        (UNREACHED, Reach(), ("–", "–", "–")),
    ],
)
def test_figures_are_those_of_the_crossing_or_of_where_a_run_has_come(
    result: ThresholdResult, reach: Reach | None, shown: tuple[str, str, str]
) -> None:
    assert figures(result, reach, minutes=",.2f") == shown


def test_dollars_are_marked_where_any_price_of_theirs_is_assumed() -> None:
    assert dollars(RESULT, 3.0) == "$3.00"
    assert dollars(RESULT, 3.0, assumed=True) == "$3.00*"
    assert dollars(changed(price_assumed=True), 3.0) == "$3.00*"
    assert dollars(RESULT, None, assumed=True) == "–"


def test_other_figures_have_their_format_and_unit() -> None:
    assert bounded(changed(already_met=True), 2.5, ".1f", " min") == "≤ 2.5 min"
    assert bounded(RESULT, None, ".1f", " min") == "–"
    assert (number(1234.5678, ",.3f"), number(None, ",.3f")) == ("1,234.568", "–")
    assert status(changed(status="never_observed")) == "never observed"
