"""TensorBoard event files: https://github.com/tensorflow/tensorflow, ``event.proto`` and ``summary.proto``.

A folder's files are one run, in the order of their names, as TensorBoard reads them. Where training was restarted and
said so (``SessionLog.START``), what had been logged at its step or beyond is dropped, as TensorBoard drops it; so are,
in files of the format's first version, the points of a tag that lie at or beyond a step that went back.

An event's step counts as samples, which is what writers of reinforcement learning pass; where it counts something
else, ``--samples-column`` names the tag that tells samples. Values are float32, but for tensors of other types.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from milepost.errors import HistoryError
from milepost.histories.history import History, Rows, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.table import need_polars
from milepost.histories.tensors import number_of
from milepost.histories.tfrecord import FOOTER_BYTES, HEADER, is_record, records
from milepost.histories.wire import BYTES, FIXED32, FIXED64, VARINT, WireError, fields, signed

ROWS = 20_000
"""Of one stretch."""

# Fields of Event, Summary, Summary.Value, SummaryMetadata and SessionLog.
WALL_TIME, STEP, FILE_VERSION, SUMMARY, SESSION_LOG = 1, 2, 3, 5, 7
VALUE = 1
TAG, SIMPLE_VALUE, NODE_NAME, TENSOR, METADATA = 1, 2, 7, 8, 9
STATUS, START = 1, 1
PLUGIN_DATA, PLUGIN_NAME = 1, 1
SCALARS = b"scalars"

VERSION = b"brain.Event:"


class Event(NamedTuple):
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


class TensorBoardReader(Reader):
    """Reads event files."""

    name: ClassVar[str] = "tensorboard"

    def claims(self, file: File) -> str | None:
        """Say whether a file's first record is an event that names its version."""
        if VERSION in file.head[:64]:
            return ""
        # Files of the format's beginnings tell no version: then their name and framing have to do.
        return "" if ".tfevents." in file.name and is_record(file.head) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of a folder's event files.

        Raises:
            HistoryError: They can't be read.
        """
        need_polars()
        yield History(run=run, rows=lambda: _rows(tuple(files), wanted))


class _Pass:
    """What a first pass over the files tells: what a later restart made void, and what samples a step stands for.

    Attributes:
        samples: Samples by step, as the tag tells that counts them.
    """

    def __init__(self, files: Sequence[str], wanted: frozenset[str] | None, samples_tag: str | None) -> None:
        self.samples: dict[int, float] = {}
        self._void: dict[
            str | None, list[tuple[int, int]]
        ] = {}  # by tag, or for all: before which event, from which step
        tags = None if wanted is None else wanted | ({samples_tag} if samples_tag else frozenset())
        version: float | None = None
        latest = 0
        for number, event in enumerate(_events(files, tags)):
            version = version if event.version is None else event.version
            if version is not None and version >= 2:
                if event.starts:
                    self._void.setdefault(None, []).append((number, event.step))
            elif event.step < latest and event.has_summary:
                for tag in event.values:
                    self._void.setdefault(tag, []).append((number, event.step))
            else:
                latest = event.step
            if samples_tag is not None and 0 <= event.values.get(samples_tag, -1.0) < 2**63:
                self.samples[event.step] = event.values[samples_tag]
        for voids in self._void.values():
            for at in range(len(voids) - 2, -1, -1):
                voids[at] = voids[at][0], min(voids[at][1], voids[at + 1][1])

    def stands(self, number: int, step: int, tag: str | None = None) -> bool:
        """Say whether event ``number`` stands: no later restart at its step or before made it void."""
        voids = self._void.get(tag)
        if not voids:
            return True
        at = bisect_right(voids, number, key=lambda void: void[0])
        return at == len(voids) or step < voids[at][1]

    @property
    def tagged(self) -> bool:
        """Whether points of single tags are void."""
        return any(tag is not None for tag in self._void)


def _rows(files: Sequence[str], wanted: Wanted) -> Iterator[Rows]:
    """Yield the events that stand, a row each, of those that bear a tag that is wanted, and the first of any tag.

    That one is when training began, whatever is wanted: an evaluation may be logged an hour later.
    """
    first = _Pass(files, wanted.metrics, wanted.samples_column)
    if wanted.samples_column is not None and not first.samples:
        raise HistoryError(f"{files[0]}: found no scalar {wanted.samples_column!r}, expected what counts samples")
    steps: list[int] = []
    wall_times: list[float] = []
    values: dict[str, list[float | None]] = {}
    began = False

    def stretch() -> Rows:
        import polars

        frame = polars.DataFrame({tag: polars.Series(tag, column, polars.Float64) for tag, column in values.items()})
        samples = polars.Series("samples", _samples(steps, first.samples), polars.Int64)
        return Rows(metrics=frame, samples=samples, wall_time=polars.Series("wall_time", wall_times, polars.Float64))

    try:
        for number, event in enumerate(_events(files, wanted.metrics)):
            told = event.values
            if not (told or (event.has_summary and not began)) or not first.stands(number, event.step):
                continue
            if first.tagged:
                told = {tag: value for tag, value in told.items() if first.stands(number, event.step, tag)}
            if not told and began:
                continue
            began = True
            for tag in told.keys() - values.keys():
                values[tag] = [None] * len(steps)
            steps.append(event.step)
            wall_times.append(event.wall_time)
            for tag, column in values.items():
                column.append(told.get(tag))
            if len(steps) >= ROWS:
                yield stretch()
                steps, wall_times, values = [], [], {tag: [] for tag in values}
    except HistoryError:
        if steps:
            yield stretch()
        raise
    if steps:
        yield stretch()


def _samples(steps: Sequence[int], by_step: dict[int, float]) -> list[int | None]:
    """Return what the steps count in samples; what no step told is null."""
    if not by_step:
        return list(steps)
    return [None if step not in by_step else round(by_step[step]) for step in steps]


def _events(files: Sequence[str], wanted: frozenset[str] | None) -> Iterator[Event]:
    """Yield the events of files."""
    names = None if wanted is None else frozenset(tag.encode() for tag in wanted)
    plugins: dict[bytes, bytes] = {}
    for path in files:
        offset = 0
        for data in records(path):
            try:
                yield _event(data, names, plugins)
            except WireError as error:
                raise HistoryError(f"{path}: found {error} in the record at byte {offset}, expected an event") from None
            offset += HEADER.size + len(data) + FOOTER_BYTES


def _event(data: bytes, names: frozenset[bytes] | None, plugins: dict[bytes, bytes]) -> Event:
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
                    _read_value(data, at, stop, names, plugins, values)
        elif field == FILE_VERSION and kind == BYTES:
            version = _version(data[start:end])
        elif field == SESSION_LOG and kind == BYTES:
            starts = any(inner == STATUS and at == START for inner, _, at, _ in fields(data, start, end))
    return Event(wall_time, step, values, version, starts, has_summary)


def _read_value(
    data: bytes,
    start: int,
    end: int,
    names: frozenset[bytes] | None,
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
            if names is not None and tag and tag not in names:
                return
        elif field == SIMPLE_VALUE and kind == FIXED32:
            (number,) = struct.unpack_from("<f", data, at)
        elif field == TENSOR and kind == BYTES:
            tensor = at, stop
        elif field == NODE_NAME and kind == BYTES:
            node = data[at:stop]
        elif field == METADATA and kind == BYTES:
            plugins.setdefault(tag, _plugin(data, at, stop))
    if tensor is not None and number is None:
        tag = tag or node
        # Writers tell the plugin with a tag's first value only.
        if plugins.get(tag, SCALARS) == SCALARS:
            number = number_of(data, *tensor)
    if number is not None and (names is None or tag in names):
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
