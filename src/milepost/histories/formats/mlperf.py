"""MLPerf training: logs of ``:::MLLOG`` lines, and of those of releases 0.6 (``:::MLL``) and 0.5 (``:::MLPv0.5``).

https://github.com/mlcommons/logging: ``mlperf_logging/mllog`` writes the lines, the rules of
``mlperf_logging/compliance_checker`` say what must be in them. Time to train is that from ``run_start`` to
``run_stop``; a metric's time here is that from ``run_start`` to its line. What is evaluated after ``run_stop``, as
Stable Diffusion on its checkpoints, has the time at which that was trained, or an upper bound (`mlperf_times`); its
wall time is that of the line.

Metrics bear the keys of their lines: ``eval_accuracy``, followed by the metric that the metadata names
(``eval_accuracy/FID``), or by the name within a value that has several (``eval_accuracy/BBOX``,
``tracked_stats/throughput``). A line that several ranks print counts once, where the first of them printed it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec
import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.files import opened, stem
from milepost.histories.decoding.json_rows import number
from milepost.histories.decoding.mlperf_lines import MLPerfLine, lines_of
from milepost.histories.decoding.mlperf_samples import Counting, counting
from milepost.histories.decoding.mlperf_times import Trained, TrainedTimes
from milepost.histories.history import Boundary, History, Rows, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.flags import passed_over, refuse_others
from milepost.log import logger

MARKS = (b":::MLLOG", b":::MLL ", b":::MLPv0.5", b":::SYSJSON")
OUTPUT = re.compile(r"^result|\.(txt|log|out|stdout)(\.|-|$)", re.IGNORECASE)
"""How logs of training may be called, in which other output may come before MLPerf's lines."""

MAX_OUTPUT_BYTES = 2**22
"""So much output is looked through for the first of MLPerf's lines."""

SETTINGS = re.compile(
    r"^(submission_|opt_|.*_opt_|seed$|train_samples$|eval_samples$|trained_samples$|samples_per_epoch$|.*batch_size$"
    r"|gradient_accumulation_steps$|max_sequence_length$|sequence_length$|.*_start$|.*_stop$|status$|cache_clear$"
    r"|weights_initialization$|init_checkpoint_step$)"
)
"""Keys whose values are no metrics."""

GROUPED_BY = ("submission_org", "submission_platform", "submission_benchmark")
"""What the runs of a submission's result have in common."""

POSITIONS = ("samples_count", "epoch_num", "step", "step_num", "iteration")
SAME_LINE_MS = 1000
"""A line without a position that is repeated within this time comes from another rank."""


class Observation(NamedTuple):
    """What a line has to say of metrics.

    Attributes:
        time_ms: When it was written.
        metrics: Values by metric.
        metadata: Where in training.
        trained: When that was trained which it tells of.
    """

    time_ms: float
    metrics: dict[str, float]
    metadata: dict[str, Any]
    trained: Trained


