"""MLflow's SQLite store: https://github.com/mlflow/mlflow, ``mlflow/store/tracking/dbmodels/models.py``.

It is opened read-only, and no migration is run, as MLflow's own client would.
"""

from sqlite3 import Connection
from typing import Any, NamedTuple

from milepost.histories.decoding.databases import reading

TABLES = {
    "metrics": {"key", "value", "timestamp", "run_uuid", "step", "is_nan"},
    "runs": {"run_uuid", "experiment_id", "lifecycle_stage", "start_time"},
}
"""What tells it from other databases, of all releases since 1.0."""


class StoredRun(NamedTuple):
    """A run of the store.

    Attributes:
        run: Its id.
        experiment: Its experiment's name.
        start_time: When it began, Unix milliseconds.
        params: Its parameters.
        tags: Its tags.
    """

    run: str
    experiment: str
    start_time: int | None
    params: dict[str, str]
    tags: dict[str, str]


def stored_runs(path: str) -> tuple[list[StoredRun], int]:
    """Return the runs, the oldest first, and how many others there are that were deleted.

    Raises:
        HistoryError: It can't be read.
    """
    query = (
        "SELECT r.run_uuid, e.name, r.start_time, r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active' "
        "FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id ORDER BY r.start_time, r.rowid"
    )
    with reading(path) as connection:
        rows = connection.execute(query).fetchall()
        runs = [
            StoredRun(
                str(run),
                str(experiment),
                start if isinstance(start, int) else None,
                *(_texts(connection, table, run) for table in ("params", "tags")),
            )
            for run, experiment, start, is_active in rows
            if is_active
        ]
    return runs, len(rows) - len(runs)


def stored_keys(path: str, run: str) -> list[str]:
    """Return the keys of the metrics that a run logged."""
    with reading(path) as connection:
        query = "SELECT DISTINCT key FROM metrics WHERE run_uuid = ?"
        return [str(key) for (key,) in connection.execute(query, (run,))]


def stored_points(path: str, run: str, key: str) -> tuple[list[int], list[int], list[float]]:
    """Return the times (Unix milliseconds), steps and values of a metric, in the order in which they were logged."""
    with reading(path) as connection:
        query = "SELECT timestamp, step, value, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY rowid"
        points = [
            (time, step, float("nan") if is_nan else float(value))
            for time, step, value, is_nan in connection.execute(query, (run, key))
            if all(isinstance(each, int) and abs(each) < 2**63 for each in (time, step))
            and isinstance(value, (int, float))
        ]
    times, steps, values = (list(each) for each in zip(*points, strict=True)) if points else ([], [], [])
    return times, steps, values


def _texts(connection: Connection, table: str, run: str) -> dict[str, Any]:
    rows = connection.execute(f"SELECT key, value FROM {table} WHERE run_uuid = ?", (run,))
    return {str(key): str(value) for key, value in rows}
