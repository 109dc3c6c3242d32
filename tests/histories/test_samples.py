"""Real logs of others, whose times and costs are worked out here from their bytes alone."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from milepost.histories.history import Wanted
from tests.histories.helpers import SAMPLES, column, first_row, needs_samples, one, read

pytestmark = needs_samples

DAWNBENCH = {"CIFAR10": ("top1Accuracy", 94.0), "ImageNet": ("top5Accuracy", 93.0), "SQuAD": ("f1Score", 0.75)}

MLPERF = {
    # benchmark: metric, whether more is better, target, samples there (by hand: epoch_num × train_samples, or as told)
    "dlrm_dcnv2": ("eval_accuracy", True, 0.80275, round(0.6999037815181431 * 4195197692)),
    "gnn": ("eval_accuracy", True, 0.72, round(0.7 * 94605581)),
    "llama2_70b_lora": ("eval_accuracy", False, 0.925, 3072),
    "bert": ("eval_accuracy", True, 0.72, 2100629),
    "resnet": ("eval_accuracy", True, 0.759, 34 * 1281167),
    "stable_diffusion": ("eval_accuracy/FID", False, 90.0, 2560000),
}


@pytest.mark.parametrize("task", DAWNBENCH)
def test_dawnbench_entries_take_the_hours_and_dollars_of_their_first_row_that_meets_the_target(task: str) -> None:
    metric, target = DAWNBENCH[task]
    histories = {history.run: history for history in read(SAMPLES / "dawnbench")}
    tables = sorted((SAMPLES / "dawnbench" / task).glob("train/*.tsv"))
    assert tables
    for table in tables:
        history = histories[f"{task}/train/{table.stem}"]
        rows = [
            row for row in csv.DictReader(table.read_text("utf-8-sig").splitlines(), delimiter="\t") if row["hours"]
        ]
        hours = next(float(row["hours"]) for row in rows if float(row[metric]) >= target)
        entry = json.loads(table.with_suffix(".json").read_text())
        at = first_row(column(history, metric), lambda value: value >= target)
        told = column(history, "elapsed_seconds")[at] / 3600
        assert told == pytest.approx(hours, abs=1e-9)
        assert history.fleet_usd_per_hour == entry.get("costPerHour")
        if history.fleet_usd_per_hour is not None:
            assert told * history.fleet_usd_per_hour == pytest.approx(hours * entry["costPerHour"], abs=1e-9)
        assert history.uncounted_because
        assert set(column(history, "samples")) == {None}


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in re.findall(r":::MLLOG (\{.*\})", file.read_text())]


@pytest.mark.parametrize("benchmark", MLPERF)
def test_mlperf_minutes_count_from_run_start_to_the_first_evaluation_that_meets_the_target(benchmark: str) -> None:
    metric, more, target, samples = MLPERF[benchmark]
    (file,) = (SAMPLES / "mlperf").glob(f"*__{benchmark}__*.txt")
    history = one(file)
    lines = _lines(file)

    def meets(value: float) -> bool:
        return value >= target if more else value <= target

    start = next(line["time_ms"] for line in lines if line["key"] == "run_start")
    stop = next(line["time_ms"] for line in lines if line["key"] == "run_stop")
    name = metric.partition("/")[2] or None
    evaluated = next(
        line["time_ms"]
        for line in lines
        if line["key"] == "eval_accuracy" and line["metadata"].get("metric") == name and meets(line["value"])
    )
    at = first_row(column(history, metric), meets)
    trained = min(evaluated, stop)  # Stable Diffusion is evaluated once all is trained, which it was by run_stop
    assert column(history, "elapsed_seconds")[at] == (trained - start) / 1000
    assert column(history, "wall_time")[at] == evaluated / 1000
    assert history.run_seconds == (stop - start) / 1000
    assert column(history, "samples")[at] == samples
    assert history.config["submission_benchmark"] == benchmark
    assert history.run == file.stem


def test_mlperf_run_that_was_aborted_says_so_and_counts_what_its_epoch_num_counts() -> None:
    (file,) = (SAMPLES / "mlperf").glob("*unet3d*.txt")
    history = one(file)
    assert history.config["status"] == "aborted"
    assert history.seed == 3380802017
    assert history.num_nodes == 96
    # 1000 epochs of 168 samples: by its throughput of 11,044 samples a second, in 17 seconds.
    assert column(history, "samples")[-1] == 168_000


def test_evaluations_of_many_runs_in_one_file_are_told_apart_by_their_column() -> None:
    file = SAMPLES / "rl" / "evaluations.csv"
    histories = read(file, wanted=Wanted(metrics=frozenset({"mean_reward"}), run_column="run"))
    expected: dict[str, list[tuple[int, float]]] = {}
    for row in csv.DictReader(file.read_text().splitlines()):
        expected.setdefault(row["run"], []).append((int(row["timesteps"]), float(row["mean_reward"])))
    found = {
        each.run: list(zip(column(each, "samples"), column(each, "mean_reward"), strict=True)) for each in histories
    }
    assert found == expected
    assert histories[0].seed == 1
    assert histories[0].config == {"algo": "a2c", "env": "Acrobot-v1"}
    assert "--time-column" in (histories[0].untimed_because or "")
