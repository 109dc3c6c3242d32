"""Tables, trials and progress bars, as the trainers' own code wrote them to a console (`console_writers`)."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import HistoryError
from milepost.histories.decoding import files
from milepost.replaying.replay import replay
from tests.histories.formats.console_writers import LONG, written
from tests.histories.helpers import column, logs_of, one, read


def _made(kind: str, factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp(kind)
    written(kind, folder)
    return folder


@pytest.fixture(scope="module")
def sb3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _made("sb3", tmp_path_factory)


@pytest.fixture(scope="module")
def keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _made("keras", tmp_path_factory)


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _made("ray", tmp_path_factory)


def _minutes(path: Path, threshold: str) -> list[Any]:
    """Return counts, minutes and units to a threshold, of each run."""
    results = replay(path, thresholds=[threshold], price_per_hour=6.0)
    return [(each.samples_to_threshold, each.minutes_to_threshold, each.samples_unit) for each in results]


def test_keys_below_tags_are_joined_and_those_that_are_cut_are_told(sb3: Path) -> None:
    history = one(sb3 / "sb3.log")
    assert column(history, "rollout/ep_rew_mean") == [10.0, 20.0, 30.0, 40.0]
    assert column(history, "samples") == [100, 200, 300, 400]
    assert column(history, "elapsed_seconds") == [60.0, 120.0, 180.0, 240.0]
    assert column(history, "untagged") == [7.0] * 4
    assert math.isnan(column(history, "train/loss")[1])
    cut = f"train/{LONG[:30]}..."
    assert column(history, cut) == [1.0, 2.0, 3.0, 4.0]
    assert column(history, f"train/{LONG}") == [None] * 4
    assert any(cut in note for note in history.notes)


def test_a_resumed_run_of_stable_baselines_goes_back(sb3: Path) -> None:
    # 300 steps took 180 s. The second process, from 200 on, tells them again, and 500 after 120 s more.
    assert _minutes(sb3 / "resumed.log", "rollout/ep_rew_mean >= 50") == [(500, 5.0, "samples")]


def test_what_else_the_run_wrote_is_read_for_all_its_digits(sb3: Path) -> None:
    history = one(sb3 / "run")
    assert sorted(path.name for path in (sb3 / "run").iterdir()) == ["log.txt", "progress.csv", "progress.json"]
    assert column(history, "rollout/ep_rew_mean") == pytest.approx([12.4456, 12.5456])
    assert column(one(sb3 / "run" / "log.txt"), "rollout/ep_rew_mean") == [12.4, 12.5]


def test_a_table_that_is_cut_short_is_not_read(sb3: Path, tmp_path: Path) -> None:
    text = (sb3 / "sb3.log").read_text()
    path = tmp_path / "killed.log"
    path.write_text(text[: text.rindex("| untagged")])
    assert column(one(path), "samples") == [100, 200, 300]


def test_tables_are_read_across_blocks(sb3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 1000)
    assert column(one(sb3 / "sb3.log", format="console"), "samples") == [100, 200, 300, 400]


BASELINES = """\
Logging to /tmp/openai
--------------------------------------
| eprewmean               | 10.5     |
| nupdates                | 1        |
| policy_loss_of_the_s... | -0.01    |
| time_elapsed            | 2.5      |
| total_timesteps         | 1024     |
--------------------------------------
--------------------------------------
| eprewmean               | 21       |
| nupdates                | 2        |
| policy_loss_of_the_s... | -0.02    |
| time_elapsed            | 5        |
| total_timesteps         | 2.05e+03 |
--------------------------------------
"""
"""As baselines 0.1.5 wrote it, but for the last count: later revisions round that too."""


def test_tables_of_baselines_are_read_and_rounded_counts_are_told(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(BASELINES)
    history = one(path)
    assert column(history, "eprewmean") == [10.5, 21.0]
    assert column(history, "samples") == [1024, 2050]
    assert column(history, "elapsed_seconds") == [2.5, 5.0]
    assert len(history.notes) == 2
    assert "'policy_loss_of_the_s...'" in history.notes[0]
    assert "'total_timesteps' is told to three digits" in history.notes[1]


def test_tables_of_spinning_up_are_read(tmp_path: Path) -> None:
    # logx.py: keys and values to the right, in colours where it logs a message
    tables = ["\x1b[32;1mLogging data to /tmp/experiments/1/progress.txt\x1b[0m"]
    for epoch in range(3):
        told = {"Epoch": epoch, "AverageEpRet": 10.0 * epoch, "TotalEnvInteracts": 4000 * (epoch + 1), "Time": 60.0}
        rows = [f"| {key:>17} | {value:>15.3g} |" for key, value in told.items()]
        tables += ["-" * len(rows[0]), *rows, "-" * len(rows[0])]
    path = tmp_path / "out.txt"
    path.write_text("\n".join(tables) + "\n")
    history = one(path)
    assert column(history, "AverageEpRet") == [0.0, 10.0, 20.0]
    assert [log.reader.name for log in logs_of(path)] == ["console"]


@pytest.mark.parametrize("verbose", [1, 2])
def test_epochs_of_keras_count_and_their_seconds_are_added_up(keras: Path, verbose: int) -> None:
    history = one(keras / f"verbose{verbose}.log")
    assert column(history, "samples") == [1, 2, 3]
    assert history.samples_unit == "epochs"
    known = column(history, "known")
    assert (known[0], math.isnan(known[1]), known[2]) == (10.0, True, 30.0)
    # 8 batches of 2 s and 3 s of validation; the 100 s before each epoch are in no bar
    assert column(history, "elapsed_seconds") == [19.0, 38.0, 57.0]
    assert "left out" in history.notes[-1]
    assert "2 bars are of no epoch" in history.notes[0]
    assert None not in column(history, "val_loss")


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_message_before_the_end_of_an_epoch_does_not_end_it(keras: Path, verbose: int) -> None:
    history = one(keras / f"saved{verbose}.log")
    assert column(history, "elapsed_seconds") == [16.0, 32.0, 48.0]
    assert column(history, "known")[2] == 30.0


def test_a_resumed_fit_goes_back_and_one_from_the_start_is_another_training(keras: Path) -> None:
    assert _minutes(keras / "resumed.log", "known >= 60") == [(6, pytest.approx(6 * 19 / 60), "epochs")]
    runs = read(keras / "twice.log")
    assert [each.run for each in runs] == ["twice", "twice#2"]
    assert [column(each, "elapsed_seconds") for each in runs] == [[19.0, 38.0]] * 2


def test_an_epoch_that_came_to_no_end_is_not_read(
    keras: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = (keras / "verbose1.log").read_bytes()
    path = tmp_path / "killed.log"
    path.write_bytes(text[: text.index(b"val_loss", text.index(b"Epoch 3")) - 40])
    assert column(one(path), "samples") == [1, 2]
    assert "1 epochs came to no end" in caplog.text


KERAS_2_DRAWN = (
    b"Epoch 1/2\n\r1/8 [==>...........................] - ETA: 15s - loss: 0.6540 - accuracy: 0.5000"
    + b"\x08" * 80
    + b"\nEpoch 1: val_loss improved from inf to 0.66131, saving model to /tmp/m.keras\n\n"
    + b"\x08" * 80
    + b"\r8/8 [==============================] - 3s 104ms/step - loss: 0.6622 - accuracy: 0.5039 - val_loss: 0.6613\n"
    b"Epoch 2/2\n\r1/8 [==>...........................] - ETA: 0s - loss: 0.6887 - accuracy: 0.4688"
    + b"\x08"
    * 80
    + b"\r8/8 [==============================] - 0s 32ms/step - loss: 0.6607 - accuracy: 0.5039 - val_loss: 0.6599\n"
    b"\r1/8 [==>...........................] - ETA: 0s - loss: 0.6302 - accuracy: 0.5625"
    + b"\x08" * 80
    + b"\r8/8 [==============================] - 0s 2ms/step - loss: 0.6583 - accuracy: 0.5078\n"
)
KERAS_2 = b"""\
Epoch 1/2

