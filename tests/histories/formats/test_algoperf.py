"""Trials of AlgoPerf: a published one, and tables written as its logger writes them, by pandas."""

import json
import math
from pathlib import Path

import pandas
import pytest
from torch.utils.tensorboard import SummaryWriter

from milepost.errors import HistoryError
from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
from tests.histories.helpers import SAMPLES, column, logs_of, needs_samples, one, read

META = {
    "workload.target_metric_name": "wer",
    "workload.validation_target_value": 0.0858,
    "workload.num_train_examples": 263840,
    "rng_seed": 996983848,
    "git_branch": "main",
}


def trial(folder: Path, *, evaluations_alone: bool = False) -> Path:
    """Write a trial: evaluated every 100 steps and 60 s; preempted after 500, and gone on with from 300."""
    rows = [
        {
            "accumulated_submission_time": step * 0.6,
            "global_step": step,
            "preemption_count": process,
            "score": step * 0.6,
            "total_duration": step * 0.6 + step * 0.1,
            "validation/wer": math.nan if step == 200 else 1 - step / 1000,
        }
        for process, steps in enumerate((range(100, 600, 100), range(400, 1000, 100)))
        for step in steps
    ]
    steps = [{"accumulated_submission_time": step * 0.6, "global_step": step} for step in (50, 150)]
    folder.mkdir(parents=True)
    pandas.DataFrame(rows).to_csv(folder / "eval_measurements.csv", index=False)
    if not evaluations_alone:
        every = pandas.DataFrame([steps[0], rows[0], steps[1], *rows[1:]], columns=sorted(rows[0]))
        every.to_csv(folder / "measurements.csv", index=False)
    (folder / "meta_data_0.json").write_text(json.dumps(META))
    (folder / "flags_0.json").write_text(json.dumps({"workload": "librispeech_conformer", "framework": "jax"}))
    (folder / "hparams.json").write_text(json.dumps({"learning_rate": 0.002}))
    return folder


@pytest.mark.parametrize("evaluations_alone", [False, True])
def test_time_is_that_of_the_submission(tmp_path: Path, evaluations_alone: bool) -> None:
    trial(tmp_path / "trial_1", evaluations_alone=evaluations_alone)
    assert [found.run for found in logs_of(tmp_path)] == ["trial_1"]
    (result,) = replay(tmp_path, thresholds=["validation/wer <= 0.25"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.samples_unit) == (800, "steps")
    assert result.minutes_to_threshold == pytest.approx(8.0)
    assert result.rewinds == 1


def test_what_lies_beside_its_tables_is_told(tmp_path: Path) -> None:
    history = one(trial(tmp_path / "trial_1"))
    assert (history.group, history.seed) == ("librispeech_conformer", 996983848)
    assert history.config["learning_rate"] == 0.002
    assert history.config["workload.validation_target_value"] == 0.0858
    assert "git_branch" not in history.config
    assert history.notes == ("the workload's own target is 'validation/wer <= 0.0858' (--threshold)",)


def test_event_files_of_a_trial_are_of_the_same_run(tmp_path: Path) -> None:
    folder = trial(tmp_path / "trial_1")
    writer = SummaryWriter(str(folder))
    for step in range(100, 1000, 100):
        writer.add_scalar("train/grad_norm", 10 - step / 100, step)
    writer.close()
    results = replay(tmp_path, thresholds=["train/grad_norm <= 5", "validation/wer <= 0.25"], price_per_hour=6.0)
    assert [(result.run, result.group, result.samples_to_threshold) for result in results] == [
        ("trial_1", "librispeech_conformer", 500),
        ("trial_1", "librispeech_conformer", 800),
    ]
    (alone,) = replay(tmp_path, thresholds=["train/grad_norm <= 5"])
    assert (alone.group, alone.samples_to_threshold) == ("librispeech_conformer", 500)


def test_values_that_were_not_measured_are_none(tmp_path: Path) -> None:
    history = one(trial(tmp_path / "trial_1"))
    assert column(history, "validation/wer")[:5] == [None, 0.9, None, None, 0.7]  # NaN is written as nothing
    assert column(history, "elapsed_seconds")[:3] == pytest.approx([30.0, 60.0, 90.0])


def test_a_flag_goes_before_its_time(tmp_path: Path) -> None:
    history = one(trial(tmp_path / "trial_1"), wanted=Wanted(time_column="total_duration"))
    assert column(history, "elapsed_seconds")[1] == pytest.approx(70.0)


def test_a_row_that_is_cut_short_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = trial(tmp_path / "trial_1") / "measurements.csv"
    file.write_text(file.read_text().rstrip("\n").rpartition(",")[0])
    assert column(one(tmp_path), "samples")[-1] == 800
    assert "1 rows don't have the fields" in caplog.text
    file.write_text(file.read_text().partition("\n")[0] + "\n")
    with pytest.raises(HistoryError, match="nothing that was logged"):
        read(tmp_path)


@needs_samples
def test_published_trial_is_read() -> None:
    (result,) = replay(SAMPLES / "field" / "algoperf", thresholds=["validation/ssim >= 0.723653"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.samples_unit) == (9612, "steps")
    assert result.minutes_to_threshold == pytest.approx(2271.7214958667755 / 60)
