"""`milepost report` and `milepost.report.figure`, run over a store that real runs left, and over logs."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost.cli import main
from milepost.errors import ConfigError
from milepost.report.figures import NAMES, chart_of, draw, loaded
from milepost.report.vega import image
from tests.report.tracked import HOSTILE, make_store

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("store") / "milepost.db")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two seeds, the second of which does not get there."""
    file = tmp_path / "log.csv"
    slopes = {1: 1.0, 2: 0.1}
    rows = [f"{seed},{at * 100},{at * 60},{at * slope}" for seed, slope in slopes.items() for at in range(9)]
    file.write_text("\n".join(["run,samples,seconds,reward", *rows]) + "\n")
    return file


Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in a folder of its own, and return what it says on standard output, or on the other if it fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["milepost", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == status, said.err
        return said.out if status == 0 else said.err

    return run


def data_of(html: Path) -> dict[str, Any]:
    text = html.read_text(encoding="utf-8")
    script = text.split('<script type="application/json" id="report">')[1].split("</script>")[0]
    found: dict[str, Any] = json.loads(script)
    return found


def test_page_is_of_every_run_of_those_named_or_of_groups(command: Command, store: Path, tmp_path: Path) -> None:
    kept = ("--store", str(store))
    assert command("report", *kept).startswith("wrote report.html (5 runs, ")
    command("report", "seed-1", HOSTILE, *kept, "-o", "two.html")
    assert "<title>2 runs of 2 groups" in (tmp_path / "two.html").read_text(encoding="utf-8")
    said = command("report", "--group", "seeds", "--group", "<b>bold</b>", *kept, "-o", "three.html", "--json")
    size = (tmp_path / "three.html").stat().st_size
    assert json.loads(said) == {"file": "three.html", "bytes": size, "runs": 3}
    assert {file.name for file in tmp_path.iterdir()} == {"report.html", "two.html", "three.html"}


def test_logs_are_replayed_first(command: Command, log: Path, store: Path, tmp_path: Path) -> None:
    columns = ("--samples-column", "samples", "--time-column", "seconds", "--run-column", "run")
    options = ("--threshold", "reward >= 5", "--price-per-hour", "3.6", *columns)
    command("report", str(log), *options, "-o", "logs.html")
    crossings = data_of(tmp_path / "logs.html")["pictures"]["timeline"]["data"]["crossings"]
    assert (crossings["samples"], crossings["minutes"], crossings["usd"]) == ([500], [5.0], [pytest.approx(0.3)])
    said = command("report", str(log), "seed-1", *options, "--store", str(store), "--format", "svg")
    assert said.count("(3 runs, ") == 5
    assert "expected some (--threshold 'METRIC >= VALUE'" in command("report", str(log), status=2)


def test_single_pictures_are_drawn_in_themes(command: Command, store: Path, tmp_path: Path) -> None:
    kept = ("--store", str(store))
    said = command("report", *kept, "--format", "png", "--theme", "dark", "-o", "all.png")
    assert [line.split()[1] for line in said.splitlines()] == [f"all-{name}.png" for name in NAMES[:5]]
    assert all((tmp_path / f"all-{name}.png").read_bytes().startswith(PNG) for name in NAMES[:5])
    chosen = ("--format", "svg", "--picture", "timeline", "--over", "dollars", "--theme", "paper")
    command("report", "seed-1", *kept, *chosen, "-o", "timeline.svg")
    drawn = (tmp_path / "timeline.svg").read_text(encoding="utf-8")
    assert "cost of training time (USD)" in drawn
    assert "Liberation Serif" in drawn
    assert "When each threshold" not in drawn.partition(">")[2].partition("<text")[2]  # a paper has captions of its own


def test_what_is_wrong_is_named(command: Command, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_STORE", "none.db")
    kept = ("--store", str(store))
    for arguments, says in (
        (("nobody", *kept), "found no run 'nobody'"),
        (("--group", "seed", *kept), "found no run of group 'seed'; nearest: seeds"),
        (("--theme", "dark", *kept), "--theme: found 'dark', expected it with --format png or svg"),
        (("--format", "png", "--picture", "pie", *kept), "--picture: found 'pie', expected one of timeline, "),
        (("--format", "png", "--over", "dollars", *kept), "without --picture"),
        (("--format", "png", "--picture", "ledger", *kept), "found 5 runs, expected one"),
        (("--format", "png", "--picture", "money", "--over", "dollars", *kept), "no such choice in this picture"),
        (("-o", "no/such/folder.html", *kept), "expected a file that can be written"),
        (("-o", str(store.parent), *kept), "found a folder, expected a file"),
        (("--threshold", "m >= 1", *kept), "--threshold: found ['m >= 1'] without a log"),
        (("seed-1", "--price-per-hour", "0", *kept), "--price-per-hour: found 0.0 without a log"),
        (("none.csv",), "found no file 'none.csv', and no store with runs"),
        ((), "expected a file none.db"),
    ):
        assert says in command("report", *arguments, status=2)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named_with_how_to_get_it(store: Path, tmp_path: Path) -> None:
    without = "import sys; sys.modules['altair'] = None; from milepost.cli import main; main()"
    line = [sys.executable, "-c", without, "report", "--store", str(store)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'milepost[report]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_notebook_gets_a_chart_from_what_replay_gave(log: Path) -> None:
    results = milepost.replay(
        log,
        thresholds=["reward >= 5"],
        samples_column="samples",
        time_column="seconds",
        run_column="run",
        price_per_hour=3.6,
    )
    chart = milepost.report.figure("cost_performance", results)
    drawn = chart.to_dict()
    assert {line["run"] for line in drawn["datasets"]["lines0"]} == {result.run for result in results}
    assert drawn["datasets"]["crossings0"][0]["usd"] == pytest.approx(0.3)
    assert drawn["width"] == 640
    assert b"<svg" in image(chart, "svg")


def test_figure_takes_a_store_and_refuses_what_it_does_not_have(store: Path) -> None:
    assert milepost.report.figure("timeline", store, over="minutes", width=300).to_dict()["width"] == 300
    every = loaded(store)
    assert (
        milepost.report.figure("ledger", every[2], theme="dark").to_dict()["datasets"]["ends"][0]["why"] == "preempted"
    )
    with pytest.raises(ConfigError, match="over: found 'weeks', expected one of samples, minutes, dollars"):
        milepost.report.figure("timeline", every, over="weeks")
    with pytest.raises(ConfigError, match="found nothing to draw: No run has a threshold"):
        chart_of(draw("timeline", []), (), "light")
