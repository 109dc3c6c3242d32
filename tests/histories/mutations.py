"""Logs that were damaged, and what is said of them."""

import logging
import random
import resource
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from milepost.errors import MilepostError
from milepost.replaying.replay import replay
from tests.histories.small_logs import Small

HANGS_SECONDS = 60
"""A small log that takes longer is never read: it hangs."""

NUMBERS = (
    b"9" * 400,
    b"1e999",
    b"-1",
    b"NaN",
    b"Infinity",
    b"0",
    b"1e308",
    b"18446744073709551616",
    b"",
    b"0x10",
    b"1,5",
)
"""What a number is put in place of."""


class Hangs(BaseException):
    """A log is read for ever; nothing catches this."""


class Damaged(NamedTuple):
    """A file that was damaged.

    Attributes:
        how: What was done to it.
        data: What it holds now.
        cut_at: Where it was cut off, where that is what was done.
    """

    how: str
    data: bytes
    cut_at: int | None = None


def damaged(data: bytes, draw: random.Random) -> Damaged:
    """Return a file's bytes, damaged in one way."""
    how = draw.choice(tuple(WAYS))
    return WAYS[how](data, draw)


def _flip(data: bytes, draw: random.Random) -> Damaged:
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 4, 32))):
        found[draw.randrange(len(found))] ^= draw.choice((1, 2, 4, 8, 16, 32, 64, 128, 255))
    return Damaged("flip", bytes(found))


def _cut(data: bytes, draw: random.Random) -> Damaged:
    at = draw.randrange(len(data))
    return Damaged("cut", data[:at], at)


def _stretch(data: bytes, draw: random.Random) -> tuple[int, int]:
    begin = draw.randrange(len(data))
    return begin, min(len(data), begin + draw.choice((1, 2, 4, 8, 64, 500)))


def _delete(data: bytes, draw: random.Random) -> Damaged:
    begin, end = _stretch(data, draw)
    return Damaged("delete", data[:begin] + data[end:])


def _repeat(data: bytes, draw: random.Random) -> Damaged:
    begin, end = _stretch(data, draw)
    return Damaged("repeat", data[:end] + data[begin:end] * draw.choice((1, 1, 3, 200)) + data[end:])


def _fill(data: bytes, draw: random.Random) -> Damaged:
    begin, end = _stretch(data, draw)
    return Damaged("fill", data[:begin] + draw.choice((b"\0", b"\xff", b'"', b"\n", b"[")) * (end - begin) + data[end:])


def _insert(data: bytes, draw: random.Random) -> Damaged:
    at = draw.randrange(len(data))
    return Damaged("insert", data[:at] + draw.randbytes(draw.choice((1, 4, 100))) + data[at:])


def _number(data: bytes, draw: random.Random) -> Damaged:
    at = draw.randrange(len(data))
    digits = next((each for each in range(at, len(data)) if data[each : each + 1].isdigit()), at)
    end = digits
    while end < len(data) and data[end : end + 1] in b"0123456789.":
        end += 1
    return Damaged("number", data[:digits] + draw.choice(NUMBERS) + data[end:])


def _end(data: bytes, draw: random.Random) -> Damaged:
    return Damaged("end", data + draw.choice((draw.randbytes(200), b"\0" * 5000, data[: len(data) // 2], b"[" * 5000)))


WAYS: dict[str, Callable[[bytes, random.Random], Damaged]] = {
    "flip": _flip,
    "cut": _cut,
    "delete": _delete,
    "repeat": _repeat,
    "fill": _fill,
    "insert": _insert,
    "number": _number,
    "end": _end,
}


class Heard(logging.Handler):
    """Says whether anything was warned about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def heard() -> Iterator[Heard]:
    """Listen to what is warned about."""
    handler = Heard()
    root = logging.getLogger("milepost")
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)


@contextmanager
def not_for_ever() -> Iterator[None]:
    """Raise where something hangs."""

    def hangs(*_: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def figures(where: Path | str, metric: str) -> tuple[list[Any], list[str]]:
    """Return what is said of a log, and what is warned about or not read."""
    with heard() as ears, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            results = replay(where, thresholds=[f"{metric} >= {target}" for target in (10, 30)], price_per_hour=6.0)
        except MilepostError as error:
            return [], [str(error)]
    told = [
        (result.status, result.samples_to_threshold, result.samples_unit, result.minutes_to_threshold, result.bound)
        for result in results
    ]
    left = [f"{each.kind}: {each.reason}" for each in getattr(results, "left_out", ())]
    return told, [*ears.said, *(each.shown for each in results.skipped), *left]


def peak_bytes() -> int:
    """Return how much memory this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def hunt(name: str, small: Small, trials: range, folder: Path, where: Path | str) -> Iterator[str]:
    """Damage a format's log in so many ways, and yield what is wrong with how it is read.

    Args:
        name: The format.
        small: How its log is written.
        trials: Numbers of the trials: each draws its own damage, the same whenever it is run.
        folder: What was written: it is as before when this ends.
        where: What is replayed of it.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    untouched = {path: path.read_bytes() for path in files}
    right, _ = figures(where, small.metric)
    assert [each[0] for each in right] == ["achieved"] * 2
    for trial in trials:
        draw = random.Random(f"{name} {trial}")
        path = draw.choice(files)
        done = damaged(untouched[path], draw)
        path.write_bytes(done.data)
        try:
            with not_for_ever():
                told, said = figures(where, small.metric)
        except Hangs:
            yield f"{trial} {done.how} {path.name}: hangs"
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            yield f"{trial} {done.how} {path.name}: {type(error).__name__}: {error}"
        else:
            if told != right and not said and _can_be_told(small, untouched[path], done):
                yield f"{trial} {done.how} at {done.cut_at} {path.name}: in silence {told} in place of {right}"
        finally:
            path.write_bytes(untouched[path])


def _can_be_told(small: Small, data: bytes, done: Damaged) -> bool:
    """Say whether the format can tell damage: by checksums, or since its last record is not whole."""
    if done.cut_at is not None:
        return small.ends is not None and done.cut_at not in small.ends(data)
    return small.is_checked
