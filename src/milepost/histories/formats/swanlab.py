"""SwanLab's files: https://github.com/SwanHubX/SwanLab, ``swanlab/sdk/internal/core_python/store`` and ``protos``.

Whatever its mode, a run of release 0.10 is a folder ``run-DATE-ID`` with ``run-ID.swanlab``: LevelDB's framing around
records, of which those matter that say how it began and which scalar was logged when, at which step. What a key tells
again at a step of before, SwanLab drops there, and writes over the earlier value in the folder ``logs`` of its mode
``local``, which is not read. A run goes on in another process online alone; each process has a folder.
"""

from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, ClassVar

from milepost.errors import HistoryError
from milepost.histories.decoding.files import stem
from milepost.histories.decoding.folder_files import above
from milepost.histories.decoding.leveldb import records
from milepost.histories.decoding.messages import BrokenMessage, Messages
from milepost.histories.decoding.yaml_settings import flat, read_settings
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.row_table import seed_of

MAGIC = b":SWL"
VERSION = 2
"""Of the framing, as release 0.10 has it; those of before are told apart by their own."""

MAX_KEYS = 50_000

OF_THE_MACHINE = "__swanlab__."
"""How the keys begin that SwanLab itself logs, of the machine."""


@cache
def protocol() -> Messages:
    """Return the messages of SwanLab's protocol, as far as they matter."""
    return Messages(
        "milepost.swanlab",
        {
            "Record": {"start": (10, "Start"), "scalar": (13, "Scalar")},
            "Start": {
                "name": (4, "bytes"),
                "group": (7, "bytes"),
                "id": (10, "bytes"),
                "started_at": (12, "Timestamp"),
            },
            "Scalar": {
                "key": (1, "bytes"),
                "step": (2, "int64"),
                "timestamp": (4, "Timestamp"),
                "value": (5, "Value"),
            },
            "Value": {"number": (1, "double")},
            "Timestamp": {"seconds": (1, "int64"), "nanos": (2, "int32")},
        },
    )


class SwanLabReader(Reader):
    """Reads SwanLab's files of runs."""

    name: ClassVar[str] = "swanlab"
    joins: ClassVar[bool] = False
    folders: ClassVar[frozenset[str]] = frozenset({"console", "debug", "files", "logs", "media"})

    def claims(self, file: File) -> str | None:
        """Say whether a file begins as SwanLab's do.

        Raises:
            HistoryError: It is of another release.
        """
        if not file.head.startswith(MAGIC):
            return None
        if len(file.head) > 6 and file.head[6] != VERSION:
            raise HistoryError(
                f"{file.path}: found version {file.head[6]} of SwanLab's files, expected {VERSION} (release 0.10)"
            )
        return stem(file.name)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file.

        Raises:
            HistoryError: It has no scalar.
        """
        from milepost.histories.tables.key_points import KeyPoints, Points, until

        for path in files:
            points: dict[str, tuple[array[float], array[int], array[float]]] = {}
            told: dict[str, Any] = {}
            fault: HistoryError | None = None
            try:
                _read(path, points, told, wanted)
            except HistoryError as error:
                fault = error
            if not points:
                raise fault or HistoryError(f"{path}: found no scalar that was logged, expected some")
            config = _config(above(path))
            told |= {"config": config, "seed": seed_of(config)}
            name = told.pop("id", None) or run
            found = KeyPoints(path, {key: Points.of(*each) for key, each in points.items()}, wanted)
            yield until(fault, found.history(name, **told))


def _read(
    path: str,
    points: "dict[str, tuple[array[float], array[int], array[float]]]",
    told: dict[str, Any],
    wanted: Wanted,
) -> None:
    """Read what was logged into ``points``, and how the run began into ``told``.

    Raises:
        HistoryError: The file is broken, after everything before that was read.
    """
    for record in records(path, magic=MAGIC):
        try:
            found = protocol().parse("Record", record.data)
        except BrokenMessage as error:
            raise HistoryError(f"{path}: found {error} at byte {record.offset}, expected a record") from error
        if found.HasField("start"):
            told["group"] = found.start.group.decode("utf-8", "replace") or None
            told["id"] = found.start.id.decode("utf-8", "replace") or None
            told["started_at"] = _seconds(found.start.started_at) or None
        if not found.HasField("scalar"):
            continue
        scalar = found.scalar
        key = scalar.key.decode("utf-8", "replace")
        if key.startswith(OF_THE_MACHINE) and wanted.metrics is not None and not wanted.wants(key):
            continue
        if key not in points and len(points) >= MAX_KEYS:
            raise HistoryError(f"{path}: found more than {MAX_KEYS} keys, expected those of one run")
        times, steps, values = points.setdefault(key, (array("d"), array("q"), array("d")))
        times.append(_seconds(scalar.timestamp))
        steps.append(scalar.step)
        values.append(scalar.value.number)


def _seconds(time: Any) -> float:
    return float(time.seconds) + float(time.nanos) / 1e9


def _config(folder: str) -> dict[str, Any]:
    """Return the settings: each is an object with its value."""
    told = read_settings(f"{folder}/files/config.yaml" if folder else "files/config.yaml")
    return flat({key: each.get("value") if isinstance(each, dict) else each for key, each in told.items()})
