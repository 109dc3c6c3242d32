"""W&B's own files (``run-….wandb``): records of its protocol, one after the other.

https://github.com/wandb/wandb: ``core/internal/transactionlog`` frames them as LevelDB's log does,
``wandb/proto/wandb_internal.proto`` says what is in them. A row is a history record: what one step logged.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from milepost.errors import HistoryError
from milepost.histories.decoding.compiler import scanners
from milepost.histories.decoding.files import size_of, stem
from milepost.histories.decoding.json_rows import CHUNK_ROWS
from milepost.histories.decoding.leveldb import MAGIC, Record, records
from milepost.histories.decoding.messages import BrokenMessage
from milepost.histories.decoding.wandb_record import read_items, read_record
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.continued import continued
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.row_table import RowTable, seed_of
from milepost.histories.tables.table import Frame


class WandbFileReader(Reader):
    """Reads the files that W&B writes beside a run, offline or online."""

    name: ClassVar[str] = "wandb"

    def claims(self, file: File) -> str | None:
        """Say whether a file begins as W&B's do."""
        return stem(file.name).removesuffix(".wandb") if file.head.startswith(MAGIC) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the runs: their own ids, groups, settings and starts. Files of one id are one run, resumed.

        Raises:
            HistoryError: It can't be read, or does not tell what counts samples.
        """
        tables = [WandbFile(path) for path in files]
        tables.sort(key=lambda table: table.started_at or 0.0)
        by_id: dict[str, list[WandbFile]] = {}
        for table in tables:
            by_id.setdefault(table.run or run, []).append(table)
        for name, of_run in by_id.items():
            parts = [
                history
                for table in of_run
                for history in histories_of(table, name, wanted, **table.told, seed=seed_of(table.config))
            ]
            if wanted.run_column is not None:
                yield from parts
            else:
                yield continued(parts)


class WandbFile(RowTable):
    """A file of W&B's, as a table of what was logged.

    Args:
        path: The file.

    Attributes:
        run: Id of the run.
        project: Its project.
        group: Its group.
        config: Its settings.
        started_at: Unix seconds (UTC) at which its process started.

    Raises:
        HistoryError: It can't be read, or nothing was logged.
    """

    def __init__(self, path: str) -> None:
        self.where = path
        self.run: str | None = None
        self.project: str | None = None
        self.group: str | None = None
        self.config: dict[str, Any] = {}
        self.started_at: float | None = None
        self._scanners = scanners(size_of(path))
        self._first: list[Frame] = []
        self.open()

    @property
    def told(self) -> dict[str, Any]:
        """What is known of the run, as `History` has it."""
        return {"config": self.config, "group": self.group, "started_at": self.started_at}

    def beginning(self) -> Iterator[Iterable[str]]:
        """Yield names of columns as the first chunk tells them, and keep it."""
        if self._scanners is None:
            yield from super().beginning()
            return
        for frame in self._scanned(None):
            self._first.append(frame)
            yield frame.data.columns
            if frame.first_row + frame.data.height > CHUNK_ROWS:
                break

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield chunks of rows."""
        if self._scanners is None:
            yield from super().frames(columns, only)
            return
        is_at_hand = columns is None and only is None
        if is_at_hand:
            yield from self._first
        for frame in self._scanned(None if columns is None else frozenset(columns)):
            if (only is None or frame.number in only) and not (is_at_hand and frame.number == 0):
                yield frame

    def _scanned(self, wanted: frozenset[str] | None) -> Iterator[Frame]:
        from milepost.histories.decoding.wandb_columns import ColumnScan

        scan = ColumnScan(self.where, wanted, lambda record: self._rows_of(record, wanted), self._scanners)
        for first_row, data in scan.chunks():
            yield Frame((first_row - 1) // CHUNK_ROWS, first_row, data)

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield what each step logged; what the run is called and set to is taken note of on the way."""
        for record in records(self.where):
            yield from self._rows_of(record, wanted)

    def _rows_of(self, record: Record, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield the rows of a record, and take note of what else it tells."""
        try:
            told = read_record(record.data)
        except BrokenMessage as error:
            raise HistoryError(f"{self.where}: found {error} in the record at byte {record.offset}") from None
        if told.HasField("run"):
            self.run = told.run.run_id.decode(errors="replace") or self.run
            self.project = told.run.project.decode(errors="replace") or self.project
            self.group = told.run.run_group.decode(errors="replace") or self.group
            if told.run.HasField("start_time"):
                start = told.run.start_time
                self.started_at = self.started_at or (start.seconds + start.nanos / 1e9) or None
            self._note_config(told.run.config)
        if told.HasField("config"):
            self._note_config(told.config)
        if told.HasField("history"):
            yield read_items(told.history.item, wanted)

    def _note_config(self, config: Any) -> None:
        told = read_items(config.update, None)
        self.config |= {name: value for name, value in told.items() if not name.startswith("_wandb")}
