"""Several trainings in one table: told apart by a column, by a counter that begins anew, or not at all."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given, strategies as st

from milepost.errors import HistoryError
from milepost.histories.decoding import files
from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
from tests.histories.helpers import SAMPLES, column, needs_samples, one, read


def lines(folder: Path, rows: Iterable[Mapping[str, Any]], name: str = "log.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def appended(*lengths: int, **more: float) -> list[dict[str, Any]]:
    """Return rows of trainings that were appended to each other."""
    return [{"iteration": 20 * at - 1, "loss": 1 / at, **more} for length in lengths for at in range(1, length + 1)]


def test_a_counter_that_begins_anew_while_nothing_else_rises_is_another_training(tmp_path: Path) -> None:
    histories = read(lines(tmp_path, appended(15, 15, 50)))
    assert [history.run for history in histories] == ["log", "log#2", "log#3"]
    assert [len(column(history, "loss")) for history in histories] == [15, 15, 50]
    assert [column(history, "samples")[0] for history in histories] == [19, 19, 19]
    note = "'iteration' begins anew in row 16 while nothing else rises: another training from there on"
    assert [history.notes for history in histories] == [(), (note,), ()]


def test_trainings_are_replayed_as_runs_of_their_own(tmp_path: Path) -> None:
    results = replay(lines(tmp_path, appended(3, 5)), thresholds=["loss <= 0.2"])
    assert [(result.run, result.samples_to_threshold) for result in results] == [("log", None), ("log#2", 99)]
    early = replay(lines(tmp_path, appended(3, 5)), thresholds=["loss <= 0.5"], final=False)
    assert [(result.run, result.samples_to_threshold) for result in early] == [("log", 39), ("log#2", 39)]


@pytest.mark.parametrize("size", [1, 40, 90, 500])
def test_trainings_are_told_apart_wherever_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", size)
    every = read(lines(tmp_path, appended(4, 3, 5)))
    assert [column(history, "loss") for history in every] == [[1 / at for at in range(1, n + 1)] for n in (4, 3, 5)]
    again = [column(history, "samples") for history in every]
    assert again == [[20 * at - 1 for at in range(1, n + 1)] for n in (4, 3, 5)]


@pytest.mark.parametrize("witness", [lambda at: {"timestamp": 1.7e9 + 60 * at}, lambda at: {"elapsed": 60.0 * at}])
def test_where_a_clock_rises_the_same_training_goes_on_as_the_tracker_says(tmp_path: Path, witness: Any) -> None:
    rows = [{**row, **witness(at)} for at, row in enumerate(appended(10, 10, 10))]
    assert column(one(lines(tmp_path, rows)), "samples") == [20 * at - 1 for at in range(1, 11)] * 3


@pytest.mark.parametrize("size", [1, 50, 333, 2**20])
def test_where_another_counter_rises_the_count_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    rows = [
        {"step": 4 * at, "num_tokens": 1000 * (at % 4 + 1), "train_runtime": 60.0 * (at % 4 + 1), "loss": 1 / (at + 1)}
        for at in range(12)
    ]
    file = lines(tmp_path, rows)
    monkeypatch.setattr(files, "BLOCK_BYTES", size)
    history = one(file, wanted=Wanted(samples_column="num_tokens"))
    assert column(history, "samples") == [1000 * at for at in range(1, 13)]
    assert column(history, "elapsed_seconds") == [60.0 * (at % 4 + 1) for at in range(12)]
    options: dict[str, Any] = {"thresholds": ["loss <= 0.1"], "samples_column": "num_tokens"}
    (result,) = replay(file, **options)
    assert (result.samples_to_threshold, result.minutes_to_threshold) == (10_000, 10.0)


def test_timers_that_begin_anew_with_the_count_are_no_witnesses(tmp_path: Path) -> None:
    rows = [{**row, "elapsed": row["iteration"] * 3.0} for row in appended(10, 10)]
    assert [len(column(history, "loss")) for history in read(lines(tmp_path, rows))] == [10, 10]


def test_a_resume_and_late_evaluations_are_no_other_training(tmp_path: Path) -> None:
    resumed = [{"step": at, "loss": 1.0} for at in (*range(1, 21), *range(12, 30))]
    assert len(column(one(lines(tmp_path, resumed)), "loss")) == 38
    late = [*({"step": at, "loss": 1.0} for at in range(20)), {"step": 0, "acc": 0.1}, {"step": 20, "loss": 1.0}]
    assert len(column(one(lines(tmp_path, late)), "loss")) == 22
    after = [*({"step": at, "loss": 1.0} for at in range(20)), *({"step": at, "acc": 0.1} for at in (0, 5, 10, 15))]
    assert len(column(one(lines(tmp_path, after)), "acc")) == 24


def test_a_run_that_is_broken_off_hides_no_other(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("samples,loss\n1,1\n2,1\n-3,1\n1,1\n2,1\n3,1\n")
    broken, whole = read(file)
    with pytest.raises(HistoryError, match="in row 3"):
        column(broken, "loss")
    assert column(whole, "samples") == [1, 2, 3]


@pytest.mark.parametrize("write", ["csv", "jsonl", "parquet"])
def test_every_format_of_tables_tells_trainings_apart(tmp_path: Path, write: str) -> None:
    frame = polars.DataFrame(appended(15, 20))
    if write == "parquet":
        frame.write_parquet(tmp_path / "log.parquet", row_group_size=4)
    elif write == "csv":
        frame.write_csv(tmp_path / "log.csv")
    else:
        frame.write_ndjson(tmp_path / "log.jsonl")
    results = replay(tmp_path, thresholds=["loss <= 0.06"])
    assert [result.samples_to_threshold for result in results] == [None, 339]
    quick = replay(tmp_path, thresholds=["loss <= 0.06"], final=False)
    assert [result.samples_to_threshold for result in quick] == [None, 339]


@given(
    st.lists(st.integers(min_value=3, max_value=30), min_size=1, max_size=5), st.integers(min_value=1, max_value=400)
)
def test_any_trainings_come_back_whole(tmp_path_factory: pytest.TempPathFactory, lengths: list[int], size: int) -> None:
    file = lines(tmp_path_factory.mktemp("log"), appended(*lengths))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BLOCK_BYTES", size)
        every = read(file)
        assert [len(column(history, "loss")) for history in every] == lengths


# Runs that a column tells apart.


def seeds(*names: str, side_by_side: bool = False, name: str = "seed") -> list[dict[str, Any]]:
    rows = [
        {name: each, "env_steps": 2000 * at, "timestamp": 1.7e9 + 100 * index + at, "reward": float(at + index)}
        for index, each in enumerate(names)
        for at in range(20)
    ]
    return sorted(rows, key=lambda row: row["env_steps"]) if side_by_side else rows


@pytest.mark.parametrize("side_by_side", [False, True])
@pytest.mark.parametrize("name", ["seed", "trial_id", "run_id", "fold"])
def test_seeds_in_one_file_are_a_run_each(tmp_path: Path, name: str, side_by_side: bool) -> None:
    rows = seeds("0", "1", "2", side_by_side=side_by_side, name=name)
    histories = read(lines(tmp_path, rows))
    assert [history.run for history in histories] == [f"log/{name}={at}" for at in range(3)]
    assert [column(history, "samples") for history in histories] == [[2000 * at for at in range(20)]] * 3
    assert [history.seed for history in histories] == ([0, 1, 2] if name == "seed" else [None] * 3)
    assert [len(history.notes) for history in histories] == [1, 0, 0]


def test_seeds_that_begin_in_a_later_block_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 200)
    assert len(read(lines(tmp_path, seeds("0", "1")))) == 2


def test_a_seed_of_each_episode_tells_no_runs_apart(tmp_path: Path) -> None:
    rows = [{"seed": at * 7 % 5, "env_steps": 100 * at, "reward": 1.0} for at in range(30)]
    assert len(column(one(lines(tmp_path, rows)), "reward")) == 30


def test_a_run_column_that_is_named_names_the_runs(tmp_path: Path) -> None:
    histories = read(lines(tmp_path, seeds("3", "4")), wanted=Wanted(run_column="seed"))
    assert [(history.run, history.seed) for history in histories] == [("3", 3), ("4", 4)]


def test_several_runs_whose_counter_goes_on_are_refused(tmp_path: Path) -> None:
    rows = [{"run": "ab"[at // 5], "samples": at, "loss": 1.0} for at in range(10)]
    with pytest.raises(HistoryError, match=r"found several runs in the column 'run'.*--run-column run"):
        one(lines(tmp_path, rows))


@needs_samples
def test_logs_of_others_are_told_apart() -> None:
    every = read(SAMPLES / "field" / "detectron2" / "metrics.json")
    assert [column(history, "samples")[-1] for history in every] == [299, 299, 999]
    assert all(history.untimed_because for history in every)
    stacked = replay(SAMPLES / "faults" / "seeds_stacked.csv", thresholds=["reward >= 150"])
    assert [(each.samples_to_threshold, each.minutes_to_threshold) for each in stacked] == [
        (None, None),
        (76_000, 7.6),
        (50_000, 5.0),
    ]
