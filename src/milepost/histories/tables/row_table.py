"""Tables that come a row at a time: rows of a program's own format, of a database, of an API."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from milepost.errors import HistoryError
from milepost.histories.decoding.json_rows import CHUNK_ROWS
from milepost.histories.history import History, Rows, Wanted
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.table import Frame, Table, frames_of


class RowTable(Table):
    """A table whose rows are dictionaries, flat, without what a row does not tell."""

    closed = False

    def open(self) -> None:
        """Find out which columns there are, as far as the first chunk tells.

        Raises:
            HistoryError: It can't be read, or has no rows.
        """
        columns: dict[str, None] = {}
        try:
            for names in self.beginning():
                columns.update(dict.fromkeys(names))
        except HistoryError:
            if not columns:
                raise  # else it is said where the table is read through
        if not columns:
            raise HistoryError(f"{self.where}: found nothing that was logged, expected metrics")
        self.columns = tuple(columns)

    def beginning(self) -> Iterator[Iterable[str]]:
        """Yield names of columns as the first chunk tells them, each as often as it does."""
        yield from islice(self.rows(None), CHUNK_ROWS)

    @abstractmethod
    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield the rows, in order.

        Args:
            wanted: Names of the columns that are wanted; all where None. Others may be yielded too.

        Raises:
            HistoryError: It is broken, after everything before that was yielded.
        """

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield chunks of rows."""
        wanted = None if columns is None else frozenset(columns)
        rows: list[dict[str, Any]] = []
        number = 0
        first_row = 1

        def chunk() -> Iterator[Frame]:
            if only is None or number in only:
                yield from frames_of(number, first_row, rows)

        try:
            for row in self.rows(wanted):
                rows.append(row)
                if len(rows) >= CHUNK_ROWS:
                    yield from chunk()
                    number, first_row, rows = number + 1, first_row + len(rows), []
        except HistoryError:
            yield from chunk()
            raise
        yield from chunk()


def one_of_many(open_table: Callable[[], RowTable], run: str, wanted: Wanted, **told: Any) -> Iterator[History]:
    """Yield a run of a project; where it can't be read, a history that says so when it is, so that the rest goes on.

    Args:
        open_table: Opens what it logged.
        run: Id of the run.
        wanted: What is wanted.
        told: What else is known of it, as `History` has it.
    """
    try:
        yield from histories_of(open_table(), run, wanted, **told)
    except HistoryError as error:
        yield History(run=run, rows=partial(refuse, error))


def refuse(error: HistoryError) -> Iterator[Rows]:
    """Say what is wrong with a run, when its rows are read."""
    raise error


def seed_of(config: dict[str, Any]) -> int | None:
    """Return the seed that settings name."""
    try:
        return None if isinstance(config.get("seed"), bool) else int(config["seed"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
