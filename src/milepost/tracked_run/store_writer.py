"""Keeps a run in its store, on a thread of its own."""

import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from milepost.errors import MilepostError
from milepost.log import logger
from milepost.runs.record import Process, RunEvent, RunRecord
from milepost.tracked_run.process import is_alive
from milepost.tracked_run.succession import latest_of_job

if TYPE_CHECKING:
    from milepost.store.store import Store

MOST_EVENTS = 10_000
"""Events that wait in memory while a store can't be written; the oldest go first."""

RETRY_SECONDS = (0.5, 30.0)
"""How long a store that can't be written is left alone: at first, and at most."""


MOST_AT_END_SECONDS = 2.0
"""How long it is left alone where the run is over, and all waits for it."""

WELL_SECONDS = 0.1
"""A store that was late is waited for again once it takes no longer than this."""


class StoreWriter:
    """Writes a run to its store, and reads what the store knew of it before.

    What is put while the thread is writing waits in one place, where a later snapshot takes the place of an earlier one
    and adds its events and points: the queue is never longer than one. A store that can't be written is tried
    again, and said once.

    Args:
        where: Path or URL of the store.
        run: Id of the run.
        process: This process.
        now: Unix seconds (UTC).
        describe: Adds to the first snapshot what takes a while to find out; called on the thread.
        of_job: Whether the id is a job's, which may have tracked several runs under it: the last of them is meant.

    Attributes:
        run: Id of the run.
        known: What the store knew of the run before this process; None where that was nothing, or is not known yet.
    """

    def __init__(
        self,
        where: str | Path,
        run: str,
        process: Process,
        now: Callable[[], float],
        describe: Callable[[RunRecord], RunRecord] | None = None,
        *,
        of_job: bool = False,
    ) -> None:
        self.known: RunRecord | None = None
        self.process = process
        is_url = "://" in str(where)  # else a path, which stands though the program goes to another folder
        self._where = str(where) if is_url else os.path.abspath(os.path.expanduser(where))
        self.run = run
        self._of_job = of_job
        self._now = now
        self._describe = describe
        self._changed = threading.Condition()
        self._is_open = False
        self._failing = False
        self._pending: RunRecord | None = None
        self._last: RunRecord | None = None
        self._writing: RunRecord | None = None  # what is not known to be on disk as yet
        self._is_slow = False
        self._deadline = math.inf
        self._put = self._written = 0  # how many snapshots were put, and how many of them are on disk
        self._closed = False
        self._said: set[str] = set()
        self._others: dict[str, float] = {}  # processes of the run, and when they were known to live at first sight
        self._next_look = 0.0
        self._behind_seconds = 0.0  # what the run's wall time, which its trainer may tell, stands behind the clock
        self._thread = threading.Thread(target=self._work, name="milepost-store", daemon=True)
        self._thread.start()

    def wait_open(self, seconds: float) -> bool:
        """Wait until the store was read, or could not be; say whether it was in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_open or self._failing, seconds)

    def put(self, snapshot: RunRecord) -> None:
        """Have a snapshot written, as soon as can be."""
        if os.getpid() != self.process.pid:
            return  # a child that was forked off has no thread, and no part in the run
        with self._changed:
            self._last = msgspec.structs.replace(snapshot, events=(), curves=())
            for process in snapshot.processes:
                self._behind_seconds = self._now() - process.alive_at
            self._pending = snapshot if self._pending is None else _joined(self._pending, snapshot)
            self._put += 1
            self._changed.notify_all()

    def add(self, event: RunEvent) -> None:
        """Have an event written beside what was put last. May be called on any thread."""
        with self._changed:
            if self._last is not None:
                self.put(msgspec.structs.replace(self._last, events=(event,)))

    def flush(self, seconds: float) -> bool:
        """Wait until all that was put is on disk; say whether it was in time.

        Waits for no store that is failing, nor for one that was late, until it is well again.
        """
        if os.getpid() != self.process.pid:
            return True
        with self._changed:
            put = self._put
            self._changed.wait_for(lambda: self._written >= put or self._failing or self._is_slow, seconds)
            return self._written >= put

    def close(self, seconds: float) -> bool:
        """Write what is left and let go of the store; say whether all of it was written in time."""
        if os.getpid() != self.process.pid:
            return True
        with self._changed:
            self._closed, self._deadline = True, time.monotonic() + seconds
            self._changed.notify_all()
        self._thread.join(seconds)
        return self._written >= self._put

    def leave(self) -> Path | None:
        """Leave what could not be written in a file, for whoever opens the store next; return which, if any."""
        from milepost.store.left import leave

        with self._changed:
            under_way = self._writing if self._pending is None else _joined(self._writing, self._pending)
        return None if under_way is None else leave(self._where, under_way)

    def say_late(self, seconds: float) -> None:
        """Say, once, that the store did not commit in time; it goes on behind."""
        self._is_slow = True
        if not self._failing and "late" not in self._said:
            self._said.add("late")
            logger("store").warning(
                "run %r: its store took longer than %g s to commit, which goes on behind; training goes on",
                *(self.run, seconds),
            )

    # ── on the thread ────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        store: Store | None = None
        pause, most = RETRY_SECONDS
        while not (self._closed and self._pending is None):
            try:
                if store is None:
                    store = self._open()
                has_work = self._wait_for_work()
                if not store.is_there():
                    store = self._open_anew(store)
                    has_work = self._pending is not None
                if has_work:
                    self._write(store)
                else:
                    store.say_alive(self.process.id, self._now() - self._behind_seconds)
                self._look_for_others(store)
                pause = RETRY_SECONDS[0]
            except Exception as error:
                was_closed = self._closed
                self._fail(error)
                if time.monotonic() >= self._deadline:
                    break
                with self._changed:
                    self._changed.wait_for(lambda: self._closed and not was_closed, pause)  # noqa: B023
                pause = min(2 * pause, most if not self._closed else MOST_AT_END_SECONDS)
        if store is not None:
            store.close()

    def _open(self) -> "Store":
        from milepost.store.left import take_in
        from milepost.store.store import Store

        store = Store(self._where)
        take_in(store, self._where)
        if self._of_job:
            self.run = latest_of_job(store, self.run)
        known = store.load(self.run)
        with self._changed:
            self.known = known
            self._is_open = True
            self._failing = False
            self._changed.notify_all()
        for process in known.processes if known else ():
            self._others[process.id] = process.alive_at
            if not process.has_ended and process.host == self.process.host and is_alive(process):
                self._name(process)
        return store

    def _open_anew(self, gone: "Store") -> "Store":
        """Make the store anew in the place of one whose file was removed, and have all of the run written to it.

        The file that is gone can still be read by whoever has it open.
        """
        from milepost.store.store import Store

        try:
            whole = gone.load(self.run)
        except MilepostError:
            whole = None
        gone.close()
        store = Store(self._where)
        logger("store").error("run %r: the file of its store was removed: it is written anew", self.run)
        with self._changed:
            latest = self._pending or self._last
            if latest is not None:
                self._pending = _joined(whole, latest)
        return store

    def _wait_for_work(self) -> bool:
        """Wait for a snapshot, for a heartbeat at most; say whether there is one."""
        with self._changed:
            ready = lambda: self._pending is not None or self._closed  # noqa: E731
            self._changed.wait_for(ready, self.process.heartbeat_seconds)
            return self._pending is not None

    def _write(self, store: "Store") -> None:
        with self._changed:
            put, snapshot, self._pending = self._put, self._pending, None
            self._writing = snapshot
        assert snapshot is not None
        began = time.monotonic()
        try:
            if self._describe is not None:
                snapshot, self._describe = self._describe(snapshot), None
            store.write(snapshot)
        except BaseException:
            with self._changed:
                self._writing = None
                self._pending = snapshot if self._pending is None else _joined(snapshot, self._pending)
            raise
        with self._changed:
            if self._failing:
                logger("store").warning("run %r is kept again; nothing was lost", self.run)
            self._failing = False
            self._is_slow = self._is_slow and time.monotonic() - began > WELL_SECONDS
            self._written, self._writing = put, None
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failing = True
            self._changed.notify_all()
        if str(error) not in self._said:
            self._said.add(str(error))
            unforeseen = not isinstance(error, MilepostError)
            logger("store").error(
                "run %r can't be kept just now; training goes on, and it is tried again: %s",
                *(self.run, error),
                exc_info=error if unforeseen else None,
            )

    def _look_for_others(self, store: "Store") -> None:
        """Find out other processes that live and claim to be the same run."""
        if (now := time.monotonic()) < self._next_look:
            return
        self._next_look = now + self.process.heartbeat_seconds
        for process in store.processes(self.run):
            before = self._others.setdefault(process.id, process.started_at)
            if process.id != self.process.id and not process.has_ended and process.alive_at > before:
                self._name(process)

    def _name(self, process: Process) -> None:
        if process.id not in self._said:
            self._said.add(process.id)
            logger("store").error(
                "run %r is tracked by two live processes: %d on %s (this one), and %d on %s. Their time and dollars "
                "are added up as if they were one run: give each its own name (track(run=…) or MILEPOST_RUN_ID)",
                *(self.run, self.process.pid, self.process.host, process.pid, process.host),
            )


def _joined(earlier: RunRecord | None, later: RunRecord) -> RunRecord:
    """Return a later snapshot with the events, points and processes of an earlier one."""
    if earlier is None:
        return later
    curves = {(each.metric, each.smoothing): each for each in earlier.curves}
    for curve in later.curves:
        key = curve.metric, curve.smoothing
        points = (*(curves[key].points if key in curves else ()), *curve.points)
        kept = tuple(point for point in points if point.position % curve.stride == 0)
        curves[key] = msgspec.structs.replace(curve, points=kept)
    events = {each.id: each for each in (*earlier.events, *later.events)}
    processes = {each.id: each for each in (*earlier.processes, *later.processes)}
    return msgspec.structs.replace(
        later,
        processes=tuple(processes.values()),
        opened_by=earlier.opened_by | later.opened_by,
        events=tuple(events.values())[-MOST_EVENTS:],
        curves=tuple(curves.values()),
    )
