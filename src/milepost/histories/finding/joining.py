"""Which logs are one run: what belongs together is told by identity, never by position alone.

Identity is one folder of event files, one trial folder in several formats, one W&B id, one Lightning log's versions,
and names that differ in the number of a rank or part alone. Seeds that ran side by side and lie as files of one folder
stay runs of their own. Within what belongs together, the counts and times at the files' ends decide.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from milepost.errors import HistoryError
from milepost.histories.finding.beside import of_wandb, with_texts
from milepost.histories.finding.ends import Ends, ends_of
from milepost.histories.finding.log import OF_WANDB, LeftOut, Log
from milepost.histories.finding.processes import Processes
from milepost.histories.finding.trials import in_one_trial
from milepost.histories.formats.tensorboard import TensorBoardReader
from milepost.histories.formats.wandb import WandbFile
from milepost.histories.reader import Reader

NUMBERED = re.compile(
    r"^(?P<before>|.*[._-])(?P<word>rank|part|shard)[._-]?(?P<number>\d+)(?P<after>(?![0-9]).*)$", re.I
)
"""Names that may differ in a number alone."""

RANK = re.compile(r"rank[._-]?(\d+)", re.I)

ALIKE = 0.1
"""By so much of the later one the last counts of ranks differ at most, since a killed one writes less; those of ranks
that log the same keys at the same time differ by any."""

ANOTHER_RANK = "another rank of a run that is read"

UNWRITTEN = 2
"""By so many distances between rows a resumed run may begin after what the earlier process wrote last."""


MOST_EARLIER = 8
"""A log goes on with one of so many runs before it, or with none."""


class Part(NamedTuple):
    """A file that may be a part of a run, with what its ends tell."""

    path: str
    ends: Ends

    @property
    def name(self) -> str:
        """Its name, without its folder."""
        return self.path.rpartition("/")[2]


class Joiner:
    """Says which logs are one run.

    Args:
        join: Join all that belongs together by identity, or nothing; where None, counts and times decide.
    """

    def __init__(self, join: bool | None = None) -> None:
        self.join = join

    def in_folder(self, logs: Sequence[Log], folder: str) -> Iterator[Log | LeftOut]:
        """Yield the runs that the logs of one folder make up, and what is not read of them.

        Args:
            logs: The logs.
            folder: What a run of the whole folder is called.
        """
        runs: list[Log] = []
        for each in self._without_ranks(logs):
            for log in self._split(each) if isinstance(each, Log) else (each,):
                if isinstance(log, Log):
                    runs.append(log)
                else:
                    yield log
        if self.join is False:
            yield from runs
            return
        found = list(in_one_trial(runs, folder))
        yield from (each for each in found if isinstance(each, LeftOut))
        yield from with_texts([each for each in found if isinstance(each, Log)], surely=self.join is True)

    def across(self, folders: Mapping[str, Sequence[Log | LeftOut]]) -> Iterator[Log | LeftOut]:
        """Yield the runs that the logs of several folders make up, of which one may go on with another.

        Args:
            folders: Their logs, by folder, in the order in which they were made.
        """
        runs: list[Log] = []
        ends: list[tuple[Ends | None, Ends | None]] = []
        by_place: dict[tuple[str, str], list[int]] = {}
        for folder, logs in folders.items():
            name = folder.rpartition("/")[2]
            for log in logs:
                if isinstance(log, LeftOut):
                    yield log
                    continue
                inside = log.files[0].removeprefix(folder)
                place = log.reader.name, inside.rpartition("/")[0] if log.reader.name == "tensorboard" else inside
                earlier = by_place.setdefault(place, [])
                begin = ends_of(log.reader.name, log.files[0]) if self.join is None else None
                at = next(
                    (at for at in earlier[: -MOST_EARLIER - 1 : -1] if self._goes_on(ends[at], begin, name)), None
                )
                last = begin if len(log.files) == 1 else ends_of(log.reader.name, log.files[-1])
                if at is None:
                    earlier.append(len(runs))
                    runs.append(log)
                    ends.append((begin, last))
                else:
                    runs[at], ends[at] = _joined(runs[at], log), (ends[at][0], last)
        yield from runs

    def by_id(self, logs: Iterable[Log | LeftOut]) -> Iterator[Log | LeftOut]:
        """Yield logs; those that tell of one run, by W&B's id and project or their own, are one, and come last."""
        of_id: dict[str, list[Log]] = {}
        of_run: dict[tuple[str, str], list[Log]] = {}
        consoles: dict[str, Log] = {}
        for log in logs:
            found = None
            if isinstance(log, Log) and self.join is not False and (above := of_wandb(log)) is not None:
                consoles[above] = log
                continue
            if isinstance(log, Log) and (identity := self._identity(log)) is not None:
                of_run.setdefault((log.reader.name, identity), []).append(log)
                continue
            if isinstance(log, Log) and log.reader.name == "wandb" and self.join is not False:
                found = OF_WANDB.match(_folder_of(log))
            if found is None:
                yield log
            else:
                assert isinstance(log, Log)
                of_id.setdefault(found[1], []).append(log)
        for same in of_run.values():
            first, *others = sorted(same, key=lambda log: log.files)
            joined = reduce(_joined, others, first)
            yield joined._replace(reader=first.reader)  # which said that they are one, and reads them as such
        for each in of_id.values():
            by_project: dict[str | None, list[Log]] = {}
            for log in each:
                by_project.setdefault(_project_of(log.files[0]) if len(each) > 1 else None, []).append(log)
            for same in by_project.values():
                by_process: dict[str, Log] = {}
                for log in same:
                    process = _folder_of(log).removeprefix("offline-")  # its date, and the id
                    if (known := by_process.setdefault(process, log)) is not log:
                        reason = f"is of the same process as {known.files[0]}: a copy of it"
                        yield from (LeftOut(path, reason, False, "a copy") for path in log.files)
                run = reduce(_joined, (by_process[process] for process in sorted(by_process)))
                folders = dict.fromkeys(path.rpartition("/")[0] for path in run.files)
                texts = [consoles.pop(each) for each in folders if each in consoles]
                yield run._replace(beside=(*run.beside, reduce(_joined, texts))) if texts else run
        yield from consoles.values()

    def _identity(self, log: Log) -> str | None:
        """Return what run a log says that it tells of; None where nothing does, or logs are not to be joined."""
        if self.join is False:
            return None
        try:
            return log.reader.identity(log.files[0])
        except HistoryError:
            return None  # it is said where it is read

    def _goes_on(self, run: tuple[Ends | None, Ends | None], log: Ends | None, folder: str) -> bool:
        """Say whether a log goes on with a run of an earlier folder, by what the ends of both tell."""
        if self.join is not None:
            return self.join
        if OF_WANDB.match(folder):
            return True  # its id says so
        begin, last = run
        if begin is None or last is None or log is None:
            return False
        return _had_come_to(begin, last, log) and not _overlap(last, log)

    def _split(self, log: Log) -> Iterator[Log | LeftOut]:
        """Yield the runs that the event files of one folder tell of."""
        if not isinstance(log.reader, TensorBoardReader) or len(log.files) < 2 or self.join is True:
            yield log
            return
        if self.join is False:
            for path in log.files:
                yield _named_after(log, (path,), ())
            return
        runs, ranks, rest = _stretches(log)
        for rank, of in ranks:
            yield LeftOut(rank.path, _rank_of(of.name), False, ANOTHER_RANK)
        if not runs:
            yield log
            return
        for number, run in enumerate(runs):
            files = (*(part.path for part in run), *(rest if number == 0 else ()))
            if len(runs) > 1:
                note = f"one of {len(runs)} trainings whose event files lie in one folder: their counters begin anew"
                yield _named_after(log, files, (note,))
            else:
                notes = [f"read as one run: {len(run)} event files of one folder"] if len(run) > 1 else []
                notes += [_first_rank(of.name) for of in dict.fromkeys(of for _, of in ranks)]
                yield log._replace(files=files, notes=tuple(notes))

    def _without_ranks(self, logs: Sequence[Log]) -> Iterator[Log | LeftOut]:
        """Yield logs; of those whose names differ in a number of a rank or part alone, what is to be read."""
        families: dict[tuple[str, ...], list[tuple[int, Log]]] = {}
        for log in logs:
            found = NUMBERED.match(log.files[0].rpartition("/")[2]) if len(log.files) == 1 else None
            if found is None or self.join is False:
                yield log
                continue
            key = (log.reader.name, found["before"], found["word"].lower(), found["after"])
            families.setdefault(key, []).append((int(found["number"]), log))
        for family in families.values():
            yield from self._family([log for _, log in sorted(family, key=lambda each: each[0])])

    def _family(self, logs: list[Log]) -> Iterator[Log | LeftOut]:
        """Yield the runs of logs that are numbered as ranks or parts, in the order of their numbers."""
        runs: list[Log] = []
        begins: list[Ends | None] = []
        for log in logs:
            ends = ends_of(log.reader.name, log.files[0])
            for at, run in enumerate(runs):
                begin, last = begins[at], ends_of(run.reader.name, run.files[-1])
                if self.join is True:
                    runs[at] = _joined(run, log)
                    break
                if begin is None or last is None or ends is None or ends.first_count is None:
                    continue
                if len(run.files) == 1 and _are_ranks(begin, ends):
                    name = run.files[0].rpartition("/")[2]
                    yield LeftOut(log.files[0], _rank_of(name), False, ANOTHER_RANK)
                    runs[at] = run._replace(notes=(_first_rank(name),))
                    break
                if not _overlap(last, ends) and not _begins_anew(begin, ends):
                    runs[at] = _joined(run, log)
                    break
            else:
                runs.append(log)
                begins.append(ends)
        yield from runs


