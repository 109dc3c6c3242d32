"""trackio's databases: https://github.com/gradio-app/trackio, ``trackio/sqlite_storage.py``.

A project is an SQLite file, with a table ``metrics`` whose rows are what one call logged, as JSON, and a table
``configs``. A call's time is wall time, counted from ``_Created`` in its settings; its step counts calls unless the
program said otherwise: steps, and no samples.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from sqlite3 import Connection
from typing import Any, ClassVar

from milepost.histories.decoding.databases import has_tables, reading
from milepost.histories.decoding.files import stem
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten, number_in
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.row_table import RowTable, one_of_many, seed_of

TABLES = {"metrics": ("run_name", "step", "metrics")}
"""What tells its databases from others."""


class TrackioReader(Reader):
    """Reads the projects of trackio that lie on this machine, without writing to them."""

    name: ClassVar[str] = "trackio"

    def claims(self, file: File) -> str | None:
        """Say whether a file is an SQLite database with trackio's tables."""
        return stem(file.name).removesuffix(".db") if has_tables(file, TABLES) else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the runs of each project, in the order in which they began: ``project/name``.

        Raises:
            HistoryError: It can't be read, or does not tell what counts samples.
        """
        for path in files:
            with reading(path) as connection:
                runs = _runs(connection)
                configs = _configs(connection)
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
        with reading(self.where) as connection:
            query = f"SELECT step, timestamp, metrics FROM metrics WHERE {_key(connection)} = ? ORDER BY id"
            for step, timestamp, metrics in connection.execute(query, (self._key,)):
                row: dict[str, Any] = {"step": step, "timestamp": timestamp}
                told = {name: number_in(value) for name, value in json.loads(metrics).items()}
                flatten(told, "", row, wanted, MAX_DEPTH)
                yield row


def _key(connection: Connection) -> str:
    """Return the column that tells runs apart: their names, in releases that had no ids."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(metrics)")}
    return "run_id" if "run_id" in columns else "run_name"


def _runs(connection: Connection) -> list[tuple[str, str]]:
    key = _key(connection)
    query = f"SELECT {key}, run_name FROM metrics GROUP BY {key} ORDER BY min(id)"
    return [(str(each), str(name)) for each, name in connection.execute(query)]


def _configs(connection: Connection) -> dict[str, dict[str, Any]]:
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
