import json
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import HistoryError
from milepost.histories.decoding.files import stem
from milepost.histories.history import History
from tests.histories.helpers import column, one, read

START = 1_700_000_000_000


def _line(at: float, key: str, value: Any = None, **metadata: Any) -> str:
    """One line, ``at`` seconds after run_start, as mlperf_logging.mllog writes it."""
    told = {
        "namespace": "",
        "time_ms": int(START + at * 1000),
        "event_type": "POINT_IN_TIME",
        "key": key,
        "value": value,
        "metadata": {"file": "train.py", "lineno": 1, **metadata},
    }
    return ":::MLLOG " + json.dumps(told)


def _log(tmp_path: Path, *lines: str, benchmark: str = "resnet", train_samples: int | None = 1000) -> History:
    file = tmp_path / "result_0.txt"
    head = [_line(-9, "submission_benchmark", benchmark), _line(-8, "submission_org", "Org"), _line(-7, "seed", 7)]
    if train_samples is not None:
        head.append(_line(-6, "train_samples", train_samples))
    file.write_text("\n".join([*head, _line(0, "run_start"), *lines]) + "\n")
    return one(file)


def test_a_run_from_start_to_stop(tmp_path: Path) -> None:
    history = _log(
        tmp_path,
        _line(60, "eval_accuracy", 0.5, epoch_num=1),
        _line(120.5, "eval_accuracy", 0.75, epoch_num=2.5),
        _line(121, "run_stop", status="success"),
    )
    assert column(history, "eval_accuracy") == [0.5, 0.75]
    assert column(history, "samples") == [1000, 2500]
    assert column(history, "elapsed_seconds") == [60.0, 120.5]
    assert column(history, "wall_time") == [1_700_000_060.0, 1_700_000_120.5]
    assert (history.run_seconds, history.started_at) == (121.0, 1_700_000_000.0)
    assert (history.run, history.seed, history.group) == ("result_0", 7, "Org/resnet")
    assert history.config["status"] == "success"


def test_a_line_that_several_ranks_print_counts_once(tmp_path: Path) -> None:
    lines = [_line(60 + rank / 1000, "eval_accuracy", 0.5, epoch_num=1) for rank in (3, 0, 1, 2)]
    lines += [_line(90 + rank / 1000, "eval_accuracy", 0.5, epoch_num=2) for rank in range(4)]
    history = _log(tmp_path, *(f"{rank}: {line}" for rank, line in enumerate(lines)))
    assert column(history, "elapsed_seconds") == [60.0, 90.0]
    history = _log(
        tmp_path, _line(60, "eval_accuracy", 0.5) + _line(60.1, "eval_accuracy", 0.5), _line(90, "eval_accuracy", 0.5)
    )
    assert column(history, "elapsed_seconds") == [60.0, 90.0]
    assert history.uncounted_because == "no evaluation tells samples_count or epoch_num"


def test_metrics_are_told_apart_in_metadata_and_within_values(tmp_path: Path) -> None:
    history = _log(
        tmp_path,
        _line(1, "eval_accuracy", 80.5, samples_count=512, metric="FID"),
        _line(2, "eval_accuracy", {"BBOX": 0.25, "SEGM": "0.5", "note": "x"}, samples_count=512),
        _line(3, "tracked_stats", {"throughput": 9.5}, step=3),
        _line(4, "train_loss", "nan", samples_count=1024),
        _line(5, "eval_accuracy", "N/A", samples_count=1024),
        _line(6, "opt_base_learning_rate", 0.5, epoch_num=1),
        _line(7, "epoch_stop", 34, epoch_num=1),
    )
    assert history.metrics == (
        "eval_accuracy/FID",
        "eval_accuracy/BBOX",
        "eval_accuracy/SEGM",
        "tracked_stats/throughput",
        "train_loss",
    )
    assert column(history, "eval_accuracy/SEGM") == [None, 0.5, None, None]
    assert column(history, "samples") == [512, 512, 512, 1024]
    assert str(column(history, "train_loss")[3]) == "nan"


@pytest.mark.parametrize(
    ("benchmark", "train_samples", "epochs", "samples"),
    [
        ("resnet", 1281167, [34], [43559678]),
        ("gnn", 94605581, [0.05, 0.7], [4730279, 66223907]),
        ("bert", 2100629, [150520, 2100629], [150520, 2100629]),  # counts examples
        ("gpt3", None, [50331648], [50331648]),  # counts tokens
        ("unet3d", 168, [168000, 171360], [168000, 171360]),  # release 3.1: counts samples
        ("unet3d", 168, [1000, 1020], [168000, 171360]),  # before: epochs
    ],
)
def test_epoch_num_counts_what_the_benchmark_s_does(
    tmp_path: Path, benchmark: str, train_samples: int | None, epochs: list[float], samples: list[int]
) -> None:
    lines = [_line(index + 1, "eval_accuracy", index / 4, epoch_num=epoch) for index, epoch in enumerate(epochs)]
    history = _log(tmp_path, *lines, benchmark=benchmark, train_samples=train_samples)
    assert column(history, "samples") == samples
    assert history.uncounted_because is None


