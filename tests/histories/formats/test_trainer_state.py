import json
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import HistoryError
from milepost.histories.history import Wanted
from tests.histories.helpers import column, one, read

# As Trainer of transformers 4.x writes it: trainer_callback.py, TrainerState; trainer.py, log().
LOGGED = [
    {"epoch": 0.5, "grad_norm": 1.25, "learning_rate": 5e-05, "loss": 2.5, "num_input_tokens_seen": 65536, "step": 10},
    {
        "epoch": 0.5,
        "eval_accuracy": 0.25,
        "eval_loss": 2.0,
        "eval_runtime": 1.5,
        "num_input_tokens_seen": 65536,
        "step": 10,
    },
    {"epoch": 1.0, "grad_norm": float("nan"), "loss": 1.5, "num_input_tokens_seen": 131072, "step": 20},
    {"epoch": 1.0, "step": 20, "total_flos": 1e15, "train_loss": 2.0, "train_runtime": 120.5},
]


def _state(path: Path, log: list[dict[str, Any]], **more: Any) -> Path:
    state = {
        "best_metric": None,
        "epoch": 1.0,
        "global_step": 20,
        "is_world_process_zero": True,
        "log_history": log,
        "max_steps": 20,
        "train_batch_size": 8,
        **more,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(state, indent=2) + "\n")
    return path


def test_tokens_are_samples_and_steps_are_not(tmp_path: Path) -> None:
    history = one(_state(tmp_path / "trainer_state.json", LOGGED))
    assert column(history, "samples") == [65536, 65536, 131072, 131072]
    assert column(history, "loss") == [2.5, None, 1.5, None]
    assert column(history, "eval_accuracy") == [None, 0.25, None, None]
    assert history.run_seconds == 120.5
    assert history.config["train_batch_size"] == 8
    assert "--time-column" in (history.untimed_because or "")


def test_without_tokens_steps_are_counted_and_how_to_have_tokens_is_said(tmp_path: Path) -> None:
    log = [{"loss": 2.5, "step": 10}, {"loss": 1.5, "step": 20}]
    file = _state(tmp_path / "trainer_state.json", log)
    history = one(file)
    assert (history.samples_unit, history.samples_source, column(history, "samples")) == ("steps", "step", [10, 20])
    assert "include_num_input_tokens_seen" in (history.uncounted_because or "")
    assert column(one(file, wanted=Wanted(samples_column="step")), "samples") == [10, 20]


def test_of_the_checkpoints_of_a_run_the_last_is_read(tmp_path: Path) -> None:
    for step in (500, 1000, 1500):
        _state(tmp_path / "out" / f"checkpoint-{step}" / "trainer_state.json", LOGGED)
    assert [history.run for history in read(tmp_path)] == ["out/checkpoint-1500/trainer_state"]
    _state(tmp_path / "out" / "trainer_state.json", LOGGED)
    assert [history.run for history in read(tmp_path)] == ["out/trainer_state"]


def test_a_state_that_is_cut_short_gives_its_whole_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = _state(tmp_path / "trainer_state.json", LOGGED)
    text = file.read_text()
    file.write_text(text[: text.index("131072") + 3])
    assert column(one(file), "loss") == [2.5, None]
    assert "is cut short; read the rows that are whole" in caplog.text


@pytest.mark.parametrize("text", ["{", '{"log_history": 1}', '{"a":' * 100_000])
def test_what_is_no_state_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "trainer_state.json"
    file.write_text(text)
    with pytest.raises(HistoryError, match=r"trainer_state\.json: "):
        one(file)


def test_a_runtime_in_several_rows_is_elapsed_time_and_not_that_of_the_run(tmp_path: Path) -> None:
    log = [
        {"step": step, "loss": 1 / step, "num_tokens": 100 * step, "train_runtime": 60.0 * step}
        if step % 2
        else {"step": step, "eval_loss": 1 / step, "num_tokens": 100 * step}
        for step in range(1, 6)
    ]
    history = one(_state(tmp_path / "trainer_state.json", log))
    assert column(history, "elapsed_seconds") == [60.0, 60.0, 180.0, 180.0, 300.0]
    assert column(history, "samples") == [100, 200, 300, 400, 500]
    assert history.run_seconds is None
