import json
import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from milepost.errors import HistoryError
from milepost.histories.decoding import files
from milepost.histories.history import Wanted
from milepost.histories.tables import table
from milepost.replaying.replay import replay
from tests.histories.helpers import column, logs_of, one, read


def _write(tmp_path: Path, text: str | bytes, name: str = "log.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_objects_within_objects_are_columns(tmp_path: Path) -> None:
    file = _write(
        tmp_path,
        '{"samples": 1, "eval": {"acc": 0.5, "top": {"k": 5}}, "tags": [1, 2], "note": "x"}\n'
        '{"samples": 2, "eval": {"acc": true}}\n',
    )
    history = one(file)
    assert column(history, "eval.acc") == [0.5, 1.0]
    assert column(history, "eval.top.k") == [5.0, None]
    assert column(history, "samples") == [1, 2]
    assert history.metrics is None


def test_numbers_that_json_has_no_words_for(tmp_path: Path) -> None:
    file = _write(tmp_path, '{"samples": 1, "a": NaN}\n{"samples": 2, "a": -Infinity}\n{"samples": 3, "a": "inf"}\n')
    values = column(one(file), "a")
    assert math.isnan(values[0])
    assert values[1:] == [-math.inf, math.inf]


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_numbers_are_read_to_the_last_bit(tmp_path_factory: pytest.TempPathFactory, floats: list[float]) -> None:
    file = tmp_path_factory.mktemp("log") / "log.jsonl"
    file.write_text("".join(json.dumps({"samples": 1, "a": value}) + "\n" for value in floats))
    assert [value.hex() for value in column(one(file), "a")] == [value.hex() for value in floats]


def test_lines_that_are_broken_or_cut_short_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = _write(tmp_path, b'\xef\xbb\xbf{"samples": 1}\r\nnonsense\n\n[1]\n\0\0\n{"samples": 2}\n{"samples": 3')
    assert column(one(file), "samples") == [1, 2]
    assert "3 lines are no whole JSON objects" in caplog.text


def test_a_wanted_metric_that_comes_late_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 200)
    lines = [{"samples": i, "loss": 0.5} for i in range(50)] + [{"samples": 50, "acc": 0.75}]
    file = _write(tmp_path, "".join(json.dumps(line) + "\n" for line in lines))
    history = one(file, wanted=Wanted(metrics=frozenset({"acc"})))
    assert column(history, "acc") == [None] * 50 + [0.75]
    assert column(history, "samples") == list(range(51))


def test_lines_that_all_have_other_keys_are_read_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MAX_CELLS", 1000)
    file = _write(tmp_path, "".join(json.dumps({"samples": i, f"key{i}": i}) + "\n" for i in range(200)))
    sizes = [rows.metrics.height * rows.metrics.width for rows in one(file).rows()]
    assert max(sizes) <= 1000
    histories = read(
        _write(
            tmp_path, "".join(json.dumps({"samples": i, "run": "ab"[i % 2], f"k{i}": i}) + "\n" for i in range(200))
        ),
        wanted=Wanted(run_column="run"),
    )
    assert [column(history, "samples") for history in histories] == [list(range(0, 200, 2)), list(range(1, 200, 2))]


def test_nesting_without_end_and_large_numbers_do_no_harm(tmp_path: Path) -> None:
    file = _write(
        tmp_path,
        '{"samples": 1, "a": 1e999, "b": 1}\n'
        + '{"a":' * 100_000
        + "1"
        + "}" * 100_000
        + "\n"
        + '{"samples": 2, "b": '
        + "9" * 400
        + "}\n",
    )
    assert column(one(file), "samples") == [1, 2]
    assert column(one(file), "b") == [1.0, math.inf]


def test_a_file_without_objects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="found no line with a JSON object"):
        one(_write(tmp_path, "1\n2\n"), format="jsonl")


def test_steps_are_counted_where_nothing_counts_samples(tmp_path: Path) -> None:
    history = one(_write(tmp_path, '{"step": 1}\n{"step": 2}\n'))
    assert (history.samples_unit, history.samples_source, column(history, "samples")) == ("steps", "step", [1, 2])
    assert "--samples-column" in (history.uncounted_because or "")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    file = tmp_path_factory.mktemp("junk") / "log.jsonl"
    file.write_bytes(b'{"samples": 1, "a": 1}\n' + junk)
    with suppress(HistoryError):
        column(one(file), "a")


def test_a_metric_without_a_name_stays_without_one(tmp_path: Path) -> None:
    file = _write(tmp_path, '{"samples": 1, "loss": 2, "": 3}\n{"samples": 2, "": 4}\n')
    assert [rows.metrics.columns for rows in one(file).rows()] == [["loss", ""]]
    assert column(one(file), "") == [3.0, 4.0]


