"""What `../shared/samples/right.csv` says of samples, a row each: right values of logs that were read wrong once."""

import csv
import math
from typing import Any

import pytest

from milepost.replaying.replay import replay
from tests.histories.helpers import SAMPLES, needs_samples

FILE = SAMPLES / "right.csv"

ROWS = list(csv.DictReader(FILE.read_text().splitlines())) if FILE.exists() else []


def between(told: float | None, least: str, most: str, slack: float) -> None:
    """Hold a figure against a value, or a range of two, as the table writes them; one that is empty is not judged."""
    if least:
        low, _, high = least.partition("..")
        assert told is not None
        assert float(low) - slack <= told <= float(most or high or low) + slack


@needs_samples
@pytest.mark.parametrize("row", ROWS, ids=[f"{row['input']} {row['threshold']} {row['options']}" for row in ROWS])
def test_figures_are_right(row: dict[str, str]) -> None:
    options: dict[str, Any] = {}
    if row["options"]:
        flag, value = row["options"].split()
        options[flag.removeprefix("--").replace("-", "_")] = value
    (result,) = replay(SAMPLES / row["input"], thresholds=[row["threshold"]], price_per_hour=6.0, **options)
    assert result.achieved is (row["achieved"] == "1")
    between(result.samples_to_threshold, row["samples"], "", 0.0)
    between(result.minutes_to_threshold, row["minutes"], row["minutes_to"], 0.006)
    between(result.billed_cost_to_threshold, row["billed_usd"], row["billed_usd_to"], 0.006)
    between(result.final_smoothed_value, row["final"], "", 0.0)
    if row["unit"]:
        assert result.samples_unit == row["unit"]
    if row["bound"]:
        assert result.bound == row["bound"]
    if result.minutes_to_threshold is not None:
        assert math.isclose(result.cost_to_threshold or 0.0, result.minutes_to_threshold * 0.10, rel_tol=1e-9)
