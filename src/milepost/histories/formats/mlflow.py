"""MLflow: its tracking servers, its databases, and its folder ``mlruns/``.

https://mlflow.org/docs/latest/python_api/mlflow.client.html. An address is a tracking URI that its own client asks:
``sqlite:///mlflow.db``, ``mlflow+http://host:5000``, ``mlflow+https://…``, ``mlflow+file:///…/mlruns``, each followed
by ``#experiment`` where one is meant. Paths need no client: a run's folder in ``mlruns/``, any folder above it, or an
SQLite store. A metric's time is wall time, counted from the run's start, but where the run logs a timer of its own.
Each metric bears its own step, which is no samples unless ``--samples-column step`` says so: a metric of a known name
counts them, else steps are called so. A run that was resumed or is nested is a run as any other, and one that was
deleted is none.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.databases import has_tables
from milepost.histories.decoding.files import is_url
from milepost.histories.decoding.folder_files import above, beside
from milepost.histories.decoding.mlflow_database import TABLES, stored_keys, stored_points, stored_runs
from milepost.histories.decoding.mlflow_files import (
    META,
    is_deleted,
    metric_files,
    read_points,
    read_texts,
)
from milepost.histories.decoding.yaml_settings import read_settings, yaml_object
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, NotRead, Reader
from milepost.histories.tables.names import elapsed_clocks, known
from milepost.histories.tables.row_table import refuse, seed_of

PAGE = 1000
"""Runs that are asked for at a time."""

MOST_KEYS = 200
"""So many of a run's keys are all asked for, to tell axes apart; of more, those alone that are needed."""

OF_THE_MACHINE = "system/"
"""How the keys begin that MLflow itself logs, of the machine."""


OF_MLFLOW = "mlflow."
"""How the tags begin that MLflow itself sets: two of them are settings."""

KEPT_TAGS = ("mlflow.runName", "mlflow.parentRunId")

Columns = tuple[Iterable[float], Iterable[int], Iterable[float]]
"""Times (Unix milliseconds), steps and values."""


class MLflowReader(Reader):
    """Reads the runs of a tracking server, a database or a folder."""

    name: ClassVar[str] = "mlflow"
    schemes: ClassVar[tuple[str, ...]] = ("sqlite", "mlflow+http", "mlflow+https", "mlflow+sqlite", "mlflow+file")
    folders: ClassVar[frozenset[str]] = frozenset(
        {"metrics", "params", "tags", "inputs", "outputs", "datasets", "models", "traces", "assessments"}
    )

    def claims(self, file: File) -> str | None:
        """Claim a run's ``meta.yaml``, and an SQLite store.

        Raises:
            NotRead: It is that of an experiment, or of a run that was deleted.
        """
        if has_tables(file, TABLES):
            return file.name.removesuffix(".db")
        if file.name != META or b"lifecycle_stage" not in file.head:
            return None
        meta = yaml_object(file.head)
        if "experiment_id" not in meta:
            return None
        if is_deleted(meta):
            raise NotRead("MLflow has it for deleted")
        if not {"run_id", "run_uuid"} & meta.keys():
            raise NotRead("is of an MLflow experiment, whose runs are read")
        return ""

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the runs, of one experiment or all: their own ids, the experiment as group, their parameters.

        Raises:
            HistoryError: It does not answer, there is no such experiment, or a run does not tell what counts samples.
            MissingExtra: MLflow is not installed, and its client is asked.
        """
        if not find_spec("numpy"):
            raise MissingExtra("numpy", "replay", "reading MLflow's runs")
        for address in files:
            if address.rpartition("/")[2] == META:
                yield from _in_folder(address, wanted)
            elif not is_url(address):
                yield from _in_database(address, wanted)
            else:
                yield from _by_client(address, wanted)


def _by_client(address: str, wanted: Wanted) -> Iterator[History]:
    """Yield the runs that MLflow's own client tells of."""
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise MissingExtra("mlflow-skinny", "mlflow", "reading MLflow's runs") from None
    uri, _, experiment = address.removeprefix("mlflow+").partition("#")
    if uri.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # it is only read
    try:
        client = MlflowClient(tracking_uri=uri)
        for group, found in _runs(client, address, experiment):
            run = found.info.run_id
            told = _told(group, found.data.params, found.data.tags, found.info.start_time)
            yield from _opened(run, tuple(found.data.metrics), partial(_logged, client, run), wanted, told)
    except MlflowException as error:
        raise HistoryError(f"{address}: {str(error).splitlines()[0]}") from error


