"""Where the work of a replay is done: in this process, in several, or on a Ray cluster; always in the logs' order."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

from milepost.errors import ConfigError
from milepost.histories.decoding.files import is_url
from milepost.histories.finding.log import Log
from milepost.histories.history import History
from milepost.replaying.results import Skipped
from milepost.replaying.workers.work import Job, Outcome, Task, Worker

Engine = Literal["auto", "here", "processes", "ray"]

WORTH_BYTES = 2 * 2**30
"""Where there is less to read, this process does it: others take two seconds to start, in which it reads a gigabyte."""

WORTH_READING_AHEAD = 16 * 2**20
"""From so much on, the next run is read while one is taken through."""

SPLIT_BYTES = 512 * 2**20
"""A log of many runs that is larger than this is split among workers."""

WORKER_BYTES = 512 * 2**20
"""What a worker takes at least: interpreter, libraries, and the chunk that it reads."""

ROW_BYTES = 512
"""What a row of a chunk takes while it is read: its columns as they are decoded, converted and smoothed."""

FEWEST_ROWS, MOST_ROWS = 2**14, 2**20


def rows_at_once(memory_bytes: int | None, workers: int) -> int:
    """Return how many rows of a log each worker may read at a time."""
    if memory_bytes is None:
        return MOST_ROWS
    return max(FEWEST_ROWS, min(MOST_ROWS, memory_bytes // workers // ROW_BYTES))


def worker_count(workers: int | None, memory_bytes: int | None) -> int:
    """Return how many workers there are to be: as many as cores where not told, and as memory has room for.

    Raises:
        ConfigError: There is not to be any, or to have any memory.
    """
    if memory_bytes is not None and memory_bytes < 1:
        raise ConfigError(f"memory: found {memory_bytes} bytes, expected some, such as 4 * 2**30")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers: found {workers}, expected 1 or more")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = workers or cores
    return most if memory_bytes is None else max(1, min(most, memory_bytes // WORKER_BYTES))


def outcomes(job: Job, logs: Iterable[Log], engine: Engine, workers: int) -> Iterator[Outcome]:
    """Yield what comes of each run of the logs, in their order; ``auto`` starts processes once that is worth it.

    Raises:
        ConfigError: The job's settings are wrong, or there is no such engine.
        MissingExtra: Ray is wanted and not installed.
    """
    if engine not in get_args(Engine):
        raise ConfigError(f"engine: found {engine!r}, expected one of {', '.join(get_args(Engine))}")
    worker = Worker(job)  # what is wrong with its settings is said before anything is started
    found = iter(logs)
    if engine == "ray":
        from milepost.replaying.workers.ray_cluster import outcomes_of_cluster

        yield from outcomes_of_cluster(job, _tasks(found, workers), workers)
        return
    ahead: list[Log] = []
    size, enough = 0, WORTH_BYTES if engine == "auto" and workers > 1 else WORTH_READING_AHEAD
    if engine != "processes" or workers == 1:
        for log in found:
            ahead.append(log)
            size += _size(log)
            if size >= enough:
                break
        else:
            engine = "here"
    if engine == "here" or workers == 1:
        logs = chain(ahead, found)
        if size >= WORTH_READING_AHEAD and job.final:  # else little may be read at all
            yield from _outcomes_reading_ahead(worker, logs)
            return
        for log in logs:
            yield from worker.outcomes(Task(log))
        return
    from milepost.replaying.workers.processes import outcomes_of_processes

    yield from outcomes_of_processes(job, _tasks(chain(ahead, found), workers), workers)


def _outcomes_reading_ahead(worker: Worker, logs: Iterable[Log]) -> Iterator[Outcome]:
    """Read each log's first chunk while the log before it is taken through: decoders need no lock of Python's.

    Runs of one log are read in turn: whether it has another is told by what was read of the one before.
    """
    found = iter(logs)

    def open_next() -> tuple[History | Skipped | None, Iterator[History | Skipped]] | None:
        if (log := next(found, None)) is None:
            return None
        runs = worker.opened(Task(log), with_first_chunk=True)
        return next(runs, None), runs

    with ThreadPoolExecutor(1, "milepost-replay") as reader:
        coming = reader.submit(open_next)
        while (opened := coming.result()) is not None:
            coming = reader.submit(open_next)
            each, runs = opened
            while each is not None:
                yield worker.outcome(each)
                each = next(runs, None)


def _tasks(logs: Iterable[Log], workers: int) -> Iterator[Task]:
    """Yield logs as tasks: those that are large and can be split, in parts."""
    for log in logs:
        parts = workers if log.reader.splits and _size(log) >= SPLIT_BYTES else 1
        for part in range(parts):
            yield Task(log, (part, parts) if parts > 1 else None)


def _size(log: Log) -> int:
    """Return how large a log is, as far as that can be told without asking anybody."""
    size = 0
    for file in log.files:
        if not is_url(file):
            try:
                size += Path(file).stat().st_size
            except OSError:
                continue  # who reads it says what is wrong with it
    return size
