"""What a log's beginning and end tell of what it counts, and when: enough to say which logs are one run."""

import csv
import io
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any

from milepost.errors import HistoryError
from milepost.histories import OWN
from milepost.histories.decoding.checksums import crc32c, masked
from milepost.histories.decoding.event_record import LoggedEvent, read_event
from milepost.histories.decoding.files import BOM, filesystem_of, is_url, opened, size_of
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten, number
from milepost.histories.decoding.messages import BrokenMessage
from milepost.histories.decoding.packing import MARK_BYTES, is_packed, wide_encoding
from milepost.histories.decoding.tfrecord import FOOTER_BYTES, HEADER, HEADER_BYTES, MAX_RECORD_BYTES, Records
from milepost.histories.history import Wanted
from milepost.histories.reader import Reader
from milepost.histories.tables.names import counters, wall_clocks
from milepost.plugins import find_adapter
from milepost.tracking.unix_time import EARLIEST, LATEST, in_seconds

BEGINNING_EVENTS = 64
"""So many events are looked at, at most."""

END_BYTES = 2**16
"""So much of a file's end is looked at for its last record, or row."""

BEGINNING_ROWS = 64

READ_THROUGH = ("console", "json", "parquet")
"""Formats that are read through for their ends."""

MAX_BYTES = 8 * 2**20
"""What is larger, and has no rows that can be told by themselves, is not read for its end."""

UPPER_LENGTH = b"\0" * 5
"""The upper bytes of a record's length."""