def _logged(client: Any, run: str, key: str) -> Columns:
    logged = client.get_metric_history(run, key)
    times, steps, values = zip(*((each.timestamp, each.step, each.value) for each in logged), strict=True)
    return times, steps, values


def _in_folder(path: str, wanted: Wanted) -> Iterator[History]:
    """Yield the run of a folder."""
    meta = read_settings(path)
    run = str(meta.get("run_id") or meta.get("run_uuid") or above(path).rpartition("/")[2])
    of_experiment = read_settings(beside(above(path), META) if above(path) else f"../{META}")
    group = str(of_experiment.get("name") or meta.get("experiment_id"))
    told = _told(group, read_texts(path, "params"), read_texts(path, "tags"), meta.get("start_time"))
    paths = metric_files(path)
    yield from _opened(run, tuple(paths), lambda key: read_points(paths[key]), wanted, told)


def _in_database(path: str, wanted: Wanted) -> Iterator[History]:
    """Yield the runs of an SQLite store.

    Raises:
        HistoryError: It can't be read, or has none.
    """
    runs, deleted = stored_runs(path)
    if not runs:
        raise HistoryError(f"{path}: found no run{f' but {deleted} deleted ones' * bool(deleted)}, expected one")
    notes = (f"{deleted} runs of {path} that MLflow has for deleted are not read",) if deleted else ()
    for each in runs:
        told = _told(each.experiment, each.params, each.tags, each.start_time) | {"notes": notes}
        keys = stored_keys(path, each.run)
        yield from _opened(each.run, keys, partial(stored_points, path, each.run), wanted, told)
        notes = ()


def _told(group: str, params: Mapping[str, str], tags: Mapping[str, str], started_ms: object) -> dict[str, Any]:
    """Return what is known of a run besides its metrics."""
    config = {key: tag for key, tag in tags.items() if key in KEPT_TAGS or not key.startswith(OF_MLFLOW)}
    config |= params
    told = {"config": config, "group": group, "seed": seed_of(config)}
    return told | ({"started_at": started_ms / 1000} if isinstance(started_ms, int) and 0 < started_ms < 2**63 else {})


def _opened(
    run: str, keys: Sequence[str], logged: Callable[[str], Columns], wanted: Wanted, told: dict[str, Any]
) -> Iterator[History]:
    """Yield a run; where it can't be understood, a history that says so when it is read, so that the rest goes on."""
    from milepost.histories.tables.key_points import KeyPoints, Points

    try:
        points = {key: Points.of(*logged(key)) for key in _needed(keys, wanted)}
        points = {key: each for key, each in points.items() if len(each.values)}
        if not points:
            raise HistoryError(f"MLflow run {run}: found nothing that was logged, expected metrics")
        yield KeyPoints(f"MLflow run {run}", points, wanted).history(run, **told)
    except HistoryError as error:
        yield History(run=run, rows=partial(refuse, error))


def _needed(keys: Sequence[str], wanted: Wanted) -> list[str]:
    """Return of a run's keys all but those of the machine; of very many, those that are wanted or tell clocks."""
    needed = [key for key in keys if not key.startswith(OF_THE_MACHINE) or wanted.metrics is None or wanted.wants(key)]
    if len(needed) > MOST_KEYS and wanted.metrics is not None:
        told = (*known(needed, "samples"), *elapsed_clocks(needed))
        named = {wanted.samples_column, wanted.time_column, *told, *wanted.metrics}
        needed = [key for key in needed if key in named] or needed[:1]
    return sorted(needed)


def _runs(client: Any, address: str, named: str) -> Iterator[tuple[str, Any]]:
    """Yield each run with its experiment's name, the oldest first."""
    experiments = {each.experiment_id: each.name for each in client.search_experiments()}
    if named:
        experiments = {key: name for key, name in experiments.items() if named in (key, name)}
        if not experiments:
            raise HistoryError(f"{address}: found no experiment {named!r}")
    for key, name in experiments.items():
        token: str | None = None
        while True:
            page = client.search_runs([key], max_results=PAGE, order_by=["attributes.start_time"], page_token=token)
            yield from ((name, run) for run in page)
            token = page.token
            if not token:
                break
