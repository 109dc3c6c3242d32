"""A small real log of each format, for what is tried over all of them. A new format is one line of `SMALL`."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.positions.tables import TABLES, Written
from tests.positions.trackers import TRACKERS
from tests.positions.training import SCENARIOS


class Small(NamedTuple):
    """How a small log of a format is written, and what the format can tell of damage.

    Attributes:
        write: Writes it into a folder, and returns what is to be replayed.
        metric: A metric of it, that rises from 1 to 40.
        is_checked: Whether checksums hold all of it: any damage that changes a result can be told.
        ends: Of a format whose records tell where they end, the positions at which a cut can't be told, in all that
            was written; None where no cut can be told for sure.
    """

    write: Callable[[Path], Path | str]
    metric: str
    is_checked: bool = False
    ends: Callable[[bytes], set[int]] | None = None


def _of(written: Written, *, is_checked: bool = False, ends: Callable[[bytes], set[int]] | None = None) -> Small:
    """Return a small log as the conformance suite writes one."""
    return Small(lambda folder: written.write(folder, SCENARIOS["plain"]), written.metrics["reward"], is_checked, ends)


def line_ends(data: bytes) -> set[int]:
    """Return the ends of lines, with or without their line end."""
    return {at for found in re.finditer(rb"\n", data) for at in found.span()}


def nowhere(data: bytes) -> set[int]:
    """Return no position but those of white space at the end: what is cut is not whole."""
    return set(range(len(data.rstrip()), len(data) + 1))


def _dawnbench(folder: Path) -> Path:
    """Write an entry, as its rules say: https://github.com/stanford-futuredata/dawn-bench-entries."""
    (folder / "entry.json").write_text('{"author": "A", "framework": "F", "hardware": "4", "costPerHour": 6.0}')
    rows = "".join(f"{row}\t{row / 60}\t{row}.0\n" for row in range(1, 41))
    (folder / "entry.tsv").write_text(f"epoch\thours\ttop1Accuracy\n{rows}")
    return folder


SMALL = {
    "tensorboard": _of(TRACKERS["events"], is_checked=True),
    "wandb": _of(TRACKERS["wandb"], is_checked=True),
    "trackio": _of(TRACKERS["trackio"]),
    "mlperf": _of(TABLES["mlperf"], ends=line_ends),
    "dawnbench": Small(_dawnbench, "top1Accuracy"),
    "sb3-evaluations": _of(TABLES["sb3_evaluations"], is_checked=True),
    "sb3-monitor": _of(TABLES["sb3_monitor"], ends=line_ends),
    "trainer-state": _of(TABLES["trainer_state"], ends=nowhere),
    "parquet": _of(TABLES["parquet"], ends=nowhere),
    "csv": _of(TABLES["csv"]),
    "jsonl": _of(TABLES["jsonl"], ends=line_ends),
}
"""By name of the format."""

BY_ADDRESS = {"wandb-api", "mlflow"}
"""Formats without files of their own: services and databases that are asked."""
