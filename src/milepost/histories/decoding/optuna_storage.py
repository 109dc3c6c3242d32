"""Optuna's SQLite storage: https://github.com/optuna/optuna, ``optuna/storages/_rdb/models.py``."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from sqlite3 import Connection
from typing import Any

from milepost.histories.decoding.databases import reading
from milepost.histories.decoding.optuna_trial import METRIC_NAMES, RETRIED, Trial, names_of

TABLES = {
    "studies": ("study_id", "study_name"),
    "trials": ("trial_id", "study_id", "number", "state", "datetime_start", "datetime_complete"),
    "trial_intermediate_values": ("trial_id", "step", "intermediate_value"),
}
"""What tells it from other databases, of all releases since 2.0."""

UTC_SINCE = 5
"""Since this release its dates are UTC; before, they were local time. Neither says so."""

SPECIAL = {"NAN": math.nan, "INF_POS": math.inf, "INF_NEG": -math.inf}
"""Values that are kept as text beside a null."""

TRIALS_AT_ONCE = 500
MOST_OBJECTIVES = 1000


def stored_trials(path: str) -> Iterator[Trial]:
    """Yield the trials of a storage, study by study, in the order of their numbers.

    Raises:
        HistoryError: It can't be read.
    """
    with reading(path) as connection:
        zone = "+00:00" if _release(connection) >= UTC_SINCE else ""
        studies = dict(connection.execute("SELECT study_id, study_name FROM studies"))
        query = "SELECT study_id, value_json FROM study_system_attributes WHERE key = ?"
        names = {study: names_of(_json(text)) for study, text in connection.execute(query, (METRIC_NAMES,))}
        query = "SELECT trial_id, study_id, number, datetime_start, datetime_complete FROM trials"
        found = connection.execute(f"{query} ORDER BY study_id, number").fetchall()
    for first in range(0, len(found), TRIALS_AT_ONCE):
        some = found[first : first + TRIALS_AT_ONCE]
        trials = {
            key: Trial(
                study=str(studies.get(study)),
                number=number,
                names=names.get(study, ()),
                began=f"{began}{zone}" if began else None,
                ended=f"{ended}{zone}" if ended else None,
                points=partial(_points, path, key),
            )
            for key, study, number, began, ended in some
        }
        with reading(path) as connection:
            _complete(connection, trials)
        yield from trials.values()


def _complete(connection: Connection, trials: dict[int, Trial]) -> None:
    """Add what other tables tell of trials."""

    def rows(table: str, columns: str) -> Iterable[tuple[Any, ...]]:
        keys = ", ".join(str(int(key)) for key in trials)
        return connection.execute(f"SELECT trial_id, {columns} FROM {table} WHERE trial_id IN ({keys}) ORDER BY rowid")

    for key, name, value, distribution in rows("trial_params", "param_name, param_value, distribution_json"):
        trials[key].suggest(name, value, distribution)
    for key, name, text in rows("trial_user_attributes", "key, value_json"):
        trials[key].params[name] = _json(text)
    for key, name, text in rows("trial_system_attributes", "key, value_json"):
        if name == RETRIED:
            trials[key].retries = _json(text)
    values: dict[int, dict[int, float]] = defaultdict(dict)
    for key, objective, value, kind in rows("trial_values", "objective, value, value_type"):
        if 0 <= objective < MOST_OBJECTIVES and (number := _number(value, kind)) is not None:
            values[key][objective] = number
    for key, by_objective in values.items():
        trials[key].values = tuple(by_objective.get(at) for at in range(1 + max(by_objective)))


def _points(path: str, trial: int) -> Iterator[tuple[int, float]]:
    """Yield the intermediate values of a trial."""
    query = (
        "SELECT step, intermediate_value, intermediate_value_type FROM trial_intermediate_values WHERE trial_id = ? "
        "ORDER BY trial_intermediate_value_id"
    )
    with reading(path) as connection:
        for step, value, kind in connection.execute(query, (trial,)):
            if isinstance(step, int) and (number := _number(value, kind)) is not None:
                yield step, number


def _number(value: object, kind: str) -> float | None:
    """Return a value that is kept as a number, or as the text of one that SQLite has none for."""
    found = SPECIAL.get(kind, value)
    return float(found) if isinstance(found, (int, float)) else None


def _release(connection: Connection) -> int:
    """Return the first number of the release of Optuna that made the storage; 0 where it is not told."""
    for (version,) in connection.execute("SELECT library_version FROM version_info"):
        first = str(version).partition(".")[0]
        return int(first) if first.isdecimal() else 0
    return 0


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
