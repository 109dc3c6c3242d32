import json
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import HistoryError
from milepost.histories.decoding.files import stem
from milepost.histories.history import History
from tests.histories.helpers import SAMPLES, column, needs_samples, one, read

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
        "eval_accuracy",  # which is never a number
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


def at_most(history: History) -> list[bool]:
    """Which rows have but an upper bound of their time."""
    (rows,) = history.rows()
    assert rows.elapsed_seconds is not None
    return [False] * len(rows.elapsed_seconds) if rows.at_most is None else rows.at_most.to_list()


def test_what_is_evaluated_after_the_run_was_trained_by_its_end_at_the_latest(tmp_path: Path) -> None:
    lines = [
        _line(50, "eval_accuracy", 120.0, samples_count=256, metric="FID"),
        _line(100, "run_stop", step_num=8),
        _line(100.5, "eval_accuracy", 110.0, samples_count=1024, metric="FID"),  # by another rank, of that moment
        _line(400, "eval_accuracy", 100.0, samples_count=1024, metric="CLIP"),
        _line(500, "eval_accuracy", 90.0, samples_count=2048, metric="FID"),
        _line(600, "eval_accuracy", 80.0, samples_count=4096, metric="FID"),  # training went on
    ]
    history = _log(tmp_path, _line(-1, "global_batch_size", 256), *lines, benchmark="stable_diffusion")
    assert column(history, "samples") == [256, 1024, 1024, 2048, 4096]
    assert column(history, "elapsed_seconds") == [50.0, 100.5, 100.0, 100.0, 600.0]
    assert at_most(history) == [False, False, True, True, True]
    assert column(history, "wall_time") == [1_700_000_000 + at for at in (50, 100.5, 400, 500, 600)]
    assert (history.run_seconds, history.samples_source) == (100.0, "samples_count")
    assert history.notes == (
        "2 values were told after run_stop: they have the latest at which they can have been trained",
    )


def test_blocks_checkpoints_and_epochs_tell_when_that_was_trained_which_is_evaluated_later(tmp_path: Path) -> None:
    lines = [
        _line(10, "block_stop", samples_count=512),
        _line(20, "block_stop", samples_count=1024),
        _line(33, "save_checkpoint", samples_count=1500),
        _line(40, "block_stop", samples_count=2048),
        _line(30, "run_stop", samples_count=1300),
        *(_line(100 + at, "eval_accuracy", 1.0 / at, samples_count=at) for at in (300, 512, 800, 1500, 1600, 9999)),
    ]
    history = _log(tmp_path, *lines, benchmark="stable_diffusion")
    assert column(history, "elapsed_seconds") == [10.0, 10.0, 20.0, 33.0, 40.0, 10099.0]
    assert at_most(history) == [True, False, True, False, True, True]
    epochs = [_line(9, "epoch_start", epoch_num=1), _line(10, "epoch_stop", epoch_num=1)]
    epochs += [_line(11, "epoch_start", epoch_num=2), _line(20, "epoch_stop", epoch_num=2), _line(21, "run_stop")]
    late = [_line(50 + epoch, "eval_accuracy", epoch / 8, epoch_num=epoch) for epoch in (1, 2, 3)]
    history = _log(tmp_path, *epochs, *late)
    assert column(history, "elapsed_seconds") == [10.0, 20.0, 21.0]
    assert at_most(history) == [False, False, True]
    assert history.notes == (
        "3 values were told after run_stop: they have the time at which they were trained or the latest at which they "
        "can have been trained (2 and 1)",
    )


@pytest.mark.parametrize("timestamp", [80.5, 1_700_000_080.5])
def test_own_time_of_an_evaluations_result_goes_before_run_stop(tmp_path: Path, timestamp: float) -> None:
    lines = [
        _line(90, "run_stop"),
        _line(500, "eval_accuracy", 0.25, epoch_num=33),
        _line(501, "eval_accuracy", 0.5, epoch_num=34),
        _line(501, "eval_result", 0.5, epoch_num=34, timestamp=timestamp),
    ]
    history = _log(tmp_path, *lines, benchmark="minigo")
    assert column(history, "elapsed_seconds") == [90.0, 80.5, 80.5]
    assert at_most(history) == [True, False, False]
    assert (history.samples_unit, history.samples_source) == (None, None)
    nowhere = [*lines[:3], _line(501, "eval_result", 0.5, epoch_num=34, timestamp=5000)]  # after its own line
    assert column(_log(tmp_path, *nowhere, benchmark="minigo"), "elapsed_seconds") == [90.0, 90.0, 90.0]


def test_evaluation_of_before_run_stop_has_the_time_of_its_line(tmp_path: Path) -> None:
    lines = [_line(10, "block_stop", samples_count=512), _line(15, "eval_accuracy", 0.5, samples_count=512)]
    history = _log(tmp_path, *lines, _line(16, "run_stop"), benchmark="bert")
    assert column(history, "elapsed_seconds") == [15.0]
    assert (at_most(history), history.notes) == ([False], ())


