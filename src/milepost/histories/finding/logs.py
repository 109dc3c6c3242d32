"""Logs: which files of a folder belong together, of which format they are, and what their runs are called."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from milepost.errors import HistoryError
from milepost.histories.decoding import archives
from milepost.histories.decoding.files import stem, why
from milepost.histories.finding.folders import Folder
from milepost.histories.finding.log import LeftOut, Log
from milepost.histories.finding.unread import unread
from milepost.histories.reader import HEAD_BYTES, File, NotRead, Reader

if TYPE_CHECKING:
    from milepost.histories.finding.joining import Joiner


class FolderLogs:
    """Tells the logs in folders.

    Args:
        folder: How the file system that they lie in is asked.
        readers: The readers, the most specific first.
        forced: Whether a file that is named need not look like the format of the only reader.
        joiner: Says which of them are one run; else counts and times decide.

    Attributes:
        taken: Folders that are parts of logs which were found beside them.
    """

    def __init__(
        self, folder: Folder, readers: Sequence[Reader], *, forced: bool, joiner: "Joiner | None" = None
    ) -> None:
        self.folder, self.readers, self.forced = folder, readers, forced
        if joiner is None:
            from milepost.histories.finding.joining import Joiner

            joiner = Joiner()
        self.joiner = joiner
        self.taken: set[str] = set()

    def of(self, folder: str, files: list[str], below: str, *, named: bool = False) -> Iterator[Log | LeftOut]:
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
        left: list[LeftOut] = []
        for path in files:
            try:
                head = self.folder.head(path)
                claim = self._claim(File(path, head, names), forced=named and self.forced)
            except NotRead as error:
                yield LeftOut(path, str(error), broken=False)
                continue
            except (OSError, HistoryError) as error:
                reason = why(error).removeprefix(f"{path}: ").removeprefix("can't be read: ")
                yield LeftOut(path, f"can't be read: {reason}", broken=True)
                continue
            if claim is None:
                left.append(self._left_out(path, head, broken=named))
            else:
                groups.setdefault(claim, []).append(path)
        if named:
            self._add_siblings(groups, around, names)
        inside = (folder.removeprefix(below) if folder != below else "").strip("/")
        logs = list(self._named_runs(groups, folder, inside))
        found = list(self.joiner.in_folder(logs, inside or self.folder.name(folder)))
        if left:
            from milepost.histories.finding.beside import Beside

            beside = Beside(folder, [each for each in found if isinstance(each, Log)], {part for _, part in groups})
            yield from (each._replace(is_log=each.is_log and not beside.tells_of_a_run(each.path)) for each in left)
        yield from found

    def is_archive(self, path: str) -> bool:
        """Say whether a file is an archive that is read as a folder: one that no reader takes as it is."""
        try:
            return archives.is_archive(path) and (
                self._claim(File(path, self.folder.head(path), frozenset()), forced=False) is None
            )
        except (OSError, HistoryError, NotRead):
            return False

    def _claim(self, file: File, *, forced: bool) -> tuple[int, str] | None:
        """Return which reader takes a file, and as a part of what."""
        for index, reader in enumerate(self.readers):
            try:
                part = reader.claims(file)
            except NotRead:
                self._take(file, reader)
                raise
            except NotADirectoryError:
                if archives.member_of(file.path) is None:
                    raise
                continue  # it looks beside the file, on disk, where an archive has nothing
            if part is not None:
                self._take(file, reader)
                return index, part
        return (0, stem(file.name)) if forced else None

    def _take(self, file: File, reader: Reader) -> None:
        """Take what lies beside a file and is a part of its log."""
        above = file.path.rpartition("/")[0]
        self.taken.update(f"{above}/{name}" if above else name for name in reader.folders)

    def _add_siblings(self, groups: dict[tuple[int, str], list[str]], around: list[str], names: frozenset[str]) -> None:
        """Add what else of the folder is a part of the logs of files that were named."""
        stems = {part for index, part in groups if self.readers[index].joins}
        taken = {path for files in groups.values() for path in files}
        for path in around:
            if path in taken or stem(_name(path)) not in stems:
                continue
            try:
                claim = self._claim(File(path, self.folder.head(path), names), forced=False)
            except (OSError, HistoryError, NotRead):
                continue
            if claim in groups:
                groups[claim] = sorted([*groups[claim], path])

    def _named_runs(self, groups: dict[tuple[int, str], list[str]], folder: str, inside: str) -> Iterator[Log]:
        """Yield the groups as logs, each under its id: its path below the argument, without suffix.

        Logs that would be called the same keep their suffixes.
        """
        logs = [
            (self.readers[index], part, each)
            for (index, part), files in groups.items()
            for each in ([files] if self.readers[index].joins else [[file] for file in files])
        ]
        parts = Counter(part for _, part, _ in logs)
        for reader, part, files in logs:
            name = _name(files[0]) if parts[part] > 1 and part else part
            run = "/".join(each for each in (inside, name) if each) or self.folder.name(folder)
            yield Log(reader, tuple(files), run)

    def _left_out(self, path: str, head: bytes, *, broken: bool) -> LeftOut:
        """Say why no reader takes a file."""
        end = self.folder.tail(path) if len(head) >= HEAD_BYTES else b""
        brief, is_log = unread(_name(path), head, end)
        reason = f"found none of the known formats ({self.known}); {_how_to_read(brief)}" if head else "is empty"
        return LeftOut(path, reason, broken, brief, is_log)

    @property
    def known(self) -> str:
        """Names of the formats that are looked for, as a message shows them."""
        return ", ".join(reader.name for reader in self.readers)


def _name(path: str) -> str:
    """Return the last part of a path."""
    return path.rpartition("/")[2]


def _how_to_read(brief: str) -> str:
    """Say what reads a file that no reader takes."""
    if brief.endswith("--pattern"):
        return "--pattern reads lines of it, and 'milepost init --logs' may propose one"
    return "--format says which it is"
