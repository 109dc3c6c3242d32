"""trackio's databases: https://github.com/gradio-app/trackio, ``trackio/sqlite_storage.py``.

A project is an SQLite file, with a table ``metrics`` whose rows are what one call logged, as JSON, and a table
``configs``. A call's time is wall time, counted from ``_Created`` in its settings; its step counts calls unless the
program said otherwise: steps, and no samples.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from milepost.errors import HistoryError
from milepost.histories.decoding.files import is_url, stem
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten, number_in
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.row_table import RowTable, one_of_many, seed_of

SQLITE = b"SQLite format 3\0"

BUSY_SECONDS = 5.0
"""How long to wait for a program that is writing."""


class TrackioReader(Reader):
    """Reads the projects of trackio that lie on this machine, without writing to them."""

    name: ClassVar[str] = "trackio"

    def claims(self, file: File) -> str | None:
        """Say whether a file is an SQLite database with trackio's tables."""
        if not file.head.startswith(SQLITE) or is_url(file.path):
            return None
        try:
            with closing(_open(file.path)) as connection:
                columns = {row[1] for row in connection.execute("PRAGMA table_info(metrics)")}
        except (sqlite3.Error, ValueError):
            return None
        return stem(file.name).removesuffix(".db") if {"run_name", "step", "metrics"} <= columns else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the runs of each project, in the order in which they began: ``project/name``.

        Raises:
            HistoryError: It can't be read, or does not tell what counts samples.
        """
        for path in files:
            try:
                with closing(_open(path)) as connection:
                    runs = _runs(connection)
                    configs = _configs(connection)
            except (sqlite3.Error, ValueError, TypeError) as error:
                raise HistoryError(f"{path}: can't be read: {error}") from error
            named = [name for _, name in runs]
            for key, name in runs:
                config = configs.get(key, {})
                told = {"config": _plain(config), "group": config.get("_Group"), "seed": seed_of(config)}
                told["started_at"] = _unix(config.get("_Created"))
                unique = name if named.count(name) == 1 else f"{name}-{key}"
                yield from one_of_many(partial(TrackioRun, path, key), f"{run}/{unique}", wanted, **told)


class TrackioRun(RowTable):
    """What one run logged.

    Args:
        path: The project's file.
        key: Id of the run, or its name where the project is of a release that has no ids.
    """

    def __init__(self, path: str, key: str) -> None:
        self.where = path
        self._key = key
        self.open()

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield what each call logged, in the order of the calls."""
        try:
            with closing(_open(self.where)) as connection:
                query = f"SELECT step, timestamp, metrics FROM metrics WHERE {_key(connection)} = ? ORDER BY id"
                for step, timestamp, metrics in connection.execute(query, (self._key,)):
                    row: dict[str, Any] = {"step": step, "timestamp": timestamp}
                    told = {name: number_in(value) for name, value in json.loads(metrics).items()}
                    flatten(told, "", row, wanted, MAX_DEPTH)
                    yield row
        except (sqlite3.Error, ValueError, AttributeError, TypeError) as error:
            raise HistoryError(f"{self.where}: can't be read: {error}") from error


def _open(path: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def _key(connection: sqlite3.Connection) -> str:
    """Return the column that tells runs apart: their names, in releases that had no ids."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(metrics)")}
    return "run_id" if "run_id" in columns else "run_name"


def _runs(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    key = _key(connection)
    query = f"SELECT {key}, run_name FROM metrics GROUP BY {key} ORDER BY min(id)"
    return [(str(each), str(name)) for each, name in connection.execute(query)]


def _configs(connection: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "configs" not in tables:
        return {}
    rows = connection.execute(f"SELECT {_key(connection)}, config FROM configs")
    return {str(key): told for key, config in rows if isinstance(told := json.loads(config), dict)}


def _unix(date: object) -> float | None:
    """Return the Unix seconds of an ISO 8601 date that says its zone; None for anything else."""
    try:
        told = datetime.fromisoformat(date) if isinstance(date, str) else None
    except ValueError:
        return None
    return None if told is None or told.tzinfo is None else told.timestamp()


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if not name.startswith("_")}
