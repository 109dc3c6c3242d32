"""Reading logs of runs that are over, against the usual readers of their formats."""

import csv
import json
import random
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.timing import Ratio, side_by_side
from milepost.histories.finding.discovery import find_logs
from milepost.histories.finding.log import Log
from milepost.histories.history import Wanted

POINTS = 100_000
ROUNDS = 9
TAGS = tuple(f"losses/loss_{index}" for index in range(10))


def of_event_files() -> Iterator[Ratio]:
    """Event files that the real writer wrote, against TensorBoard's own reader."""
    for what, tags, wanted in (
        ("one tag of one", TAGS[:1], TAGS[:1]),
        ("one tag of ten", TAGS, TAGS[3:4]),
        ("ten tags of ten", TAGS, TAGS),
    ):
        with tempfile.TemporaryDirectory() as folder:
            _write_events(folder, tags)
            yield side_by_side(
                f"{POINTS:,} scalars of an event file, {what}, against `EventAccumulator`",
                lambda folder=folder, wanted=wanted: read(folder, *wanted),  # type: ignore[misc]
                lambda folder=folder: _accumulated(folder),  # type: ignore[misc]
                bound=1 / 50,
                rounds=ROUNDS,
            )


def of_files_of_wandb() -> Iterator[Ratio]:
    """Files that W&B itself wrote, offline, against its own protobuf classes in Python."""
    for keys in (1, 8):
        with tempfile.TemporaryDirectory() as folder:
            path = _log_to_wandb(folder, TAGS[:keys])
            yield side_by_side(
                f"{POINTS:,} rows of {keys} metrics in a `.wandb` file, one wanted, against its protobuf classes",
                lambda path=path: read(path, TAGS[0]),  # type: ignore[misc]
                lambda path=path: plain_wandb(path),  # type: ignore[misc]
                bound=1 / 3,
                rounds=3,
            )


def of_tables() -> Iterator[Ratio]:
    """CSV and JSON lines against Polars' readers, which read all columns and tell no text from numbers: no bound."""
    import polars

    chance = random.Random(0)
    rows = [
        {"samples": at * 64, "elapsed_seconds": at / 7, **{tag: chance.gauss(0, 1) for tag in TAGS}}
        for at in range(POINTS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        table, lines = Path(folder) / "log.csv", Path(folder) / "log.jsonl"
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
        for name, path, against in (
            ("CSV, one metric of ten, against `polars.read_csv`", table, polars.read_csv),
            ("JSON lines, one metric of ten, against `polars.read_ndjson`", lines, polars.read_ndjson),
        ):
            yield side_by_side(
                f"{POINTS:,} rows of {name}",
                lambda path=path: read(str(path), TAGS[0]),  # type: ignore[misc]
                lambda path=path, against=against: against(path),  # type: ignore[misc]
                bound=float("inf"),
                rounds=ROUNDS,
            )


def read(path: str, *metrics: str) -> int:
    """Read a log through, as a replay does, and return how many rows it has."""
    wanted = Wanted(metrics=frozenset(metrics))
    height = 0
    for log in find_logs([path]):
        if isinstance(log, Log):
            for history in log.reader.histories(log.files, log.run, wanted):
                height += sum(rows.metrics.height for rows in history.rows())
    return height


def _write_events(folder: str, tags: tuple[str, ...]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    chance = random.Random(0)
    writer = EventFileWriter(folder)
    for at in range(POINTS):
        value = Summary.Value(tag=tags[at % len(tags)], simple_value=chance.gauss(0, 1))
        writer.add_event(Event(wall_time=1.7e9 + at / 7, step=at // len(tags) * 64, summary=Summary(value=[value])))
    writer.close()


def _accumulated(folder: str) -> int:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(folder, size_guidance={"scalars": 0})
    found.Reload()
    return sum(len(found.Scalars(tag)) for tag in found.Tags()["scalars"])


def _log_to_wandb(folder: str, keys: tuple[str, ...]) -> str:
    import wandb

    from tests.histories.helpers import wait_until_whole

    chance = random.Random(0)
    settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
    run = wandb.init(project="benchmark", mode="offline", dir=folder, settings=settings)
    for at in range(POINTS):
        run.log({"samples": at * 64, **{key: chance.gauss(0, 1) for key in keys}})
    run.finish()
    (path,) = Path(folder).glob("wandb/offline-run-*/*.wandb")
    wait_until_whole(path)
    return str(path)


def plain_wandb(path: str) -> dict[str, list[Any]]:
    """Read a file of W&B's in plain Python: LevelDB's framing, its own protobuf classes, and `json`."""
    from wandb.proto.wandb_internal_pb2 import Record

    columns: dict[str, list[Any]] = {}
    for data in _framed(path):
        record = Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            for item in record.history.item:
                columns.setdefault(item.key or ".".join(item.nested_key), []).append(json.loads(item.value_json))
    return columns


def _framed(path: str) -> Iterator[bytes]:
    header = struct.Struct("<IHB")
    parts: list[bytes] = []
    with open(path, "rb") as file:
        at = 7  # W&B's own, before the first
        while block := file.read(2**15):
            while len(block) - at >= header.size:
                checksum, size, kind = header.unpack_from(block, at)
                at += header.size
                data = block[at : at + size]
                if zlib.crc32(data, zlib.crc32(bytes((kind,)))) != checksum:
                    raise ValueError(f"{path}: a wrong checksum")
                parts.append(data)
                at += size
                if kind in (1, 4):  # a whole record, or the last part of one
                    yield b"".join(parts)
                    parts = []
            at = 0
