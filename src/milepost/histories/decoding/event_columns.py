"""The events of a run in columns: event files read once, by compiled scanners where there is enough to read."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy

from milepost.errors import HistoryError
from milepost.histories.decoding.checksums import crc32c_address
from milepost.histories.decoding.compiler import scanners
from milepost.histories.decoding.event_record import SCALARS, LoggedEvent, read_event
from milepost.histories.decoding.files import opened, size_of
from milepost.histories.decoding.messages import BrokenMessage
from milepost.histories.decoding.names import Names
from milepost.histories.decoding.tfrecord import Records

Array = numpy.ndarray[Any, Any]

CHUNK_ROWS = 20_000
"""Events of one chunk."""

CHUNK_VALUES = 2**17
"""Values of one chunk, where its events have more than one; a single event may have more."""


class EventChunk(NamedTuple):
    """Events in columns, of those that bear a tag that is wanted, and the values of these tags.

    Attributes:
        numbers: Which event each is, counting all of the run's.
        steps: Their steps.
        wall_times: Unix seconds (UTC).
        value_events: Which event of the chunk each value is of, ascending.
        value_tags: Number of each value's tag.
        values: The values.
    """

    numbers: Array
    steps: Array
    wall_times: Array
    value_events: Array
    value_tags: Array
    values: Array

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""
        return sum(int(column.nbytes) for column in self)


class Process(NamedTuple):
    """Where a process begins to write: a file's first event of any tag, or the first after a session's start.

    Attributes:
        number: Which event it is, counting all of the run's.
        step: Its step.
        wall_time: Its Unix seconds (UTC).
        opened_at: Unix seconds (UTC) at which its writer was opened, or its session started; None where nothing tells.
    """

    number: int
    step: int
    wall_time: float
    opened_at: float | None


class EventScan:
    """One pass over a run's event files.

    Args:
        files: The files, in order.
        wanted: Tags that are wanted; all where None.

    Attributes:
        tags: Numbers of the tags that are wanted, or that were found.
        processes: What wrote them, as far as the pass has come.
    """

    def __init__(self, files: Sequence[str], wanted: frozenset[str] | None) -> None:
        self.tags: dict[str, int] = {}
        self.processes: list[Process] = []
        self._has_begun = False
        self._opened_at: float | None = None
        self._files = files
        self._wanted = None if wanted is None else frozenset(tag.encode() for tag in wanted)
        self._plugins: dict[bytes, bytes] = {}
        self._columns = _Columns()
        self._fast: _FastLane | None = None
        for tag in sorted(wanted or ()):
            self.tags[tag] = len(self.tags)

    def chunks(self) -> Iterator[EventChunk]:
        """Yield the events.

        Raises:
            HistoryError: A file is broken, after everything before that was yielded.
        """
        try:
            for path in self._files:
                yield from self._chunks_of(path)
        except HistoryError:
            yield from self._columns.rest()
            raise
        yield from self._columns.rest()

    def _chunks_of(self, path: str) -> Iterator[EventChunk]:
        self._has_begun, self._opened_at = False, None
        with opened(path) as file:
            self._fast = self._fast or _fast_lane(size_of(path))
            records = Records(path, file)
            while True:
                if self._columns.are_full:
                    yield from self._columns.rest()
                records.has(1)
                if self._fast is not None and self._has_begun:
                    self._fast.scan(records, self._columns, self.tags, self._plugins, self._wanted is None)
                    if self._columns.are_full:
                        continue
                offset = records.offset
                if (data := records.read()) is None:
                    return
                try:
                    event = read_event(data, self._wanted, self._plugins)
                except BrokenMessage as error:
                    raise HistoryError(
                        f"{path}: found {error} in the record at byte {offset}, expected an event"
                    ) from None
                self._take(event)

    def _take(self, event: LoggedEvent) -> None:
        if event.starts and self._has_begun:
            self._has_begun, self._opened_at = False, None
        if not self._has_begun:
            if event.has_summary:
                self.processes.append(Process(self._columns.seen, event.step, event.wall_time, self._opened_at))
                self._has_begun = True
            elif self._opened_at is None:
                self._opened_at = event.wall_time
        values = {self.tags.setdefault(tag, len(self.tags)): value for tag, value in event.values.items()}
        self._columns.add(event, values)


class _Columns:
    """The chunk that is being read: room of its columns, and how much of it is taken."""

    def __init__(self) -> None:
        self.events = [numpy.zeros(CHUNK_ROWS, kind) for kind in ("i8", "i8", "f8")]
        self.values = [numpy.zeros(CHUNK_VALUES, kind) for kind in ("i8", "i8", "f8")]
        self.counts = numpy.zeros(3, "i8")

    @property
    def seen(self) -> int:
        """How many events were read, in this chunk and before."""
        return int(self.counts[2])

    @property
    def are_full(self) -> bool:
        """Whether the chunk is at its end."""
        return bool(self.counts[0] >= CHUNK_ROWS or self.counts[1] >= CHUNK_VALUES)

    def add(self, event: LoggedEvent, values: dict[int, float]) -> None:
        """Add an event, if it has values."""
        number, count, seen = (int(each) for each in self.counts)
        if values:
            if count + len(values) > len(self.values[0]):
                self.values = [numpy.resize(column, 2 * (count + len(values))) for column in self.values]
            for column, value in zip(self.events, (seen, event.step, event.wall_time), strict=True):
                column[number] = value
            end = count + len(values)
            for column, added in zip(self.values, (number, list(values), list(values.values())), strict=True):
                column[count:end] = added
            self.counts[0], self.counts[1] = number + 1, end
        self.counts[2] = seen + 1

    def rest(self) -> Iterator[EventChunk]:
        """Yield the chunk, and begin another; none where it is empty."""
        number, count = int(self.counts[0]), int(self.counts[1])
        if number:
            self.counts[:2] = 0
            events = (column[:number].copy() for column in self.events)
            yield EventChunk(*events, *(column[:count].copy() for column in self.values))


def _fast_lane(coming_bytes: int) -> "_FastLane | None":
    """Return the fast lane where so many bytes are worth it, and there is one."""
    compiled = scanners(coming_bytes)
    address = crc32c_address() if compiled else None
    return None if address is None else _FastLane(compiled, address)


class _FastLane:
    """Lets compiled scanners read what they can, and tells them what Python has learned of tags meanwhile."""

    def __init__(self, compiled: Any, crc32c_address: int) -> None:
        self._compiled = compiled
        self._address = crc32c_address
        self._names = Names(compiled)
        self._plugins = 0

    def scan(
        self, records: Records, columns: _Columns, tags: dict[str, int], plugins: dict[bytes, bytes], takes_all: bool
    ) -> None:
        """Read all records at hand up to the first that Python has to look at."""
        self._learn(tags, plugins)
        latest = numpy.full(len(tags) + 1, -1)
        end = self._compiled.scan_events(
            numpy.frombuffer(records.data, "u1"),
            records.at,
            self._address,
            self._names.table,
            takes_all,
            columns.counts,
            *columns.events,
            *columns.values,
            latest,
        )
        records.pass_over(end - records.at)

    def _learn(self, tags: dict[str, int], plugins: dict[bytes, bytes]) -> None:
        """Take over the tags and plugins that are new."""
        names = self._names
        for tag in reversed(list(islice(reversed(tags), len(tags) - len(names.numbers)))):
            names.add(tag.encode())
            self._note(tag.encode(), plugins)
        for name in islice(reversed(plugins), len(plugins) - self._plugins):
            self._note(name, plugins)
        self._plugins = len(plugins)

    def _note(self, tag: bytes, plugins: dict[bytes, bytes]) -> None:
        if tag in plugins and tag in self._names.numbers:
            note = self._compiled.OWN_PLUGIN if plugins[tag] == SCALARS else self._compiled.OTHER_PLUGIN
            self._names.table[3][self._names.numbers[tag]] = note
