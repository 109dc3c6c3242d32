"""Replays logs on a Ray cluster: https://docs.ray.io. Ray schedules, retries and moves results; nothing here does."""

import os
from collections import deque
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from milepost.errors import ConfigError, MilepostError, MissingExtra
from milepost.replaying.workers.work import Done, Job, Outcome, Task, Worker, lost, received, work

AHEAD = 4
"""So many tasks wait for each processor of the cluster."""

RETRIES = 2
"""How often Ray tries a task again whose worker or machine was lost."""


def outcomes_of_cluster(job: Job, tasks: Iterator[Task], workers: int) -> Iterator[Outcome]:
    """Yield what comes of each run of the tasks' logs, in their order, as they come.

    The cluster is that of ``RAY_ADDRESS``, or one that the program has joined already; else one is started on this
    machine, and stopped at the end. Its machines need Milepost, and the logs where they are said to be: paths count
    from the same folder there. A cluster of this machine has as many processes as ``workers``.

    Raises:
        MissingExtra: Ray is not installed, or what reads a log is not, there.
        ConfigError: The cluster can't be reached.
    """
    if find_spec("ray") is None:
        raise MissingExtra("ray", "fleet", "--engine ray")
    import ray

    joined_here = not ray.is_initialized()
    if joined_here:
        _join(ray, workers)
    try:
        yield from _outcomes(ray, job, tasks)
    finally:
        if joined_here:
            ray.shutdown()


def _join(ray: Any, workers: int) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS")
    of_this_machine = {"num_cpus": workers, "include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="WARNING", **of_this_machine)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(f"RAY_ADDRESS: found {address!r}, expected a Ray cluster that answers: {error}") from error


def _outcomes(ray: Any, job: Job, tasks: Iterator[Task]) -> Iterator[Outcome]:
    do = ray.remote(max_retries=RETRIES)(_do)
    held, folder = ray.put(job), os.getcwd()
    waiting = deque[tuple[Task, Any]]()
    while True:
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while len(waiting) < most and (task := next(tasks, None)) is not None:
            waiting.append((task, do.remote(held, folder, task)))
        if not waiting:
            return
        task, reference = waiting.popleft()
        try:
            done = ray.get(reference)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError):
            done = lost(task)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, MilepostError):
                raise error.cause from None  # without the worker's trace in its message
            raise
        yield from received(done)


def _do(job: Job, folder: str, task: Task) -> Done:
    if os.path.isdir(folder):  # where paths count from; a cluster's workers stand elsewhere
        os.chdir(folder)
    return work(_worker_of(job), task)


_known: tuple[Job, Worker] | None = None


def _worker_of(job: Job) -> Worker:
    """Return this process's worker for a job: it keeps what it has found out about prices."""
    global _known
    if _known is None or _known[0] != job:
        _known = job, Worker(job)
    return _known[1]
