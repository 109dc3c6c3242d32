"""Finds the logs under paths."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import chain, groupby
from typing import TYPE_CHECKING

from milepost.errors import HistoryError
from milepost.histories.decoding.files import filesystem_of, is_url, why
from milepost.histories.finding.folders import Folder, RemoteFolder, nearest_names
from milepost.histories.finding.log import OF_WANDB, VERSION, LeftOut, Log
from milepost.histories.finding.logs import FolderLogs
from milepost.histories.finding.readers import load_readers
from milepost.histories.finding.unread import kind_of
from milepost.histories.reader import Reader

if TYPE_CHECKING:
    from milepost.histories.finding.joining import Joiner

LATEST = "/latest-run"
"""W&B's link to the latest run's folder: looked at last, so that it takes none out of its family."""

MAX_KINDS = 20
"""How many kinds of files a message tells apart."""


def find_logs(
    paths: Iterable[str],
    *,
    format: str | None = None,
    match: str | None = None,
    join: bool | None = None,
    patterns: Sequence[str] = (),
) -> Iterator[Log | LeftOut]:
    """Yield the logs under paths, folder by folder, each folder's in the order of their names.

    Args:
        paths: Files, folders, globs, URLs that fsspec opens, and addresses whose scheme a reader has.
        format: Name of the one reader to use; a file that is named itself need not look like its format then.
        match: Glob over run ids: others are not yielded. A log that names its runs itself has this matched against
            what it is called here.
        join: Whether all logs that belong together are one run, or none are; where None, what they tell decides.
        patterns: Regular expressions that lines of text are read by; nothing else is read then.

    Raises:
        ConfigError: No reader is called ``format``, or a pattern is none.
        HistoryError: A path is not there, which is said before anything is yielded; there is no log at all: says
            what of the first path is wrong; or ``match`` matches none.
    """
    readers = load_readers(format, patterns)
    # What reads the ends of logs needs what reads logs: `load_readers` has said so where it is missing.
    from milepost.histories.finding.beside import whole
    from milepost.histories.finding.joining import Joiner

    forced = format is not None or bool(patterns)
    places = _joined([_place(path, readers, Joiner(join), forced=forced) for path in paths])
    found = matched = 0
    first_fault: str | None = None
    joiner = Joiner(join)
    for log in joiner.by_id(_logs_of(places, joiner)):
        if isinstance(log, LeftOut):
            if log.broken and first_fault is None:
                first_fault = f"{log.path}: {log.reason}"
            yield log
            continue
        found += 1
        if match is None or fnmatchcase(log.run, match):
            matched += 1
            yield whole(log)
        else:
            yield from (
                LeftOut(path, f"no part of a run whose id matches {match!r}", False, "--match") for path in log.files
            )
    if first_fault is not None and not found:
        raise HistoryError(first_fault)
    if found and not matched:
        raise HistoryError(f"found {found} runs, and none whose id matches {match!r}")


class _Address:
    """An address that a reader reads by itself."""

    def __init__(self, address: str, reader: Reader) -> None:
        self.address, self.reader = address, reader

    def logs(self) -> Iterator[Log | LeftOut]:
        """Yield the address."""
        yield Log(self.reader, (self.address,), self.address.partition("://")[2].strip("/"))


class _Path:
    """A file, a folder, or what a glob matches.

    Attributes:
        files: The file, and those of the same folder that were named after it.
    """

    def __init__(self, path: str, folder: Folder, readers: Sequence[Reader], joiner: "Joiner", *, forced: bool) -> None:
        self.path, self.folder = path, folder
        self._joiner, self._seen = joiner, set[object]()
        self._logs = FolderLogs(folder, readers, forced=forced, joiner=joiner)
        self.files = [path] if folder.is_file(path) and not self._logs.is_archive(path) else []

    def logs(self) -> Iterator[Log | LeftOut]:
        """Yield the logs, and what is not read."""
        if self.files:
            below = self.folder.parent(self.path)
            yield from self._logs.of(below, list(dict.fromkeys(self.files)), below, named=True)
            return
        yield from self._counted(
            self._walk([self.path], below=self.path) if self._is_folder(self.path) else self._glob()
        )

    def _counted(self, logs: Iterator[Log | LeftOut]) -> Iterator[Log | LeftOut]:
        """Pass the logs on; if there are none, say what is there."""
        count, kinds = 0, Counter[str]()
        for log in logs:
            if isinstance(log, Log):
                count += 1
            else:
                kind = kind_of(log.path)
                kinds[kind if kind in kinds or len(kinds) < MAX_KINDS else "others"] += 1
            yield log
        if not count:
            held = ", ".join(f"{kind} ({n})" for kind, n in kinds.most_common()) or "nothing"
            reason = f"found no log of a known format, but {held}; expected one of {self._logs.known} (--format)"
            yield LeftOut(self.path, reason, broken=True)

    def _glob(self) -> Iterator[Log | LeftOut]:
        """Yield the logs that a glob matches: its files as if they were named, its folders with all they hold."""
        below = self.folder.root_of(self.path)
        named: dict[str, list[str]] = {}
        folders: list[str] = []
        for path in self.folder.glob(self.path):
            if self._is_folder(path):
                folders.append(path)
            else:
                named.setdefault(self.folder.parent(path), []).append(path)
        for family in _families(sorted(named)):
            found = {folder: self._logs.of(folder, sorted(named[folder]), below, named=True) for folder in family}
            yield from self._across(found)
        yield from self._walk(sorted(folders), below)

    def _walk(self, folders: Sequence[str], below: str) -> Iterator[Log | LeftOut]:
        """Yield the logs in folders and their folders; one that was already looked into is not again."""
        waiting = list(reversed(_families(folders)))
        while waiting:
            family = waiting.pop()
            if len(family) > 1:
                yield from self._across({folder: self._in(folder, below, None) for folder in family})
            else:
                yield from self._in(family[0], below, waiting)

    def _in(self, path: str, below: str, waiting: list[list[str]] | None) -> Iterator[Log | LeftOut]:
        """Yield the logs in a folder; its folders are to wait, or follow at once."""
        try:
            if (identity := self.folder.identity(path)) in self._seen:
                return
            self._seen.add(identity)
            files, folders = self.folder.entries(path)
        except (OSError, HistoryError) as error:
            yield LeftOut(path, f"can't be looked into: {why(error).removeprefix(f'{path}: ')}", broken=True)
            return
        packed = {each for each in files if self._logs.is_archive(each)}
        yield from self._logs.of(path, [each for each in files if each not in packed], below)
        for each in sorted(packed):
            yield from self._in_archive(each, below)
        folders = [folder for folder in folders if folder not in self._logs.taken]
        if waiting is None:
            yield from self._walk(folders, below)
        else:
            waiting.extend(reversed(_families(folders)))

    def _in_archive(self, path: str, below: str) -> Iterator[Log | LeftOut]:
        """Yield the logs in an archive; one that holds none, such as a model, is one thing that is not read."""
        found = list(self._walk([path], below))
        if any(isinstance(each, Log) or each.broken or each.is_log for each in found):
            yield from found
        else:
            yield LeftOut(
                path,
                f"holds no log of a known format ({self._logs.known})",
                broken=False,
                brief="archives without logs",
            )

    def _is_folder(self, path: str) -> bool:
        return self.folder.is_folder(path) or self._logs.is_archive(path)

    def _across(self, found: Mapping[str, Iterator[Log | LeftOut]]) -> Iterator[Log | LeftOut]:
        """Yield the runs of folders of which one may go on with another."""
        if len(found) == 1:
            (logs,) = found.values()
            return logs
        return self._joiner.across({folder: list(logs) for folder, logs in found.items()})


def _logs_of(places: Sequence[_Address | _Path], joiner: "Joiner") -> Iterator[Log | LeftOut]:
    """Yield the logs of places, in their order; those of files that were named may go on with one another."""
    for are_files, each in groupby(places, lambda place: isinstance(place, _Path) and bool(place.files)):
        if not are_files:
            for place in each:
                yield from place.logs()
            continue
        by_folder: dict[str, list[_Path]] = {}
        identities: dict[object, str] = {}
        for place in each:
            assert isinstance(place, _Path)
            by_folder.setdefault(place.folder.parent(place.path), []).append(place)
        for family in _families(list(by_folder)):
            found: dict[str, list[Log | LeftOut]] = {}
            for folder in family:
                first = identities.setdefault(by_folder[folder][0].folder.identity(folder), folder)
                if first != folder and folder.endswith(LATEST):
                    continue
                found[folder] = [log for place in by_folder[folder] for log in place.logs()]
            yield from joiner.across(found) if len(found) > 1 else chain.from_iterable(found.values())


def _families(folders: Sequence[str]) -> list[list[str]]:
    """Return folders, in their order, with those together of which one may go on with another."""
    families: dict[object, list[str]] = {}
    for folder in sorted(folders, key=lambda folder: folder.endswith(LATEST)):
        above, _, name = folder.rpartition("/")
        version, of_wandb = VERSION.match(name), OF_WANDB.match(name)
        key: object = folder
        if version is not None:
            key = above, "version"
        elif of_wandb is not None:
            key = above, "id", of_wandb[1]
        families.setdefault(key, []).append(folder)
    return [sorted(family, key=_in_order) for family in families.values()]


def _in_order(folder: str) -> tuple[int, str]:
    """Return what puts folders of one family in order: the number of a version, or W&B's date."""
    name = folder.rpartition("/")[2]
    version = VERSION.match(name)
    return (0 if version is None else int(version[1]), name.removeprefix("offline-"))


