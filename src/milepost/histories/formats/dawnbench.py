"""DAWNBench: an entry is a JSON file of what was run and what it cost, and a TSV file of hours and accuracies.

https://github.com/stanford-futuredata/dawn-bench-entries (README: "JSON Format"). The time to a target is "the first
entry in the above TSV" that meets it, the cost that time by ``costPerHour``: of the whole fleet, as entries with
several machines have it. Entries tell epochs and no samples.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BOM, blocks, read_whole, stem
from milepost.histories.decoding.json_rows import number
from milepost.histories.history import History, Rows, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.flags import refuse_others
from milepost.log import logger

MAX_BYTES = 64 * 2**20
"""Of a part of an entry: the longest have some 20 kB."""

SHOWN_CONFIG = ("author", "framework", "model", "hardware", "timestamp", "codeURL", "commitHash", "usedBlacklist")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
"""A number whose thousands are set apart."""

UNCOUNTED = "DAWNBench entries tell epochs, and not how many samples one has"


class DawnbenchReader(Reader):
    """Reads DAWNBench entries."""

    name: ClassVar[str] = "dawnbench"

    def claims(self, file: File) -> str | None:
        """Say whether a file is the TSV of an entry, or the JSON of one whose TSV is beside it."""
        head = file.head.removeprefix(BOM)
        entry = stem(file.name)
        if head.lstrip().startswith(b"{"):
            fields = (b'"hardware"', b'"costPerHour"', b'"framework"', b'"authorEmail"', b'"codeURL"')
            beside = f"{entry}.tsv" in file.siblings
            return entry if beside and sum(field in head for field in fields) >= 2 else None
        if file.name.lower().endswith(".csv"):
            return None
        names = _names(head.split(b"\n")[0].decode("utf-8", "replace"))
        beside = f"{entry}.json" in file.siblings
        told = "hours" in names and (beside or ("epoch" in names and b"\t" in head))
        return entry if told else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of an entry.

        Raises:
            HistoryError: It has no TSV, or that has no column ``hours``.
        """
        tables = [file for file in files if not read_head(file).startswith(b"{")]
        if len(tables) != 1:
            raise HistoryError(f"{', '.join(files)}: found {len(tables)} TSV files, expected the one of an entry")
        refuse_others(tables[0], wanted, samples=None, time="hours")
        told = _entry([file for file in files if file not in tables])
        names, rows = _table(tables[0])
        metrics = tuple(name for name in names if name not in ("epoch", "hours", "Iterations"))
        cost = _number(told.get("costPerHour"))
        yield History(
            run=run,
            rows=lambda: iter([_rows(names, rows, metrics, wanted)]),
            metrics=metrics,
            config=_config(told),
            fleet_usd_per_hour=cost if cost is not None and math.isfinite(cost) and cost >= 0 else None,
            samples_unit=None,
            uncounted_because=UNCOUNTED,
        )


def read_head(file: str) -> bytes:
    """Return how a file begins, without what does not matter."""
    return next((block.data for block in blocks(file)), b"").removeprefix(BOM).lstrip()[:1]


def _entry(files: Sequence[str]) -> dict[str, Any]:
    """Return what the JSON of an entry tells; nothing where there is none, or it is broken, which is warned about."""
    for file in files:
        try:
            told = json.loads(read_whole(file, MAX_BYTES).removeprefix(BOM))
        except (ValueError, RecursionError) as error:
            logger("histories").warning("%s: is no JSON, so that its cost is not known: %s", file, error)
            continue
        if isinstance(told, dict):
            return told
    return {}


def _table(file: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a TSV; rows that can't be told apart into columns are left out.

    Raises:
        HistoryError: It has no column ``hours``.
    """
    lines = read_whole(file, MAX_BYTES).removeprefix(BOM).decode("utf-8", "replace").splitlines()
    names = _names(lines[0]) if lines else []
    if "hours" not in names:
        raise HistoryError(f"{file}: found the columns {', '.join(names) or 'none'}, expected 'hours' among them")
    rows = [row for line in lines[1:] if line.strip() and (row := _row(line, names)) is not None]
    if broken := sum(bool(line.strip()) for line in lines[1:]) - len(rows):
        logger("histories").warning(
            "%s: %d rows don't have the %d columns of its header; not read", file, broken, len(names)
        )
    _doubt(file, names, rows)
    return names, rows


def _doubt(file: str, names: list[str], rows: list[list[str]]) -> None:
    """Warn of hours that may be none, or not since the start."""

    def numbers(name: str) -> list[float]:
        return [value for row in rows if (value := _number(_cell(row, names.index(name)))) is not None]

    hours = numbers("hours")
    counted = len(hours) > 1 and all(later - earlier == 1 for earlier, later in pairwise(hours))
    if counted and "epoch" in names and not all(epoch.is_integer() for epoch in numbers("epoch")):
        logger("histories").warning(
            "%s: its hours count one by one, and its epochs don't: the two names may be swapped in its header", file
        )
    back = next((pair for pair in pairwise(hours) if pair[1] < pair[0]), None)
    if back is not None:
        logger("histories").warning(
            "%s: its hours go back, from %s to %s: they may be of each epoch and not since the start, and so are its "
            "minutes and dollars",
            file,
            *back,
        )


def _rows(names: list[str], rows: list[list[str]], metrics: Sequence[str], wanted: Wanted) -> Rows:
    """Return the rows of an entry."""

    def column(name: str) -> list[float | None]:
        return [_number(_cell(row, names.index(name))) for row in rows]

    return Rows.of(
        {name: column(name) for name in metrics if wanted.wants(name)},
        elapsed_seconds=[None if hour is None else hour * 3600.0 for hour in column("hours")],
    )


def _names(line: str) -> list[str]:
    """Return the names of a header; headers have been written with blanks between them over rows with tabs."""
    names = _fields(line, next((each for each in "\t,;" if each in line), None))
    return [name.lower() if name.lower() in ("epoch", "hours") else name for name in names]


def _row(line: str, names: Sequence[str]) -> list[str] | None:
    """Return the fields of a row; None where it can't be told which is which."""
    delimiter = next((each for each in "\t;" if each in line), None)
    if delimiter is None and "," in line:
        in_columns = _fields(line, ",")
        if len(in_columns) == len(names):
            return in_columns
    fields = _fields(line, delimiter)
    if delimiter is None:
        return fields if len(fields) == len(names) else None
    filled = [field for field in fields if field]
    return filled if len(fields) > len(names) == len(filled) else fields  # two tabs between columns have been seen


def _fields(line: str, delimiter: str | None) -> list[str]:
    """Return the fields of a line."""
    return [field.strip().strip('"') for field in line.strip("\r\n").split(delimiter)]


def _cell(row: Sequence[str], index: int) -> str:
    """Return a field; empty where the row is too short."""
    return row[index] if index < len(row) else ""


def _number(value: object) -> float | None:
    """Return a number, however it is written; None for anything else."""
    if isinstance(value, str):
        value = value.strip(" $%")
        value = value.replace(",", "") if THOUSANDS.fullmatch(value) else value
    return number(value)


def _config(told: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an entry, flat."""
    config = {name: told[name] for name in SHOWN_CONFIG if isinstance(told.get(name), (str, int, float, bool))}
    misc = told.get("misc")
    if isinstance(misc, dict):
        config.update(
            {f"misc.{name}": value for name, value in misc.items() if isinstance(value, (str, int, float, bool))}
        )
    return config
