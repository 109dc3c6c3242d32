"""`milepost results` and `milepost reprice` over runs that count steps, and whose start is not known."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from milepost.store.store import Store
from tests.analysis.records import run_of, with_results
from tests.cli.test_results import milepost
from tests.helpers import threshold

STEPS = {"samples_unit": "steps", "samples_source": "_step", "uncounted_because": "no column counts samples"}
LATE = {"start_known": False, "bound": "lower"}
HOW = "--samples-column NAME or --samples-per-step N tells samples"


def keep(path: Path, run: str, *values: float, **fields: Any) -> None:
    """Keep a run with a value every second and 10 samples, at a dollar a second; 2 is to be reached, and 9."""
    record = run_of(run, values, threshold(), threshold(9.0, name="far"))
    store = Store(path)
    store.write(with_results(record, **fields))
    store.close()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "milepost.db"
    monkeypatch.setenv("MILEPOST_STORE", str(path))
    keep(path, "log", 1.0, 1.0, 3.0, **STEPS, **LATE)
    return path


def test_run_of_steps_without_a_known_start_shows_both(path: Path) -> None:
    shown = milepost("results", "log")
    assert [line.split("│")[4].strip() for line in shown.splitlines() if "│ t " in line] == ["30"]
    head = next(line for line in shown.splitlines() if "threshold" in line)
    assert ["steps" in head, "samples" in head] == [True, False]
    (near,) = (line for line in shown.splitlines() if line.strip().startswith("│ t "))
    assert [cell.strip() for cell in near.split("│")[4:8]] == ["30", "≥ 0.05", "≥ $3.00", "≥ $3.00"]
    assert f"steps (_step), not samples: no column counts samples; {HOW}" in shown
    assert "≥ lower bounds: when the run began is not known, and time counts from its first observation" in shown
    (total,) = (line for line in shown.splitlines() if line.strip().startswith("total"))
    assert total.split()[-2:] == ["≥", "$3.00"]
    assert "0–30" in shown  # of its ledger, in steps


def test_table_of_one_unit_is_headed_by_it_and_of_several_bears_each(path: Path) -> None:
    alone = milepost("results")
    assert "steps" in alone.splitlines()[2].split()
    assert "≥ $3.00" in alone
    keep(path, "live", 1.0, 3.0, start_known=True)
    both = milepost("results")
    head = next(line for line in both.splitlines() if line.strip().startswith("run"))
    assert "samples" not in head
    assert {"30 steps", "20 samples"} <= {part.strip() for line in both.splitlines() for part in line.split("  ")}
    assert f"no column counts samples; {HOW} [log]" in both
    assert "time counts from its first observation [log]" in both


def test_machines_get_every_key(path: Path) -> None:
    said = {"samples_unit": "steps", "samples_source": "_step", "start_known": False, "bound": "lower"}
    (first, _) = map(json.loads, milepost("results", "--json").splitlines())
    assert {key: first[key] for key in said} == said
    assert [first[key] for key in ("rewinds", "late_observations", "restarts", "untimed_because")] == [0, 0, 0, None]
    (row, _) = csv.DictReader(io.StringIO(milepost("results", "--format", "csv")))
    assert (row["samples_unit"], row["start_known"], row["bound"], row["rewinds"]) == ("steps", "false", "lower", "0")
    markdown = milepost("results", "--format", "markdown").splitlines()
    assert "| steps | minutes |" in markdown[0]
    assert "| 30 | ≥ 0.05 | ≥ 3.0000 | ≥ 3.0000 |" in markdown[2]
    assert r"30 & $\ge$ 0.05 & $\ge$ 3.0000" in milepost("results", "--format", "latex")


def test_figure_that_is_not_known_is_a_dash_with_its_reason(path: Path) -> None:
    nothing = dict.fromkeys(("minutes_to_threshold", "cost_to_threshold"))
    keep(path, "dateless", 1.0, 3.0, **nothing, untimed_because="its times can't be", elapsed_source=None)
    shown = milepost("results", "dateless")
    assert "– no minutes, no dollars: its times can't be" in shown


def test_other_price_keeps_the_mark_of_a_bound(path: Path) -> None:
    changed = milepost("reprice", "log", "--price-per-hour", "7200")
    (near,) = (line for line in changed.splitlines() if line.strip().startswith("t, USD"))
    assert near.split() == ["t,", "USD", "≥", "$3.00", "≥", "$6.00"]
    (whole,) = (line for line in changed.splitlines() if line.strip().startswith("whole run"))
    assert whole.split()[-4:] == ["≥", "$3.00", "≥", "$6.00"]
    (first, _) = map(json.loads, milepost("results", "log", "--json").splitlines())
    assert (first["bound"], first["cost_to_threshold"]) == ("lower", pytest.approx(6.0))


def test_plot_is_over_steps(path: Path) -> None:
    assert "m over steps" in milepost("results", "log", "--plot")
