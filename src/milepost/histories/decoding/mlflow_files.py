"""MLflow's file store, ``mlruns/``: https://github.com/mlflow/mlflow, ``mlflow/store/tracking/file_store.py``.

A run is a folder: ``meta.yaml``, and a file for each metric, parameter and tag. A metric's file has a line a point:
``timestamp value step``, followed by a data set's name and digest where it was logged with one (MLflow 3.17 itself then
reads 0 for the step); MLflow 0.x wrote no step.
"""

import re
from array import array
from collections.abc import Mapping
from typing import Any

from milepost.errors import HistoryError
from milepost.histories.decoding.files import blocks, read_whole
from milepost.histories.decoding.folder_files import beside, files_below
from milepost.log import logger

META = "meta.yaml"
MAX_TEXT_BYTES = 2**16
"""Of a parameter or a tag."""

LINE = re.compile(rb"\s*(\d{1,18}) (\S+)(?: (-?\d{1,18}))?(?: \S+ \S+)?\s*")


def is_deleted(meta: Mapping[str, Any]) -> bool:
    """Say whether a run or an experiment was deleted: it lies there until MLflow's ``gc``."""
    return meta.get("lifecycle_stage") == "deleted"


def metric_files(meta_path: str) -> dict[str, str]:
    """Return the paths of a run's metrics by key."""
    return files_below(beside(meta_path, "metrics"))


def read_texts(meta_path: str, kind: str) -> dict[str, str]:
    """Return a run's ``params`` or ``tags``."""
    found: dict[str, str] = {}
    for name, path in files_below(beside(meta_path, kind)).items():
        try:
            found[name] = read_whole(path, MAX_TEXT_BYTES).decode("utf-8", "replace").strip("\r\n")
        except HistoryError as error:
            logger("histories").warning("%s", error)
    return found


def read_points(path: str) -> "tuple[array[int], array[int], array[float]]":
    """Return the times (Unix milliseconds), steps and values of a metric's file, in the order of the file.

    Lines that are none are left out, and warned about; so is a last one without its end, whose number may be cut short.

    Raises:
        HistoryError: It can't be read.
    """
    times, steps, values = array("q"), array("q"), array("d")
    broken = 0
    for block in blocks(path):
        lines = block.data.split(b"\n")
        if not block.whole and lines.pop().strip():
            broken += 1
        for line in lines:
            point = LINE.fullmatch(line)
            value = None if point is None else _number(point[2])
            if point is None or value is None:
                broken += bool(line.strip())
                continue
            times.append(int(point[1]))
            steps.append(int(point[3] or 0))
            values.append(value)
    if broken:
        logger("histories").warning("%s: %d lines are no 'timestamp value step'; not read", path, broken)
    return times, steps, values


def _number(text: bytes) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
