"""`milepost results` and `milepost reprice`, run as commands over a store that real runs left."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from milepost.cli.results import NARROWEST
from milepost.money.breakdown import spending
from milepost.report.runs import run_view, runs_table
from milepost.runs.record import RunRecord
from milepost.store.store import Store
from milepost.tracked_run import opening
from milepost.tracked_run.opening import track
from tests.helpers import FakeClock, threshold
from tests.tracked_run.helpers import writer_of


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with two seeds of a group, one of which went back, and a run of no group that never got there."""
    path = tmp_path / "milepost.db"
    monkeypatch.setenv("MILEPOST_STORE", str(path))
    clock = FakeClock()
    for run, group, reached in (("seeds-1", "seeds", 60), ("seeds-2", "seeds", 90), ("lonely & 5% [b]", None, None)):
        monkeypatch.setattr(opening, "SYSTEM_CLOCK", clock)
        monkeypatch.setattr(opening, "process_age_seconds", lambda: 30.0)
        monkeypatch.setattr(opening, "_runs_opened", 0)
        fleet = {"provider": "own", "instance_type": "own.8x", "market": "on_demand", "num_nodes": 2}
        with track(
            thresholds=[threshold()], run=run, group=group, price_per_hour=1800.0, instance=fleet, sinks=[]
        ) as tracked:
            for second in range(1, 121):
                clock.advance(1.0)
                went_back = 300 if run == "seeds-2" and second > 50 else 0
                tracked.update({"m": float(second == reached) * 3}, second * 10 - went_back)
                if (run, second) == ("seeds-2", 50):
                    tracked.update({"m": 0.0}, 200)
                if second == 100:
                    with tracked.phase("evaluation"):
                        clock.advance(10.0)
    return path


def milepost(*arguments: str, said: str = "", status: int = 0) -> str:
    environ = os.environ | {"COLUMNS": "160"}
    command = [sys.executable, "-m", "milepost", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, input=said, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def kept_in(path: Path, run: str) -> RunRecord:
    store = Store(path)
    record = store.load(run)
    store.close()
    assert record is not None
    return record


def test_table_of_runs_has_a_row_for_each_threshold(path: Path) -> None:
    table = milepost("results")
    lines = {line.split()[0]: line for line in table.splitlines() if line.strip()}
    # 60 s at 2 × 0.5 USD a second; 160 s of wall time, and the 30 s before tracking began.
    assert "$160.00" in lines["seeds-1"]
    assert lines["seeds-1"].split()[-4:] == ["t", "600", "1.00", "$60.00"]
    assert "lonely & 5% [b]" in table
    assert "not reached" in table
    assert "lonely" not in milepost("results", "--group", "seeds")


def test_json_has_a_line_for_each_result_with_the_keys_of_the_design(path: Path) -> None:
    lines = [json.loads(line) for line in milepost("results", "--group", "seeds", "--json").splitlines()]
    assert [(line["run"], line["threshold"], line["cost_to_threshold"]) for line in lines] == [
        ("seeds-1", "t", pytest.approx(60.0)),
        ("seeds-2", "t", pytest.approx(60.0)),  # 50 s led to 500 samples; back at 200 after 20 s, and 40 s more
    ]
    assert lines[0]["billed_cost_to_threshold"] == pytest.approx(90.0)
    assert list(lines[0])[:4] == ["schema_version", "run", "group", "threshold"]
    assert lines[0]["schema_version"] == 2


def test_one_run_shows_its_ledger_and_where_the_money_went(path: Path) -> None:
    view = milepost("results", "seeds-2")
    assert "2 × own.8x on-demand" in view
    went: dict[str, Any] = {}
    section = view.partition("Where the money went")[2]
    for line in section.splitlines():
        words = line.split()
        if "$" in line:
            amount = next(word for word in words if word.startswith("$"))
            went[line[: line.index("  ")].strip() or words[0]] = float(amount.strip("$").replace(",", ""))
    total = went.pop("total")
    # 120 s of training, 30 of which were lost; 30 s before it; 10 s of evaluation: at 1 USD a second.
    assert went == {"training": 90.0, "lost work": 30.0, "start-up": 30.0, "phase evaluation": 10.0}
    assert total == sum(went.values()) == 160.0
    record = kept_in(path, "seeds-2")
    assert record.ledger.here is not None
    assert sum(spent.usd or 0.0 for spent in spending(record.ledger, record.ledger.here)) == pytest.approx(160.0)


def test_formats_are_read_by_what_reads_them(path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(milepost("results", "--format", "csv"))))
    assert [(row["run"], row["achieved"], row["cost_to_threshold"] != "") for row in rows] == [
        ("seeds-1", "true", True),
        ("seeds-2", "true", True),
        ("lonely & 5% [b]", "false", False),
    ]
    markdown = milepost("results", "--format", "markdown").splitlines()
    assert {line.count("|") - line.count(r"\|") for line in markdown} == {11}
    assert r"lonely & 5% \[b\]" in markdown[-1]
    latex = milepost("results", "--format", "latex")
    assert r"lonely \& 5\% [b]" in latex
    assert {line.count(" & ") for line in latex.splitlines() if line.endswith(r"\\")} == {9}


