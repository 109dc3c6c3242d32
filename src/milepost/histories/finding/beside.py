"""What lies in a folder beside a run: its text, which tells of the same training, or files that no reader takes."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from milepost.histories import GENERIC
from milepost.histories.decoding.files import stem
from milepost.histories.finding.ends import Ends, ends_of
from milepost.histories.finding.log import OF_WANDB, Log
from milepost.histories.finding.trials import TEXTS, Trial
from milepost.histories.finding.unread import kind_of

DIGITS = re.compile(r"\d+")

ALIKE = 0.1
"""By so much of the later one the last counts of two logs of a run differ at most: one may be written less often."""

ZONES_SECONDS = 14 * 3600.0
"""By so much text may tell another time: its stamps are of no zone."""

ENOUGH_ROWS = 3
"""So many rows that are told alike are no chance."""

OF_MANY = frozenset({"mlflow", "neptune-export", "optuna", "trackio"})
"""Formats of which one file tells of many runs, so that what lies beside it is of none of them."""

OUTPUT = "output.log"
"""What W&B keeps of a run's console, in the folder ``files`` of the run."""


class Beside:
    """Tells what lies in a folder as another format of a run that is read.

    Args:
        folder: The folder.
        runs: The runs that its logs tell of.
        parts: What the readers say that its files are parts of: ``""`` is the whole folder.
    """

    def __init__(self, folder: str, runs: Sequence[Log], parts: set[str]) -> None:
        self._is_of_one_run = "" in parts or OF_WANDB.match(folder.rpartition("/")[0].rpartition("/")[2]) is not None
        self._stems = {stem(_name(path)) for log in runs for path in _files(log)}
        self._only = only_one(runs)

    def tells_of_a_run(self, path: str) -> bool:
        """Say whether a file tells of a run that is read: by its name, or since its folder is of that run alone."""
        if self._is_of_one_run or stem(_name(path)) in self._stems:
            return True
        return self._only is not None and _may_be_of(path, self._only)


def only_one(runs: Sequence[Log]) -> Log | None:
    """Return the run of a folder that has one: text apart, where there are others."""
    mains = [log for log in runs if log.reader.name not in TEXTS | OF_MANY] or runs
    return mains[0] if len(mains) == 1 else None


def with_texts(runs: Sequence[Log], *, surely: bool) -> Iterator[Log]:
    """Yield the runs of one folder; text that tells of one of them is a part of it.

    By its name it is, or where there is one run: one that neither other counts nor other times speak against. Of two
    texts that tell the same, the larger one is read.

    Args:
        runs: The runs.
        surely: Whether what they tell does not matter.
    """
    texts = [log for log in runs if log.reader.name in TEXTS]
    mains = [log for log in runs if log.reader.name not in TEXTS | OF_MANY]
    only = only_one(mains)
    found: dict[int, list[Log]] = {at: [] for at in range(len(mains))}
    alone: list[Log] = []
    for text in texts:
        (path,) = text.files[:1]
        same = [at for at, log in enumerate(mains) if stem(_name(path)) in {stem(_name(each)) for each in log.files}]
        if not same and only is not None and _may_be_of(path, only):
            same = [0]
        if len(same) == 1 and (surely or not _contradict(mains[same[0]], text)):
            found[same[0]].append(text)
        else:
            alone.append(text)
    yield from (log for log in runs if log.reader.name in OF_MANY)
    taken = Counter(log.run for log in runs)
    for at, log in enumerate(mains):
        # Logs that are called the same but for their suffixes keep these; of one run they need none.
        name = log.run.removesuffix(_name(log.files[0])) + stem(_name(log.files[0]))
        run = name if found[at] and log.run.endswith(_name(log.files[0])) and name not in taken else log.run
        yield log._replace(run=run, beside=(*log.beside, *found[at]))
    yield from alone if len(alone) < 2 else _without_copies(alone)