SETTINGS = {f"setting_{number}": "x" * 40 for number in range(400)}
"""As many as a line of RLlib's holds: 17 kB."""


def _ray_line(iteration: int) -> str:
    told = {
        "training_iteration": iteration,
        "time_total_s": 60.0 * iteration,
        "timestamp": 1_700_000_000 + 60 * iteration,
    }
    return json.dumps({**told, "episode_reward_mean": 10.0 * iteration, "config": SETTINGS}) + "\n"


@pytest.mark.parametrize("lines", [1, 2, 30, 100])
def test_lines_that_are_longer_than_the_head_are_a_log_from_the_first_on(tmp_path: Path, lines: int) -> None:
    file = _write(tmp_path, "".join(map(_ray_line, range(1, lines + 1))), "result.json")
    assert column(one(file), "episode_reward_mean") == [10.0 * number for number in range(1, lines + 1)]
    cut = _write(tmp_path, _ray_line(1) + _ray_line(2)[:9000], "result.json")
    assert column(one(cut), "samples") == [1]


@pytest.mark.parametrize(
    "text",
    [
        _ray_line(1)[:-1],  # no line yet
        json.dumps({"step": 3, "loss": 0.5, "config": SETTINGS}) + "\n",
        json.dumps({"_step": 3, "_runtime": 5.0, "_timestamp": 1.7e9, "_wandb": {}, "config": SETTINGS}) + "\n",
        json.dumps({"model": {"vocab": {f"token {number}": number for number in range(9000)}}}) + "\n",
        json.dumps({"images": [], "annotations": [{"id": number} for number in range(200_000)]}) + "\n",
        json.dumps(SETTINGS, indent=2) + "\n",
    ],
)
def test_one_long_line_that_is_no_update_is_no_log(tmp_path: Path, text: str) -> None:
    _write(tmp_path, text, "settings.json")
    log = _write(tmp_path, '{"samples": 1}\n')
    assert [found.files for found in logs_of(tmp_path)] == [(str(log),)]


def test_a_resumed_log_of_llama_factory_goes_back(tmp_path: Path) -> None:
    # LLaMA-Factory, train/callbacks.py: elapsed_time is a timedelta as text, from the start of each process on
    def line(step: int, elapsed: str, loss: float) -> str:
        told = {"current_steps": step, "total_steps": 100, "loss": loss, "elapsed_time": elapsed}
        return json.dumps({**told, "remaining_time": "9 days, 21:39:23"}) + "\n"

    first = [line(10, "23:00:00", 0.9), line(20, "1 day, 22:00:00", 0.8), line(30, "2 days, 21:00:00", 0.7)]
    file = _write(tmp_path, "".join([*first, line(20, "23:00:00", 0.8)]), "trainer_log.jsonl")  # from 10 on
    assert column(one(file), "elapsed_seconds") == [82800.0, 165600.0, 248400.0, 82800.0]
    with file.open("a") as more:
        more.write(line(30, "1 day, 22:00:00", 0.6) + line(40, "2 days, 21:00:00", 0.3))
    (result,) = replay(file, thresholds=["loss <= 0.3"], price_per_hour=6.0)
    assert (result.samples_to_threshold, result.samples_unit) == (40, "steps")
    assert result.minutes_to_threshold == pytest.approx(4 * 23 * 60)


def test_steps_that_begin_anew_with_each_epoch_give_epochs(tmp_path: Path) -> None:
    """As in MMDetection 2, whose rows of validation tell how many batches that had."""
    rows = []
    for epoch in (1, 2, 3):
        rows += [
            {"mode": "train", "epoch": epoch, "iter": at, "loss": 3 - epoch - at / 500} for at in range(50, 501, 50)
        ]
        rows.append({"mode": "val", "epoch": epoch, "iter": 100, "bbox_mAP": epoch / 10})
    log = tmp_path / "20240101_000000.log.json"
    log.write_text("".join(json.dumps(row) + "\n" for row in [{"env_info": "linux", "seed": 0}, *rows]))
    (result,) = replay(log, thresholds=["bbox_mAP >= 0.2"])
    assert (result.samples_to_threshold, result.samples_unit) == (2, "epochs")


def test_evaluations_whose_step_is_the_epoch_stand_at_the_last_iteration(tmp_path: Path) -> None:
    """As in MMEngine."""
    rows: list[dict[str, float]] = []
    for epoch in (1, 2, 3):
        counts = range(epoch * 500 - 450, epoch * 500 + 1, 50)
        rows += [{"loss": 1.0, "epoch": epoch, "iter": at, "step": at} for at in counts]
        rows.append({"coco/bbox_mAP": epoch / 10, "step": epoch})
    log = tmp_path / "scalars.json"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (result,) = replay(log, thresholds=["coco/bbox_mAP >= 0.2"])
    assert (result.samples_to_threshold, result.samples_unit) == (1000, "steps")