def _stretches(log: Log) -> tuple[list[list[Part]], list[tuple[Part, Part]], list[str]]:
    """Return the runs that event files of one folder tell of, the other ranks with rank 0, and files without events."""
    parts: list[Part] = []
    rest: list[str] = []
    for path in log.files:
        ends = ends_of(log.reader.name, path)
        if ends is None:
            rest.append(path)
        else:
            parts.append(Part(path, ends))
    parts.sort(key=lambda part: (part.ends.first_time or 0.0, part.name))
    parts.sort(key=lambda part: min(_rank(part.name), 1))
    runs: list[list[Part]] = []
    ranks: list[tuple[Part, Part]] = []
    for part in parts:
        for run in reversed(runs):
            alike = [each for each in run if each.ends.keys & part.ends.keys]
            twin = next((each for each in alike if _are_ranks(each.ends, part.ends)), None)
            if twin is not None:
                ranks.append((part, twin))
                break
            if not alike or _overlap(alike[-1].ends, part.ends) or not _begins_anew(alike[0].ends, part.ends):
                run.append(part)
                break
        else:
            runs.append([part])
    return runs, ranks, rest


def _rank_of(name: str) -> str:
    return f"another rank of the run that {name} tells of: the same counts at the same time"


def _first_rank(name: str) -> str:
    return f"read is {name} of several ranks, which tell the same counts at the same time"