def _joined(places: Iterable[_Address | _Path]) -> list[_Address | _Path]:
    """Return places with the files of one folder that follow each other in one: a shell's glob may name thousands."""
    joined: list[_Address | _Path] = []
    folder: tuple[type, str] | None = None
    for place in places:
        before, folder = folder, None
        if isinstance(place, _Path) and place.files:
            folder = type(place.folder), place.folder.parent(place.path)
        if isinstance(place, _Path) and folder is not None and folder == before:
            last = joined[-1]
            assert isinstance(last, _Path)
            last.files += place.files
        else:
            joined.append(place)
    return joined


def _place(path: str, readers: Sequence[Reader], joiner: "Joiner", *, forced: bool) -> _Address | _Path:
    """Return what an argument stands for.

    Raises:
        HistoryError: There is nothing; names what is nearest.
    """
    if is_url(path):
        scheme = path.partition("://")[0]
        for reader in readers:
            if scheme in reader.schemes:
                return _Address(path, reader)
        filesystem, inside = filesystem_of(path)
        folder: Folder = (remote := RemoteFolder(filesystem, path))
        path = remote.address(inside)
    else:
        folder = Folder()
        path = path.rstrip("/") or "/"
    if not folder.exists(path):
        near = nearest_names(folder, path)
        raise HistoryError(f"{path}: found nothing there, expected a file, a folder or a glob{near}")
    return _Path(path, folder, readers, joiner, forced=forced)