@pytest.mark.parametrize(
    ("benchmark", "train_samples", "epoch", "reason"),
    [
        ("resnet", None, 3, "neither train_samples nor samples_per_epoch"),
        ("minigo", 1000, 3, "self-play"),
        ("other", 2_000_000, 150_520, "can't be told for epochs or for samples"),
        ("bert", 3_565_320, 6, "less than a batch"),  # Google's in release 0.7: epochs of its own
    ],
)
def test_where_samples_can_t_be_told_there_are_none_and_a_reason(
    tmp_path: Path, benchmark: str, train_samples: int | None, epoch: int, reason: str
) -> None:
    lines = [_line(0.5, "global_batch_size", 440), _line(1, "eval_accuracy", 0.5, epoch_num=epoch)]
    history = _log(tmp_path, *lines, benchmark=benchmark, train_samples=train_samples)
    assert reason in (history.uncounted_because or "")
    assert column(history, "samples") == [None]
    assert column(history, "elapsed_seconds") == [1.0]


def _epoch(number: int, at: float, evaluated: float) -> list[str]:
    return [
        _line(at, "epoch_start", epoch_num=number),
        _line(at + 1, "epoch_stop", epoch_num=number),
        _line(at + evaluated, "eval_accuracy", number / 8, epoch_num=number),
    ]


def test_epochs_may_begin_at_one_or_at_zero(tmp_path: Path) -> None:
    assert column(_log(tmp_path, *_epoch(1, 10, 2), *_epoch(2, 20, 2)), "samples") == [1000, 2000]
    assert column(_log(tmp_path, *_epoch(0, 10, 2), *_epoch(1, 20, 2)), "samples") == [1000, 2000]
    # Evaluated within the epoch that it tells: done or not, who knows.
    history = _log(tmp_path, *_epoch(0, 10, 0.5), *_epoch(1, 20, 0.5))
    assert "can't be told" in (history.uncounted_because or "")


def test_marks_of_the_end_may_count_from_one_and_those_of_the_start_from_zero(tmp_path: Path) -> None:
    # Evaluated between the two: as Composer's callback writes them.
    lines = [
        line
        for epoch in range(3)
        for line in (
            _line(10 * epoch + 1, "epoch_start", epoch_num=epoch),
            _line(10 * epoch + 7, "epoch_stop", epoch_num=epoch + 1),
            _line(10 * epoch + 8, "eval_accuracy", epoch / 4, epoch_num=epoch + 1),
        )
    ]
    assert column(_log(tmp_path, *lines), "samples") == [1000, 2000, 3000]


def test_fractions_of_an_epoch_that_begin_beyond_one_are_no_samples(tmp_path: Path) -> None:
    lines = [_line(1, "block_start", first_epoch_num=1.05), _line(9, "eval_accuracy", 0.8, epoch_num=1.05)]
    history = _log(tmp_path, *lines, benchmark="dlrm")
    assert "its first epoch is 1.05" in (history.uncounted_because or "")
    assert column(history, "samples") == [None]