class MLPerfReader(Reader):
    """Reads MLPerf training logs."""

    name: ClassVar[str] = "mlperf"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file has lines of MLPerf's."""
        if _has_mark(file.head):
            return stem(file.name)
        if b"\0" in file.head or not OUTPUT.search(file.name):
            return None
        with opened(file.path) as output:
            return stem(file.name) if _has_mark(output.read(MAX_OUTPUT_BYTES)) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file; of a file with several runs, each under its number.

        Raises:
            HistoryError: It has no line that is whole.
        """
        for file in files:
            lines: list[MLPerfLine] = []
            fault: HistoryError | None = None
            try:
                lines.extend(lines_of(file))
            except HistoryError as error:
                fault = error
            if not lines:
                raise fault or HistoryError(f"{file}: found no whole line of MLPerf's, expected ':::MLLOG {{…}}'")
            runs = _split(lines)
            for index, of_run in enumerate(runs, 1):
                yield _history(of_run, run if len(runs) == 1 else f"{run}/{index}", file, wanted, fault)


def _has_mark(data: bytes) -> bool:
    return any(mark in data for mark in MARKS)


def _split(lines: Sequence[MLPerfLine]) -> list[list[MLPerfLine]]:
    """Return the lines of each run of a file: a run that starts after another one stopped is another one.

    By their times: ranks print theirs in any order, some after all of another's.
    """
    stops = sorted(line.time_ms for line in lines if line.key == "run_stop" and line.time_ms)
    ends: list[float] = []
    for start in sorted(line.time_ms for line in lines if line.key == "run_start" and line.time_ms):
        before = [stop for stop in stops if stop <= start]
        if before and len([end for end in ends if end <= start]) < len(before) and before[-1] not in ends:
            ends.append(before[-1])
    if not ends:
        return [list(lines)]
    runs: list[list[MLPerfLine]] = [[] for _ in range(len(ends) + 1)]
    for line in lines:
        which = range(len(runs)) if not line.time_ms else [sum(line.time_ms > end for end in ends)]
        for index in which:
            runs[index].append(line)
    return [of_run for of_run in runs if any(line.key == "run_start" for line in of_run)]


def _history(lines: list[MLPerfLine], run: str, file: str, wanted: Wanted, fault: HistoryError | None) -> History:
    """Return the run that lines tell of; where their file is broken, that is said after them."""
    starts = [line.time_ms for line in lines if line.key == "run_start" and line.time_ms]
    stops = [line for line in lines if line.key == "run_stop" and line.time_ms]
    start = min(starts, default=None)
    config = _config(lines)
    if stops and isinstance(status := stops[0].metadata.get("status"), str):
        config["status"] = status
    trained = TrainedTimes(lines, start, number(config.get("global_batch_size")))
    observations = _observations(lines, start, trained)
    if not observations and start is not None:  # it ran, and evaluated nothing
        last = stops[0].time_ms if stops else max(line.time_ms for line in lines)
        told = [count for line in lines if (count := number(line.metadata.get("samples_count"))) is not None]
        observations = [Observation(last, {}, {"samples_count": max(told, default=0)}, Trained(last))]
    boundaries = _boundaries([each.time_ms for each in observations], starts)
    counts = counting(lines, [each.metadata for each in observations if "epoch_num" in each.metadata], config)
    source = None if counts.why_not else counts.source
    refuse_others(file, wanted, samples=source, time="time_ms")
    text = [line.key for line in lines if isinstance(line.value, str) and _is_metric(line)]
    names = tuple(dict.fromkeys([*(name for each in observations for name in each.metrics), *text]))
    if start is None:
        logger("histories").warning("%s: has no run_start, from which minutes are counted", file)
    seeds = {seed for line in lines if line.key == "seed" and (seed := _whole(line.value)) is not None}
    nodes = _whole(config.get("number_of_nodes"))
    owner = [str(config[key]) for key in GROUPED_BY if config.get(key)]
    return History(
        run=run,
        rows=lambda: _until(fault, _rows(observations, counts, start, wanted, boundaries)),
        metrics=names,
        group="/".join(owner) or None,
        seed=next(iter(seeds)) if len(seeds) == 1 else None,
        config=config,
        started_at=None if start is None else start / 1000,
        run_seconds=(stops[0].time_ms - start) / 1000 if stops and start is not None else None,
        num_nodes=nodes if nodes is not None and nodes >= 1 else None,
        untimed_because="no line says run_start" if start is None else None,
        samples_unit=None if counts.why_not else "samples",
        samples_source=source,
        uncounted_because=counts.why_not,
        notes=(*counts.notes, *_late(observations), *passed_over(wanted, source)),
    )


def _late(observations: Sequence[Observation]) -> Iterator[str]:
    """Say what was evaluated after training, and how its time is known."""
    late = [each.trained for each in observations if each.trained.time_ms < each.time_ms]
    if late:
        exact = sum(not each.at_most for each in late)
        times = ["the time at which they were trained"] if exact else []
        times += ["the latest at which they can have been trained"] if exact < len(late) else []
        how_many = f" ({exact} and {len(late) - exact})" if 0 < exact < len(late) else ""
        yield f"{len(late)} values were told after run_stop: they have {' or '.join(times)}{how_many}"


def _until(fault: HistoryError | None, rows: Rows) -> Iterator[Rows]:
    yield rows
    if fault is not None:
        raise fault


def _whole(value: object) -> int | None:
    """Return a whole number; None for anything else."""
    told = number(value)
    return int(told) if told is not None and abs(told) < 2**63 and told.is_integer() else None


def _config(lines: Sequence[MLPerfLine]) -> dict[str, Any]:
    """Return what the lines say of settings: what each key said first, except for metrics."""
    config: dict[str, Any] = {}
    for line in lines:
        if isinstance(line.value, (str, int, float, bool)) and not _is_metric(line):
            config.setdefault(line.key, line.value)
    return {key: value for key, value in config.items() if not key.endswith(("_start", "_stop"))}


def _is_metric(line: MLPerfLine) -> bool:
    """Say whether a line has values of metrics: an evaluation, or anything that is logged at a position."""
    if SETTINGS.match(line.key):
        return False
    if line.interval:
        return line.key == "eval_accuracy"
    return line.key.startswith("eval_") or any(position in line.metadata for position in POSITIONS)


def _observations(lines: Sequence[MLPerfLine], start: float | None, trained: TrainedTimes) -> list[Observation]:
    """Return what was observed since the run started, in the order of time, each once in a process."""
    found: list[Observation] = []
    seen: dict[tuple[object, ...], float] = {}
    starts = sorted(line.time_ms for line in lines if line.key == "run_start" and line.time_ms)
    for line in sorted((line for line in lines if _is_metric(line)), key=lambda line: line.time_ms):
        if not line.time_ms or (start is not None and line.time_ms < start):
            continue
        while starts and starts[0] <= line.time_ms:
            if found and starts[0] > found[-1].time_ms:  # another process, which may come to the same once more
                seen.clear()
            del starts[0]
        metrics = dict(_values(line))
        place = tuple(str(line.metadata.get(position)) for position in POSITIONS)
        told = any(position in line.metadata for position in POSITIONS)
        same = (tuple(metrics.items()), place)
        repeated = same in seen and (told or line.time_ms - seen[same] <= SAME_LINE_MS)
        seen[same] = line.time_ms
        if metrics and not repeated:
            found.append(Observation(line.time_ms, metrics, line.metadata, trained.of(line.time_ms, line.metadata)))
    return found


def _values(line: MLPerfLine) -> Iterator[tuple[str, float]]:
    """Yield a line's values by metric."""
    metric = line.metadata.get("metric")
    key = f"{line.key}/{metric}" if isinstance(metric, str) and metric else line.key
    parts: Any = {"": line.value}
    if isinstance(line.value, dict):
        parts = {f"/{name}": value for name, value in line.value.items()}
    elif isinstance(line.value, list):
        parts = {f"/{index}": value for index, value in enumerate(line.value)}
    for name, part in parts.items():
        if (value := number(part)) is not None:
            yield f"{key}{name}", value


