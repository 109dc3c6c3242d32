"""Replays logs in several processes; what one of them took down with it is tried once more."""

import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from milepost.errors import ConfigError
from milepost.log import logger
from milepost.replaying.workers.work import Done, Job, Outcome, Task, Worker, lost, received, work

AHEAD = 4
"""So many tasks wait for each worker: enough that none is idle, few enough that results take little memory."""


def outcomes_of_processes(job: Job, tasks: Iterator[Task], workers: int) -> Iterator[Outcome]:
    """Yield what comes of each run of the tasks' logs, in their order.

    Raises:
        ConfigError: No process could be started.
    """
    waiting = deque[tuple[Task, Future[Done]]]()
    started = _Started()
    pool = _pool(job, workers, started)
    try:
        while True:
            while len(waiting) < AHEAD * workers and (task := next(tasks, None)) is not None:
                waiting.append((task, _submitted(pool, task)))
            if not waiting:
                break
            task, future = waiting[0]
            try:
                done = future.result()
            except BrokenProcessPool:
                pool, done = _again(job, workers, pool, waiting, started)
            waiting.popleft()
            yield from received(done)
    finally:
        pool.shutdown(wait=not waiting, cancel_futures=True)
        if waiting:  # cut short: nobody waits for what is under way
            for process in started.processes:
                if process.is_alive():
                    process.terminate()


def _submitted(pool: ProcessPoolExecutor, task: Task) -> "Future[Done]":
    """Hand a task to a pool; where that has lost a process meanwhile, the future says so."""
    try:
        return pool.submit(_work, task)
    except BrokenProcessPool as error:
        future = Future[Done]()
        future.set_exception(error)
        return future


def _again(
    job: Job, workers: int, pool: ProcessPoolExecutor, waiting: deque[tuple[Task, Future[Done]]], started: "_Started"
) -> tuple[ProcessPoolExecutor, Done]:
    """Go on after a process was lost: all that was under way is lost with it, and which task did it is not told.

    The first of them is tried alone. If that takes its process down again, it is left out; the rest is begun anew.
    """
    pool.shutdown(wait=False, cancel_futures=True)
    first, _ = waiting[0]
    logger("replay").warning("a process of the replay was lost; what it was at is tried once more")
    alone = _pool(job, 1, started)
    ready = alone.submit(_is_ready)
    try:
        done = alone.submit(_work, first).result()
    except BrokenProcessPool as error:
        if ready.exception() is not None:
            raise ConfigError(
                "workers: found that no process could be started, expected a program that can be imported without "
                "running (if __name__ == '__main__':), or one worker"
            ) from error
        done = lost(first)
    finally:
        alone.shutdown(wait=False, cancel_futures=True)
    pool = _pool(job, workers, started)
    for at, (task, future) in enumerate(waiting):
        if at and (not future.done() or future.cancelled() or future.exception() is not None):
            waiting[at] = task, _submitted(pool, task)
    return pool, done


class _Started(SpawnContext):
    """Starts processes, and knows which: the program may have others.

    Forked, a process would inherit locks of Polars' threads that nobody there lets go of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        process = SpawnProcess(*args, **kwargs)
        self.processes.append(process)
        return process


def _pool(job: Job, workers: int, started: _Started) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers,
        mp_context=started,
        initializer=_begin,
        initargs=(job, workers, logging.getLogger("milepost").getEffectiveLevel()),
    )


_worker: Worker | None = None


def _begin(job: Job, workers: int, level: int) -> None:
    """Begin a worker's process: its own threads are few, and Ctrl-C is its parent's."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["POLARS_MAX_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    logging.getLogger("milepost").setLevel(level)
    _worker = Worker(job)


def _end_with_parent() -> None:
    """End this process when its parent has: one that is killed tells nobody, and a worker would wait for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _is_ready() -> bool:
    return _worker is not None


def _work(task: Task) -> Done:
    assert _worker is not None
    return work(_worker, task)
