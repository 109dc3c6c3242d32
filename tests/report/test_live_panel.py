import io

import pytest
from rich.console import Console

from milepost.report.live_panel import LivePanel
from milepost.tracked_run.opening import track
from tests.helpers import threshold
from tests.report.showing import run_of, shown


def test_panel_shows_progress_to_each_target() -> None:
    run, clock = run_of(threshold(), threshold(9.0, name="far"), threshold(0.1, "<=", name="loss", metric="loss"))
    clock.advance(90)
    run.update({"m": 3.0}, 4_500)
    panel = LivePanel(run, total_samples=10_000, console=Console(file=io.StringIO()))
    panel.refresh({"reward": 1.25})
    text = shown(panel.panel())
    assert "4,500 of 10,000 samples  1:30 elapsed  $0.0900 so far" in text
    assert "achieved at ≤ 4,500 samples, ≤ 1.50 min, ≤ $0.0900" in text
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
    for samples in (10_000, 11_000, 12_000):  # it went back, and not only one row of it
        run.update({"m": 1.0}, samples)
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
