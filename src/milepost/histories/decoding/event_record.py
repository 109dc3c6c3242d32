"""An event of TensorBoard's, as far as it matters.

https://github.com/tensorflow/tensorflow, ``event.proto`` and ``summary.proto``.
"""

from functools import cache
from typing import Any, NamedTuple

from milepost.histories.decoding import tensors
from milepost.histories.decoding.messages import Messages

# Fields of Event, Summary and Summary.Value, and a status of SessionLog.
WALL_TIME, STEP, FILE_VERSION, SUMMARY, SESSION_LOG = 1, 2, 3, 5, 7
VALUE = 1
TAG, SIMPLE_VALUE, NODE_NAME, TENSOR, METADATA = 1, 2, 7, 8, 9
START = 1
SCALARS = b"scalars"

VERSION = b"brain.Event:"


@cache
def protocol() -> Messages:
    """Return the messages of event files."""
    value = {"tag": (TAG, "bytes"), "simple_value": (SIMPLE_VALUE, "float"), "node_name": (NODE_NAME, "bytes")}
    return Messages(
        "milepost.tensorboard",
        {
            "Event": {
                "wall_time": (WALL_TIME, "double"),
                "step": (STEP, "int64"),
                "file_version": (FILE_VERSION, "bytes"),
                "summary": (SUMMARY, "Summary"),
                "session_log": (SESSION_LOG, "SessionLog"),
            },
            "Summary": {"value": (VALUE, "Value*")},
            "Value": {**value, "tensor": (TENSOR, "bytes"), "metadata": (METADATA, "bytes")},
            "SummaryMetadata": {"plugin_data": (1, "PluginData")},
            "PluginData": {"plugin_name": (1, "bytes")},
            "SessionLog": {"status": (1, "int32")},
            "TensorProto": tensors.FIELDS,
        },
    )


class LoggedEvent(NamedTuple):
    """An event, as far as it matters.

    Attributes:
        wall_time: Unix seconds (UTC).
        step: Its step.
        values: Numbers by tag, of the tags that are wanted.
        starts: Whether training (re)started here.
        has_summary: Whether it tells of any tag.
    """

    wall_time: float
    step: int
    values: dict[str, float]
    starts: bool
    has_summary: bool


def read_event(data: bytes, wanted: frozenset[bytes] | None, plugins: dict[bytes, bytes]) -> LoggedEvent:
    """Return the event that a record holds.

    Args:
        data: The record.
        wanted: Tags that are wanted; all where None.
        plugins: Which plugin each tag is of, as earlier events told; what this one tells is added.

    Raises:
        BrokenMessage: It is no event.
    """
    event = protocol().parse("Event", data)
    values: dict[str, float] = {}
    for value in event.summary.value:
        tag = value.tag
        if wanted is None or not tag or tag in wanted:
            number = _number(value, tag, plugins)
            tag = tag or (b"" if value.HasField("simple_value") else value.node_name)
            if number is not None and (wanted is None or tag in wanted):
                values[tag.decode("utf-8", errors="replace")] = number
    starts = event.session_log.status == START
    return LoggedEvent(event.wall_time, event.step, values, starts, event.HasField("summary"))


def _number(value: Any, tag: bytes, plugins: dict[bytes, bytes]) -> float | None:
    """Return the number of a summary's value; None where it has none. Its tag's plugin is taken note of."""
    if tag not in plugins and value.HasField("metadata"):
        # Writers tell the plugin with a tag's first value only.
        data = protocol().parse("SummaryMetadata", value.metadata).plugin_data
        plugins[tag] = data.plugin_name if data.HasField("plugin_name") else SCALARS
    if value.HasField("simple_value"):
        number: float = value.simple_value
        return number
    is_scalar = value.HasField("tensor") and plugins.get(tag or value.node_name, SCALARS) == SCALARS
    if not is_scalar or len(value.tensor) > tensors.MAX_BYTES:
        return None
    return tensors.number_of(protocol().parse("TensorProto", value.tensor))
