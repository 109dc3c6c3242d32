"""JSON that is one array or one object: rows, or columns that are equally long.

Dopamine's published curves (``baselines/*/data/*.json``) are an array of rows with ``Iteration``, ``Value`` and
``Agent``, the seeds of an agent one after the other; DreamerV3's (``scores/*.json.gz``) an array of objects with
``task``, ``seed``, ``xs`` and ``ys``; what is dumped of Keras' ``History.history``, or pandas of a table, columns.
Settings, data sets, annotations and notebooks are JSON too: a file is claimed where it counts and bears a metric.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar

import msgspec
import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.files import BLOCK_BYTES, BOM, FileBlock, blocks, read_whole, stem
from milepost.histories.decoding.json_rows import series
from milepost.histories.decoding.json_series import XS, YS, Series, decoded, is_log, series_of, whole_counts
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.logged_rows import LoggedRows
from milepost.histories.tables.names import counters
from milepost.histories.tables.row_table import seed_of
from milepost.histories.tables.table import Frame, Table
from milepost.log import logger

MAX_BYTES = 64 * 2**20
"""Of a file, unpacked: all of it is in memory at once. The scores of 57 games and five seeds take 10 MB."""

COLUMN = re.compile(rb'"[^"]*"\s*:\s*(?:\[\s*(?:[-\d]|NaN|Infinity|null)|\{\s*"0"\s*:)')
ARRAY = re.compile(rb"\[\s*[\[{]")

ROWS_AT_ONCE = 100_000
MOST_EPOCHS = 1000
"""More values of a loss alone may be one a step."""

NAMED_BY = ("task", "env", "game", "method", "agent", "name", "seed")
"""What names a run, the widest first; else whatever differs."""


class JsonReader(Reader):
    """Reads JSON that is one value."""

    name: ClassVar[str] = "json"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file is an array or an object that surely is a log.

        Of one that is larger than a megabyte, an array's beginning tells; an object is read whole, where that may be.
        """
        head = file.head.removeprefix(BOM).lstrip()
        is_array = ARRAY.match(head) is not None
        if not is_array and not (head.startswith(b"{") and COLUMN.search(head)):
            return None
        data = next(blocks(file.path, whole_records=len), FileBlock(0, b"", True)).data
        if not is_array and len(data) >= BLOCK_BYTES:
            try:
                data = read_whole(file.path, MAX_BYTES)
            except HistoryError:
                return None
        found = series_of(decoded(data.removeprefix(BOM).decode("utf-8", "replace")))
        is_one = bool(found) and all(is_log(each, _counters(each)) for each in found)
        return stem(file.name) if is_one else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file, or its runs.

        Raises:
            HistoryError: It is larger than can be in memory, no JSON, or neither rows nor columns.
        """
        for file in files:
            text = read_whole(file, MAX_BYTES).removeprefix(BOM).decode("utf-8", "replace")
            found = series_of(decoded(text))
            if not found:
                raise HistoryError(
                    f"{file}: found neither an array of objects nor columns that are equally long, expected one of them"
                )
            if text.rstrip()[-1:] not in ("]", "}"):
                logger("histories").warning("%s: is cut short; read the rows that are whole", file)
            for each, name in zip(found, _named(run, found), strict=True):
                yield from _histories(file, each, name, wanted)


class Columns(Table):
    """Columns that are equally long.

    Args:
        where: What messages call them.
        columns: Their values, by name.
    """

    def __init__(self, where: str, columns: dict[str, list[Any]]) -> None:
        self.where = where
        self.data = polars.DataFrame({name: series(name, values) for name, values in columns.items()})
        self.columns = tuple(self.data.columns)

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield blocks of rows."""
        names = [name for name in self.columns if columns is None or name in columns]
        for number, at in enumerate(range(0, self.data.height, ROWS_AT_ONCE)):
            if only is None or number in only:
                yield Frame(number, at + 1, self.data[at : at + ROWS_AT_ONCE].select(names))


def _counters(each: Series) -> list[str]:
    """Return which names of what JSON tells are those of counters."""
    names = each.columns or dict.fromkeys(name for row in each.rows or () for name in row)
    return [name for name, _ in counters(list(names))]


def _histories(file: str, each: Series, run: str, wanted: Wanted) -> Iterator[History]:
    """Yield the run of a series, or the trainings that follow each other in it."""
    facts = {name: value for name, value in each.facts.items() if isinstance(value, (str, int, float, bool))}
    told: dict[str, Any] = {"seed": seed_of(facts), "config": facts} if facts else {}
    if each.columns is None:
        yield from histories_of(LoggedRows(file, each.rows or []), run, wanted, **told)
        return
    columns = dict(each.columns)
    if XS in columns and YS in columns:
        counts = whole_counts(columns[XS])
        if counts != columns[XS]:
            told["notes"] = (f"{XS!r} are no whole numbers: they are rounded",)
        columns[XS] = counts
        wanted = msgspec.structs.replace(wanted, samples_column=wanted.samples_column or XS)
    elif not _counters(each) and wanted.samples_column is None:
        height = len(next(iter(columns.values())))
        if height <= MOST_EPOCHS or any(name.startswith("val_") for name in columns):
            columns["epoch"] = list(range(1, height + 1))
            told["notes"] = ("nothing counts in it: its values are taken for one an epoch, as in Keras' history",)
    yield from histories_of(Columns(file, columns), run, wanted, **told)


def _named(run: str, found: Sequence[Series]) -> list[str]:
    """Return what the runs are called: by what differs between them, else by their number."""
    if len(found) == 1:
        return [run]
    facts = [each.facts or _texts_of(each) for each in found]
    differs = [name for name in dict.fromkeys(name for each in facts for name in each) if _differs(name, facts)]
    differs.sort(key=lambda name: NAMED_BY.index(name.lower()) if name.lower() in NAMED_BY else len(NAMED_BY))
    names = ["/".join([run, *(f"{name}={each[name]}" for name in differs if name in each)]) for each in facts]
    seen: dict[str, int] = {}
    for at, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        names[at] = name if seen[name] == 1 else f"{name}#{seen[name]}"
    return names


def _texts_of(each: Series) -> dict[str, Any]:
    """Return the texts that a block of rows bears."""
    return {name: value for name, value in (each.rows or [{}])[0].items() if isinstance(value, str)}


def _differs(name: str, facts: Sequence[dict[str, Any]]) -> bool:
    return len({str(each.get(name)) for each in facts}) > 1