@pytest.mark.parametrize(
    "name", ["result_1_1n4r_32k.txt", "230730_01.log", "train.out", "net.log-rank0-1stRun", "result"]
)
def test_other_output_may_come_first(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    lines = [_line(0, "run_start"), _line(9, "eval_accuracy", 0.5, samples_count=8)]
    file.write_text("output\n" * 200_000 + "\n".join(f"\x1b[32m[1,0]<stdout>:{line}\x1b[0m" for line in lines) + "\n")
    history = one(tmp_path)
    assert column(history, "elapsed_seconds") == [9.0]
    assert history.run == stem(name)


def test_an_evaluation_that_is_called_an_interval_is_one_too(tmp_path: Path) -> None:
    line = _line(9, "eval_accuracy", "0.5", epoch_num="1").replace("POINT_IN_TIME", "INTERVAL_END")
    assert column(_log(tmp_path, line), "eval_accuracy") == [0.5]


def test_a_run_that_evaluated_nothing_is_a_run(tmp_path: Path) -> None:
    history = _log(tmp_path, _line(20, "block_stop", samples_count=64), _line(30, "run_stop", status="aborted"))
    assert column(history, "samples") == [64]
    assert (history.metrics, history.run_seconds, history.config["status"]) == ((), 30.0, "aborted")
    assert column(history, "elapsed_seconds") == [30.0]


def test_settings_that_are_no_whole_numbers_are_none(tmp_path: Path) -> None:
    lines = [_line(1, "seed", 7), _line(2, "number_of_nodes", 1e400), _line(3, "eval_accuracy", 0.5, epoch_num=1)]
    assert _log(tmp_path, *lines).num_nodes is None
    file = tmp_path / "other.txt"
    file.write_text("\n".join([_line(0, "run_start"), _line(1, "seed", float("nan")), *lines[2:]]))
    assert one(file).seed is None


def test_lines_that_are_broken_or_cut_short_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    history = _log(
        tmp_path,
        _line(1, "eval_accuracy", 0.5, epoch_num=1),
        ":::MLLOG {broken",
        ':::MLLOG {"key": "eval_accuracy", "value": 0.9, "time_ms": "late"}',
        ":::MLLOG " + '{"a":' * 100_000,
        _line(2, "eval_accuracy", 0.75, epoch_num=2)[:-9],
    )
    assert column(history, "eval_accuracy") == [0.5]
    assert history.run_seconds is None
    assert "4 lines of MLPerf's are broken" in caplog.text


def test_without_run_start_there_is_no_clock_and_a_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "log.txt"
    file.write_text(_line(1, "eval_accuracy", 0.5, samples_count=8) + "\n")
    history = one(file)
    assert history.untimed_because == "no line says run_start"
    assert column(history, "samples") == [8]
    assert column(history, "elapsed_seconds") == [None]
    file.write_text("output\n")
    with pytest.raises(HistoryError, match="found no whole line of MLPerf's"):
        one(file, format="mlperf")


def test_lines_without_a_time_are_settings(tmp_path: Path) -> None:
    late = '{"namespace": "main", "time_ms": 0, "key": "submission_platform", "value": "tpu", "metadata": {}}'
    history = _log(tmp_path, _line(1, "eval_accuracy", 0.5, epoch_num=1), f":::MLLOG {late}")
    assert history.config["submission_platform"] == "tpu"
    assert history.group == "Org/tpu/resnet"


def test_runs_one_after_the_other_in_one_file_are_several(tmp_path: Path) -> None:
    run = [
        _line(-5, "seed", 1),
        _line(0, "run_start"),
        _line(9, "eval_accuracy", 0.5, samples_count=8),
        _line(10, "run_stop"),
    ]
    again = [
        _line(100, "seed", 2),
        _line(105, "run_start"),
        _line(107, "eval_accuracy", 0.25, samples_count=8),
        _line(108, "run_stop"),
    ]
    file = tmp_path / "both.txt"
    file.write_text("\n".join([*run, *again]) + "\n")
    first, second = read(file)
    assert (first.run, first.seed, first.run_seconds) == ("both/1", 1, 10.0)
    assert (second.run, second.seed, second.run_seconds) == ("both/2", 2, 3.0)
    assert column(second, "elapsed_seconds") == [2.0]


def test_several_ranks_with_a_start_and_a_stop_each_are_one_run(tmp_path: Path) -> None:
    rank = [_line(0, "run_start"), _line(9, "eval_accuracy", 0.5, samples_count=8), _line(10, "run_stop")]
    later = [_line(0.1, "run_start"), _line(9.1, "eval_accuracy", 0.5, samples_count=8), _line(10.1, "run_stop")]
    file = tmp_path / "ranks.txt"
    file.write_text("\n".join([*rank, *later]) + "\n")
    history = one(file)
    assert (history.run_seconds, column(history, "elapsed_seconds")) == (10.0, [9.0])


def test_several_seeds_are_none(tmp_path: Path) -> None:
    assert _log(tmp_path, _line(1, "seed", 8), _line(2, "eval_accuracy", 0.5, epoch_num=1)).seed is None


def test_lines_of_release_0_6(tmp_path: Path) -> None:
    file = tmp_path / "result_0.txt"
    file.write_text(
        ':::MLL 1558510600.5 run_start: {"value": null, "metadata": {"file": "a", "lineno": 1}}\n'
        ':::MLL 1558510660.5 eval_accuracy: {"value": [0.5, 0.25], "metadata": {"epoch_num": 1}}\n'
    )
    history = one(file)
    assert column(history, "elapsed_seconds") == [60.0]
    assert column(history, "eval_accuracy/1") == [0.25]


def test_what_stands_before_a_fault_is_read(tmp_path: Path) -> None:
    file = tmp_path / "result_0.txt"
    file.write_text("\n".join([_line(0, "run_start"), _line(9, "eval_accuracy", 0.5, samples_count=8), "x" * 2**25]))
    rows = one(file).rows()
    assert next(rows).metrics["eval_accuracy"].to_list() == [0.5]
    with pytest.raises(HistoryError, match="found a record of more than"):
        next(rows)


def test_lines_of_release_0_5(tmp_path: Path) -> None:
    file = tmp_path / "result_0.txt"
    file.write_text(
        ":::MLPv0.5.0 resnet 1541648542.528089285 (<string>:1) run_clear_caches\n"
        ":::MLPv0.5.0 resnet 1541648600.0 (a.py:568) run_start\n"
        ':::MLPv0.5.0 resnet 1541648601.0 (a.py:7) model_hp_relu: "(224, 3) -> (56, 64)"\n'
        ':::MLPv0.5.0 resnet 1541648660.5 (a.py:9) eval_accuracy: {"epoch": 4, "value": 0.75}\n'
        ':::MLPv0.5.0 resnet 1541648661.5 (a.py:9) run_stop: {"success": false}\n'
    )
    history = one(file)
    assert column(history, "eval_accuracy") == [0.75]
    assert column(history, "elapsed_seconds") == [60.5]
    assert (history.run_seconds, history.config["status"]) == (61.5, "aborted")
    assert history.uncounted_because
