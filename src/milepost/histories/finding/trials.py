"""A trial's logs in several formats: one run, of which each metric is read where it is told."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from milepost.errors import HistoryError
from milepost.histories.finding.log import LeftOut, Log
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader

EVENTS = "tensorboard"
TEXTS = frozenset({"console", "text"})
"""What tells the same as another, but to fewer digits: it is read for what that does not tell."""


class Kind(NamedTuple):
    """What writes one trial in several formats.

    Attributes:
        writer: What it is called.
        names: Names of its files.
        formats: Formats of its files, by whatever name; event files are always among them.
    """

    writer: str
    names: frozenset[str]
    formats: frozenset[str] = frozenset()


KINDS = (
    Kind("Ray", frozenset({"progress.csv", "result.json"})),
    Kind("AlgoPerf", frozenset({"measurements.csv", "eval_measurements.csv"})),
    Kind(
        "Stable-Baselines3",
        frozenset({"progress.csv", "progress.json"}),
        frozenset({"sb3-monitor", "sb3-evaluations", "console"}),
    ),
    Kind("detectron2", frozenset({"metrics.json"})),
)


def in_one_trial(logs: Sequence[Log], folder: str) -> Iterator[Log | LeftOut]:
    """Yield the logs of one folder; those that tell of one trial in several formats as one.

    Args:
        logs: The logs.
        folder: What a run of the whole folder is called.
    """
    for kind in KINDS:
        own = [log for log in logs if _is_of(log, kind)]
        events = [log for log in logs if log.reader.name == EVENTS]
        formats = {log.reader.name if log.reader.name in kind.formats else _name(log) for log in own}
        if not own or len(own) > len(formats) or len(formats) + bool(events) < 2:
            continue  # where there are several of one format, each may be a run
        others = [log for log in logs if log not in own and log not in events]
        if len(events) > 1:
            # Several trainings: their event files tell them apart.
            yield from (*events, *others)
            reason = f"tells of the same trainings as the event files of its folder ({kind.writer})"
            yield from (
                LeftOut(path, reason, False, "tells of runs that event files tell") for log in own for path in log.files
            )
            return
        parts = (*own, *events)
        note = f"read as one run: {', '.join(map(_name, own))}{' and event files' * bool(events)} of one trial"
        files = tuple(path for part in parts for path in part.files)
        notes = (f"{note} ({kind.writer})", *(each for part in parts for each in part.notes))
        yield Log(Trial(parts), files, folder, notes)
        yield from others
        return
    yield from logs


def _is_of(log: Log, kind: Kind) -> bool:
    return log.reader.name in kind.formats or _name(log) in kind.names


def _name(log: Log) -> str:
    return log.files[0].rpartition("/")[2].removesuffix(".gz")


class Trial(Reader):
    """Reads of a trial's logs, for each metric, the one that bears it; of several, the one that tells most clocks.

    Args:
        parts: The logs.
        is_named_by_first: Whether the run is called as the first of them calls it. Runs of a first one that tells of
            several are none of the others'.
    """

    def __init__(self, parts: Sequence[Log], *, is_named_by_first: bool = False) -> None:
        self.parts, self.is_named_by_first = tuple(parts), is_named_by_first
        self.name = "+".join(dict.fromkeys(part.reader.name for part in parts))  # type: ignore[misc]

    def claims(self, file: File) -> str | None:
        """Claim no file: its parts' readers did."""
        return None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the one run; where its metrics are told by several logs, with a history for each.

        Raises:
            HistoryError: None of them can be read.
        """
        read: list[tuple[Log, History]] = []
        fault: HistoryError | None = None
        for part in self.parts:
            try:
                found = list(part.reader.histories(part.files, run, wanted))
            except HistoryError as error:
                fault = fault or error
                continue
            if len(found) == 1:
                read.append((part, found[0]))
            elif self.is_named_by_first and part is self.parts[0]:
                yield from found
                for other in self.parts[1:]:
                    yield from other.reader.histories(other.files, other.run, wanted)
                return
        if not read:
            if fault is not None:
                raise fault
            for part in self.parts:
                yield from part.reader.histories(part.files, run, wanted)
            return
        if self.is_named_by_first and read[0][0] is self.parts[0]:
            run = read[0][1].run
        read.sort(key=lambda each: (-_clocks(each[1]), each[0].reader.name in TEXTS))
        chosen: dict[int, list[str]] = {}
        for metric in sorted(wanted.metrics or _known(read)):
            at = next((at for at, (_, history) in enumerate(read) if _bears(history, metric)), 0)
            chosen.setdefault(at, []).append(metric)
        if len(chosen) < 2:
            yield _told(msgspec.structs.replace(read[next(iter(chosen), 0)][1], run=run), read)
            return
        axes: list[History] = []
        for at, metrics in sorted(chosen.items()):
            part, _ = read[at]
            asked = msgspec.structs.replace(wanted, metrics=frozenset(metrics))
            (history,) = part.reader.histories(part.files, run, asked)
            own = history.axes or (msgspec.structs.replace(history, metrics=tuple(metrics)),)
            axes.extend(msgspec.structs.replace(axis, run=run) for axis in own)
        yield _told(msgspec.structs.replace(axes[0], metrics=_known(read), axes=tuple(axes), outline=None), read)


def _told(history: History, read: Sequence[tuple[Log, History]]) -> History:
    """Return a history with what another of the trial's logs tells of the run, and its own does not."""
    for _, other in read:
        seed = other.seed if history.seed is None else history.seed
        config = {**other.config, **history.config}
        history = msgspec.structs.replace(history, group=history.group or other.group, seed=seed, config=config)
    return history


def _known(read: Sequence[tuple[Log, History]]) -> tuple[str, ...]:
    """Return the metrics that logs are known to bear before they are read."""
    return tuple(dict.fromkeys(name for _, history in read for name in history.metrics or ()))


def _bears(history: History, metric: str) -> bool:
    """Say whether a log tells a metric: by its names where it knows them, else by its rows."""
    if history.metrics is not None:
        return metric in history.metrics
    try:
        for rows in history.rows():
            if metric in rows.metrics.columns and rows.metrics[metric].null_count() < rows.metrics.height:
                return True
    except HistoryError:
        pass  # it is said where it is read
    return False


def _clocks(history: History) -> int:
    """Return how much a log tells of where a run stands: samples first, then elapsed time, then any."""
    try:
        for rows in history.rows():
            has_samples = rows.samples is not None and history.samples_unit == "samples"
            return 4 * has_samples + 2 * (rows.elapsed_seconds is not None) + (rows.wall_time is not None)
    except HistoryError:
        pass  # it is said where it is read
    return 0
