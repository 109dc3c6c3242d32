"""Finds the logs under paths: which files belong together, of which format they are, and what their runs are called."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from milepost.errors import HistoryError
from milepost.histories import GENERIC, OWN
from milepost.histories.decoding.files import filesystem_of, is_url, stem, why
from milepost.histories.finding.folders import Folder, LocalFolder, RemoteFolder, nearest_names
from milepost.histories.reader import File, Reader
from milepost.log import logger
from milepost.plugins import find_adapter, plugins

GROUP = "milepost.histories"
"""The entry-point group to which other packages add their readers."""


MAX_KINDS = 20
"""How many kinds of files a message tells apart."""


class Log(NamedTuple):
    """A log that was found.

    Attributes:
        reader: What reads it.
        files: Its files, or one address.
        run: Id of its run, unless it names one itself.
    """

    reader: Reader
    files: tuple[str, ...]
    run: str


class Skipped(NamedTuple):
    """A file or folder under a path that is not read.

    Attributes:
        path: Which one.
        reason: Why.
        broken: Whether that is a fault: it can't be read. Else it is of no known format, as files beside logs are.
    """

    path: str
    reason: str
    broken: bool


def load_readers(format: str | None = None) -> list[Reader]:
    """Return all readers, the most specific first, or the one of this name.

    Raises:
        ConfigError: No reader has this name; names the nearest.
    """
    if format is not None:
        return [find_adapter(GROUP, OWN, format)()]
    specific, generic = ([name for name in OWN if (name in GENERIC) is last] for last in (False, True))
    own = [[find_adapter(GROUP, OWN, name) for name in names] for names in (specific, generic)]
    return [reader() for reader in (*own[0], *_added(), *own[1])]


@cache
def _added() -> tuple[Callable[[], Reader], ...]:
    """Return other packages' readers; of one that can't be loaded that is said, and its logs are of no known format."""
    added = [each for each in plugins(GROUP).values() if each.name not in OWN]
    for each in added:
        if each.fault is not None:
            logger("histories").warning(
                "the reader %r of %s is left out: it can't be loaded: %s", each.name, each.package, each.fault
            )
    return tuple(each.adapter for each in added if each.adapter is not None)


def find_logs(paths: Iterable[str], *, format: str | None = None, match: str | None = None) -> Iterator[Log | Skipped]:
    """Yield the logs under paths, folder by folder, each folder's in the order of their names.

    Args:
        paths: Files, folders, globs, URLs that fsspec opens, and addresses whose scheme a reader has.
        format: Name of the one reader to use; a file that is named itself need not look like its format then.
        match: Glob over run ids: others are not yielded. A log that names its runs itself has this matched against
            what it is called here.

    Raises:
        ConfigError: No reader is called ``format``.
        HistoryError: A path is not there, which is said before anything is yielded; there is no log at all: says
            what of the first path is wrong; or ``match`` matches none.
    """
    readers = load_readers(format)
    places = _joined([_place(path, readers, forced=format is not None) for path in paths])
    found = matched = 0
    first_fault: str | None = None
    for place in places:
        for log in place.logs():
            if isinstance(log, Skipped):
                if log.broken and first_fault is None:
                    first_fault = f"{log.path}: {log.reason}"
                yield log
                continue
            found += 1
            if match is None or fnmatchcase(log.run, match):
                matched += 1
                yield log
    if first_fault is not None and not found:
        raise HistoryError(first_fault)
    if found and not matched:
        raise HistoryError(f"found {found} runs, and none whose id matches {match!r}")


class _Address:
    """An address that a reader reads by itself."""

    def __init__(self, address: str, reader: Reader) -> None:
        self.address, self.reader = address, reader

    def logs(self) -> Iterator[Log | Skipped]:
        """Yield the address."""
        yield Log(self.reader, (self.address,), self.address.partition("://")[2].strip("/"))


class _Path:
    """A file, a folder, or what a glob matches.

    Attributes:
        files: The file, and those of the same folder that were named after it.
    """

    def __init__(self, path: str, folder: Folder, readers: Sequence[Reader], *, forced: bool) -> None:
        self.path, self.folder, self.readers, self.forced = path, folder, readers, forced
        self.files = [path] if folder.is_file(path) else []

    def logs(self) -> Iterator[Log | Skipped]:
        """Yield the logs, and what is not read."""
        if self.files:
            below = self.folder.parent(self.path)
            yield from self._logs_of(below, list(dict.fromkeys(self.files)), below, named=True)
            return
        yield from self._counted(
            self._walk(self.path, below=self.path) if self.folder.is_folder(self.path) else self._glob()
        )

    def _counted(self, logs: Iterator[Log | Skipped]) -> Iterator[Log | Skipped]:
        """Pass the logs on; if there are none, say what is there."""
        count, kinds = 0, Counter[str]()
        for log in logs:
            if isinstance(log, Log):
                count += 1
            else:
                name = log.path.rpartition("/")[2]
                kind = f".{name.rpartition('.')[2]}" if "." in name else name
                kinds[kind if kind in kinds or len(kinds) < MAX_KINDS else "others"] += 1
            yield log
        if not count:
            held = ", ".join(f"{kind} ({n})" for kind, n in kinds.most_common()) or "nothing"
            reason = f"found no log of a known format, but {held}; expected one of {self._known()} (--format)"
            yield Skipped(self.path, reason, broken=True)

    def _glob(self) -> Iterator[Log | Skipped]:
        """Yield the logs that a glob matches: its files as if they were named, its folders with all they hold."""
        below = self.folder.root_of(self.path)
        named: dict[str, list[str]] = {}
        folders: list[str] = []
        for path in self.folder.glob(self.path):
            if self.folder.is_folder(path):
                folders.append(path)
            else:
                named.setdefault(self.folder.parent(path), []).append(path)
        for folder, files in sorted(named.items()):
            yield from self._logs_of(folder, sorted(files), below, named=True)
        for path in sorted(folders):
            yield from self._walk(path, below)

    def _walk(self, path: str, below: str) -> Iterator[Log | Skipped]:
        """Yield the logs in a folder and its folders; one that was already looked into is not again."""
        waiting, seen = [path], set[object]()
        while waiting:
            path = waiting.pop()
            try:
                if (identity := self.folder.identity(path)) in seen:
                    continue
                seen.add(identity)
                files, folders = self.folder.entries(path)
            except OSError as error:
                yield Skipped(path, f"can't be looked into: {error.strerror or error}", broken=True)
                continue
            yield from self._logs_of(path, files, below)
            waiting.extend(reversed(folders))

    def _logs_of(self, folder: str, files: list[str], below: str, *, named: bool = False) -> Iterator[Log | Skipped]:
        """Yield the logs that files of one folder make up.

        Args:
            folder: Where they are.
            files: Their paths, sorted.
            below: What ids of runs start below.
            named: Whether they were named: then what else of the folder belongs to them is read too, and one that
                is of no known format is a fault.
        """
        around = self.folder.entries(folder)[0] if named else files
        names = frozenset(_name(path) for path in around)
        groups: dict[tuple[int, str], list[str]] = {}
        for path in files:
            try:
                head = self.folder.head(path)
                claim = self._claim(File(path, head, names), forced=named and self.forced)
            except (OSError, HistoryError) as error:
                reason = why(error).removeprefix(f"{path}: ").removeprefix("can't be read: ")
                yield Skipped(path, f"can't be read: {reason}", broken=True)
                continue
            if claim is None:
                yield Skipped(path, self._why_not(head), broken=named)
            else:
                groups.setdefault(claim, []).append(path)
        if named:
            self._add_siblings(groups, around, names)
        yield from self._named_runs(groups, folder, below)

    def _claim(self, file: File, *, forced: bool) -> tuple[int, str] | None:
        """Return which reader takes a file, and as a part of what."""
        for index, reader in enumerate(self.readers):
            if (part := reader.claims(file)) is not None:
                return index, part
        return (0, stem(file.name)) if forced else None

    def _add_siblings(self, groups: dict[tuple[int, str], list[str]], around: list[str], names: frozenset[str]) -> None:
        """Add what else of the folder is a part of the logs of files that were named."""
        stems = {part for index, part in groups if self.readers[index].joins}
        taken = {path for files in groups.values() for path in files}
        for path in around:
            if path in taken or stem(_name(path)) not in stems:
                continue
            try:
                claim = self._claim(File(path, self.folder.head(path), names), forced=False)
            except (OSError, HistoryError):
                continue
            if claim in groups:
                groups[claim] = sorted([*groups[claim], path])

    def _named_runs(self, groups: dict[tuple[int, str], list[str]], folder: str, below: str) -> Iterator[Log]:
        """Yield the groups as logs, each under its id: its path below the argument, without suffix.

        Logs that would be called the same keep their suffixes.
        """
        logs = [
            (self.readers[index], part, each)
            for (index, part), files in groups.items()
            for each in ([files] if self.readers[index].joins else [[file] for file in files])
        ]
        parts = Counter(part for _, part, _ in logs)
        inside = (folder.removeprefix(below) if folder != below else "").strip("/")
        for reader, part, files in logs:
            name = _name(files[0]) if parts[part] > 1 and part else part
            run = "/".join(each for each in (inside, name) if each) or self.folder.name(folder)
            yield Log(reader, tuple(files), run)

    def _why_not(self, head: bytes) -> str:
        """Say why no reader takes a file."""
        return f"found none of the known formats ({self._known()}); --format says which it is" if head else "is empty"

    def _known(self) -> str:
        return ", ".join(reader.name for reader in self.readers)


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


def _name(path: str) -> str:
    """Return the last part of a path."""
    return path.rpartition("/")[2]


def _place(path: str, readers: Sequence[Reader], *, forced: bool) -> _Address | _Path:
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
        folder = LocalFolder()
        path = path.rstrip("/") or "/"
    if not folder.exists(path):
        near = nearest_names(folder, path)
        raise HistoryError(f"{path}: found nothing there, expected a file, a folder or a glob{near}")
    return _Path(path, folder, readers, forced=forced)