Epoch 1: val_loss improved from inf to 0.66131, saving model to /tmp/m.keras
8/8 - 2s - loss: 0.6622 - accuracy: 0.5039 - val_loss: 0.6613 - val_accuracy: 0.5039 - 2s/epoch - 291ms/step
Epoch 2/2
8/8 - 0s - loss: 0.6607 - accuracy: 0.5039 - val_loss: 0.6599 - val_accuracy: 0.5039 - 94ms/epoch - 12ms/step
8/8 - 0s - loss: 0.6583 - accuracy: 0.5078 - 43ms/epoch - 5ms/step
"""
BEFORE_2_3 = b"""\
Epoch 1/2
 - 3s - loss: 0.6622 - acc: 0.5039 - val_loss: 0.6613
Epoch 2/2
 - 2s - loss: 0.6607 - acc: 0.5039 - val_loss: 0.6599
"""
"""As TensorFlow 2.15's Keras wrote them with each verbosity, shortened; and as Keras 2.2 did, which counted nothing."""


@pytest.mark.parametrize(
    ("text", "elapsed"), [(KERAS_2_DRAWN, [3.0, 3.0]), (KERAS_2, [2.0, 2.094]), (BEFORE_2_3, [3.0, 5.0])]
)
def test_bars_of_keras_2_are_read(text: bytes, elapsed: list[float], tmp_path: Path) -> None:
    path = tmp_path / "out.log"
    path.write_bytes(text)
    history = one(path)
    assert column(history, "loss") == [0.6622, 0.6607]
    assert column(history, "val_loss") == [0.6613, 0.6599]
    assert column(history, "elapsed_seconds") == elapsed


