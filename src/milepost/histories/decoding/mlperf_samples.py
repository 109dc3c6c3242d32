"""How many samples an MLPerf run had trained on, from the positions that its lines tell.

The rules ask of an evaluation for ``samples_count`` or ``epoch_num`` (``training_5.0.0/common.yaml``). The first counts
samples. The second counts epochs, of ``train_samples`` or ``samples_per_epoch`` samples each, or fractions of them; but

- of BERT it counts examples, and of GPT-3 tokens (the reference convergence points of ``rcp_checker`` are in these);
- of 3D U-Net it counts epochs until release 3.0 and samples in 3.1, where block lengths are multiples of an epoch's;
- Minigo's are iterations of self-play, whose number of games varies;
- some logs begin at 0 and some at 1, so that epoch 3 may be the third or the fourth, and some of DLRM, which trains for
  less than one epoch, at 1.05; or they begin at 1 and are told in fractions, so that 1.05 is a twentieth.

Where a log leaves open which it is, there are no samples, and a reason. How many an epoch has, and when its
``train_samples`` says something else, `mlperf_data_sets` tells.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from milepost.histories.decoding.json_rows import number
from milepost.histories.decoding.mlperf_data_sets import SIZES, is_size, per_epoch as data_set_of
from milepost.histories.decoding.mlperf_lines import MLPerfLine

BY_SAMPLE = frozenset({"bert", "gpt3", "llama31_405b", "llama31_8b", "llama2_70b_lora", "stable_diffusion", "flux1"})
"""Benchmarks whose ``epoch_num`` counts examples or tokens."""

BY_GAME = frozenset({"minigo"})

STARTS = frozenset({"epoch_start", "block_start"})
STOPS = frozenset({"epoch_stop", "block_stop"})

SOON = 0.1
"""Part of an epoch within which an evaluation is of the one before."""

MOST_EPOCHS = 10_000
"""No benchmark trains for more: a larger number is no number of epochs."""


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """How samples are counted.

    Attributes:
        samples_per_epoch: By what an epoch's number is to be multiplied.
        more_epochs: What is to be added to the number of an epoch to get those that were done: 1 where the first is
            numbered 0 and the one that is told is done too, -1 where fractions count from 1.
        source: What tells the count.
        why_not: Why there are no samples.
        notes: What is to be said of it.
    """

    samples_per_epoch: float | None = None
    more_epochs: int = 0
    source: str | None = "epoch_num"
    why_not: str | None = None
    notes: tuple[str, ...] = ()

    def samples(self, metadata: Mapping[str, Any]) -> int | None:
        """Return how many samples a line's position stands for, rounded to a whole one; None where it has none."""
        told = number(metadata.get("samples_count"))
        if told is None and self.samples_per_epoch is not None:
            epoch = number(metadata.get("epoch_num"))
            told = None if epoch is None else (epoch + self.more_epochs) * self.samples_per_epoch
        return round(told) if told is not None and 0 <= told < 2**63 else None


def counting(
    lines: Sequence[MLPerfLine], positions: Sequence[Mapping[str, Any]], config: Mapping[str, Any]
) -> Counting:
    """Return how the samples of a run are counted.

    Args:
        lines: All its lines.
        positions: The metadata of those with metrics that tell ``epoch_num``.
        config: Its settings.
    """
    if any("samples_count" in line.metadata for line in lines):
        return Counting(source="samples_count")
    epochs = [epoch for each in positions if (epoch := number(each.get("epoch_num"))) is not None]
    if not epochs:
        return Counting(why_not="no evaluation tells samples_count or epoch_num")
    benchmark = str(config.get("submission_benchmark", "")).lower()
    if benchmark in BY_GAME:
        return Counting(why_not=f"epoch_num of {benchmark} counts rounds of self-play, whose games vary in number")
    batch = number(config.get("global_batch_size"))
    if benchmark in BY_SAMPLE:
        if all(epoch == 0 or epoch >= (batch or 1.0) for epoch in epochs):
            return Counting(samples_per_epoch=1.0)
        return Counting(
            why_not=f"epoch_num of {benchmark} counts samples by the rules, and {min(epochs):g} is less than a batch"
        )
    per_epoch = number(config.get("samples_per_epoch")) or number(config.get("train_samples"))
    if per_epoch is None or per_epoch <= 0:
        return Counting(why_not="the log tells epoch_num and neither train_samples nor samples_per_epoch")
    if _counts_samples(lines, epochs, per_epoch):
        return Counting(samples_per_epoch=1.0)
    if max(epochs) > MOST_EPOCHS:
        return Counting(why_not=f"an epoch_num of {max(epochs):g} can't be told for epochs or for samples")
    first = min((each for line in lines if line.key in STARTS and (each := _epoch_of(line)) is not None), default=0.0)
    if first > 1 and not first.is_integer():
        return Counting(why_not=f"its first epoch is {first:g}, and how much of that was done before can't be told")
    more_epochs = _more_epochs(lines, epochs, first)
    if more_epochs is None:
        return Counting(why_not="its epochs begin at 0, and whether the one that epoch_num tells is done can't be told")
    done = max(epochs) + more_epochs
    if benchmark in SIZES and not is_size(benchmark, per_epoch) and done > 0 and _is_told_at_the_end(lines):
        # DLRM stops within its first epoch: what it trained on in all is told when it is over.
        note = f"its train_samples of {per_epoch:,.0f} is what was trained in all, and not the size of the data set"
        return Counting(samples_per_epoch=per_epoch / done, more_epochs=more_epochs, notes=(note,))
    size = data_set_of(benchmark, per_epoch, batch)
    return Counting(
        samples_per_epoch=size.samples, more_epochs=more_epochs, notes=() if size.note is None else (size.note,)
    )


