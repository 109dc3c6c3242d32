"""JSON that is one array or one object: what is a log of it, and what is none."""

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import HistoryError
from milepost.histories.formats import json_whole
from milepost.histories.history import Wanted
from tests.histories.helpers import column, logs_of, one, read, skipped_of


def _write(path: Path, value: Any, **more: Any) -> Path:
    path.write_text(json.dumps(value, **more))
    return path


def _dopamine(agents: int, seeds: int) -> list[dict[str, Any]]:
    """Rows as in Dopamine's ``baselines/atari/data/airraid.json``: seeds of an agent follow each other."""
    return [
        {"Iteration": iteration, "Value": 100.0 * iteration + seed, "Agent": ("DQN", "C51", "IQN")[agent]}
        for agent in range(agents)
        for seed in range(seeds)
        for iteration in range(4)
    ]


def test_curves_of_dopamine_are_a_run_for_each_agent_and_seed(tmp_path: Path) -> None:
    runs = read(_write(tmp_path / "airraid.json", _dopamine(2, 2), indent=1))
    assert [each.run for each in runs] == [
        *("airraid/Agent=DQN", "airraid/Agent=DQN#2", "airraid/Agent=C51", "airraid/Agent=C51#2")
    ]
    assert column(runs[1], "Value") == [1.0, 101.0, 201.0, 301.0]
    assert [column(each, "samples") for each in runs] == [[0, 1, 2, 3]] * 4
    assert {each.samples_unit for each in runs} == {"steps"}
    assert [each.run for each in read(_write(tmp_path / "airraid.json", _dopamine(1, 1)))] == ["airraid"]
    iterations = Wanted(samples_per_step=250_000)
    assert column(one(tmp_path / "airraid.json", wanted=iterations), "samples") == [0, 250_000, 500_000, 750_000]


def test_scores_of_dreamerv3_are_a_run_for_each_task_and_seed(tmp_path: Path) -> None:
    # As in its scores/*.json.gz: view.py reads task, seed, xs and ys of each element.
    scores = [
        {"task": task, "method": "dreamerv3", "seed": seed, "xs": [10_000, 20_000, 30_000.4], "ys": [1.0, None, 2.5]}
        for task in ("atari_pong", "atari_alien")
        for seed in ("0", "1")
    ]
    path = tmp_path / "atari-dreamerv3.json.gz"
    path.write_bytes(gzip.compress(json.dumps(scores).encode()))
    runs = read(path)
    assert runs[1].run == "atari-dreamerv3/task=atari_pong/seed=1"
    assert len(runs) == 4
    assert (runs[1].seed, runs[1].config["method"], runs[1].samples_unit) == (1, "dreamerv3", "samples")
    assert column(runs[3], "samples") == [10_000, 20_000, 30_000]
    assert column(runs[3], "ys") == [1.0, None, 2.5]
    assert "rounded" in runs[0].notes[0]
    assert one(_write(tmp_path / "one.json", scores[0])).run == "one"


def test_keras_history_counts_epochs(tmp_path: Path) -> None:
    told = {"accuracy": [0.5, 0.6], "loss": [0.9, float("nan")], "val_loss": [0.95, 0.85]}
    history = one(_write(tmp_path / "history.json", told))
    assert column(history, "samples") == [1, 2]
    assert history.samples_unit == "epochs"
    assert column(history, "val_loss") == [0.95, 0.85]
    assert "one an epoch" in history.notes[0]


def test_columns_and_rows_that_pandas_writes_are_read(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"step": [10, 20, 30], "train_loss": [0.5, 0.25, 0.125], "elapsed_seconds": [1.0, 2.0, 3.0]}
    )
    for orient in ("columns", "records", "list"):
        path = tmp_path / f"{orient}.json"
        if orient == "list":
            _write(path, frame.to_dict("list"))
        else:
            frame.to_json(path, orient=orient)
        assert column(one(path), "samples") == [10, 20, 30]
        assert column(one(path), "train_loss") == [0.5, 0.25, 0.125]
        assert column(one(path), "elapsed_seconds") == [1.0, 2.0, 3.0]


def test_a_scalar_that_tensorboard_lets_download_is_read(tmp_path: Path) -> None:
    points = [[1.7e9 + 60 * at, 10 * at, 0.5 / (at + 1)] for at in range(4)]
    history = one(_write(tmp_path / "run-train_loss.json", points))
    assert column(history, "samples") == [0, 10, 20, 30]
    assert column(history, "value") == [0.5, 0.25, 0.5 / 3, 0.125]
    assert column(history, "wall_time") == [1.7e9 + 60 * at for at in range(4)]


