"""What the tests of histories share."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from milepost.histories.decoding import compiler
from milepost.histories.finding.discovery import find_logs
from milepost.histories.finding.log import LeftOut, Log
from milepost.histories.history import History, Wanted

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the real logs are not beside the project")

EVERYTHING = Wanted()


@pytest.fixture(scope="module", autouse=True, params=["compiled", "python"])
def compiled_or_not(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run each test of a module that imports this with the compiled scanners, then without."""
    with reading(request.param):
        yield


@contextmanager
def reading(how: str) -> Iterator[None]:
    """Have logs read by the compiled scanners whatever their size, or by Python."""
    if how == "compiled":
        pytest.importorskip("numba")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "COMPILED_BYTES", 0 if how == "compiled" else math.inf)
        yield


def logs_of(
    *paths: Path | str, format: str | None = None, match: str | None = None, join: bool | None = None
) -> list[Log]:
    """Return the logs that are found."""
    found = find_logs([str(path) for path in paths], format=format, match=match, join=join)
    return [each for each in found if isinstance(each, Log)]


def skipped_of(*paths: Path | str) -> list[LeftOut]:
    """Return what is not read."""
    return [each for each in find_logs([str(path) for path in paths]) if isinstance(each, LeftOut)]


def read(*paths: Path | str, wanted: Wanted = EVERYTHING, format: str | None = None) -> list[History]:
    """Return the histories of all logs that are found."""
    found = logs_of(*paths, format=format)
    return [history for log in found for history in log.reader.histories(log.files, log.run, wanted)]


def one(*paths: Path | str, wanted: Wanted = EVERYTHING, format: str | None = None) -> History:
    """Return the one history that there is."""
    (history,) = read(*paths, wanted=wanted, format=format)
    return history


def column(history: History, name: str) -> list[Any]:
    """Return a metric, or ``samples``, ``elapsed_seconds`` or ``wall_time``, over all chunks."""
    values: list[Any] = []
    for rows in history.rows():
        own = getattr(rows, name, None) if name in ("samples", "elapsed_seconds", "wall_time") else None
        height = max(
            rows.metrics.height, *(len(each) for each in (rows.samples, rows.elapsed_seconds) if each is not None), 0
        )
        if own is not None:
            values += own.to_list()
        elif name in rows.metrics.columns:
            values += rows.metrics[name].to_list()
        else:
            values += [None] * height
    return values


def first_row(values: Sequence[Any], meets: Any) -> int:
    """Return the index of the first value that meets a target."""
    return next(index for index, value in enumerate(values) if value is not None and meets(value))


def wait_until_whole(path: Path) -> None:
    """Wait for the end of a file that W&B writes: its service may still be at it when ``finish`` returns."""
    from wandb.proto import wandb_internal_pb2

    from milepost.histories.decoding.leveldb import records

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        last = wandb_internal_pb2.Record()
        for record in records(str(path)):
            last.ParseFromString(record.data)
        if last.WhichOneof("record_type") in ("exit", "footer", "final"):
            return
        time.sleep(0.02)
    raise TimeoutError(f"{path} has no end")