@pytest.mark.parametrize(
    ("benchmark", "batch", "told", "size", "said"),
    [
        ("ssd", 256, 4572, 1_170_301, "its train_samples of 4572 counts batches of 256"),
        ("ssd", 1024, 117_266, 117_266, None),
        ("ssd", 128, 1_170_301, 1_170_301, None),
        ("retinanet", 256, 4572, 1_170_301, "its train_samples of 4572 counts batches of 256"),
        ("resnet", 2048, 160_000, 1_281_167, "its train_samples of 160000 counts those of one of 8 devices"),
        ("resnet", 408, 1_281_120, 1_281_120, None),  # what is left of the last batch is left out
        ("resnet", 100, 1000, 1000, None),  # a data set of its own
        ("other", 256, 4572, 4572, None),
    ],
)
def test_samples_of_an_epoch_are_those_of_the_data_set(
    tmp_path: Path, benchmark: str, batch: int, told: int, size: int, said: str | None
) -> None:
    lines = [_line(-1, "global_batch_size", batch), _line(9, "eval_accuracy", 0.5, epoch_num=4)]
    history = _log(tmp_path, *lines, benchmark=benchmark, train_samples=told)
    assert column(history, "samples") == [4 * size]
    assert (history.samples_unit, history.samples_source) == ("samples", "epoch_num")
    if said is None:
        assert history.notes == ()
    else:
        assert history.notes == (f"{said}: the {size:,} of {benchmark}'s data set are taken",)


def test_fractions_that_count_from_one_and_what_was_trained_in_all(tmp_path: Path) -> None:
    """As DLRM's: a twentieth of an epoch is 1.05, and the end tells how many samples there were."""
    lines = [
        _line(1, "epoch_start", epoch_num=1),
        _line(10, "eval_accuracy", 0.7, epoch_num=1.25),
        _line(20, "eval_accuracy", 0.8, epoch_num=1.5),
        _line(20, "epoch_stop", epoch_num=2),
        _line(20, "run_stop"),
        _line(20, "train_samples", 2_000_000_000),
    ]
    history = _log(tmp_path, *lines, benchmark="dlrm", train_samples=None)
    assert column(history, "samples") == [1_000_000_000, 2_000_000_000]
    assert history.notes == (
        "its train_samples of 2,000,000,000 is what was trained in all, and not the size of the data set",
    )
    early = [_line(-1, "train_samples", 4_195_197_692), *lines[:-1]]
    history = _log(tmp_path, *early, benchmark="dlrm", train_samples=None)
    assert column(history, "samples") == [4_195_197_692 // 4, 4_195_197_692 // 2]
    # Fractions that go on after the epoch is over are epochs that were done.
    later = [_line(1, "epoch_start", epoch_num=1), _line(9, "epoch_start", epoch_num=2)]
    history = _log(tmp_path, *later, _line(10, "eval_accuracy", 0.7, epoch_num=1.5))
    assert column(history, "samples") == [1500]


def test_evaluation_beside_the_start_of_the_next_epoch_is_of_the_one_before(tmp_path: Path) -> None:
    """As RetinaNet's, whose epochs are numbered from 0."""

    def log(after: float) -> History:
        lines = [_line(0, "epoch_start", epoch_num=0)]
        for epoch in (1, 2):
            lines += [
                _line(100 * epoch - 10, "epoch_stop", epoch_num=epoch - 1),
                _line(100 * epoch, "epoch_start", epoch_num=epoch),
                _line(100 * epoch + after, "eval_accuracy", epoch / 8, epoch_num=epoch),
            ]
        return _log(tmp_path, *lines, _line(290, "epoch_stop", epoch_num=2))

    assert column(log(5), "samples") == [1000, 2000]
    assert "can't be told" in (log(50).uncounted_because or "")


FIELD = SAMPLES / "field" / "mlperf"


@needs_samples
@pytest.mark.parametrize(
    ("name", "metric", "value", "samples", "minutes", "bound"),
    [
        ("v5.0_stable_diffusion_ASUSTeK_result_5", "eval_accuracy/FID", -90, 2_048_000, 29.50, True),
        ("v2.1_minigo_GIGABYTE_result_0", "eval_accuracy", 0.5, None, 134.99, False),
        ("v2.1_ssd_Azure_result_0", "eval_accuracy", 0.34, 4_681_204, 86.98, False),
        ("v2.1_dlrm_Dell_result_3", "eval_accuracy", 0.8025, 3_775_334_400, 4.31, False),
        ("v3.1_resnet_Ailiverse_result_2", "eval_accuracy", 0.759, 34_591_509, 28.90, False),
        ("v5.0_retinanet_Dell_result_0", "eval_accuracy", 0.34, 4_681_204, 47.95, False),
    ],
)
def test_published_logs(name: str, metric: str, value: float, samples: int | None, minutes: float, bound: bool) -> None:
    history = one(FIELD / f"{name}.txt")
    values = column(history, metric)
    row = next(at for at, x in enumerate(values) if x is not None and (x <= -value if value < 0 else x >= value))
    assert column(history, "samples")[row] == samples
    assert round(column(history, "elapsed_seconds")[row] / 60, 2) == minutes
    assert at_most(history)[row] is bound
    assert history.notes  # how that is known


@needs_samples
def test_published_stable_diffusion_was_trained_long_before_it_was_evaluated() -> None:
    history = one(SAMPLES / "mlperf" / "NVIDIA__results__eos_ngc24.04_nemo__stable_diffusion__result_5.txt")
    minutes = [round(seconds / 60, 2) for seconds in column(history, "elapsed_seconds")]
    assert minutes == [33.78, 33.78, 42.27, 42.27]
    assert at_most(history) == [False] * 4
