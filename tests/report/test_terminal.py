import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from milepost.report.live_panel import LivePanel
from milepost.report.prices import quotes_table
from milepost.report.terminal import price_line, print_results, results_table
from milepost.tracked_run.opening import track
from tests.helpers import ledger, quote, threshold
from tests.report.showing import run_of, shown


def test_table_shows_what_each_threshold_took() -> None:
    run, clock = run_of(threshold(), threshold(0.5, name="low"), threshold(9.0, name="far"))
    for value in (1.0, 3.0):
        clock.advance(600)
        run.update({"m": value}, int(clock.seconds * 10))
    lines = {
        line.split()[1]: " ".join(line.split())
        for line in shown(results_table(run.get_results().values())).splitlines()
        if "│" in line
    }
    assert lines["t"] == "│ t │ m >= 2 │ achieved │ 12,000 │ 20.00 │ $1.20 │ $1.20 │ 3.000 │"
    assert lines["low"] == "│ low │ m >= 0.5 │ achieved │ ≤ 6,000 │ ≤ 10.00 │ ≤ $0.6000 │ ≤ $0.6000 │ 3.000 │"
    assert lines["far"] == "│ far │ m >= 9 │ not reached │ – │ – │ – │ – │ 3.000 │"


def test_assumed_price_is_shown_as_such_wherever_it_is_shown() -> None:
    with track(thresholds=[threshold()], sinks=[]) as run:
        run.update({"m": 3.0}, 1)
        panel = shown(LivePanel(run, console=Console(file=io.StringIO())).panel())
    table = shown(results_table(run.get_results().values()))
    assert "* at an assumed price" in table
    assert "*" in next(line for line in table.splitlines() if "achieved" in line)
    assert "assumed price: the machine's instance type, market and region are not known" in panel
    assert "* so far" in panel


def test_results_come_with_the_price_they_are_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=140)
    with track(thresholds=[threshold()], price_per_hour=2.0, sinks=[]) as run:
        run.update({"m": 3.0}, 1)
    print_results(run, console)
    out = console.file.getvalue()  # type: ignore[attr-defined]
    assert "achieved" in out
    assert "$2/h × 1 node" in out
    monkeypatch.setenv("RANK", "1")
    print_results(track(thresholds=[threshold()]), console)
    assert console.file.getvalue() == out  # type: ignore[attr-defined]


def test_unknown_price_says_why() -> None:
    book = ledger(None)
    assert shown(price_line(book.current)) == "price unknown: there is no quote\n"
    assert "price unknown" in shown(price_line(None))


def test_price_line_names_fleet_source_and_date() -> None:
    book = ledger(1.5, num_nodes=2, share=0.5)
    price = quote(1.5, instance_type="g5.4xlarge", market="on_demand", region="us-east-1", as_of="2025")
    book = book.restated(book.segments[0].id, price)
    expected = "$1.5/h × 2 nodes × 0.5 of each g5.4xlarge on-demand us-east-1 (source: user, as of 2025)"
    assert " ".join(shown(price_line(book.current)).split()) == expected


def test_price_of_before_says_how_old_it_is() -> None:
    today = datetime.now(UTC).date()
    ages = {}
    for as_of in (f"{today}", f"{today - timedelta(days=1500)}", f"{today - timedelta(days=2)}T00:00:00+00:00", "2026"):
        console = Console(width=200, record=True, file=io.StringIO())
        console.print(quotes_table([quote(1.5, instance_type="g5.xlarge", as_of=as_of)]))
        ages[as_of[:10]] = re.findall(r"\([^)]* d ago\)", console.export_text())
    assert list(ages.values()) == [[], ["(1,500 d ago)"], ["(2 d ago)"], []]
