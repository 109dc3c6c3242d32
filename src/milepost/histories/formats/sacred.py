"""Sacred's ``FileStorageObserver``: https://github.com/IDSIA/sacred, ``sacred/observers/file_storage.py``.

A run is a folder: ``run.json``, ``config.json``, ``cout.txt`` and, where the program logs by ``log_scalar``,
``metrics.json``: steps, times and values by name. Times are UTC without a zone. A metric that is logged without a step
counts its calls. What the program printed is read as a text log where it logged nothing else. Sacred writes its metrics
every ten seconds, all at once: of a run that was killed, what it logged since is lost.
"""

import json
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from milepost.errors import HistoryError
from milepost.histories.decoding.files import opened, read_whole
from milepost.histories.decoding.folder_files import beside
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten, number
from milepost.histories.history import History, Wanted
from milepost.histories.reader import HEAD_BYTES, File, Reader
from milepost.histories.tables.row_table import seed_of
from milepost.log import logger

METRICS, RUN, CONFIG, OUTPUT = "metrics.json", "run.json", "config.json", "cout.txt"
OF_RUN = {b'"experiment"', b'"heartbeat"', b'"command"', b'"artifacts"', b'"start_time"'}
MAX_BYTES = 256 * 2**20
LEAST_BYTES = 3
"""Of metrics that are any: ``{}`` has two."""


class SacredReader(Reader):
    """Reads the folders of Sacred's observer."""

    name: ClassVar[str] = "sacred"

    def claims(self, file: File) -> str | None:
        """Claim the files of a run that logged metrics."""
        if file.name not in (METRICS, RUN, CONFIG, OUTPUT) or not {METRICS, RUN} <= file.siblings:
            return None
        head = file.head if file.name == RUN else _head(beside(file.path, RUN))
        if sum(key in head for key in OF_RUN) < 2:
            return None
        metrics = file.head if file.name == METRICS else _head(beside(file.path, METRICS))
        return "" if len(metrics.strip()) >= LEAST_BYTES else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of a folder.

        Raises:
            HistoryError: Its metrics can't be read, or are none.
        """
        from milepost.histories.tables.key_points import KeyPoints, Points

        path = beside(files[0], METRICS)
        found = _object(path)
        points = {name: Points.of(*told) for name, each in found.items() if (told := _points(path, name, each))}
        if not points:
            raise HistoryError(f"{path}: found no metric with steps, timestamps and values, expected some")
        yield KeyPoints(path, points, wanted).history(run, **_told(path))


def _told(path: str) -> dict[str, Any]:
    """Return what is known of a run besides its metrics."""
    told: dict[str, Any] = {}
    config: dict[str, Any] = {}
    try:
        flatten(_object(beside(path, CONFIG)), "", config, None, MAX_DEPTH)
        about = _object(beside(path, RUN))
    except HistoryError as error:
        logger("histories").warning("%s", error)
        about = {}
    experiment = about.get("experiment")
    if isinstance(experiment, dict) and isinstance(experiment.get("name"), str):
        told["group"] = experiment["name"]
    started_at = _unix(about.get("start_time"))
    config = {key: value for key, value in config.items() if isinstance(value, (str, int, float, bool))}
    return told | {"config": config, "seed": seed_of(config), "started_at": started_at}


def _points(path: str, name: str, told: object) -> "tuple[array[float], array[int], array[float]] | None":
    """Return times, steps and values of a metric; None where it has none that are whole."""
    columns = [told.get(key) for key in ("timestamps", "steps", "values")] if isinstance(told, dict) else []
    if len(columns) != 3 or not all(isinstance(each, list) for each in columns):
        return None
    times, steps, values = array("d"), array("q"), array("d")
    broken = 0
    for time, step, value in zip(*columns, strict=False):
        count, told_value = number(step), number(_plain(value))
        if count is None or not count.is_integer() or abs(count) >= 2**63 or told_value is None:
            broken += told_value is not None
            continue
        times.append(_unix(time) or 0.0)
        steps.append(int(count))
        values.append(told_value)
    if broken:
        logger("histories").warning("%s: %d points of %r have no whole step; not read", path, broken, name)
    return (times, steps, values) if steps else None


def _plain(value: Any) -> Any:
    """Return a value as it was before jsonpickle wrote it: one of NumPy's stands under ``value``."""
    return value.get("value") if isinstance(value, dict) else value


def _unix(date: object) -> float | None:
    try:
        told = datetime.fromisoformat(date) if isinstance(date, str) else None
        return None if told is None else told.replace(tzinfo=told.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _object(path: str) -> dict[str, Any]:
    """Return the object of a file.

    Raises:
        HistoryError: It is none.
    """
    try:
        found = json.loads(read_whole(path, MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise HistoryError(f"{path}: is no JSON: {error}; its writer may have been killed at it") from error
    if not isinstance(found, dict):
        raise HistoryError(f"{path}: found no object, expected one")
    return found


def _head(path: str) -> bytes:
    with opened(path) as file:
        return file.read(HEAD_BYTES)