def test_each_trial_is_a_run_and_what_is_told_again_is_read_once(ray: Path) -> None:
    first, second = read(ray / "tune.log")
    assert [first.run, second.run] == ["tune/f_1a2b3_00000", "tune/f_1a2b3_00001"]
    assert first.config == {"lr": 0.1}
    assert column(first, "reward") == [20.0, None, 40.0]
    assert column(first, "episode_reward_mean") == [None, 40.0, None]
    assert column(second, "reward") == [40.0, 80.0]
    assert column(second, "samples") == [2000, 4000]
    assert column(second, "elapsed_seconds") == [60.0, 120.0]
    assert column(second, "...on_the_second_set") == [0.4, 0.8]
    assert any("'...on_the_second_set'" in note for note in second.notes)


def test_tables_of_trials_of_before_are_read(ray: Path) -> None:
    first, second = read(ray / "before.log")
    assert column(first, "reward") == [20.0, 40.0]
    assert column(second, "samples") == [2000, 4000]
    assert column(second, "elapsed_seconds") == [60.0, 120.0]


def test_two_columns_that_were_cut_to_one_name_tell_nothing(ray: Path, tmp_path: Path) -> None:
    path = tmp_path / "tune.log"
    path.write_text((ray / "before.log").read_text().replace("     lr |", " reward |").replace("   lr |", " reward |"))
    first, _ = read(path)
    assert "reward" not in (first.metrics or ())
    assert column(first, "samples") == [2000, 4000]


def test_a_box_of_a_training_is_a_run(tmp_path: Path) -> None:
    # Ray 2.60, TrainReporter
    box = "Training finished iteration {0} at 2026-11-29 05:20:33. Total running time: 7s\n"
    box += "╭───────────────────────────╮\n│ Training result           │\n├───────────────────────────┤\n"
    box += "│ checkpoint_dir_name       │\n│ time_total_s            {0}.5 │\n│ training_iteration        {0} │\n"
    box += "│ loss                  0.{0}25 │\n╰───────────────────────────╯\n\n"
    path = tmp_path / "train.log"
    path.write_text("".join(box.format(number) for number in (1, 2, 3)))
    history = one(path)
    assert history.run == "train/training"
    assert column(history, "loss") == [0.125, 0.225, 0.325]
    assert column(history, "elapsed_seconds") == [1.5, 2.5, 3.5]


NO_LOGS = {
    "settings.txt": "-" * 31 + "\n| total_timesteps | 1000000   |\n| learning_rate   | 0.0003    |\n" + "-" * 31 + "\n",
    "README.md": BASELINES,
    "smi.log": "+-------------------+\n| NVIDIA-SMI 535    |\n|-------------------|\n| 0  NVIDIA A100    |\n+-----+\n",
    "mysql.txt": "+------+------+\n| step | loss |\n+------+------+\n|    1 |  0.5 |\n|    2 |  0.4 |\n+------+------+",
    "evaluate.log": "8/8 ━━━━━━━━━━━━━━━━━━━━ 0s 3ms/step - accuracy: 0.5977 - loss: 0.6926\n",
    "epochs.txt": "Epoch 1/3\nEpoch 2/3\nEpoch 3/3\n",
    "bars.log": "Epoch 1/3\n 10/100 [====>     ] 3s\n",
    "best.txt": "Trial f_0 config\n╭──────╮\n│ Trial f_0 config │\n├──────┤\n│ lr 0.1 │\n╰──────╯\n",
    "table.txt": "Name | Value\n-----------------\n| a | b |\n-----------------\n",
}


@pytest.mark.parametrize("name", NO_LOGS)
def test_what_is_no_log_is_not_taken_for_one(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(NO_LOGS[name])
    assert not [log for log in _found(tmp_path) if log.reader.name == "console"]
    if name != "README.md":
        with pytest.raises(HistoryError, match="found no table or bar"):
            read(tmp_path / name, format="console")


def _found(folder: Path) -> Iterator[Any]:
    try:
        yield from logs_of(folder)
    except HistoryError:
        return
