"""A store of runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from sqlalchemy import Connection, delete, update
from sqlalchemy.exc import SQLAlchemyError

from milepost.errors import StoreError
from milepost.runs.record import Process, Run, RunRecord
from milepost.store.database import cause, open_database, read_only, shown, to_url, why
from milepost.store.network_file_systems import network_file_system
from milepost.store.reading import UNREADABLE, read_ids, read_processes, read_record, read_runs
from milepost.store.schema import PROCESSES, RUNS
from milepost.store.writing import CANT_BE_TAKEN, ROW_BY_ROW, write_record

T = TypeVar("T")


class Store:
    """A store of runs. Each method is one transaction; what is written is on disk when it returns.

    Args:
        where: A path, or a URL such as ``postgresql+psycopg://…``.

    Raises:
        StoreError: It can't be opened, read or written; says which store and why. Every method may raise it.
    """

    def __init__(self, where: str | Path) -> None:
        self._where, self._shown = where, shown(where)
        self._engine = open_database(where)
        url = self._engine.url
        self._file = Path(url.database).absolute() if url.drivername == "sqlite" and url.database else None
        self._identity = None if self._file is None else _identity(self._file)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def is_there(self) -> bool:
        """Say whether the file that was opened still lies where it did; a database elsewhere is."""
        return self._file is None or _identity(self._file) == self._identity

    def write(self, record: RunRecord) -> None:
        """Write what is known of a run.

        What is written twice counts once, marks are only ever added, and an older record takes nothing away from a
        newer one but its results. A row that the database can't take is left out, with a warning.
        """
        try:
            self._do(lambda connection: write_record(connection, record))
        except StoreError as error:
            if not isinstance(error.__context__, CANT_BE_TAKEN):
                raise
            self._do(lambda connection: write_record(connection.execution_options(**{ROW_BY_ROW: True}), record))

    def replace(self, record: RunRecord) -> None:
        """Write what is known of a run in place of all that was."""

        def work(connection: Connection) -> None:
            connection.execute(delete(RUNS).where(RUNS.c.id == record.run.id))
            write_record(connection, record)

        self._do(work)

    def say_alive(self, process: str, now: float) -> None:
        """Note that a process lives, at ``now`` in Unix seconds (UTC)."""
        alive = update(PROCESSES).where(PROCESSES.c.id == process).values(alive_at=now)
        self._do(lambda connection: connection.execute(alive))

    def runs(self, ids: Sequence[str] = (), *, group: str | None = None) -> list[Run]:
        """Return runs in order of their start; all of them, those of these ids, or those of a group.

        One that can't be read is left out, with a warning.
        """
        return self._do(lambda connection: read_runs(connection, ids, group), only_reads=True)

    def ids(self) -> list[str]:
        """Return the ids of all runs, in order of their start: also of those that can't be read."""
        return self._do(read_ids, only_reads=True)

    def load(self, run: str, *, curves: bool = True) -> RunRecord | None:
        """Return all that is known of a run, its results at the prices of its ledger; None where it is not known.

        Args:
            run: Its id.
            curves: Read its curves too, which are most of it.
        """

        def read(connection: Connection) -> RunRecord | None:
            found = read_runs(connection, [run], None)
            return read_record(connection, found[0], curves=curves) if found else None

        return self._do(read, only_reads=True)

    def processes(self, run: str) -> list[Process]:
        """Return the processes that tracked a run, in order of their starts."""
        return self._do(lambda connection: read_processes(connection, run), only_reads=True)

    def delete(self, run: str) -> bool:
        """Remove a run and all that belongs to it; say whether there was one."""
        return self._do(lambda connection: connection.execute(delete(RUNS).where(RUNS.c.id == run)).rowcount > 0)

    def _do(self, work: Callable[[Connection], T], *, only_reads: bool = False) -> T:
        try:
            with read_only(self._engine) if only_reads else self._engine.begin() as connection:
                return work(connection)
        except (SQLAlchemyError, *CANT_BE_TAKEN) as error:
            reason = why(error, self._where)
            raise StoreError(f"store {self._shown}: {reason}") from cause(error, self._where)
        except UNREADABLE as error:
            raise StoreError(f"store {self._shown}: found what this release can't read: {error}") from error


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other; None where it is not there."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def check_store(where: str | Path) -> str | None:
    """Try whether a store can be written, and leave nothing behind where there was none.

    Returns:
        The network file system that it is on; None where it is on none.

    Raises:
        StoreError: It can't be; says why.
    """
    url = to_url(where)
    file = Path(url.database).absolute() if url.drivername == "sqlite" and url.database else None
    if file is not None and not file.exists():
        # Where it will be made is tried in a folder that is gone afterwards.
        parent = next(each for each in file.absolute().parents if each.exists())
        try:
            with TemporaryDirectory(dir=parent) as folder:
                Store(Path(folder) / file.name).close()
        except OSError as error:
            raise StoreError(f"store {file}: expected a folder that can be written, found: {error.strerror}") from error
    else:
        store = Store(where)
        store._do(lambda connection: None)  # takes the turn of a writer, and writes nothing
        store.close()
    return network_file_system(file) if file is not None else None
