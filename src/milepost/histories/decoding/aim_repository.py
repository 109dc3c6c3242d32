"""Aim's repositories: https://github.com/aimhubio/aim, ``aim/storage/``, opened without writing anything.

A repository is a folder ``.aim``: names and experiments of its runs in ``run_metadata.sqlite``, and two RocksDB
databases a run, ``meta/chunks/HASH`` and ``seqs/chunks/HASH``. A key there is a path: texts in UTF-8, and whole numbers
as 0xFE and eight bytes, big-endian; each ends with 0xFE, which UTF-8 does not have. A value is a byte that tells its
type, and what it holds, little-endian. What a metric was tracked with is kept by the hash of its step.
"""

import os
import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from milepost.errors import HistoryError
from milepost.histories.decoding.databases import reading

TABLES = {"run": {"hash", "is_archived", "created_at", "experiment_id"}, "experiment": {"id", "name"}}

END = b"\xfe"
INT_BYTES = 8

OPEN_FILES = 256

START = re.compile(r"(\w+)-0*([0-9a-fA-F]+)-starting-([0-9]+\.[0-9]+)-[0-9]+")
"""How an empty file in ``check_ins`` is called: run, number, Unix seconds, and when the next is to come."""

OF_AIM = "__"
"""How settings begin that Aim itself makes, such as ``__system_params``."""

PLAIN = "hparams"
"""Settings whose names stand for themselves."""

OF_NUMBERS = 2
"""The version of series that hold numbers; those of texts and pictures have another."""


class AimRun(NamedTuple):
    """A run of a repository.

    Attributes:
        run: Its hash.
        experiment: Its experiment's name.
        is_archived: Whether it was archived.
        created_at: When it was made, Unix seconds.
        resumed_at: When the last process began that went on with it, Unix seconds; None where there was but one.
    """

    run: str
    experiment: str | None
    is_archived: bool
    created_at: float | None
    resumed_at: float | None


class AimSeries(NamedTuple):
    """A metric of a run: its context's hash, what that says, and its name."""

    context: int
    said: Mapping[str, Any]
    name: str

    @property
    def key(self) -> str:
        """Return what Aim shows it as: ``loss subset="val"``."""
        parts = (f'{key}="{value}"' if isinstance(value, str) else f"{key}={value}" for key, value in self.said.items())
        return f"{self.name} {', '.join(parts)}".rstrip()


def runs_of(path: str) -> list[AimRun]:
    """Return the runs of a repository, the oldest first.

    Args:
        path: Its ``run_metadata.sqlite``.

    Raises:
        HistoryError: It can't be read.
    """
    resumed = _resumed(os.path.join(os.path.dirname(path), "check_ins"))
    query = (
        "SELECT r.hash, e.name, r.is_archived, r.created_at FROM run r "
        "LEFT JOIN experiment e ON e.id = r.experiment_id ORDER BY r.created_at, r.id"
    )
    with reading(path) as connection:
        return [
            AimRun(str(run), name, bool(is_archived), _seconds(created_at), resumed.get(str(run)))
            for run, name, is_archived, created_at in connection.execute(query)
        ]


class AimDatabases:
    """What the databases of a run hold.

    Args:
        repository: The folder of the repository.
        run: The run's hash.

    Raises:
        HistoryError: They can't be read.

    Attributes:
        settings: What it was set, flat, without what Aim itself sets.
        series: Its metrics.
    """

    def __init__(self, repository: str, run: str) -> None:
        if not re.fullmatch(r"\w+", run):
            raise HistoryError(f"{repository}: found a run {run!r}, expected a hash")
        self._folder, self._run = repository, run
        self._opened: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}
        self._contexts: dict[int, dict[str, Any]] = {}
        self._versions: dict[tuple[int, str], Any] = {}
        self._read("meta", _encoded("meta", "chunks", run), self._take)
        self.series = [
            AimSeries(context, self._contexts.get(context, {}), name)
            for (context, name), version in self._versions.items()
            if version == OF_NUMBERS
        ]

    def points(self, series: AimSeries) -> dict[str, dict[bytes, Any]]:
        """Return ``val``, ``step`` and ``time`` of a metric, each by the hash of the step.

        Raises:
            HistoryError: They can't be read.
        """
        found: dict[str, dict[bytes, Any]] = {name: {} for name in ("val", "step", "time")}
        for name, held in found.items():
            path = ("seqs", f"v{OF_NUMBERS}", "chunks", self._run, series.context, series.name, name)
            self._read("seqs", _encoded(*path), held.__setitem__)
            held.pop(b"", None)  # says that it is an array
        return found

    def _take(self, key: bytes, value: Any) -> None:
        """Take what is told of the run."""
        match _path(key):
            case ["attrs", str(first), *more] if not first.startswith(OF_AIM) and value is not None:
                path = more if more and first == PLAIN else [first, *more]
                self.settings[".".join(map(str, path))] = value
            case ["contexts", int(context), _, *_] as path:
                self._contexts.setdefault(context, {})[".".join(map(str, path[2:]))] = value
            case ["traces", int(context), str(name), "version"]:
                self._versions[context, name] = value

    def _read(self, name: str, prefix: bytes, take: Callable[[bytes, Any], object]) -> None:
        """Read what lies below a key of a database: the rest of each key, and its value.

        RocksDB's iterators have to be gone before their database: none is left to where an error or the garbage
        collector holds it.
        """
        from aimrocks import DB, Options, errors

        folder = os.path.join(self._folder, name, "chunks", self._run)
        items = None
        try:
            if name not in self._opened:
                options = Options(create_if_missing=False, max_open_files=OPEN_FILES)
                self._opened[name] = DB(folder, options, read_only=True)
            items = self._opened[name].iteritems()
            items.seek(prefix)
            for key, value in items:
                if not key.startswith(prefix):
                    break
                take(key[len(prefix) :], _value(value))
        except (errors.Corruption, errors.RocksIOError, errors.NotSupported, errors.InvalidArgument) as error:
            told = error.args[0] if error.args else b""
            told = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
            raise HistoryError(f"{folder}: can't be read: {told}") from None
        finally:
            del items


def _resumed(folder: str) -> dict[str, float]:
    """Return when the last process of a run began, of those that had another before."""
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    found = (START.fullmatch(name) for name in names)
    return {each[1]: float(each[3]) for each in found if each and int(each[2], 16) > 1}


def _seconds(told: object) -> float | None:
    """Return Unix seconds of a date as SQLAlchemy keeps it, in UTC."""
    try:
        return datetime.fromisoformat(str(told)).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _encoded(*path: str | int) -> bytes:
    """Return the bytes of a path."""
    return b"".join((part.encode() if isinstance(part, str) else END + struct.pack(">q", part)) + END for part in path)


def _path(key: bytes) -> list[str | int]:
    """Return the path of bytes."""
    parts: list[str | int] = []
    at = 0
    while at < len(key):
        if key[at : at + 1] == END:
            parts.append(int.from_bytes(key[at + 1 : at + 1 + INT_BYTES], "big", signed=True))
            at += INT_BYTES + 2
        else:
            text, _, _ = key[at:].partition(END)
            parts.append(text.decode("utf-8", "replace"))
            at += len(text) + 1
    return parts


def _value(value: bytes) -> Any:
    """Return a number or a text; None for everything else."""
    kind, held = value[:1], value[1:]
    if kind == b"\1":
        return held != b"\0"
    if kind in (b"\2", b"\3") and len(held) == INT_BYTES:
        return struct.unpack("<q" if kind == b"\2" else "<d", held)[0]
    return held.decode("utf-8", "replace") if kind == b"\4" else None
