"""ClearML's offline sessions: https://github.com/clearml/clearml, ``backend_interface/metrics/``.

A session is a folder, and a zip file of it, with ``task.json`` and ``metrics.jsonl``: a line each time that it was
flushed, with a list of events: metric and variant (title and series), ``iter``, value and Unix milliseconds. ClearML
writes 0.0 for NaN and infinity: which zeros are none can't be told, and that is said.
"""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from milepost.errors import HistoryError
from milepost.histories.decoding.archive import ZIP, Archive, names_in
from milepost.histories.decoding.files import is_url, opened
from milepost.histories.decoding.folder_files import beside
from milepost.histories.decoding.json_rows import number
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, NotRead, Reader
from milepost.histories.tables.row_table import seed_of
from milepost.log import logger

METRICS, TASK, OUTPUT = "metrics.jsonl", "task.json", "log.jsonl"
SCALAR = "training_stats_scalar"
OF_A_LIST = b'[{"timestamp"'
MAX_TASK_BYTES = 16 * 2**20
MAX_KEYS = 50_000

SINGLE = -(2**31)
"""The ``iter`` of what is no series: ``report_single_value``."""

OF_THE_MACHINE = ":monitor:"
PLAIN_SECTIONS = ("General", "Args")
"""Sections of settings whose names stand for themselves."""


class ClearMLReader(Reader):
    """Reads ClearML's offline sessions."""

    name: ClassVar[str] = "clearml"
    folders: ClassVar[frozenset[str]] = frozenset({"data"})

    def claims(self, file: File) -> str | None:
        """Claim a session's files, or its zip file.

        Raises:
            NotRead: It is the zip file of a folder that lies beside it.
        """
        if file.head.startswith(ZIP):
            if not {METRICS, TASK} <= names_in(file.path):
                return None
            if not is_url(file.path) and (Path(file.path).with_suffix("") / METRICS).is_file():
                raise NotRead("is of the ClearML session whose folder lies beside it")
            return file.name.removesuffix(".zip")
        if file.name not in (METRICS, TASK, OUTPUT) or not {METRICS, TASK} <= file.siblings:
            return None
        with opened(beside(file.path, METRICS)) as metrics:
            return "" if metrics.read(len(OF_A_LIST)) == OF_A_LIST else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of a session.

        Raises:
            HistoryError: It has no scalar.
        """
        from milepost.histories.tables.key_points import KeyPoints, Points, until

        archive = Archive(files[0], is_zip=files[0].rpartition("/")[2] not in (METRICS, TASK, OUTPUT))
        points: dict[str, tuple[array[float], array[int], array[float]]] = {}
        fault: HistoryError | None = None
        try:
            for event in _events(archive):
                _take(event, points, wanted)
        except HistoryError as error:
            fault = error
        if not points:
            raise fault or HistoryError(f"{archive.path}: found no scalar that was reported, expected some")
        task = _task(archive)
        told = _told(task)
        zeros = [key for key, (_, _, values) in points.items() if wanted.wants(key) and 0.0 in values]
        if zeros:
            names = ", ".join(map(repr, sorted(zeros)[:3])) + " …" * (len(zeros) > 3)
            told["notes"] = (f"ClearML writes 0.0 for NaN and infinity: a 0 of {names} may be one",)
        name = task.get("id")
        found = KeyPoints(archive.path, {key: Points.of(*each) for key, each in points.items()}, wanted)
        yield until(fault, found.history(name if isinstance(name, str) and name else run, **told))


def _events(archive: Archive) -> Iterator[dict[str, Any]]:
    """Yield the events of a session; lines that are no list are left out, and warned about."""
    broken = 0
    for line in archive.lines(METRICS):
        try:
            events = json.loads(line) if line.strip() else []
        except (ValueError, RecursionError):
            events = None
        if not isinstance(events, list):
            broken += 1
            continue
        yield from (event for event in events if isinstance(event, dict))
    if broken:
        logger("histories").warning("%s: %d lines are no whole lists of events; not read", archive.path, broken)


def _take(
    event: Mapping[str, Any],
    points: "dict[str, tuple[array[float], array[int], array[float]]]",
    wanted: Wanted,
) -> None:
    """Take what an event tells, where it is a scalar of a series."""
    step, value, time = event.get("iter"), number(event.get("value")), number(event.get("timestamp"))
    if event.get("type") != SCALAR or value is None or not isinstance(step, int) or not SINGLE < step < 2**63:
        return
    key, variant = str(event.get("metric")), str(event.get("variant"))
    if key.startswith(OF_THE_MACHINE) and wanted.metrics is not None:
        return
    key = key if variant == key else f"{key}/{variant}"
    if key not in points and len(points) >= MAX_KEYS:
        raise HistoryError(f"found more than {MAX_KEYS} series, expected those of one session")
    times, steps, values = points.setdefault(key, (array("d"), array("q"), array("d")))
    times.append(time or 0.0)
    steps.append(step)
    values.append(value)


def _task(archive: Archive) -> dict[str, Any]:
    try:
        found = json.loads(archive.read(TASK, MAX_TASK_BYTES))
    except (HistoryError, ValueError, RecursionError) as error:
        logger("histories").warning(
            "%s: %s can't be read, so that its settings are not known: %s", archive.path, TASK, error
        )
        return {}
    return found if isinstance(found, dict) else {}


def _told(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a session besides its scalars."""
    config: dict[str, Any] = {}
    sections = task.get("hyperparams")
    for section, settings in sections.items() if isinstance(sections, dict) else ():
        for name, setting in settings.items() if isinstance(settings, dict) else ():
            if isinstance(setting, dict) and isinstance(setting.get("value"), (str, int, float)):
                config[name if section in PLAIN_SECTIONS else f"{section}/{name}"] = setting["value"]
    group = task.get("project_name")
    return {"config": config, "seed": seed_of(config), "group": group if isinstance(group, str) else None}
