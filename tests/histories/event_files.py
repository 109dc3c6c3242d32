"""Event files, as writers write them, byte by byte."""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import google_crc32c
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

BEGAN = 1_700_000_000.0


def framed(data: bytes) -> bytes:
    """Return a record."""
    length = struct.pack("<Q", len(data))
    return length + checksum(length) + data + checksum(data)


def checksum(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def scalar(tag: str, value: float, step: int, wall_time: float = BEGAN) -> Event:
    """Return an event of one number."""
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))


def start(step: int, wall_time: float) -> Event:
    """Return what ``purge_step`` writes."""
    return Event(wall_time=wall_time, step=step, session_log=SessionLog(status=SessionLog.START))


def opened(wall_time: float) -> Event:
    """Return what a writer writes first."""
    return Event(wall_time=wall_time, file_version="brain.Event:2")


def write(path: Path, events: Iterable[Event]) -> Path:
    """Write a file of events."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(framed(event.SerializeToString()) for event in events))
    return path


def training(
    path: Path,
    steps: Sequence[int],
    *,
    opened_at: float = BEGAN,
    tag: str = "reward",
    seconds: float = 60.0,
    factor: float = 1e-3,
) -> Path:
    """Write a training that logs at these steps, one after the other, so many seconds apart, after it was opened."""
    events = [opened(opened_at)]
    for at, step in enumerate(steps, 1 if steps[0] else 0):
        events.append(scalar(tag, step * factor, step, opened_at + at * seconds))
    return write(path, events)