def test_plot_shows_the_metric_and_its_target(path: Path) -> None:
    plot = milepost("results", "seeds-1", "--plot")
    assert "m over samples" in plot
    assert "1,200" in plot


def test_no_figure_is_cut_where_there_is_little_room(path: Path) -> None:
    record = [kept_in(path, name) for name in ("seeds-1", "seeds-2", "lonely & 5% [b]")]
    for width in (NARROWEST, 100, 140):
        console = Console(width=width, file=io.StringIO())
        with console.capture() as said:
            console.print(runs_table(record))
            console.print(run_view(record[0], width))
        assert "…" not in said.get()
        for figure in ("$160.00", "1,200", "$60.00", "$90.00", "0.0s–2:00", "1,800"):
            assert figure in said.get()


def test_nothing_but_json_lines_is_on_standard_output(path: Path) -> None:
    for flags in (["--json"], ["--delete"]):
        assert "expected --plot without" in milepost("results", "seeds-1", "--plot", *flags, status=2)


def test_name_that_a_terminal_would_obey_is_shown_as_text(path: Path) -> None:
    with track(thresholds=[threshold(metric="\x1b[2Jm")], run="\x1b]0;evil\x07x", group="\x9b31mg", sinks=[]):
        pass
    every = [[], ["\x1b]0;evil\x07x"], ["--format", "markdown"]]
    for said in [milepost("results", *flags) for flags in every] + [milepost("results", "\x1b[2J", status=2)]:
        assert not {"\x1b", "\x07", "\x9b"} & set(said)
        assert "]0;evil" in said


def test_run_is_found_by_the_beginning_of_its_id_and_missing_ones_are_named(path: Path) -> None:
    assert milepost("results", "lon", "--json").count("\n") == 1
    assert "found 2 runs that begin with 'seeds': seeds-1, seeds-2" in milepost("results", "seeds", status=2)
    assert "found no run 'sed-1'; nearest: seeds-1" in milepost("results", "sed-1", status=2)
    assert "found no run of group 'seed'; nearest: seeds" in milepost("results", "--group", "seed", status=2)
    assert "expected either --json or --format" in milepost("results", "--json", "--format", "csv", status=2)


def test_store_that_is_not_there_is_named_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_STORE", str(tmp_path / "none.db"))
    assert f"expected a file {tmp_path / 'none.db'}, found none" in milepost("results", status=2)
    assert list(tmp_path.iterdir()) == []


def test_runs_are_deleted_only_when_that_is_confirmed(path: Path) -> None:
    milepost("results", "seeds-1", "--delete", said="n\n")
    assert "seeds-1" in milepost("results")
    milepost("results", "seeds-1", "--delete", said="y\n")
    milepost("results", "seeds-2", "--delete", "--yes")
    assert "seeds-" not in milepost("results")
    assert "expected the RUNs to --delete" in milepost("results", "--delete", status=2)