def _counts_samples(lines: Sequence[MLPerfLine], epochs: Sequence[float], per_epoch: float) -> bool:
    """Say whether all that the log calls epochs are multiples of an epoch's samples."""
    told = [number(line.metadata.get(name)) for line in lines for name in ("first_epoch_num", "epoch_count")]
    counts = [*epochs, *(count for count in told if count is not None)]
    return per_epoch > 1 and any(counts) and all(count % per_epoch == 0 for count in counts)


def _is_told_at_the_end(lines: Sequence[MLPerfLine]) -> bool:
    """Say whether ``train_samples`` is told when the run is over, and not before."""
    stop = min((line.time_ms for line in lines if line.key == "run_stop" and line.time_ms), default=math.inf)
    told = [line.time_ms for line in lines if line.key == "train_samples"]
    return bool(told) and min(told) >= stop


def _more_epochs(lines: Sequence[MLPerfLine], epochs: Sequence[float], first: float) -> int | None:
    """Return what is to be added to an evaluation's epoch to get those that were done; None where nothing tells."""
    started: dict[int, float] = {}
    stopped: dict[int, float] = {}
    for line in lines:
        which = started if line.key in STARTS else stopped
        if line.key in STARTS or line.key in STOPS:
            for each in _epochs_of(line):
                which[each] = min(line.time_ms, which.get(each, line.time_ms))
    evaluated = [
        (epoch, line.time_ms)
        for line in lines
        if line.key.startswith("eval_")
        and line.key not in ("eval_start", "eval_stop", "eval_samples")
        and (epoch := number(line.metadata.get("epoch_num"))) is not None
    ]
    if not all(epoch.is_integer() for epoch in epochs):
        within = (
            started.get(int(epoch), math.inf) <= time_ms <= started.get(int(epoch) + 1, math.inf)
            for epoch, time_ms in evaluated
        )
        return -1 if first == 1 and min(epochs) > 1 and all(within) else 0
    if min(started, default=1) != 0:
        return 0
    done = {stopped.get(int(epoch), math.inf) <= time_ms for epoch, time_ms in evaluated}
    begun = {started.get(int(epoch), math.inf) < time_ms for epoch, time_ms in evaluated}
    if begun == {False}:  # also where marks of the end count from 1 and those of the start from 0
        return 0
    if done == {True}:
        return 1
    late = (_is_of_the_epoch_before(int(epoch), time_ms, started, stopped) for epoch, time_ms in evaluated)
    return 0 if done == {False} and all(late) else None


def _is_of_the_epoch_before(
    epoch: int, time_ms: float, started: Mapping[int, float], stopped: Mapping[int, float]
) -> bool:
    """Say whether an evaluation is written that soon after its epoch began that it tells of the one before.

    RetinaNet's is made beside the start of the next epoch.
    """
    before = epoch - 1
    if epoch not in started or before not in started or not started[before] < stopped.get(before, math.inf) <= time_ms:
        return False
    return time_ms - started[epoch] <= SOON * (stopped[before] - started[before])


def _epoch_of(line: MLPerfLine) -> float | None:
    """Return the epoch that a mark is about, or begins with."""
    return number(line.metadata.get("epoch_num", line.metadata.get("first_epoch_num")))


def _epochs_of(line: MLPerfLine) -> range:
    """Return the whole epochs that a mark is about."""
    first = _epoch_of(line)
    if first is None or not first.is_integer() or not 0 <= first <= MOST_EPOCHS:
        return range(0)
    count = number(line.metadata.get("epoch_count", 1)) or 1.0
    return range(int(first), int(first) + int(min(max(count, 1.0), MOST_EPOCHS)))
