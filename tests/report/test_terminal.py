import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from milepost.report.amounts import usd
from milepost.report.terminal import LivePanel, price_line, print_results, results_table
from milepost.tracked_run import TrackedRun, track
from tests.helpers import FakeClock, ledger, quote, threshold
from tests.tracked_run.helpers import tracked


def shown(renderable: RenderableType, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def run_of(*thresholds: Any, **fields: Any) -> tuple[TrackedRun, FakeClock]:
    clock = FakeClock()
    return tracked(thresholds=thresholds, book=ledger(**fields), clock=clock), clock


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
    assert "assumed price: this machine's instance type, market and region are not known" in panel
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


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "$0.00"), (0.01234, "$0.0123"), (1234.5, "$1,234.50"), (1e-6, "<$0.0001")]
)
def test_dollars(value: float | None, text: str) -> None:
    assert usd(value) == text


def test_panel_shows_progress_to_each_target() -> None:
    run, clock = run_of(threshold(), threshold(9.0, name="far"), threshold(0.1, "<=", name="loss", metric="loss"))
    clock.advance(90)
    run.update({"m": 3.0}, 4_500)
    panel = LivePanel(run, total_samples=10_000, console=Console(file=io.StringIO()))
    panel.refresh({"reward": 1.25})
    text = shown(panel.panel())
    assert "4,500 of 10,000 samples  1:30 elapsed  $0.0900 so far" in text
    assert "achieved at 4,500 samples, 1.50 min, $0.0900" in text
    assert "reward 1.25" in text


def test_panel_is_lines_where_there_is_no_terminal() -> None:
    run, clock = run_of(threshold(), threshold(9.0, name="[bold]far"[6:] + "x"))
    console = Console(file=io.StringIO(), width=140)
    clock.advance(90)
    with LivePanel(run, console=console) as panel:
        run.update({"m": 3.0}, 4_500)
        panel.refresh()
        panel.refresh()
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[-1] == "4,500 samples  1:30 elapsed  $0.0900 so far  t: achieved  farx: 3.000 of 9"
    assert len(lines) == 2


def test_another_rank_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    console = Console(file=io.StringIO())
    with track(thresholds=[threshold()]) as run, LivePanel(run, console=console) as panel:
        panel.refresh()
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


def test_panel_draws_the_curve_and_its_targets() -> None:
    run, clock = run_of(threshold(), threshold(9.0, name="far"), threshold(5.0, name="other", metric="n"))
    console = Console(file=io.StringIO(), width=100, height=40, force_terminal=True)
    panel = LivePanel(run, console=console)
    for second in range(1, 40):
        clock.advance(1.0)
        run.update({"m": second / 8, "n": 9.0}, second * 1000)
        panel._drawn = 0.0
        panel.refresh()
    text = shown(panel.panel(), width=100)
    assert "m over samples" in text
    assert "39,000" in text
    assert all(name in text for name in ("smoothed", " t >= 2 ", " far >= 9 "))
    run.update({"m": 1.0}, 10_000)  # it went back
    panel._trail.add(run)
    assert "39,000" not in shown(panel.panel(), width=100).partition("m over samples")[2]
    small = Console(file=io.StringIO(), width=40, height=26, force_terminal=True)
    narrow = LivePanel(run, console=small)
    narrow._trail = panel._trail
    narrow.refresh({"loss": 1.0})
    lines = [line for line in shown(narrow.panel(), width=40).splitlines() if line.strip()]
    assert len(lines) < 26  # folded lines are counted: the plot is whole, and nothing below it is cut
    assert lines[-2].split()[0] == "1,000"
    assert lines[-1].startswith("loss 1")
    low = LivePanel(run, console=Console(file=io.StringIO(), width=100, height=12, force_terminal=True))
    low._trail = panel._trail
    assert "over samples" not in shown(low.panel())
