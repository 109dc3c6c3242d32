"""W&B's own files (``run-….wandb``): records of its protocol, one after the other.

https://github.com/wandb/wandb: ``core/internal/transactionlog`` frames them as LevelDB's log does,
``wandb/proto/wandb_internal.proto`` says what is in them. A row is a history record: what one step logged.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from milepost.errors import HistoryError
from milepost.histories.files import stem
from milepost.histories.history import History, Wanted
from milepost.histories.jsonl import MAX_DEPTH, flatten
from milepost.histories.leveldb import MAGIC, records
from milepost.histories.reader import File, Reader
from milepost.histories.rows import SPECIAL, RowTable, seed_of
from milepost.histories.table import histories_of, need_polars
from milepost.histories.wire import BYTES, VARINT, WireError, fields

# Fields of Record, RunRecord, ConfigRecord, HistoryRecord, and of the items of the last two.
HISTORY, CONFIG, RUN = 2, 5, 17
RUN_ID, RUN_CONFIG, RUN_GROUP, DISPLAY_NAME = 1, 4, 6, 8
UPDATE = 1
ITEM = 1
KEY, NESTED_KEY, VALUE_JSON = 1, 2, 16


class WandbFileReader(Reader):
    """Reads the files that W&B writes beside a run, offline or online."""

    name: ClassVar[str] = "wandb"

    def claims(self, file: File) -> str | None:
        """Say whether a file begins as W&B's do."""
        return stem(file.name).removesuffix(".wandb") if file.head.startswith(MAGIC) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file: its own id, group and settings.

        Raises:
            HistoryError: It can't be read, or does not tell what counts samples.
        """
        need_polars()
        for path in files:
            table = WandbFile(path)
            told = {"config": table.config, "group": table.group, "seed": seed_of(table.config)}
            yield from histories_of(table, table.run or run, wanted, **told)


class WandbFile(RowTable):
    """A file of W&B's, as a table of what was logged.

    Args:
        path: The file.

    Attributes:
        run: Id of the run.
        group: Its group.
        config: Its settings.

    Raises:
        HistoryError: It can't be read, or nothing was logged.
    """

    def __init__(self, path: str) -> None:
        self.where = path
        self.run: str | None = None
        self.group: str | None = None
        self.config: dict[str, Any] = {}
        self.open()

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield what each step logged; what the run is called and set to is taken note of on the way."""
        for record in records(self.where):
            try:
                for field, kind, start, end in fields(record.data):
                    if field == HISTORY and kind == BYTES:
                        yield _items(record.data, start, end, ITEM, wanted)
                    elif field == RUN and kind == BYTES:
                        self._read_run(record.data, start, end)
                    elif field == CONFIG and kind == BYTES:
                        self._read_config(record.data, start, end)
            except WireError as error:
                raise HistoryError(f"{self.where}: found {error} in the record at byte {record.offset}") from None

    def _read_run(self, data: bytes, start: int, end: int) -> None:
        for field, kind, at, stop in fields(data, start, end):
            if kind == BYTES and field == RUN_ID:
                self.run = data[at:stop].decode(errors="replace") or None
            elif kind == BYTES and field == RUN_GROUP:
                self.group = data[at:stop].decode(errors="replace") or None
            elif kind == BYTES and field == RUN_CONFIG:
                self._read_config(data, at, stop)

    def _read_config(self, data: bytes, start: int, end: int) -> None:
        told = _items(data, start, end, UPDATE, None)
        self.config |= {name: value for name, value in told.items() if not name.startswith("_wandb")}


def _items(data: bytes, start: int, end: int, item: int, wanted: frozenset[str] | None) -> dict[str, Any]:
    """Return the items of a record by their names, flat: ``{"env.reward": 1.0}``; lists are left out."""
    row: dict[str, Any] = {}
    for field, kind, at, stop in fields(data, start, end):
        if field != item or kind != BYTES:
            continue
        names: list[str] = []
        value = b""
        for inner, inner_kind, inner_at, inner_stop in fields(data, at, stop):
            if inner_kind == VARINT:
                continue
            if inner in (KEY, NESTED_KEY):
                names.append(data[inner_at:inner_stop].decode(errors="replace"))
            elif inner == VALUE_JSON:
                value = data[inner_at:inner_stop]
        name = ".".join(names)
        if wanted is not None and name not in wanted and not value.startswith(b"{"):
            continue
        try:
            found = json.loads(value, parse_int=_whole)
        except (ValueError, RecursionError):
            continue
        flatten({name: SPECIAL.get(found, found) if isinstance(found, str) else found}, "", row, wanted, MAX_DEPTH)
    return row


def _whole(text: str) -> int | float:
    """Return a number without a point: W&B writes 2.0 as ``2``, and -0.0 as ``-0``, which is no integer."""
    return -0.0 if text == "-0" else int(text)
