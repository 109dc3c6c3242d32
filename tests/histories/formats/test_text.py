"""Text that trainings printed: the metric of each is 0.5 at its tenth row, of twenty."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from milepost.errors import ConfigError, HistoryError
from milepost.histories.decoding.text_lines import CHUNK_BYTES
from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
from milepost.tracking.result import ThresholdResult
from tests.histories.helpers import logs_of, one, skipped_of

ROWS = range(1, 21)
Answer = tuple[int, str, float | None, str | None]
"""Count, unit, minutes, bound."""


def loss(row: int) -> float:
    return 1 - row / 20


def lines(line: Callable[[int], str], rows: Iterable[int] = ROWS) -> str:
    return "".join(f"{line(row)}\n" for row in rows)


def result_of(where: Path, threshold: str, **options: Any) -> ThresholdResult:
    (result,) = replay(where, thresholds=[threshold], **options)
    return result


def answer(result: ThresholdResult) -> Answer | None:
    if not result.achieved:
        return None
    assert result.samples_to_threshold is not None
    assert result.samples_unit is not None
    minutes = result.minutes_to_threshold
    rounded = None if minutes is None else round(minutes, 6)
    return result.samples_to_threshold, result.samples_unit, rounded, result.bound


def mmengine(row: int, epoch: int, at: int) -> str:
    told = "lr: 1.0e-02  eta: 0:10:00  time: 0.5012  data_time: 0.0100  memory: 5000"
    place = f"Epoch(train)  [{epoch}][{at:4}/1000]"
    return f"2022/05/10 12:{row:02}:01 - mmengine - INFO - {place}  {told}  loss: {loss(row):.4f}"


KINDS: dict[str, tuple[str, str, Answer]] = {
    "modded_nanogpt": (
        lines(lambda row: f"step:{row}/20 val_loss:{loss(row):.4f} train_time:{row * 60000}ms step_avg:60000.00ms"),
        "val_loss <= 0.5",
        (10, "steps", 10.0, None),
    ),
    "llm_c": (
        lines(lambda row: f"s:{row} tel:{loss(row):.4f}\ns:{row} eval:0.2500\ns:{row} trl:0.9 lr:0.000100 norm:1.2"),
        "tel <= 0.5",
        (10, "steps", None, None),
    ),
    "nanogpt": (
        lines(lambda row: f"iter {row * 100}: loss {loss(row):.4f}, time {120 + row % 3}.50ms, mfu 3.20%"),
        "loss <= 0.5",
        (1000, "steps", None, None),
    ),
    "nanogpt_with_evaluations": (
        lines(
            lambda row: (
                (f"step {row * 10}: train loss 0.9000, val loss 0.9000\n" if row % 4 == 0 else "")
                + f"iter {row * 10}: loss {loss(row):.4f}, time 120.50ms, mfu 3.20%"
            )
        ),
        "loss <= 0.5",
        (100, "steps", None, None),
    ),
    "lightning": (
        "".join(
            f"\rEpoch 0: {row * 5}%|███  | {row}/20 [00:01<00:10, 20.0it/s, v_num=0, train_loss_step={loss(row):.3f}, "
            "train_loss_epoch=0.900]"
            for row in ROWS
        )
        + "\n",
        "train_loss_step <= 0.5",
        (10, "steps", None, None),
    ),
    "paddle": (
        lines(
            lambda row: (
                f"[2024/01/01 00:{row:02}:00] ppcls INFO: [Train][Epoch {1 + row // 8}/120][Iter: {row % 8 * 10}/80]"
                f"lr(Cosine): 0.001, loss: {loss(row):.4f}, ips: 64.1 samples/s"
            )
        ),
        "loss <= 0.5",
        (100, "steps", 9.0, "lower"),
    ),
    "opennmt": (
        lines(lambda row: f"[2024-01-01 00:{row:02}:00,123 INFO] Step {row}/200; ppl: {loss(row)}; 120/130 tok/s;"),
        "ppl <= 0.5",
        (10, "steps", 9.0, "lower"),
    ),
    "rl_games": (
        lines(lambda row: f"fps step: {4000 + row} fps total: 3000 loss: {loss(row)} step: {row}"),
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "digits_in_names": (
        lines(lambda row: f"Rank-0: policy_step={row}, reward_env_{row}={loss(row)}"),
        "reward_env_10 <= 0.5",
        (10, "steps", None, None),
    ),
    "clu": (
        lines(
            lambda row: (
                f"I0213 13:{row:02}:51.123456 1401234 logging_writer.py:48] [{row * 10}] accuracy=0.1, loss={loss(row)}"
            )
        ),
        "loss <= 0.5",
        (100, "steps", 9.0, "lower"),
    ),
    "xgboost": (
        lines(lambda row: f"[{row}]\ttrain-rmse:{loss(row) / 2:.5f}\teval-rmse:{loss(row):.5f}"),
        "eval-rmse <= 0.5",
        (10, "steps", None, None),
    ),
    "lightgbm": (
        lines(lambda row: f"[{row}]\ttraining's l2: {loss(row) / 2:.6f}\tvalid_1's l2: {loss(row):.6f}"),
        "valid_1's l2 <= 0.5",
        (10, "steps", None, None),
    ),
    "catboost": (
        lines(lambda row: f"{row}:\tlearn: {loss(row):.7f}\ttotal: {row * 100}ms\tremaining: 1.2s"),
        "learn <= 0.5",
        (10, "steps", None, None),
    ),
    "torchtune": (
        "".join(f"\r1|{row}|Loss: {loss(row)}: {row}%|██    | {row}/100 [00:01<01:12,  1.10it/s]" for row in ROWS)
        + "\n",
        "Loss <= 0.5",
        (10, "steps", None, None),
    ),
    "a_bar": (
        "".join(
            f"\rTraining: {row * 2}%|{'█' * row}  | {row}/50 [00:01<0{row % 9}:0?, {row}.1it/s, loss={loss(row)}]"
            for row in ROWS
        )
        + "\n",
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "build_nanogpt": (
        lines(lambda row: f"{row * 10} val {loss(row):.4f}\n{row * 10} hella 0.2500\n{row * 10} train 0.900000"),
        "val <= 0.5",
        (100, "steps", None, None),
    ),
    "spelled_durations": (
        lines(
            lambda row: (
                f"it {row}/90, loss {loss(row):.4f}, elapsed {row // 2}m{row % 2 * 30:02}s"
                if row > 1
                else "it 1/90, loss 0.9, elapsed 30s"
            )
        ),
        "loss <= 0.5",
        (10, "steps", 5.0, None),
    ),
    "fairseq_simple": (
        lines(
            lambda row: (
                f"2022-05-10 12:{row:02}:01 | INFO | train_inner | epoch 001:    {row * 10} / 1000 loss={loss(row)}, "
                f"num_updates={row * 10}, wall={row * 60}"
            )
        ),
        "loss <= 0.5",
        (100, "steps", 10.0, None),
    ),
    "correct_of_all": (
        lines(
            lambda row: (
                f"Train Epoch: {row} [600/1000 (60%)]\tLoss: 0.9\n"
                f"Test set: Average loss: 0.9, Accuracy: {row * 500}/10000 ({row * 5}%)"
            )
        ),
        "Accuracy >= 50",
        (10, "epochs", None, None),
    ),
    "megatron": (
        lines(
            lambda row: (
                f" [2025-08-01 07:{row:02}:00] iteration {row * 10:8}/    5000 | consumed samples: {row * 1280:12} | "
                f"elapsed time per iteration (ms): 6000.0 | lm loss: {loss(row):.6E} | number of nan iterations:   0 |"
            )
        ),
        "lm loss <= 0.5",
        (12_800, "samples", 10.0, None),
    ),
    "fairseq": (
        lines(
            lambda row: (
                f'2022-05-10 12:{row:02}:01 | INFO | train_inner | {{"epoch": 1, "update": {row / 20}, '
                f'"loss": "{loss(row):.3f}", "num_updates": "{row * 100}", "train_wall": "60", "wall": "{row * 60}"}}'
            )
        ),
        "loss <= 0.5",
        (1000, "steps", 10.0, None),
    ),
    "mmengine": (
        lines(lambda row: mmengine(row, 1 + (row - 1) // 5, ((row - 1) % 5 + 1) * 200)),
        "loss <= 0.5",
        (2000, "steps", 9.0, "lower"),
    ),
    "torchtitan": (
        lines(
            lambda row: (
                f"\x1b[32m[rank0]:[titan] 2025-01-01 12:{row:02}:00,123 - root - INFO - \x1b[31mstep: {row:2}  "
                f"\x1b[32mloss: {loss(row):7.4f}  \x1b[33mmemory:  0.50GiB(1.20%)  \x1b[34mtps: 1,234\x1b[39m"
            )
        ),
        "loss <= 0.5",
        (10, "steps", 9.0, "lower"),
    ),
    "every_rank": (
        lines(
            lambda row: "\n".join(
                f"[rank{rank}]: step: {row} loss: {loss(row) if rank == 2 else 0.1:.4f}" for rank in (2, 3, 4)
            )
        ),
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "absl": (
        lines(
            lambda row: f"I0228 23:{50 + row}:51.5 1399 train.py:{row}] step {row}: loss {loss(row):.4f}", range(1, 10)
        )
        + lines(
            lambda row: f"I0301 00:{row - 10:02}:51.5 1399 train.py:{row}] step {row}: loss {loss(row):.4f}",
            range(10, 20),
        ),
        "loss <= 0.5",
        (10, "steps", 9.0, "lower"),
    ),
    "new_year": (
        lines(lambda row: f"I1231 23:{50 + row}:51.5 1399 a.py:1] step {row}: loss {loss(row):.4f}", range(1, 10))
        + lines(
            lambda row: f"I0101 00:{row - 10:02}:51.5 1399 a.py:1] step {row}: loss {loss(row):.4f}", range(10, 20)
        ),
        "loss <= 0.5",
        (10, "steps", 9.0, "lower"),
    ),
    "clock_of_12_hours": (
        lines(
            lambda row: f"05/31/2024 {(row + 8) % 12 + 1:02}:00:00 {'AP'[row > 2]}M step {row} loss {loss(row):.4f}",
            range(1, 15),
        ),
        "loss <= 0.5",
        (10, "steps", 540.0, "lower"),
    ),
    "day_first": (
        lines(lambda row: f"{row:02}/05/2024 10:00:00 - INFO - step {row} loss {loss(row):.4f}", range(1, 13)),
        "loss <= 0.5",
        (10, "steps", 9 * 1440.0, "lower"),
    ),
    "samples_of_evaluations": (
        lines(
            lambda row: (
                f"step {row} loss {1 - row / 200:.4f}" + (f"\nval tokens {row * 10} acc 0.1" if row % 16 == 0 else "")
            ),
            range(1, 200),
        ),
        "loss <= 0.5",
        (100, "steps", None, None),
    ),
    "midnight": (
        lines(lambda row: f"23:{50 + row}:51 INFO step {row} loss {loss(row):.4f}", range(1, 10))
        + lines(lambda row: f"00:{row - 10:02}:51 INFO step {row} loss {loss(row):.4f}", range(10, 20)),
        "loss <= 0.5",
        (10, "steps", 9.0, "lower"),
    ),
    "dict": (
        lines(lambda row: f"{{'loss': {loss(row):.4f}, 'eval': {{'loss': 0.1}}, 'epoch': 0.1, 'step': {row}}}"),
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "json_in_a_line": (
        lines(lambda row: f'INFO:root:{{"step": {row}, "eval": {{"loss": 0.1}}, "train": {{"loss": {loss(row)}}}}}'),
        "train.loss <= 0.5",
        (10, "steps", None, None),
    ),
    "units": (
        lines(lambda row: f"step {row}k | elapsed {row} min | acc {row * 5}%"),
        "acc >= 50",
        (10_000, "steps", 10.0, None),
    ),
    "units_that_change": (
        lines(
            lambda row: (
                f"step {row} loss {loss(row)} elapsed " + (f"{row * 120}ms" if row < 9 else f"{row * 0.12:.2f}s")
            )
        ),
        "loss <= 0.5",
        (10, "steps", 0.02, None),
    ),
    "millions": (
        lines(
            lambda row: f"step {row} loss {loss(row)} tokens " + (f"{row * 255}k" if row < 4 else f"{row * 0.255:.3f}M")
        ),
        "loss <= 0.5",
        (2_550_000, "samples", None, None),
    ),
    "thousands": (
        lines(lambda row: f"step: {row * 1000:,} | loss: {loss(row):.4f} | tokens: {row * 10_000:,}"),
        "loss <= 0.5",
        (100_000, "samples", None, None),
    ),
    "durations": (
        lines(lambda row: f"step {row} loss {loss(row):.4f} elapsed 0:{row:02}:00"),
        "loss <= 0.5",
        (10, "steps", 10.0, None),
    ),
    "progress_bar": (
        "".join(f"\rEpoch 0: {row * 5}%|███  | {row}/20 [00:{row:02}<00:10, loss={loss(row):.3f}]" for row in ROWS)
        + "\n",
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "places_in_epochs": (
        lines(
            lambda row: f"Epoch [{1 + (row - 1) // 4}/5], Step [{((row - 1) % 4 + 1) * 5}/20], Loss: {loss(row):.4f}"
        ),
        "Loss <= 0.5",
        (50, "steps", None, None),
    ),
    "crlf": (
        lines(lambda row: f"step={row} loss={loss(row):.4f}\r"),
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "no_numbers_between": (
        lines(lambda row: f"step:{row} loss:{ {3: 'nan', 4: '-inf', 5: 'N/A'}.get(row, f'{loss(row):.4f}') }"),
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "two_in_a_line": (
        lines(lambda row: f"step:{row} loss:{loss(row):.4f}" + (f"step:{row + 1} loss:0.7" if row == 5 else "")),
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "long_line": (
        lines(lambda row: "x" * 2_000_000 if row == 7 else f"step:{row} loss:{loss(row):.4f}"),
        "loss <= 0.5",
        (10, "steps", None, None),
    ),
    "resumed_with_a_new_timer": (
        lines(lambda row: f"step:{row} loss:{loss(row):.4f} train_time:{row * 60000}ms", range(1, 9))
        + lines(lambda row: f"step:{row} loss:{loss(row):.4f} train_time:{(row - 4) * 60000}ms", range(5, 21)),
        "loss <= 0.5",
        (10, "steps", 10.0, None),
    ),
    "valid_lines": (
        lines(lambda row: f"train | step {row} | loss 0.1\nvalid | step {row} | loss {loss(row):.4f}"),
        "valid/loss <= 0.5",
        (10, "steps", None, None),
    ),
    "evaluated_between": (
        lines(lambda row: f"step {row}: loss 0.1, lr 0.3\n * Acc@1 {row * 5}.0 Acc@5 99.0"),
        "Acc@1 >= 50",
        (10, "steps", None, None),
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_as_it_stands(kind: str, tmp_path: Path) -> None:
    text, threshold, right = KINDS[kind]
    log = tmp_path / "train.log"
    log.write_bytes(text.encode())
    assert answer(result_of(log, threshold)) == right
    # The same after what is no log: a program's source, and a table.
    before = Path(__file__).read_text() + "+----+\n| NVIDIA-SMI 550.54 | 0MiB / 81559MiB |\n+----+\n"
    log.write_bytes(before.encode() + text.encode())
    assert answer(result_of(log, threshold)) == right


NO_LOGS = {
    "a program": "import torch\nfor step in range(10):\n    loss = 0.5\n" * 9,
    "literals": 'ROWS = [\n{"step": 1, "loss": 0.5},\n{"step": 2, "loss": 0.4},\n{"step": 3, "loss": 0.3},\n]\n',
    "comments": "# step 1: loss 0.5\n# step 2: loss 0.4\n# step 3: loss 0.3\n",
    "instructions": "Step 1: Install Python 3.8\nStep 2: Install Torch 2.0\nStep 3: Run 5 epochs\n",
    "settings": "- epoch: 10, lr: 0.1\n- epoch: 20, lr: 0.01\n- epoch: 30, lr: 0.001\n",
    "ping": "".join(f"64 bytes from 10.0.0.1: icmp_seq={row} ttl=56 time=11.{row} ms\n" for row in ROWS),
    "docker": "Step 1/3 : FROM python:3.8\nStep 2/3 : RUN make 5\nStep 3/3 : CMD run 7\n",
    "a numbered list": "".join(f"{row}: score={row % 7}, loss: {(row * 7) % 5}\n" for row in (3, 1, 4, 1, 5, 9, 2, 6)),
    "interfaces": "".join(f"{row}: eth{row}: mtu 1500 qdisc 0 qlen {row}\n" for row in ROWS),
    "what was compiled": "".join(f"[{row}/20] Building CXX object {row}.o took {row}s\n" for row in ROWS),
    "two lines": "step:1 loss:0.5\nstep:2 loss:0.4\n",
    "a counter alone": "".join(f"step {row} done\n" for row in ROWS),
    "keras": "".join(f"Epoch {row}/20\n{row}/20 [====>...] - ETA: 1s - loss: 0.5 - accuracy: 0.9\n" for row in ROWS),
    "a console's table": "".join(f"| step | {row} |\n| reward | 0.5 |\n| loss | 0.5 |\n" for row in ROWS),
}


@pytest.mark.parametrize("what", NO_LOGS)
def test_other_text_is_no_log(what: str, tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(NO_LOGS[what])
    with pytest.raises(HistoryError, match="none of the known formats"):
        skipped_of(log)


@pytest.mark.parametrize("name", ["train.py", "notes.md", "log.yaml"])
def test_what_a_suffix_says_to_be_something_else_is_no_log(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(lines(lambda row: f"step {row} loss {loss(row)}"))
    (tmp_path / "run.log").write_text(lines(lambda row: f"step {row} loss {loss(row)}"))
    (log,) = logs_of(tmp_path)
    assert log.files == (str(tmp_path / "run.log"),)


def test_what_is_read_is_said_in_one_line(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(lines(lambda row: f"step:{row}/20 loss:{loss(row)} train_time:{row}ms"))
    (note,) = one(log).notes
    assert (
        note == "text: lines like 'step:1/20 loss:0.95 train_time:1ms' are read, for 'step', 'loss', 'train_time' (ms)"
    )


def test_a_timer_that_is_set_back_after_its_first_steps_counts_from_there(tmp_path: Path) -> None:
    """As in modded-nanoGPT, whose first ten steps compile: the log's training time leaves them out."""
    log = tmp_path / "train.txt"
    log.write_text(
        lines(lambda row: f"step:{row}/20 val_loss:{loss(row)} train_time:{90 + row}000ms step_avg:nanms", range(1, 6))
        + lines(
            lambda row: f"step:{row}/20 val_loss:{loss(row)} train_time:{row - 5}000ms step_avg:1.00ms", range(6, 21)
        )
    )
    assert answer(result_of(log, "val_loss <= 0.5")) == (10, "steps", round(5 / 60, 6), None)


