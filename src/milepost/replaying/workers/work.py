"""What is done with one log, wherever that is done: in this process, in others, on other machines."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from milepost.config import Config
from milepost.errors import ConfigError, HistoryError
from milepost.histories.decoding.files import as_unicode
from milepost.histories.finding.log import Log
from milepost.histories.history import History, Rows, Wanted
from milepost.log import Once, cause_of_record
from milepost.money.instance import Instance
from milepost.replaying.engine import replay_history
from milepost.replaying.pricing import ReplayPricer
from milepost.replaying.replayed import Replayed
from milepost.replaying.results import Skipped
from milepost.runs.settings import flat_config

Outcome = Replayed | Skipped
"""What came of a run, or why nothing did."""


class Job(NamedTuple):
    """What is to be done with every log of a call; can be sent to other processes.

    Attributes:
        settings: Thresholds and prices.
        wanted: What is wanted of the logs.
        instance: What the call, else the configuration, says that a node was.
        price_per_hour: Its word on the price, USD an hour of one node.
        source: The one price source to ask.
        group: Group of all the runs.
        group_by: What else tells the group of each.
        with_curves: Whether curves are wanted.
        final: Whether it matters how the runs ended.
    """

    settings: Config
    wanted: Wanted
    instance: Instance
    price_per_hour: float | None
    source: str | None
    group: str | None
    group_by: str | None
    with_curves: bool
    final: bool


class Task(NamedTuple):
    """A log; of one that holds many runs, which part of them and of how many parts (None for all)."""

    log: Log
    part: tuple[int, int] | None = None


class Done(NamedTuple):
    """What a worker sends back: what came of each run, and what was logged meanwhile (logger, level, text, cause)."""

    outcomes: list[Outcome]
    messages: list[tuple[str, int, str, str]]


class Worker:
    """Replays one log after the other.

    Raises:
        ConfigError: The job's settings are wrong.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._pricer = ReplayPricer(job.settings, job.instance, job.price_per_hour, job.source)
        self._group_of = _grouping(job.group, job.group_by)
        self._said = Once("histories")
        self._said_of_runs = Counter[str]()

    def outcomes(self, task: Task) -> Iterator[Outcome]:
        """Yield what comes of each run of a log, in their order; of what can't be read, why."""
        return map(self.outcome, self.opened(task))

    def opened(self, task: Task, *, with_first_chunk: bool = False) -> Iterator[History | Skipped]:
        """Yield the runs of a log, in their order, with first chunks read where wanted; of what can't be read, why."""
        log = task.log
        wanted = msgspec.structs.replace(self._job.wanted, part=task.part)
        try:
            for history in map(encodable, log.reader.histories(log.files, log.run, wanted)):
                if log.notes:
                    history = msgspec.structs.replace(history, notes=(*log.notes, *history.notes))
                yield _begun(history) if with_first_chunk else history
        except HistoryError as error:
            yield Skipped(log.files[0], str(error))

    def outcome(self, opened: History | Skipped) -> Outcome:
        """Return what comes of a run."""
        if isinstance(opened, Skipped):
            return opened
        for note in opened.notes:
            self._said.warn(note, "%s: %s", opened.run, note)
        try:
            return replay_history(
                opened,
                self._job.settings.thresholds,
                self._pricer.open_ledger,
                group=self._group_of(opened),
                with_curves=self._job.with_curves,
                final=self._job.final,
                gap_seconds=self._job.settings.gap_seconds,
                said=self._said_of_runs,
            )
        except HistoryError as error:
            return Skipped(opened.run, str(error))


def work(worker: Worker, task: Task) -> Done:
    """Do a task, and return what came of it with what was logged."""
    collected = _Collected()
    root = logging.getLogger("milepost")
    root.addHandler(collected)
    try:
        done = [each if isinstance(each, Skipped) else _without_rows(each) for each in worker.outcomes(task)]
        return Done(done, collected.messages)
    finally:
        root.removeHandler(collected)


class _Collected(logging.Handler):
    """Keeps what is logged, for the process that asked."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[str, int, str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append((record.name, record.levelno, record.getMessage(), cause_of_record(record)))


def received(done: Done) -> list[Outcome]:
    """Log what a worker logged, and return what it found."""
    for name, level, text, cause in done.messages:
        logging.getLogger(name).log(level, "%s", text, extra={"cause": cause})
    return done.outcomes


def lost(task: Task) -> Done:
    """Return what is said of a log whose workers were lost."""
    reason = "the process that read it was lost twice (out of memory, or killed): it is left out"
    return Done([Skipped(task.log.files[0], reason)], [])


def encodable(history: History) -> History:
    """Return a history whose names can be printed and kept, whatever its log says."""
    seed = history.seed
    return msgspec.structs.replace(
        history,
        run=as_unicode(history.run),
        group=None if history.group is None else as_unicode(history.group),
        seed=seed if seed is None or abs(seed) < 2**63 else None,
    )


def _begun(history: History) -> History:
    """Return a history whose first chunk is at hand already."""
    rows = history.rows()
    first: list[Rows | HistoryError] = []
    try:
        first += islice(rows, 1)
    except HistoryError as error:
        first.append(error)
    waiting = [rows]

    def go_on(*arguments: object) -> Iterator[Rows]:
        if not waiting:
            yield from history.rows(*arguments)
            return
        rest = waiting.pop()
        for each in first:
            if isinstance(each, HistoryError):
                raise each
            yield each
        first.clear()
        yield from rest

    return msgspec.structs.replace(history, rows=go_on)


def _without_rows(replayed: Replayed) -> Replayed:
    """Return what came of a run as it can be sent to another process."""
    history = msgspec.structs.replace(replayed.history, rows=_read_elsewhere, outline=None)
    return replayed._replace(history=history)


def _read_elsewhere() -> Iterator[Rows]:
    raise HistoryError("this history was read in another process: find it anew to read it here")


def _grouping(group: str | None, by: str | None) -> Callable[[History], str | None]:
    """Return what tells the group of a history."""
    if by is None:
        return lambda history: group or history.group
    if group is not None:
        raise ConfigError("replay: expected either --group or --group-by")
    keys = [key.strip() for key in by.split(",")]

    def group_of(history: History) -> str | None:
        pieces = history.run.split("/")
        facts = flat_config(history.config) | {"seed": history.seed, "group": history.group}
        parts = []
        for key in keys:
            if key.lstrip("-").isdecimal():
                at = int(key)
                if not -len(pieces) <= at < len(pieces):
                    raise HistoryError(f"{history.run}: found {len(pieces)} pieces in its id, expected piece {at}")
                parts.append(pieces[at])
            elif facts.get(key) is not None:
                parts.append(str(facts[key]))
            else:
                known = ", ".join(sorted(facts)[:20])
                raise HistoryError(f"{history.run}: found no setting {key!r} to group by, expected one of {known}")
        return "/".join(parts)

    return group_of
