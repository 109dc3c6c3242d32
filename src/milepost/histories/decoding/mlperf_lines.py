"""Lines of MLPerf logs, wherever in a file's lines they stand."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from milepost.histories.decoding.files import blocks
from milepost.histories.decoding.json_rows import number
from milepost.log import logger

RELEASE_06 = re.compile(r":::MLL (\d+(?:\.\d*)?) (\w+): (\{.*)")
RELEASE_05 = re.compile(r":::MLPv0\.5\.\d+ \S+ (\d+(?:\.\d*)?) \([^)]*\) (\w+)(?:: *(.*))?")
MARK = b":::MLLOG"
SYSTEM = ":::SYSJSON"
UNUSED = ("weights_initialization", "data_file")
"""Keys that are logged by the thousand and say nothing of time, samples or metrics."""

_decoder = json.JSONDecoder()


class MLPerfLine(NamedTuple):
    """A line.

    Attributes:
        time_ms: When it was written: Unix milliseconds; 0 where it does not say, as of what was added later.
        key: What it is about.
        value: What it says.
        metadata: Where in the code and in training.
        interval: Whether it marks a beginning or an end.
    """

    time_ms: float
    key: str
    value: Any
    metadata: dict[str, Any]
    interval: bool


def lines_of(file: str) -> Iterator[MLPerfLine]:
    """Yield the lines of MLPerf's in a file; those that are broken are left out, and warned about.

    Raises:
        HistoryError: It can't be read.
    """
    broken = 0
    for block in blocks(file):
        lines = block.data.split(b"\n")
        if not block.whole and lines[-1] and MARK.startswith(lines[-1]):
            broken += 1  # cut off within the mark itself
        for text in lines:
            if b":::MLL" in text or b":::MLPv0.5" in text:
                for line in _lines(text.decode("utf-8", "replace")):
                    if line is None:
                        broken += 1
                    elif line.key not in UNUSED:
                        yield line
            elif SYSTEM.encode() in text:
                yield from _system(text.decode("utf-8", "replace"))
    if broken:
        logger("histories").warning("%s: %d lines of MLPerf's are broken; not read", file, broken)


def _lines(text: str) -> Iterator[MLPerfLine | None]:
    """Yield what a line of a file holds: ranks that print at the same time may share one. None for what is broken."""
    for part in text.split(":::MLLOG")[1:]:
        yield _line(part)
    if oldest := RELEASE_05.search(text):
        yield _told(float(oldest[1]) * 1000, oldest[2], _of_release_05(oldest[3] or ""))
    if old := RELEASE_06.search(text):
        told = _object(old[3])
        if told is None:
            yield None
        else:
            yield _told(float(old[1]) * 1000, old[2], told)


def _of_release_05(text: str) -> dict[str, Any]:
    """Return what a line of release 0.5 tells, as later ones put it: a value, or an object with value and epoch."""
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        value = text
    if not isinstance(value, dict):
        return {"value": value}
    metadata = {"epoch_num": value["epoch"]} if "epoch" in value else {}
    if "success" in value:
        metadata["status"] = "success" if value["success"] else "aborted"
    return {"value": value.get("value"), "metadata": metadata}


def _line(part: str) -> MLPerfLine | None:
    """Return a line of release 0.7 or later."""
    told = _object(part)
    if told is None or not isinstance(told.get("key"), str):
        return None
    time_ms = number(told.get("time_ms"))
    if time_ms is None or not math.isfinite(time_ms) or time_ms < 0:
        return None
    return _told(time_ms, told["key"], told)


def _told(time_ms: float, key: str, told: dict[str, Any]) -> MLPerfLine:
    """Return a line."""
    metadata = told.get("metadata")
    interval = str(told.get("event_type", "")).startswith("INTERVAL")
    return MLPerfLine(time_ms, key, told.get("value"), metadata if isinstance(metadata, dict) else {}, interval)


def _system(text: str) -> Iterator[MLPerfLine]:
    """Yield what NVIDIA's logs say of the system, as settings."""
    for name, value in (_object(text.partition(SYSTEM)[2]) or {}).items():
        if name in ("submitter", "system_name", "number_of_nodes", "accelerators_per_node", "accelerator_model_name"):
            yield MLPerfLine(0, name, value, {}, False)


def _object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text begins with; None where it does not."""
    try:
        told, _ = _decoder.raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
