"""What Neptune's client kept of one process, as the requests that it would send.

https://github.com/neptune-ai/neptune-client-scale, ``neptune_scale/sync/operations_repository.py``; the messages are
``neptune_pb/ingest/v1/common.proto`` of the package neptune-api.
"""

from array import array
from functools import cache
from typing import Any

from milepost.histories.decoding.databases import reading
from milepost.histories.decoding.messages import BrokenMessage, Messages
from milepost.log import logger

TABLES = {
    "run_operations": ("sequence_id", "timestamp", "operation_type", "operation"),
    "metadata": ("version", "project", "run_id"),
}
"""What tells its database from others."""

OF_NEPTUNE = ("sys/", "source_code/")
"""How the names begin of what Neptune itself tells of a run: no settings."""

UPDATE, CREATE = 0, 1
"""Types of operations."""

MAX_STEP = 2**63 - 1

MESSAGES = {
    "Timestamp": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    "Step": {"whole": (1, "uint64"), "micro": (2, "uint64")},
    "Value": {"float64": (1, "double"), "int64": (3, "int64"), "bool": (5, "bool"), "string": (6, "bytes")},
    "Entry": {"key": (1, "bytes"), "value": (2, "Value")},
    "Preview": {"is_preview": (1, "bool")},
    "Update": {
        "step": (1, "Step"),
        "timestamp": (2, "Timestamp"),
        "assign": (4, "Entry*"),
        "append": (8, "Entry*"),
        "preview": (10, "Preview"),
    },
    "ForkPoint": {"parent_run_id": (2, "bytes"), "step": (4, "Step")},
    "Run": {"fork_point": (2, "ForkPoint"), "creation_time": (3, "Timestamp"), "experiment_id": (5, "bytes")},
}


class NeptuneProcess:
    """What a process logged.

    Args:
        path: Its database.

    Attributes:
        run: Its project and run.
        times: When it logged the values of each key, Unix milliseconds.
        steps: At which steps, their whole parts.
        parts: What they are besides, in millionths.
        values: The values.
        config: What it logged once: numbers, truths and text.
        experiment: The experiment that the run is one of.
        parent: The run that it was forked from.
        created_at: Unix seconds at which it says that the run was created: when the process began, unless it says more.

    Raises:
        HistoryError: It can't be read.
    """

    def __init__(self, path: str) -> None:
        self.run = run_of(path)
        self.times: dict[str, array[float]] = {}
        self.steps: dict[str, array[int]] = {}
        self.parts: dict[str, array[int]] = {}
        self.values: dict[str, array[float]] = {}
        self.config: dict[str, Any] = {}
        self.experiment: str | None = None
        self.parent: str | None = None
        self.created_at: float | None = None
        broken = 0
        with reading(path) as connection:
            query = "SELECT operation_type, operation FROM run_operations ORDER BY sequence_id"
            for kind, data in connection.execute(query):
                try:
                    if kind == CREATE:
                        self._create(_messages().parse("Run", data))
                    elif kind == UPDATE:
                        self._update(_messages().parse("Update", data))
                except (BrokenMessage, TypeError):
                    broken += 1
        if broken:
            logger("histories").warning("%s: %d operations are no messages of Neptune's; not read", path, broken)

    @property
    def first_ms(self) -> float:
        """When it logged first, Unix milliseconds; 0 where nothing."""
        return min((each[0] for each in self.times.values()), default=0.0)

    def _create(self, told: Any) -> None:
        if told.HasField("creation_time"):
            self.created_at = _milliseconds(told.creation_time) / 1000
        self.experiment = _text(told.experiment_id) or None
        self.parent = _text(told.fork_point.parent_run_id) or None

    def _update(self, told: Any) -> None:
        for entry in told.assign:
            for field in ("float64", "int64", "bool", "string"):
                if entry.value.HasField(field) and not (name := _text(entry.key)).startswith(OF_NEPTUNE):
                    value = getattr(entry.value, field)
                    self.config[name] = _text(value) if field == "string" else value
        if not told.HasField("step") or told.step.whole > MAX_STEP or told.preview.is_preview:
            return
        time = _milliseconds(told.timestamp)
        for entry in told.append:
            if entry.value.HasField("float64"):
                key = _text(entry.key)
                self.times.setdefault(key, array("d")).append(time)
                self.steps.setdefault(key, array("q")).append(told.step.whole)
                self.parts.setdefault(key, array("q")).append(told.step.micro % 2**32)
                self.values.setdefault(key, array("d")).append(entry.value.float64)


def run_of(path: str) -> str:
    """Return the project and the run that a database tells of: ``workspace/project/run``.

    Raises:
        HistoryError: It can't be read.
    """
    with reading(path) as connection:
        found = connection.execute("SELECT project, run_id FROM metadata").fetchone()
    return "/".join(map(str, found or ()))


def _milliseconds(told: Any) -> float:
    return float(told.seconds * 1000 + told.nanos / 1e6)


def _text(told: bytes) -> str:
    return told.decode("utf-8", "backslashreplace")


@cache
def _messages() -> Messages:
    return Messages("milepost.neptune", MESSAGES)