def _rank(name: str) -> int:
    found = RANK.search(name)
    return 0 if found is None else int(found[1])


def _overlap(first: Ends, second: Ends) -> bool:
    """Say whether one was still written when the other began, as far as their times tell."""
    begun, ended = second.first_time, first.last_time
    return begun is not None and ended is not None and begun < ended


def _are_ranks(one: Ends, other: Ends) -> bool:
    """Say whether two tell the same counts at the same time: or at none, where neither tells any.

    Where neither tells a time, they are ranks only if they end about alike: parts begin anew, too.
    """
    if one.first_count is None or one.first_count != other.first_count:
        return False
    if (one.first_time is None) != (other.first_time is None):
        return False
    if one.first_time is not None:
        if not (_overlap(one, other) and _overlap(other, one)):
            return False
        if one.keys == other.keys:
            return True
    last, end = one.last_count, other.last_count
    return last is not None and end is not None and abs(last - end) <= ALIKE * max(abs(last), abs(end))


def _begins_anew(begin: Ends, other: Ends) -> bool:
    """Say whether the counter of what follows begins anew, rather than goes on from where another had come."""
    first, count = begin.first_count, other.first_count
    if first is None or count is None or not (count <= first or (first > 0 and count <= other.distance)):
        return False
    return not first == begin.last_count == count == other.last_count  # which counts nothing


def _had_come_to(begin: Ends, last: Ends, other: Ends) -> bool:
    """Say whether a run had come to the count at which another begins."""
    if begin.first_count is None or other.first_count is None or other.first_count <= begin.first_count:
        return False
    if _begins_anew(begin, other) or last.last_count is None:
        return False
    unwritten = max(ALIKE * last.last_count, UNWRITTEN * max(begin.distance, other.distance))
    return other.first_count <= last.last_count + unwritten


def _joined(run: Log, log: Log) -> Log:
    """Return a run with a log that goes on with it."""
    files = (*run.files, *log.files)
    reader: Reader = run.reader
    if reader.name not in ("tensorboard", "wandb", "neptune") and not isinstance(reader, Processes):
        reader = Processes(reader)
    names = ", ".join(path.rpartition("/")[2] for path in files[:3])
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    note = f"read as one run that goes on from one log to the next: {names}{more}"
    return Log(reader, files, run.run, (note,), (*run.beside, *log.beside))


def _folder_of(log: Log) -> str:
    """Return the name of the folder that a log lies in."""
    return log.files[0].rpartition("/")[0].rpartition("/")[2]


def _project_of(path: str) -> str | None:
    """Return the project of one of W&B's files; None where it can't be read, which is said where it is."""
    try:
        return WandbFile(path).project
    except HistoryError:
        return None


def _named_after(log: Log, files: tuple[str, ...], notes: tuple[str, ...]) -> Log:
    """Return some of a log's files as a log of their own, called after the first."""
    return Log(log.reader, files, f"{log.run}/{files[0].rpartition('/')[2]}", notes)