class Ends:
    """What a log's beginning and end tell.

    Args:
        last: Returns its last count and time.
        counter: As below.
        rows: As below.

    Attributes:
        keys: What is logged in its beginning.
        counter: Name of what counts, where that is known.
        rows: Its first rows, where they are known.
        first_count: Its first count; None where none is told.
        distance: From its first count to the next.
        first_time: Unix seconds (UTC) of its first row.
    """

    def __init__(
        self,
        keys: frozenset[str],
        counts: list[float],
        first_time: float | None,
        last: Callable[[], tuple[float | None, float | None]],
        counter: str | None = None,
        rows: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.keys, self.first_time = keys, first_time
        self.counter, self.rows = counter, rows
        self.first_count = counts[0] if counts else None
        self.distance = next((each - counts[0] for each in counts if each > counts[0]), 0.0) if counts else 0.0
        self._last = last

    @cached_property
    def _end(self) -> tuple[float | None, float | None]:
        try:
            return self._last()
        except (OSError, HistoryError):
            return None, None

    @property
    def last_count(self) -> float | None:
        """Its last count; None where that can't be told."""
        return self._end[0]

    @property
    def last_time(self) -> float | None:
        """Unix seconds (UTC) of its last row; None where that can't be told."""
        return self._end[1]


def ends_of(format: str, path: str) -> Ends | None:
    """Return what a file's beginning and end tell; None where it is of another format, or tells nothing.

    Args:
        format: Name of its reader.
        path: The file.
    """
    try:
        if format == "tensorboard":
            return _of_events(path)
        if format in ("csv", "jsonl"):
            return _of_rows(path, format)
        if format == "text":
            return _of_text(path)
        if format in READ_THROUGH:
            return _of_history(find_adapter("milepost.histories", OWN, format)(), path)
    except (OSError, HistoryError, BrokenMessage, csv.Error):
        pass  # who reads it says what is wrong with it
    return None


def _of_events(path: str) -> Ends | None:
    events: list[LoggedEvent] = []
    with opened(path) as file:
        records, plugins = Records(path, file), dict[bytes, bytes]()
        for _ in range(BEGINNING_EVENTS):
            if (data := _quietly(records)) is None:
                break
            event = read_event(data, None, plugins)
            if event.has_summary:
                events.append(event)
                if event.step > events[0].step:
                    break
    if not events:
        return None
    keys = frozenset(tag for event in events for tag in event.values)
    return Ends(keys, [float(event.step) for event in events], unix(events[0].wall_time), lambda: _last_event(path))


def _quietly(records: Records) -> bytes | None:
    """Return the next record, if it is whole; what is cut short is warned of by who reads it."""
    return records.read() if records.has(HEADER_BYTES) and _is_whole(records) else None


def _is_whole(records: Records) -> bool:
    length, _ = HEADER.unpack_from(records.data, records.at)
    return length <= MAX_RECORD_BYTES and records.has(HEADER_BYTES + length + FOOTER_BYTES)


def _last_event(path: str) -> tuple[float | None, float | None]:
    """Return the step and time of the last whole event that tells of a tag."""
    data = _tail(path)
    checksum = crc32c()
    place = len(data)
    while (place := data.rfind(UPPER_LENGTH, 0, place + len(UPPER_LENGTH) - 1)) >= 0:
        at = place - (8 - len(UPPER_LENGTH))
        if at < 0 or at + HEADER_BYTES > len(data) or masked(checksum(data[at : at + 8])) != _masked_at(data, at + 8):
            continue
        (length,) = struct.unpack_from("<Q", data, at)
        if at + HEADER_BYTES + length + FOOTER_BYTES <= len(data):
            event = read_event(data[at + HEADER_BYTES : at + HEADER_BYTES + length], None, {})
            if event.has_summary:
                return float(event.step), unix(event.wall_time)
    return None, None


def _masked_at(data: bytes, at: int) -> int:
    (told,) = struct.unpack_from("<I", data, at)
    return int(told)


def _tail(path: str) -> bytes:
    """Return a file's end; nothing where it was packed, or is no UTF-8.

    Raises:
        OSError: It can't be read.
    """
    size = size_of(path)
    if is_url(path):
        filesystem, inside = filesystem_of(path)
        file = filesystem.open(inside, "rb")
    else:
        file = open(path, "rb")  # noqa: SIM115
    with file:
        if is_packed(head := file.read(MARK_BYTES)) or wide_encoding(head):
            return b""
        file.seek(max(0, size - END_BYTES))
        return bytes(file.read(END_BYTES))


def _of_rows(path: str, format: str) -> Ends | None:
    with opened(path) as file:
        head = file.read(END_BYTES).removeprefix(BOM)
    lines = head.splitlines()[: None if len(head) < END_BYTES else -1]
    lines = [line for line in lines if line.strip()]
    header = lines[0] if lines and format == "csv" else b""
    rows = list(_rows(lines[1:] if header else lines, header))
    if not rows:
        return None
    return _told(rows, lambda: list(_rows(_tail(path).splitlines()[-BEGINNING_ROWS:], header)))


def _of_text(path: str) -> Ends | None:
    from milepost.histories.tables.text_log import TextLog

    table = TextLog(path, Wanted())
    rows = table.head(table.columns, BEGINNING_ROWS)
    if rows is None or rows.is_empty():
        return None
    return _told(rows.to_dicts(), lambda: table.tail().to_dicts())


def _told(
    rows: list[dict[str, Any]],
    tail: Callable[[], list[dict[str, Any]]],
    known: str | None = None,
    wall: str | None = None,
) -> Ends:
    """Return what rows tell by the columns that count and tell time: by these, or by such as are called so."""
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    known = known or next((name for name, _ in counters(columns)), None)
    wall = wall or next(iter(wall_clocks(columns)), None)
    counts = [count for row in rows if (count := number(row.get(known or ""))) is not None]
    times = [time for row in rows if (time := unix(row.get(wall or ""))) is not None]
    beginning = [{name: value for name in row if (value := number(row[name])) is not None} for row in rows]

    def last() -> tuple[float | None, float | None]:
        found = tail()
        ends = [
            [value for row in found if (value := read(row.get(name or ""))) is not None]
            for name, read in ((known, number), (wall, unix))
        ]
        return (ends[0][-1] if ends[0] else None), (ends[1][-1] if ends[1] else None)

    return Ends(frozenset(columns), counts, times[0] if times else None, last, known, beginning[:BEGINNING_ROWS])


def _of_history(reader: Reader, path: str) -> Ends | None:
    """Return what a log tells that is read from its beginning to its end; nothing of a large one."""
    if size_of(path) > MAX_BYTES:
        return None
    found = list(islice(reader.histories((path,), "", Wanted()), 2))
    if len(found) != 1:
        return None
    known, wall = "\0count", "\0wall"
    rows = [
        {known: count, wall: time, **told}
        for each in found[0].rows()
        for count, time, told in zip(
            [None] * each.metrics.height if each.samples is None else each.samples,
            [None] * each.metrics.height if each.wall_time is None else each.wall_time,
            each.metrics.iter_rows(named=True),
            strict=True,
        )
    ]
    counter = found[0].samples_source
    rows = [{(counter or known) if name == known else name: value for name, value in row.items()} for row in rows]
    return _told(rows, lambda: rows[-BEGINNING_ROWS:], counter or known, wall)


def _rows(lines: list[bytes], header: bytes) -> Iterator[dict[str, Any]]:
    """Yield the rows that lines hold: of a table with this header, or of JSON."""
    import msgspec

    text = header.decode("utf-8", "replace")
    delimiter = max("\t,;", key=text.count)
    names = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    for line in lines:
        if header:
            fields = next(csv.reader(io.StringIO(line.decode("utf-8", "replace")), delimiter=delimiter), [])
            if len(fields) == len(names):
                yield dict(zip(names, fields, strict=True))
            continue
        try:
            found = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(found, dict):
            row: dict[str, Any] = {}
            flatten(found, "", row, None, MAX_DEPTH)
            yield row


def unix(told: object) -> float | None:
    """Return a Unix time in seconds, however it is written; None for one that can't be."""
    seconds = number(told)
    if seconds is None and isinstance(told, str):
        try:
            date = datetime.fromisoformat(told.strip().replace("Z", "+00:00"))
        except ValueError:
            return None
        seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp()
    if isinstance(told, datetime):
        seconds = told.replace(tzinfo=told.tzinfo or UTC).timestamp()
    seconds = None if seconds is None else in_seconds(seconds)
    return seconds if seconds is not None and EARLIEST <= seconds <= LATEST else None
