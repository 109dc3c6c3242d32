import json
from pathlib import Path

import pytest

from milepost.errors import HistoryError
from tests.histories.helpers import column, one, read, skipped_of

ENTRY = {"author": "A", "framework": "F", "hardware": "4 machines", "costPerHour": 10.0, "misc": {"lr": 0.1, "x": [1]}}


def _entry(folder: Path, table: str | None, entry: object = ENTRY, name: str = "a_b.c_pytorch") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if table is not None:
        (folder / f"{name}.tsv").write_text(table)
    if entry is not None:
        (folder / f"{name}.json").write_text(entry if isinstance(entry, str) else json.dumps(entry, indent=4))
    return folder / f"{name}.tsv"


def test_an_entry_is_one_run_with_the_cost_of_its_fleet(tmp_path: Path) -> None:
    _entry(tmp_path / "CIFAR10" / "train", "epoch\thours\ttop1Accuracy\n1\t0.5\t93.9\n2\t1.0\t94.0\n")
    history = one(tmp_path)
    assert history.run == "CIFAR10/train/a_b.c_pytorch"
    assert column(history, "top1Accuracy") == [93.9, 94.0]
    assert column(history, "elapsed_seconds") == [1800.0, 3600.0]
    assert history.fleet_usd_per_hour == 10.0
    assert history.config == {"author": "A", "framework": "F", "hardware": "4 machines", "misc.lr": 0.1}
    assert "epochs" in (history.uncounted_because or "")


@pytest.mark.parametrize("suffix", [".tsv", ".json"])
def test_a_part_that_is_named_brings_the_other(tmp_path: Path, suffix: str) -> None:
    table = _entry(tmp_path, "epoch\thours\tf1Score\n1\t0.5\t0.75\n")
    history = one(table.with_suffix("").with_name(f"a_b.c_pytorch{suffix}"))
    assert history.fleet_usd_per_hour == 10.0
    assert column(history, "f1Score") == [0.75]
    assert one(f"{tmp_path}/*{suffix}").fleet_usd_per_hour == 10.0


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (None, None),
        ("$2.50", 2.5),
        ("$1,391.68", 1391.68),
        ("NA", None),
        (-1, None),
        (float("nan"), None),
        (True, None),
    ],
)
def test_a_cost_is_a_number_or_unknown(tmp_path: Path, cost: object, expected: float | None) -> None:
    _entry(tmp_path, "epoch\thours\tf1Score\n1\t0.5\t0.75\n", {**ENTRY, "costPerHour": cost})
    assert one(tmp_path).fleet_usd_per_hour == expected


def test_broken_numbers_spoil_only_their_row(tmp_path: Path) -> None:
    # Headers with blanks over rows with tabs, a byte order mark, blank lines: all seen in entries.
    table = "\ufeffepoch   hours top1Accuracy\r\n1\tN/A\t90\r\n2\t1.0\t\r\n3\t2.0\t94.5 \r\n\r\n4\t3.0"
    _entry(tmp_path, table)
    history = one(tmp_path)
    assert column(history, "elapsed_seconds") == [None, 3600.0, 7200.0, 10800.0]
    assert column(history, "top1Accuracy") == [90.0, None, 94.5, None]


@pytest.mark.parametrize(
    "table",
    [
        "epoch\thours\ttop1\ttop5\n1\t0.5\t\t40\t\t90\n2\t1,000.5\t\t50\t\t95\n",  # two tabs between columns
        "hours\tepoch\ttop5\ttop1\n0.5\t1\t90\t40\n1000.5\t2\t95\t50",
        "Epoch,Hours,top1,top5\n1,0.5,40,90\n2,1000.5,50,95\n",
        "hours;top1;top5\r\n0.5;40;90\r\n1,000.5;50;95 \r\n",
        "epoch   hours   top1 top5\n1       0.5    40 90\n2   1000.5     50 95   \n",
    ],
)
def test_columns_are_told_apart_however_they_are_written(tmp_path: Path, table: str) -> None:
    _entry(tmp_path, table)
    history = one(tmp_path)
    assert column(history, "elapsed_seconds") == [1800.0, 3601800.0]
    assert column(history, "top1") == [40.0, 50.0]
    assert column(history, "top5") == [90.0, 95.0]


def test_a_row_whose_columns_can_t_be_told_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # Which of the three is missing, where four were to be there?
    _entry(tmp_path, "epoch\thours\ttop1Accuracy\ttop5Accuracy\n5      0.58      0.82\n6\t1.5\t70\t90\n")
    assert column(one(tmp_path), "elapsed_seconds") == [5400.0]
    assert "1 rows don't have the 4 columns" in caplog.text


def test_names_that_may_be_swapped_are_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _entry(tmp_path, "hours\tepoch\ttop1Accuracy\n1\t0.05\t40\n2\t0.07\t95\n")
    assert column(one(tmp_path), "elapsed_seconds") == [3600.0, 7200.0]
    assert "may be swapped" in caplog.text


def test_hours_that_go_back_are_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _entry(tmp_path, "epoch\thours\tf1Score\n1\t0.13\t0.5\n2\t0.08\t0.75\n")
    assert column(one(tmp_path), "elapsed_seconds") == pytest.approx([468.0, 288.0])
    assert "its hours go back, from 0.13 to 0.08" in caplog.text


def test_entries_of_inference_are_passed_over_and_a_table_alone_has_no_cost(tmp_path: Path) -> None:
    _entry(tmp_path / "inference", None)
    _entry(tmp_path / "train", "epoch\thours\tf1Score\n1\t0.5\t0.75\n", None)
    assert [(history.run, history.fleet_usd_per_hour) for history in read(tmp_path)] == [("train/a_b.c_pytorch", None)]
    assert [each.broken for each in skipped_of(tmp_path)] == [False]


def test_a_broken_json_costs_nothing_but_the_cost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = json.dumps(ENTRY)[:-1] + ",}"
    _entry(tmp_path, "epoch\thours\tf1Score\n1\t0.5\t0.75\n", broken)
    history = one(tmp_path)
    assert history.fleet_usd_per_hour is None
    assert column(history, "f1Score") == [0.75]
    assert "its cost is not known" in caplog.text


def test_a_table_without_hours_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("epoch\ttop1Accuracy\n1\t90\n")
    with pytest.raises(HistoryError, match="expected 'hours' among them"):
        one(file, format="dawnbench")