def _without_copies(texts: Sequence[Log]) -> Iterator[Log]:
    """Yield texts; of those that tell the same, the one that tells most, with the others beside it."""
    runs: list[tuple[Log, Ends | None]] = []
    for text in texts:
        ends = _ends(text, 0)
        for at, (run, known) in enumerate(runs):
            if _may_be_named_apart(text, run) and ends is not None and known is not None and _are_copies(ends, known):
                is_longer = (ends.last_count or 0.0) > (known.last_count or 0.0)
                first, other = (text, run) if is_longer else (run, text)
                merged = first._replace(beside=(*first.beside, other._replace(beside=()), *other.beside))
                runs[at] = merged, ends if is_longer else known
                break
        else:
            runs.append((text, ends))
    yield from (run for run, _ in runs)


def whole(log: Log) -> Log:
    """Return a log with what tells of its run beside it as one to read."""
    if not log.beside:
        return log
    names = ", ".join(_name(text.files[0]) for text in log.beside)
    note = f"read as one run: {_name(log.files[0])}, and for what it does not tell {names}"
    notes = tuple(dict.fromkeys((note, *log.notes, *(each for text in log.beside for each in text.notes))))
    alone = log._replace(beside=())
    return Log(
        Trial((alone, *log.beside), is_named_by_first=True), (*log.files, *_files_of(log.beside)), log.run, notes
    )


def of_wandb(log: Log) -> str | None:
    """Return the folder of the W&B run whose console a log is; None where it is none."""
    above, _, name = log.files[0].rpartition("/")
    folder, _, files = above.rpartition("/")
    if name != OUTPUT or files != "files" or log.reader.name not in TEXTS:
        return None
    return folder if OF_WANDB.match(folder.rpartition("/")[2]) else None


def _contradict(main: Log, text: Log) -> bool:
    """Say whether what two logs of a folder tell can't be of one run: other times, or other counts of one kind.

    A table that neither counts nor tells a time is one of data, and of no run.
    """
    first = _ends(main, 0)
    if main.reader.name in GENERIC and (first is None or (first.first_count is None and first.first_time is None)):
        return True
    last, told = _ends(main, -1), _ends(text, 0)
    if first is None or last is None or told is None:
        return False
    times = first.first_time, last.last_time, told.first_time, told.last_time
    if None not in times:
        begun, ended, began, end = (float(time or 0.0) for time in times)
        if began > ended + ZONES_SECONDS or begun > end + ZONES_SECONDS:
            return True
        if began <= ended and begun <= end:
            return False
    if first.counter is None or first.counter != told.counter:
        return False
    one, other = last.last_count, told.last_count
    return one is not None and other is not None and abs(one - other) > ALIKE * max(abs(one), abs(other))


def _are_copies(one: Ends, other: Ends) -> bool:
    """Say whether the beginnings of two logs tell the same numbers at the same counts."""
    if one.counter is None or one.counter != other.counter:
        return False
    names = one.keys & other.keys - {one.counter}
    told = [{row[one.counter]: row for row in each.rows if one.counter in row} for each in (one, other)]
    same = told[0].keys() & told[1].keys()
    pairs = [
        [(told[0][count].get(name), told[1][count].get(name)) for name in names if told[0][count].get(name) is not None]
        for count in same
    ]
    pairs = [each for each in pairs if each]
    return len(pairs) >= ENOUGH_ROWS and all(mine == yours for each in pairs for mine, yours in each)


def _ends(log: Log, at: int) -> Ends | None:
    return ends_of(log.reader.name, log.files[at])


def _may_be_of(path: str, run: Log) -> bool:
    """Say whether a file may tell of the only run of its folder.

    One of its kind, or one that is called as it but for a number, is another's.
    """
    first = run.files[0]
    return kind_of(path) != kind_of(first) and _plain(path) != _plain(first)


def _may_be_named_apart(text: Log, run: Log) -> bool:
    """Say whether names differ in more than a number."""
    return _plain(text.files[0]) != _plain(run.files[0])


def _plain(path: str) -> str:
    return DIGITS.sub("", stem(_name(path)))


def _files(log: Log) -> tuple[str, ...]:
    return (*log.files, *_files_of(log.beside))


def _files_of(logs: Sequence[Log]) -> tuple[str, ...]:
    return tuple(path for log in logs for path in log.files)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
