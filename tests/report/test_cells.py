from typing import Any

import msgspec
import pytest

from milepost.analysis.reach import Reach
from milepost.report.cells import (
    NUMBERS,
    bounded,
    counted,
    dollars,
    figures,
    head_of,
    marks_of,
    number,
    row,
    status,
    table,
)
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
    columns, rows = table([RESULT, UNREACHED])
    assert columns == (
        *("run", "group", "threshold", "target", "status"),
        *("samples", "minutes", "USD", "USD billed", "final value"),
    )
    assert rows == [row(RESULT), row(UNREACHED)]
    assert len(columns) - NUMBERS == 5


def test_upper_bounds_and_assumed_prices_are_marked() -> None:
    met = changed(already_met=True, start_known=True, bound="upper", price_assumed=True)
    assert row(met)[5:] == ("≤ 12,000", "≤ 1234.50", "≤ 1.2500*", "≤ 2.5000*", "2.346")
    assert figures(met) == ("≤ 12,000", "≤ 1234.50", "≤ $1.25*")
    assert marks_of(met) == {"bound": "≤", "bound_of_samples": "≤"}
    assert marks_of(RESULT) == {"bound": "", "bound_of_samples": ""}


def test_lower_bounds_of_time_are_marked_and_samples_are_exact() -> None:
    late = changed(start_known=False, bound="lower", price_assumed=True)
    assert row(late)[5:] == ("12,000", "≥ 1234.50", "≥ 1.2500*", "≥ 2.5000*", "2.346")
    assert figures(late) == ("12,000", "≥ 1234.50", "≥ $1.25*")
    assert marks_of(late) == {"bound": "≥", "bound_of_samples": ""}
    ended = msgspec.structs.replace(UNREACHED, start_known=False)
    assert figures(ended, Reach(1_000, 2.0, 0.5)) == ("1,000", "≥ 2.00", "≥ $0.5000")
    assert figures(ended, Reach()) == ("–", "–", "–")


def test_already_met_without_a_known_start_has_samples_alone() -> None:
    met = changed(already_met=True, start_known=False, minutes_to_threshold=None, cost_to_threshold=None)
    assert figures(met) == ("≤ 12,000", "–", "–")


def test_column_of_counts_is_headed_by_their_unit() -> None:
    steps = changed(samples_unit="steps")
    assert table([steps])[0][5] == "steps"
    assert table([steps])[1][0][5] == "12,000"
    unseen = msgspec.structs.replace(UNREACHED, status="never_observed")
    assert (head_of([steps, unseen]), head_of([unseen]), head_of([])) == ("steps", "samples", "samples")


def test_several_units_stand_each_at_its_number() -> None:
    columns, rows = table([RESULT, changed(samples_unit="epochs", samples_to_threshold=3), changed(samples_unit=None)])
    assert columns[5] == "count"
    assert [cells[5] for cells in rows] == ["12,000 samples", "3 epochs", "–"]
    assert counted(changed(samples_unit="steps", already_met=True), 7, "samples") == "≤ 7 steps"


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
    assert bounded(changed(bound="upper"), 2.5, ".1f", " min") == "≤ 2.5 min"
    assert bounded(RESULT, None, ".1f", " min") == "–"
    assert (number(1234.5678, ",.3f"), number(None, ",.3f")) == ("1,234.568", "–")
    assert status(changed(status="never_observed")) == "never observed"
