"""TorchRL's ``CSVLogger``: https://github.com/pytorch/rl, ``torchrl/record/loggers/csv.py``.

A run is a folder; ``scalars/NAME.csv`` has a row ``step,value`` for each value of a name, without a header. Names such
as ``train/reward`` lie in folders below. It keeps no time. Its recipes log frames as steps, other programs anything. A
program that goes on with a run appends to the same files.
"""

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import ClassVar

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.files import blocks, is_url, opened, read_whole
from milepost.histories.decoding.folder_files import files_below
from milepost.histories.history import History, Wanted
from milepost.histories.reader import HEAD_BYTES, File, Reader
from milepost.histories.tables.row_table import seed_of
from milepost.log import logger

FOLDER = "scalars"
SETTINGS = "texts/hparams0.txt"
MAX_SETTINGS_BYTES = 2**20

LINE = re.compile(rb"(?:tensor\()?(\d{1,18})(?:\.0*)?\)?,([-+.\w]+)\r?")
"""A step, which may be a tensor's, as Python writes it, and a value."""

UNTIMED = "TorchRL's CSVLogger keeps no time"


class TorchRLReader(Reader):
    """Reads the folders of ``CSVLogger``."""

    name: ClassVar[str] = "torchrl-csv"

    def claims(self, file: File) -> str | None:
        """Say whether a file lies in ``scalars``, or below, and has rows of a step and a value alone."""
        if not file.name.endswith(".csv") or _root(file.path) is None or not _has_points(file.head):
            return None
        return ""

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run, or one for each training that was appended; of its folders, the first one's files tell of all.

        Raises:
            MissingExtra: NumPy is not installed.
            HistoryError: It can't be read, or a flag names what it does not have.
        """
        if not find_spec("numpy"):
            raise MissingExtra("numpy", "replay", "reading TorchRL's logs")
        from numpy import array as numbers

        from milepost.histories.tables.key_points import KeyPoints
        from milepost.histories.tables.untimed_points import in_stretches

        root = _root(files[0]) or files[0].rpartition("/")[0]
        paths = {name: path for name, path in files_below(root).items() if name.endswith(".csv") and _is_one(path)}
        if _absolute(files[0]) != next((_absolute(path) for path in paths.values()), None):
            return
        logged = {name.removesuffix(".csv"): _points(path) for name, path in paths.items()}
        logged = {name: each for name, each in logged.items() if len(each[0])}
        if not logged:
            raise HistoryError(f"{root}: found no row 'step,value'")
        steps = {name: numbers(each, "i8") for name, (each, _) in logged.items()}
        values = {name: numbers(each, "f8") for name, (_, each) in logged.items()}
        config = _settings(root)
        name = _run(run, root)
        trainings = in_stretches(steps, values)
        for at, points in enumerate(trainings):
            notes = (f"its steps begin anew: {len(trainings)} trainings",) if at == 1 else ()
            told = {"config": config, "seed": seed_of(config), "untimed_because": UNTIMED, "notes": notes}
            yield KeyPoints(root, points, wanted).history(f"{name}#{at + 1}" if at else name, **told)


def _absolute(path: str) -> str:
    return path if is_url(path) else os.path.abspath(path)


def _root(path: str) -> str | None:
    """Return the folder ``scalars`` that a file lies in, or below; None where there is none."""
    before, found, _ = _absolute(path).rpartition(f"/{FOLDER}/")
    return f"{before}/{FOLDER}" if found else None


def _run(run: str, root: str) -> str:
    """Return what the run is called: the path of the folder that ``scalars`` lies in."""
    before, found, _ = f"/{run}/".rpartition(f"/{FOLDER}/")
    return (before.strip("/") if found else "") or root.split("/")[-2]


def _has_points(head: bytes) -> bool:
    """Say whether a file begins with whole rows of a step and a value."""
    lines = head.split(b"\n")[:-1]
    return bool(lines) and all(_point(line) is not None for line in lines)


def _is_one(path: str) -> bool:
    with opened(path) as file:
        return _has_points(file.read(HEAD_BYTES))


def _point(line: bytes) -> tuple[int, float] | None:
    if (found := LINE.fullmatch(line)) is None:
        return None
    try:
        return int(found[1]), float(found[2])
    except ValueError:
        return None


def _points(path: str) -> "tuple[array[int], array[float]]":
    """Return the steps and values of a file; lines that are none, and a last one without its end, are left out."""
    steps, values, broken = array("q"), array("d"), 0
    for block in blocks(path):
        lines = block.data.split(b"\n")
        broken += bool(lines.pop()) if not block.whole else 0
        for line in lines:
            if (point := _point(line)) is not None:
                steps.append(point[0])
                values.append(point[1])
            else:
                broken += bool(line.strip())
    if broken:
        logger("histories").warning("%s: %d lines are no 'step,value'; not read", path, broken)
    return steps, values


def _settings(root: str) -> dict[str, str]:
    """Return what ``log_hparams`` kept: a line each."""
    try:
        text = read_whole(f"{root.rpartition('/')[0]}/{SETTINGS}", MAX_SETTINGS_BYTES).decode("utf-8", "replace")
    except HistoryError:
        return {}
    found = (line.partition(": ") for line in text.splitlines())
    return {name: value for name, colon, value in found if colon}