def test_the_average_of_iterations_is_added_up_over_those_since_the_line_before(tmp_path: Path) -> None:
    """100 iterations of 2 s, 100 of 3 s; then the run goes on from iteration 100 in another process: 100 of 4 s."""
    line = " iteration {:8}/ 1000 | elapsed time per iteration (s): {:.1f} | lm loss: {:.3E} |\n"
    log = tmp_path / "train.log"
    log.write_text(
        line.format(100, 2.0, 3.0)
        + line.format(200, 3.0, 2.0)
        + line.format(200, 4.0, 2.0)
        + line.format(300, 4.0, 1.0)
    )
    # The line of iteration 200 again adds nothing: of it nobody knows where that process began.
    result = result_of(log, "lm loss <= 1")
    assert answer(result) == (300, "steps", 900 / 60, None)


def test_a_metric_that_stands_far_behind_is_found(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    filler = lines(lambda row: f"step {row} loss 0.9 gnorm 1.0", range(1, 200_000))
    log.write_text(filler + "step 200000 test_accuracy 0.93\n" + filler.replace("step ", "step 3"))
    assert len(filler) > 2**22
    assert answer(result_of(log, "test_accuracy >= 0.9")) == (200_000, "steps", None, None)


def test_chunks_join(tmp_path: Path) -> None:
    """What is carried from one to the next: times without a date, added times, equal lines, counts."""
    log = tmp_path / "train.log"
    pad = "x" * 200
    rows = CHUNK_BYTES // 100

    def line(row: int) -> str:
        hour, second = divmod(23 * 3600 + min(row, 7200), 3600)
        return f"{hour % 24:02}:{second // 60:02}:{second % 60:02} step {row} loss {1 / row:.9f} {pad}"

    log.write_text(lines(line, range(1, rows)))
    result = result_of(log, f"loss <= {1 / 7000:.9f}")
    assert answer(result) == (7000, "steps", round(6999 / 60, 6), "lower")


def test_a_last_line_that_is_cut_short_is_not_read(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(lines(lambda row: f"step:{row} loss:{loss(row):.4f}", range(1, 10)) + "step:10 loss:0.")
    assert answer(result_of(log, "loss <= 0.5")) is None
    log.write_text(lines(lambda row: f"step:{row} loss:{loss(row):.4f}", range(1, 10)) + "step:10 loss:0.5000")
    assert answer(result_of(log, "loss <= 0.5")) == (10, "steps", None, None)


PATTERN = r"upd (?P<step>\d+) :: L=(?P<L>\S+)"
ODD = lines(lambda row: f"[t+{row * 60}.0] upd {row} :: L={loss(row):.4f}")


def test_patterns_read_what_nothing_else_does(tmp_path: Path) -> None:
    log = tmp_path / "odd.out"
    log.write_text("noise\n" + ODD + "final accuracy=93%\n")
    assert answer(result_of(log, "L <= 0.5", pattern=PATTERN)) == (10, "steps", None, None)
    timed = r"t\+(?P<elapsed>[\d.]+)\] " + PATTERN
    several = [timed, r"accuracy=(?P<accuracy>\S+)"]
    assert answer(result_of(log, "L <= 0.5", pattern=several)) == (10, "steps", 10.0, None)
    assert answer(result_of(log, "accuracy >= 93", pattern=several)) == (20, "steps", 20.0, "upper")
    counted = timed.replace("step", "samples")
    assert answer(result_of(log, "L <= 0.5", pattern=counted)) == (10, "samples", 10.0, None)


def test_patterns_alone_say_what_a_file_tells(tmp_path: Path) -> None:
    log = tmp_path / "train.csv"
    log.write_text("step,loss\n" + lines(lambda row: f"{row},{loss(row)}"))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert answer(result_of(log, "l <= 0.5", pattern=r"^(?P<step>\d+),(?P<l>.+)$")) == (10, "steps", None, None)
    assert len(replay(tmp_path, thresholds=["l <= 0.5"], pattern=r"^(?P<step>\d+),(?P<l>0.+)$")) == 1


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"upd (?P<step>\d+", "no regular expression"),
        (r"upd (?=x)(?P<L>\d+)", "look-around"),
        (r"upd (\d+)", "no named group"),
        (r"upd (?P<step>\d+)", "no metric among the groups"),
        ("(?P<L>x)" * 1000, "2000 at most"),
    ],
)
def test_a_wrong_pattern_is_refused(pattern: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "odd.out").write_text(ODD)
    with pytest.raises(ConfigError, match=said):
        replay(tmp_path / "odd.out", thresholds=["L <= 0.5"], pattern=pattern)
    with pytest.raises(ConfigError, match="--pattern"):
        replay(tmp_path / "odd.out", thresholds=["L <= 0.5"], pattern=PATTERN, format="csv")


def test_a_pattern_that_matches_nothing_shows_the_nearest_lines(tmp_path: Path) -> None:
    (tmp_path / "odd.out").write_text("hello 1 world\n" + ODD)
    with pytest.raises(HistoryError, match=r"matches no line of it; nearest: '\[t\+[\d.]+\] upd \d+ :: L="):
        replay(tmp_path / "odd.out", thresholds=["L <= 0.5"], pattern=r"update (?P<step>\d+) :: L=(?P<L>\S+)")


def test_only_what_is_wanted_is_read(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(lines(lambda row: f"step {row} loss {loss(row)} acc {row} lr 0.1"))
    (rows,) = one(log, wanted=Wanted(metrics=frozenset({"acc"}))).rows()
    assert rows.metrics.columns == ["acc"]
