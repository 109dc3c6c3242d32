"""Comet's offline archives: https://www.comet.com/docs/v2/guides/experiment-management/offline-experiment.

An archive is a zip file with ``experiment.json`` and ``messages.json``: a line a message, of which those matter that
tell a metric (value, step, Unix milliseconds; NaN and infinity as text) or a parameter. A name within ``train()`` or
``test()`` is as Comet shows it: ``train_loss``. An experiment that was continued has an archive for each process, under
one id: those of one folder are one run.
"""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from milepost.errors import HistoryError
from milepost.histories.decoding.archive import ZIP, Archive, names_in
from milepost.histories.decoding.json_rows import number, number_in
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.row_table import seed_of
from milepost.log import logger

MESSAGES, EXPERIMENT = "messages.json", "experiment.json"
MAX_EXPERIMENT_BYTES = 2**20
MAX_KEYS = 50_000

OF_COMET = ("process duration", "sys.")
"""What Comet itself logs, of the machine."""


class Told:
    """What the archives of an experiment tell.

    Attributes:
        points: Times (Unix milliseconds), steps and values by metric.
        config: Parameters.
    """

    def __init__(self) -> None:
        self.points: dict[str, tuple[array[float], array[int], array[float]]] = {}
        self.config: dict[str, Any] = {}

    def take(self, message: Mapping[str, Any]) -> None:
        """Take what a message tells."""
        payload = message.get("payload")
        if not isinstance(payload, dict):
            return
        if message.get("type") == "metric_msg" and isinstance(metric := payload.get("metric"), dict):
            self._point(payload, metric)
        if message.get("type") == "parameter_msg" and isinstance(param := payload.get("param"), dict):
            value = param.get("paramValue")
            if param.get("source") == "manual" and isinstance(value, (str, int, float)):
                self.config[str(param.get("paramName")).replace("|", ".")] = value

    def _point(self, payload: Mapping[str, Any], metric: Mapping[str, Any]) -> None:
        name, context = str(metric.get("metricName")), payload.get("context")
        value, step = number(number_in(metric.get("metricValue"))), metric.get("step")
        if value is None or name.startswith(OF_COMET):
            return
        key = f"{context}_{name}" if isinstance(context, str) and context else name
        if key not in self.points and len(self.points) >= MAX_KEYS:
            raise HistoryError(f"found more than {MAX_KEYS} metrics, expected those of one experiment")
        times, steps, values = self.points.setdefault(key, (array("d"), array("q"), array("d")))
        times.append(number(payload.get("local_timestamp")) or 0.0)
        steps.append(step if isinstance(step, int) and abs(step) < 2**63 else 0)
        values.append(value)


class CometReader(Reader):
    """Reads Comet's offline archives."""

    name: ClassVar[str] = "comet"

    def claims(self, file: File) -> str | None:
        """Claim an archive: archives of one experiment are one log."""
        if not file.head.startswith(ZIP) or not {MESSAGES, EXPERIMENT} <= names_in(file.path):
            return None
        about = _about(Archive(file.path, is_zip=True))
        return str(about.get("offline_id") or file.name.removesuffix(".zip")) if "resume_strategy" in about else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of an experiment.

        Raises:
            HistoryError: It has no metric.
        """
        from milepost.histories.tables.key_points import KeyPoints, Points, until

        archives = [Archive(path, is_zip=True) for path in files]
        abouts = sorted(((_started(about := _about(each)), at, about) for at, each in enumerate(archives)))
        told, fault = Told(), None
        for _, at, _ in abouts:
            try:
                for message in _messages(archives[at]):
                    told.take(message)
            except HistoryError as error:
                fault = fault or error
        if not told.points:
            raise fault or HistoryError(f"{', '.join(files)}: found no metric that was logged, expected some")
        first = abouts[0][2]
        name, group = first.get("offline_id"), first.get("project_name")
        starts = [started for started, _, _ in abouts if started]
        found = KeyPoints(
            files[0],
            {key: Points.of(*each) for key, each in told.points.items()},
            wanted,
            further=[(start, start) for start in sorted(starts)[1:]],
        )
        history = found.history(
            str(name or run),
            config=told.config,
            seed=seed_of(told.config),
            group=group if isinstance(group, str) else None,
            started_at=starts[0] if starts else None,
            notes=(f"read as one run: {len(files)} archives of one experiment",) if len(files) > 1 else (),
        )
        yield until(fault, history)


def _messages(archive: Archive) -> Iterator[dict[str, Any]]:
    """Yield the messages of an archive; lines that are none are left out, and warned about."""
    broken = 0
    for line in archive.lines(MESSAGES):
        try:
            message = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict):
            yield message
        else:
            broken += 1
    if broken:
        logger("histories").warning("%s: %d lines are no whole messages; not read", archive.path, broken)


def _about(archive: Archive) -> dict[str, Any]:
    try:
        found = json.loads(archive.read(EXPERIMENT, MAX_EXPERIMENT_BYTES))
    except (HistoryError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _started(about: Mapping[str, Any]) -> float:
    """Return when a process began, Unix seconds; 0 where that is not told."""
    return (number(about.get("start_time")) or 0.0) / 1000
