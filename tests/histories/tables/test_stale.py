"""Evaluations that a log tells again with every row."""

import json
from pathlib import Path

import polars
import pytest

from milepost.histories.decoding import files
from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
from milepost.tracking.thresholds import PerformanceThreshold
from tests.histories.helpers import SAMPLES, column, needs_samples, one

COUNTS = [50, 50, 50, 200, 200, None, 350, 350]
RETURNS = [1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 6.0, 6.0]


def write(folder: Path, prefix: str) -> Path:
    file = folder / "log.jsonl"
    rows = [
        {"env_steps": 200 * at, f"{prefix}return": value, f"{prefix}env_steps": count, "loss": 1.0}
        for at, (value, count) in enumerate(zip(RETURNS, COUNTS, strict=True), 1)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("prefix", ["evaluation.", "evaluation/", "eval/", "evaluation.env_runners."])
@pytest.mark.parametrize("size", [2**20, 60])
def test_an_evaluation_whose_own_counter_stands_still_is_one_observation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, size: int
) -> None:
    file = write(tmp_path, prefix)
    monkeypatch.setattr(files, "BLOCK_BYTES", size)
    wanted = Wanted(metrics=frozenset({f"{prefix}return", "loss"}))
    history = one(file, wanted=wanted)
    found = column(history, f"{prefix}return")
    if size == 2**20:  # else the first block tells too little to know the counter for one
        assert found == [1.0, None, None, 4.0, None, 4.0, 6.0, None]
    assert column(history, "loss") == [1.0] * 8


def test_what_counts_nothing_hides_no_evaluation(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    rows = [{"env_steps": at, "eval/samples": 1000, "eval/acc": at / 10} for at in range(5)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert column(one(file), "eval/acc") == [at / 10 for at in range(5)]


def test_footers_leave_open_what_is_told_again(tmp_path: Path) -> None:
    rows = {"samples": range(8), "eval/acc": RETURNS, "eval/step": [1, 1, 1, 2, 2, 2, 3, 3]}
    polars.DataFrame(rows).write_parquet(tmp_path / "log.parquet", row_group_size=2)
    history = one(tmp_path, wanted=Wanted(metrics=frozenset({"eval/acc"})))
    assert history.outline is not None
    outline = history.outline()
    assert outline is not None
    assert all("eval/acc" not in chunk for chunk in outline.ranges)


@needs_samples
def test_repeats_confirm_nothing() -> None:
    metric = "evaluation.env_runners.episode_return_mean"
    target = PerformanceThreshold("t", metric, 5.0, ">=", 1.0, confirm=2)
    (result,) = replay(SAMPLES / "faults" / "stale_evaluations.jsonl", thresholds=[target])
    assert not result.achieved
