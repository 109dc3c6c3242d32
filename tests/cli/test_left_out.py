"""The closing line: what lies under the paths and was not read; and each warning once."""

import json
from pathlib import Path

import pytest

from milepost.errors import ConfigError
from milepost.tracking.thresholds import parse_threshold
from tests.cli.test_replay import run

pytest.importorskip("polars")

TABLE = "samples,seconds,reward\n" + "".join(f"{at},{at},{at}\n" for at in range(1, 20))
ROWS = "".join(f"loss {at / 4} acc {at}\n" for at in range(1, 40))
REACHED = ("--threshold", "reward >= 5", "--price-per-hour", "6")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Three seeds: one that can be read, one whose writer died at once, one that wrote text alone; and what else."""
    for seed, files in {1: {"log.csv": TABLE}, 2: {"log.csv": ""}, 3: {"log.txt": ROWS}}.items():
        (folder := tmp_path / "sweep" / f"seed{seed}").mkdir(parents=True)
        for name, text in (files | {"params.json": '{"lr": 0.1}', "train.py": "x = 1\n"}).items():
            (folder / name).write_text(text)
    (tmp_path / "sweep" / ".hidden.log").write_text(ROWS)
    return tmp_path / "sweep"


LINE = "left out: 1 .csv (empty), 1 .txt (text: --pattern), 3 .json (one object, no rows), 3 .py (code)"


def test_what_was_not_read_is_counted_once(sweep: Path) -> None:
    shown, said = run("replay", sweep, *REACHED)
    assert said.splitlines() == ["1 run read", LINE]
    assert "left out" not in shown


def test_reports_say_it_too(sweep: Path, tmp_path: Path) -> None:
    pytest.importorskip("altair")
    shown, said = run("report", sweep, *REACHED, "-o", tmp_path / "r.html", "--json")
    assert LINE in said.splitlines()
    (line,) = map(json.loads, shown.splitlines())
    assert [each["files"] for each in line["left_out"]] == [1, 1, 3, 3]


def test_the_last_result_of_json_bears_it(sweep: Path) -> None:
    (sweep / "seed4").mkdir()
    (sweep / "seed4" / "log.csv").write_text(TABLE)
    lines = [json.loads(line) for line in run("replay", sweep, *REACHED, "--json")[0].splitlines()]
    assert [line["run"] for line in lines] == ["seed1/log", "seed4/log"]
    assert "left_out" not in lines[0]
    first = {
        "kind": ".csv",
        "reason": "empty",
        "files": 1,
        "first": str(sweep / "seed2" / "log.csv"),
        "is_log": True,
    }
    assert lines[-1]["left_out"][0] == first
    assert [each["files"] for each in lines[-1]["left_out"]] == [1, 1, 3, 3]


def test_where_all_was_read_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(TABLE)
    shown, said = run("replay", tmp_path, *REACHED, "--json")
    assert said.splitlines() == ["1 run read"]
    assert json.loads(shown)["left_out"] == []


@pytest.mark.parametrize(("seed", "why"), [(2, "log.csv: looks like a log, and is not read: empty"), (3, "log.txt")])
def test_strict_fails_on_each_that_looks_like_a_log(sweep: Path, seed: int, why: str) -> None:
    run("replay", sweep / "seed1", *REACHED, "--strict")
    _, said = run("replay", sweep / "seed1", sweep / f"seed{seed}", *REACHED, "--strict", status=2)
    assert why in said


def test_strict_passes_over_all_else(sweep: Path) -> None:
    (sweep / "seed1" / "train.log").write_text(ROWS)  # of the run that is read
    (sweep / "seed1" / "model.pt").write_bytes(b"PK\3\4" + bytes(99))
    _, said = run("replay", sweep / "seed1", *REACHED, "--strict")
    assert said.splitlines()[1].startswith("left out: 1 .json (one object, no rows), 1 .log (text: --pattern), 1 .pt")


def test_the_same_fault_of_many_is_one_line_with_a_count(tmp_path: Path) -> None:
    for at in range(40):
        (tmp_path / f"cut{at:02}.csv").write_text(TABLE + '20,20,"')
        (tmp_path / f"two{at:02}.csv").write_text("run,samples,reward\na,1,2\nb,2,1\n")
    _, said = run("replay", tmp_path, *REACHED)
    lines = said.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("cut00.csv: its last row is cut short; not read (likewise 39 more)")
    assert lines[1] == "40 runs read, 40 skipped"
    assert lines[2].endswith("--run-column run (likewise 39 more)")


def test_a_line_stays_short_however_much_there_is(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(TABLE)
    for at in range(3000):
        (tmp_path / f"x{at}.k{at}x").write_text("a\n")
    _, said = run("replay", tmp_path, *REACHED)
    line = said.splitlines()[-1]
    assert len(line) < 200
    assert "further kinds" in line


def test_init_and_doctor_say_it_too(sweep: Path, tmp_path: Path) -> None:
    _, said = run("init", tmp_path / "t.yaml", "--logs", sweep)
    assert LINE in said


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("=>", ">="), ("=<", "<="), ("=", "=="), ("≥", ">="), ("≤", "<="), ("> =", ">="), ("===", "=="), (">>", ">=")],
)
def test_an_operator_that_is_none_is_refused_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"found the operator '{wrong}', expected .* ==; nearest: {near}$"):
        parse_threshold(f"reward {wrong} 5")


@pytest.mark.parametrize("wrong", ["<>", "!=", "~!"])
def test_one_that_is_like_none_is_refused_too(wrong: str) -> None:
    with pytest.raises(ConfigError, match=f"found the operator '{wrong}', expected one of >= > <= < ==$"):
        parse_threshold(f"reward {wrong} 5")


def test_a_metric_may_have_signs_in_its_name() -> None:
    assert parse_threshold("lr=0.1/x=>y >= 2 @ 0.5").metric == "lr=0.1/x=>y"


def test_a_float_that_is_to_be_met_exactly_is_said(sweep: Path) -> None:
    _, said = run("replay", sweep, "--threshold", "reward == 0.5")
    assert "reward == 0.5: a float is hardly ever exactly that" in said