def _boundaries(times: Sequence[float], starts: Sequence[float]) -> tuple[Boundary, ...]:
    """Return where other processes go on: a ``run_start`` after something was observed, without a ``run_stop``.

    Ranks say it too, each for itself: of several without an observation between them, the first counts.
    """
    found: dict[int, float] = {}
    for start in sorted(starts):
        row = sum(at < start for at in times)
        if 0 < row < len(times):
            found.setdefault(row, start / 1000)
    return tuple(Boundary(row, start) for row, start in found.items())


def _rows(
    observations: Sequence[Observation],
    counts: Counting,
    start: float | None,
    wanted: Wanted,
    boundaries: tuple[Boundary, ...],
) -> Rows:
    """Return the observations as rows. One that tells no samples takes over the last ones."""
    names = dict.fromkeys(name for each in observations for name in each.metrics if wanted.wants(name))
    samples: list[int | None] = []
    for each in observations:
        told = counts.samples(each.metadata)
        samples.append(samples[-1] if told is None and samples else told)
    rows = Rows.of(
        {name: [each.metrics.get(name) for each in observations] for name in names},
        samples=None if counts.why_not else samples,
        # Of several processes, the time between them is not that since the first start.
        elapsed_seconds=None
        if start is None or boundaries
        else [(each.trained.time_ms - start) / 1000 for each in observations],
        wall_time=None if start is None else [each.time_ms / 1000 for each in observations],
    )
    rows = msgspec.structs.replace(rows, boundaries=boundaries)
    bounds = [each.trained.at_most for each in observations]
    return msgspec.structs.replace(rows, at_most=polars.Series("at_most", bounds)) if any(bounds) else rows