def test_other_price_restates_every_figure_and_keeps_what_was(path: Path) -> None:
    before = kept_in(path, "seeds-1")
    changed = milepost("reprice", "seeds-1", "--price-per-hour", "3600")
    assert "$1,800/h (user)" in changed
    assert "$3,600/h (user)" in changed
    assert "$160.00" in changed
    assert "$320.00" in changed
    after = kept_in(path, "seeds-1")
    assert after.results[0].cost_to_threshold == pytest.approx(120.0)
    assert after.results[0].samples_to_threshold == before.results[0].samples_to_threshold
    assert after.ledger.segments[0].marks == before.ledger.segments[0].marks
    milepost("reprice", "seeds-1", "--price-per-hour", "1800")
    assert kept_in(path, "seeds-1").results == before.results


def test_other_region_is_looked_up_and_a_price_that_is_not_known_changes_nothing(path: Path) -> None:
    before = kept_in(path, "seeds-1")
    said = milepost("reprice", "seeds-1", "--source", "list", status=2)
    assert "own.8x" in said
    assert kept_in(path, "seeds-1") == before
    assert "expected either --price-per-hour" in milepost(
        "reprice", "seeds-1", "--source", "list", "--price-per-hour", "1", status=2
    )
    with track(thresholds=[], run="aws", instance={"instance_type": "p4d.24xlarge", "region": "eu-west-1"}, sinks=[]):
        pass
    milepost("reprice", "aws", "--region", "us-east-1", "--source", "list")
    segment = kept_in(path, "aws").ledger.segments[0]
    assert segment.instance.region == "us-east-1"
    assert segment.quote is not None
    assert (segment.quote.usd_per_hour, segment.quote.source) == (21.957642, "list")


def test_price_of_what_was_not_known_stays_an_assumption_when_it_is_asked_for_anew(path: Path) -> None:
    with track(thresholds=[threshold()], run="aws", instance="p4d.24xlarge", sinks=[]) as run:
        run.update({"m": 3.0}, 1)
    assert kept_in(path, "aws").results[0].price_assumed
    changed = milepost("reprice", "aws", "--source", "list")
    assert "(list)*" in changed
    assert "* at an assumed price" in changed
    after = kept_in(path, "aws")
    assert after.results[0].price_assumed
    quote = after.ledger.segments[0].quote
    assert quote is not None
    assert quote.assumed_because is not None
    assert "market" in quote.assumed_because


def test_run_under_way_is_not_repriced(path: Path) -> None:
    with track(thresholds=[], run="live", price_per_hour=1.0, sinks=[]) as run:
        assert writer_of(run).flush(30)
        assert "found it under way" in milepost("reprice", "live", "--price-per-hour", "1", status=2)


def test_explanation_adds_up_to_what_results_say(path: Path) -> None:
    (explained,) = map(json.loads, milepost("results", "seeds-2", "--explain", "--json").splitlines())
    (result,) = map(json.loads, milepost("results", "seeds-2", "--json").splitlines())
    record = kept_in(path, "seeds-2")
    reached = explained["to_threshold"]["t"]
    assert reached["usd"] == pytest.approx(result["cost_to_threshold"])
    assert sum(term["usd"] for term in reached["terms"]) == pytest.approx(result["cost_to_threshold"])
    for term in reached["terms"]:
        product = term["hours"] * term["usd_per_hour"] * term["nodes"] * term["share"]
        assert product == pytest.approx(term["usd"])
        assert (term["nodes"], term["usd_per_hour"]) == (2, 1800)
    assert record.ledger.here is not None
    assert explained["billed"]["usd"] == pytest.approx(
        sum(each.usd or 0 for each in spending(record.ledger, record.ledger.here))
    )
    (price,) = explained["prices"]
    assert price["asked"][-1]["source"] == "user"
    shown = milepost("results", "seeds-2", "--explain")
    assert "Price of 2 × own.8x on-demand" in shown
    assert "USD to t: training time that led there" in shown
    assert f"{result['cost_to_threshold']:,.6f}" in shown
    assert "USD billed: all wall-clock time" in shown


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("with_it", [["--plot"], ["--format", "csv"], ["--delete"]])
def test_explanation_is_of_runs_and_alone(with_it: list[str]) -> None:
    assert "expected RUNs, or a --group, to --explain" in milepost("results", "--explain", status=2)
    assert "expected --explain without" in milepost("results", "seeds-1", "--explain", *with_it, status=2)
    assert "seeds-1" in milepost("results", "--group", "seeds", "--explain")