def test_rows_that_are_nested_are_flat_and_those_of_phases_stay_together(tmp_path: Path) -> None:
    rows = [{"step": at, "phase": ("train", "eval")[at % 2], "train": {"loss": 1 / (at + 1)}} for at in range(6)]
    assert column(one(_write(tmp_path / "rows.json", rows)), "train.loss") == [1 / (at + 1) for at in range(6)]
    blocks = [{"step": at, "phase": "train" if at < 4 else "test", "loss": 0.5} for at in range(8)]
    assert column(one(_write(tmp_path / "blocks.json", blocks)), "samples") == list(range(8))


def test_an_array_that_is_cut_short_gives_its_whole_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = json.dumps([{"step": at, "loss": 0.5} for at in range(6)])
    path = tmp_path / "log.json"
    path.write_text(text[:-20])
    assert column(one(path), "samples") == [0, 1, 2, 3, 4]
    assert "is cut short" in caplog.text


NO_LOGS: dict[str, Any] = {
    "package.json": {"name": "a", "version": "1", "files": ["a", "b"], "dependencies": {"left-pad": "1"}},
    "config.json": {"hidden_sizes": [64, 128], "loss": "mse", "lr": 0.1, "epochs": 10},
    "shapes.json": {"dims": [1, 2, 3], "strides": [1, 1, 1]},
    "tokenizer.json": {"version": "1.0", "model": {"vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]}},
    "coco.json": {"images": [{"id": 1}], "annotations": [{"id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]},
    "detections.json": [{"image_id": at, "bbox": [1, 2, 3, 4], "score": 0.5} for at in range(9)],
    "frames.json": [{"frame": at, "x": 0.5, "y": 0.25} for at in range(9)],
    "notebook.json": {"cells": [], "nbformat": 4, "metadata": {}},
    "sft.json": [{"prompt": f"what is {at}?", "tokens": at, "score": at / 10} for at in range(9)],
    "models.json": [{"model": f"m{at}", "tokens": 2**at, "score": at} for at in range(9)],
    "points.json": [[0.5, 1.5], [2.5, 3.5], [4.5, 5.5]],
    "ids.json": list(range(100)),
    "all_results.json": {"epoch": 3.0, "train_loss": 0.5, "train_runtime": 10.5},
    "two.json": [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.4}],
    "sorted.json": [{"step": 9 - at, "loss": 0.5} for at in range(9)],
    "spec.json": {"$schema": "vega", "data": {"values": [{"Iteration": 1, "Value": 2.5}]}, "marks": [1, 2]},
    "uneven.json": {"loss": [0.5, 0.4], "accuracy": [0.5]},
    "series.json": [{"date": f"2026-01-0{at + 1}", "price": 10.5} for at in range(9)],
    "empty.json": [],
    "text.json": "loss",
}


@pytest.mark.parametrize("name", NO_LOGS)
def test_what_is_no_log_is_not_taken_for_one(name: str, tmp_path: Path) -> None:
    for indent in (None, 2):
        _write(tmp_path / name, NO_LOGS[name], indent=indent)
        _write(tmp_path / "log.jsonl", {"step": 1})
        assert [log.files for log in logs_of(tmp_path)] == [(str(tmp_path / "log.jsonl"),)]


@pytest.mark.parametrize(
    "text", ["[", "{", "[{" * 50_000, '{"a":' * 50_000, "[1e999999", '{"loss": [' + "9" * 5000 + "]}"]
)
def test_what_is_no_json_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(text)
    assert len(skipped_of(path, _write(tmp_path / "log.jsonl", {"step": 1}))) == 1
    with pytest.raises(HistoryError, match="expected one of them"):
        read(path, format="json")


def test_what_is_too_large_is_refused_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_whole, "MAX_BYTES", 2**21)
    path = tmp_path / "log.json.gz"
    rows = ",".join(json.dumps({"step": at, "loss": 0.5}) for at in range(200_000))
    path.write_bytes(gzip.compress(f"[{rows}]".encode(), 1))
    del rows
    assert [log.reader.name for log in logs_of(path)] == ["json"]
    tracemalloc.start()
    try:
        with pytest.raises(HistoryError, match="found more than 2097152 bytes"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 60 * 2**20
    finally:
        tracemalloc.stop()
