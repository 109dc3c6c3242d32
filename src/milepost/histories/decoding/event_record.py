"""An event of TensorBoard's, as far as it matters.

https://github.com/tensorflow/tensorflow, ``event.proto`` and ``summary.proto``.
"""

import struct
from typing import NamedTuple

from milepost.histories.decoding.tensors import number_of
from milepost.histories.decoding.wire import BYTES, FIXED32, FIXED64, VARINT, fields, signed

# Fields of Event, Summary, Summary.Value, SummaryMetadata and SessionLog.
WALL_TIME, STEP, FILE_VERSION, SUMMARY, SESSION_LOG = 1, 2, 3, 5, 7
VALUE = 1
TAG, SIMPLE_VALUE, NODE_NAME, TENSOR, METADATA = 1, 2, 7, 8, 9
STATUS, START = 1, 1
PLUGIN_DATA, PLUGIN_NAME = 1, 1
SCALARS = b"scalars"

VERSION = b"brain.Event:"


class LoggedEvent(NamedTuple):
    """An event, as far as it matters.

    Attributes:
        wall_time: Unix seconds (UTC).
        step: Its step.
        values: Numbers by tag, of the tags that are wanted.
        version: Of the file, where it tells.
        starts: Whether training (re)started here.
        has_summary: Whether it tells of any tag.
    """

    wall_time: float
    step: int
    values: dict[str, float]
    version: float | None
    starts: bool
    has_summary: bool


def read_event(data: bytes, wanted: frozenset[bytes] | None, plugins: dict[bytes, bytes]) -> LoggedEvent:
    """Return the event that a record holds.

    Args:
        data: The record.
        wanted: Tags that are wanted; all where None.
        plugins: Which plugin each tag is of, as earlier events told; what this one tells is added.

    Raises:
        WireError: It is no event.
    """
    wall_time, step = 0.0, 0
    version: float | None = None
    starts = has_summary = False
    values: dict[str, float] = {}
    for field, kind, start, end in fields(data):
        if field == WALL_TIME and kind == FIXED64:
            (wall_time,) = struct.unpack_from("<d", data, start)
        elif field == STEP and kind == VARINT:
            step = signed(start)
        elif field == SUMMARY and kind == BYTES:
            has_summary = True
            for inner, inner_kind, at, stop in fields(data, start, end):
                if inner == VALUE and inner_kind == BYTES:
                    _read_value(data, at, stop, wanted, plugins, values)
        elif field == FILE_VERSION and kind == BYTES:
            version = _version(data[start:end])
        elif field == SESSION_LOG and kind == BYTES:
            starts = any(inner == STATUS and at == START for inner, _, at, _ in fields(data, start, end))
    return LoggedEvent(wall_time, step, values, version, starts, has_summary)


def _read_value(
    data: bytes,
    start: int,
    end: int,
    wanted: frozenset[bytes] | None,
    plugins: dict[bytes, bytes],
    values: dict[str, float],
) -> None:
    """Put the number of a summary's value among ``values``, where it has one and its tag is wanted."""
    tag = node = b""
    number: float | None = None
    tensor: tuple[int, int] | None = None
    for field, kind, at, stop in fields(data, start, end):
        if field == TAG and kind == BYTES:
            tag = data[at:stop]
            if wanted is not None and tag and tag not in wanted:
                return
        elif field == SIMPLE_VALUE and kind == FIXED32:
            (number,) = struct.unpack_from("<f", data, at)
        elif field == TENSOR and kind == BYTES:
            tensor = at, stop
        elif field == NODE_NAME and kind == BYTES:
            node = data[at:stop]
        elif field == METADATA and kind == BYTES and tag not in plugins:
            plugins[tag] = _plugin(data, at, stop)
    if tensor is not None and number is None:
        tag = tag or node
        # Writers tell the plugin with a tag's first value only.
        if plugins.get(tag, SCALARS) == SCALARS:
            number = number_of(data, *tensor)
    if number is not None and (wanted is None or tag in wanted):
        values[tag.decode("utf-8", errors="replace")] = number


def _plugin(data: bytes, start: int, end: int) -> bytes:
    """Return the name of the plugin that a value's metadata tell."""
    for field, kind, at, stop in fields(data, start, end):
        if field == PLUGIN_DATA and kind == BYTES:
            for inner, inner_kind, inner_at, inner_stop in fields(data, at, stop):
                if inner == PLUGIN_NAME and inner_kind == BYTES:
                    return data[inner_at:inner_stop]
    return SCALARS


def _version(told: bytes) -> float | None:
    try:
        return float(told.removeprefix(VERSION))
    except ValueError:
        return None
