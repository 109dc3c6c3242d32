"""Optuna's journals and SQLite storages: https://github.com/optuna/optuna, ``optuna/storages``.

A trial is a run: ``study/number``, with its study as group. What it reported is ``intermediate_value``, at steps of the
program's own. Optuna keeps no time of that: it took the whole trial's at most. What the objectives came to is ``value``
or ``values_0``, ``values_1`` …, or what ``Study.set_metric_names`` calls them, when the trial ended. Of a pruned trial,
Optuna itself takes the last intermediate value for that. A trial whose objective came to NaN fails, and has none.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.databases import has_tables, is_database
from milepost.histories.decoding.files import stem
from milepost.histories.decoding.json_rows import MAX_DEPTH, flatten
from milepost.histories.decoding.optuna_journal import is_journal, journal_trials
from milepost.histories.decoding.optuna_storage import TABLES, stored_trials
from milepost.histories.decoding.optuna_trial import Trial
from milepost.histories.history import History, Rows, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.axes import OWN_STEP, counted_in
from milepost.histories.tables.row_table import seed_of

REPORTED = "intermediate_value"

MOST = 2**63
"""A column's counts are less; a step of a journal may be any."""

UNENDED = "the trial did not end: Optuna keeps when one began and ended, and no time of what it reports"
UNCOUNTED = "a trial may report at any step"
NOTHING = "it reported nothing on its way, so that there is no step"


class OptunaReader(Reader):
    """Reads the trials of studies."""

    name: ClassVar[str] = "optuna"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file is a journal, or an SQLite database with Optuna's tables."""
        if not is_journal(file.head) and not has_tables(file, TABLES):
            return None
        return stem(file.name).removesuffix(".db")

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the trials.

        Raises:
            HistoryError: It can't be read, or a flag names what it does not have.
        """
        if wanted.samples_column not in (None, OWN_STEP):
            raise HistoryError(
                f"--samples-column names {wanted.samples_column!r}, found {OWN_STEP!r} in Optuna's trials"
            )
        for path in files:
            for trial in stored_trials(path) if is_database(path) else journal_trials(path):
                yield _history(trial, f"{run}/{trial.study}/{trial.number}", wanted)


def _history(trial: Trial, run: str, wanted: Wanted) -> History:
    """Return a trial as a history."""
    config: dict[str, Any] = {}
    flatten(trial.params, "", config, None, MAX_DEPTH)
    began, is_zoneless = _unix(trial.began)
    ended, _ = _unix(trial.ended)
    notes = ["its dates say no zone: they are taken for UTC"] if is_zoneless else []
    if trial.retries is not None:
        notes.append(f"another try of trial {trial.retries}: what that one took is not in its minutes")
    counter = OWN_STEP if wanted.samples_column is not None else None
    has_steps = next(iter(trial.points()), None) is not None
    return History(
        run=run,
        rows=lambda: _rows(trial, began, ended, wanted),
        metrics=(*((REPORTED,) if has_steps else ()), *_values(trial)),
        group=trial.study,
        seed=seed_of(config),
        config=config,
        started_at=began,
        untimed_because=UNENDED if ended is None else None,
        notes=tuple(notes),
        **counted_in(counter, has_steps, wanted.samples_per_step, UNCOUNTED, NOTHING),
    )


def _rows(trial: Trial, began: float | None, ended: float | None, wanted: Wanted) -> Iterator[Rows]:
    """Yield a row for each intermediate value, and one for the end, at the last one's step."""
    points = list(trial.points())
    values = _values(trial)
    steps = [step for step, _ in points]
    metrics: dict[str, list[float | None]] = {name: [*([None] * len(points)), value] for name, value in values.items()}
    metrics[REPORTED] = [*(value for _, value in points), None]
    height = len(points) + 1
    told = (step * (wanted.samples_per_step or 1) for step in (*steps, *steps[-1:]))
    counts = [count if abs(count) < MOST else None for count in told]
    rows = Rows.of(
        {name: column for name, column in metrics.items() if wanted.wants(name)},
        samples=counts if steps else None,
        elapsed_seconds=None if ended is None or began is None else [ended - began] * height,
        wall_time=None if ended is None else [ended] * height,
    )
    yield msgspec.structs.replace(rows, at_most=polars.Series([True] * len(points) + [False]))


def _values(trial: Trial) -> dict[str, float]:
    """Return what a trial's objectives came to."""
    names: Sequence[str] = trial.names
    if len(names) != len(trial.values):
        names = ["value"] if len(trial.values) == 1 else [f"values_{at}" for at in range(len(trial.values))]
    return {name: value for name, value in zip(names, trial.values, strict=True) if value is not None}


def _unix(date: str | None) -> tuple[float | None, bool]:
    """Return the Unix seconds of a date, and whether it says no zone."""
    try:
        told = datetime.fromisoformat(date) if isinstance(date, str) else None
    except ValueError:
        told = None
    if told is None:
        return None, False
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp(), told.tzinfo is None
