"""What every reader of logs does: one file per format."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from milepost.histories.history import History, Wanted

HEAD_BYTES = 4096
"""How much of a file is looked at to tell its format."""


class File(NamedTuple):
    """A file that may be a log.

    Attributes:
        path: Where it is: a path, or a URL that fsspec opens (``s3://…``).
        head: Its first `HEAD_BYTES` bytes, unpacked if gzip packed it.
        siblings: Names of all files in its folder.
    """

    path: str
    head: bytes
    siblings: frozenset[str]

    @property
    def name(self) -> str:
        """Its name, without its folder."""
        return self.path.rpartition("/")[2]


class NotRead(Exception):
    """A file is of a reader's format, and not to be read, such as a run that its tracker has for deleted; says why."""


class Reader(ABC):
    """Reads one format. Never executes what a log says, and never trusts a length that it tells.

    A reader is made without arguments, asked which files `claims` them while logs are looked for, and for `histories`
    when a log is read, which may be in another process: it holds nothing open. What it reads it decides nothing about:
    a `History` says what its log tells, in the order of the log.

    Attributes:
        name: What ``--format`` calls it.
        joins: Whether files with one answer to `claims` are one log; else each is a log of its own.
        splits: Whether it can read a part of a log's runs (``Wanted.part``) without reading all of it.
        schemes: Schemes of addresses that it reads by itself, such as ``wandb`` of ``wandb://entity/project/run``.
        folders: Names of folders beside a file of its format that are parts of its log: they are not looked into.
    """

    name: ClassVar[str]
    joins: ClassVar[bool] = True
    splits: ClassVar[bool] = False
    schemes: ClassVar[tuple[str, ...]] = ()
    folders: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def claims(self, file: File) -> str | None:
        """Say whether a file is of this format, by its content and not only by its name.

        Asked of every file under the paths that are given, the most specific formats first, until one claims it.

        Returns:
            What it is a part of within its folder: files with one answer are read as one log, in the order of their
            names, where the reader `joins` them. Usually the file's own name, without suffix; ``""`` for formats whose
            log is the whole folder. None where the file is of another format.

        Raises:
            OSError: It can't be read further than its head: it is left out, and that is said.
            HistoryError: Likewise.
            NotRead: It is of this format, and not to be read.
        """

    def identity(self, path: str) -> str | None:
        """Return what run a file tells of by itself: files that tell of one are read as one, wherever they lie.

        None where a format does not tell, or the file has no answer.

        Raises:
            HistoryError: It can't be read.
        """
        return None

    @abstractmethod
    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the runs of one log. Asked once for each log that was found, when it is its turn.

        Args:
            files: Its files (paths or URLs), or one address of one of the ``schemes``.
            run: Id of the run, unless the log names one; what several are called below.
            wanted: What is wanted, and how columns are to be understood.

        Raises:
            HistoryError: It can't be read, or does not tell what is needed; says which file, what was found, what was
                expected, and which flag helps. It is left out then, and other logs are read.
            MissingExtra: A package that reads it is not installed.
        """
