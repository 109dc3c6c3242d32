"""Replays logs in several processes; what one of them took down with it is tried once more."""

import logging
import os
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context

from milepost.log import logger
from milepost.replay.work import Done, Job, Outcome, Task, Worker, lost, received, work

AHEAD = 4
"""So many tasks wait for each worker: enough that none is idle, few enough that results take little memory."""


def outcomes_of_processes(job: Job, tasks: Iterator[Task], workers: int) -> Iterator[Outcome]:
    """Yield what comes of each run of the tasks' logs, in their order.

    Args:
        job: What is to be done with each log.
        tasks: The logs.
        workers: How many processes there are to be.
    """
    waiting = deque[tuple[Task, Future[Done]]]()
    others = set(active_children())
    pool = _pool(job, workers)
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
                pool, done = _again(job, workers, pool, waiting)
            waiting.popleft()
            yield from received(done)
    finally:
        pool.shutdown(wait=not waiting, cancel_futures=True)
        if waiting:  # cut short: nobody waits for what is under way
            for process in set(active_children()) - others:
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
    job: Job, workers: int, pool: ProcessPoolExecutor, waiting: deque[tuple[Task, Future[Done]]]
) -> tuple[ProcessPoolExecutor, Done]:
    """Go on after a process was lost: all that was under way is lost with it, and which task did it is not told.

    The first of them is tried alone. If that takes its process down again, it is left out; the rest is begun anew.
    """
    pool.shutdown(wait=False, cancel_futures=True)
    first, _ = waiting[0]
    logger("replay").warning("a process of the replay was lost; what it was at is tried once more")
    alone = _pool(job, 1)
    try:
        done = alone.submit(_work, first).result()
    except BrokenProcessPool:
        done = lost(first)
    finally:
        alone.shutdown(wait=False, cancel_futures=True)
    pool = _pool(job, workers)
    for at, (task, future) in enumerate(waiting):
        if at and (not future.done() or future.cancelled() or future.exception() is not None):
            waiting[at] = task, _submitted(pool, task)
    return pool, done


def _pool(job: Job, workers: int) -> ProcessPoolExecutor:
    # Forked, a process would inherit locks of Polars' threads that nobody there lets go of.
    return ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(job, workers, logging.getLogger("milepost").getEffectiveLevel()),
    )


_worker: Worker | None = None


def _begin(job: Job, workers: int, level: int) -> None:
    """Begin a worker's process: its own threads are few, and Ctrl-C is its parent's."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["POLARS_MAX_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    logging.getLogger("milepost").setLevel(level)
    _worker = Worker(job)


def _work(task: Task) -> Done:
    assert _worker is not None
    return work(_worker, task)
