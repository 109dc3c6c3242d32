"""MLflow's tracking servers and databases, through its own client: https://mlflow.org/docs/latest/python_api/mlflow.client.html.

An address is a tracking URI: ``sqlite:///mlflow.db``, ``mlflow+http://host:5000``, ``mlflow+https://…``,
``mlflow+file:///…/mlruns``, each followed by ``#experiment`` where one is meant. A metric's time is wall time, counted
from the run's start, but where the run logs a timer of its own. Each metric bears its own step, which is no samples
unless ``--samples-column step`` says so: a metric of a known name counts them, else steps are called so.
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, ClassVar

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.columns import ELAPSED
from milepost.histories.tables.row_table import refuse, seed_of

PAGE = 1000
"""Runs that are asked for at a time."""

MOST_KEYS = 200
"""So many of a run's keys are all asked for, to tell axes apart; of more, those alone that are needed."""

OF_THE_MACHINE = "system/"
"""How the keys begin that MLflow itself logs, of the machine."""


class MLflowReader(Reader):
    """Reads the runs of a tracking server or database."""

    name: ClassVar[str] = "mlflow"
    schemes: ClassVar[tuple[str, ...]] = ("sqlite", "mlflow+http", "mlflow+https", "mlflow+sqlite", "mlflow+file")

    def claims(self, file: File) -> str | None:
        """Claim no file: MLflow is asked by address."""
        return None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the runs, of one experiment or all: their own ids, the experiment as group, their parameters.

        Raises:
            HistoryError: It does not answer, there is no such experiment, or a run does not tell what counts samples.
            MissingExtra: MLflow is not installed.
        """
        if not find_spec("numpy"):
            raise MissingExtra("numpy", "replay", "reading MLflow's runs")
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError:
            raise MissingExtra("mlflow-skinny", "mlflow", "reading MLflow's runs") from None
        for address in files:
            uri, _, experiment = address.removeprefix("mlflow+").partition("#")
            if uri.startswith("file:"):
                os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # it is only read
            try:
                client = MlflowClient(tracking_uri=uri)
                for group, found in _runs(client, address, experiment):
                    run, params, started_ms = found.info.run_id, dict(found.data.params), found.info.start_time
                    told = {"config": params, "group": group, "seed": seed_of(params)}
                    told |= {"started_at": started_ms / 1000} if started_ms else {}
                    yield from _opened(client, run, tuple(found.data.metrics), wanted, told)
            except MlflowException as error:
                raise HistoryError(f"{address}: {str(error).splitlines()[0]}") from error


def _opened(client: Any, run: str, keys: Sequence[str], wanted: Wanted, told: dict[str, Any]) -> Iterator[History]:
    """Yield a run; where it can't be understood, a history that says so when it is read, so that the rest goes on."""
    from milepost.histories.tables.key_points import KeyPoints, Points

    points: dict[str, Points] = {}
    for key in _needed(keys, wanted):
        if logged := client.get_metric_history(run, key):
            columns = zip(*((each.timestamp, each.step, each.value) for each in logged), strict=True)
            points[key] = Points.of(*columns)
    try:
        if not points:
            raise HistoryError(f"MLflow run {run}: found nothing that was logged, expected metrics")
        yield KeyPoints(f"MLflow run {run}", points, wanted).history(run, **told)
    except HistoryError as error:
        yield History(run=run, rows=partial(refuse, error))


def _needed(keys: Sequence[str], wanted: Wanted) -> list[str]:
    """Return of a run's keys all but those of the machine; of very many, those that are wanted or tell clocks."""
    from milepost.histories.tables.counter_tags import counters_among, last_piece

    needed = [key for key in keys if not key.startswith(OF_THE_MACHINE) or wanted.metrics is None or wanted.wants(key)]
    if len(needed) > MOST_KEYS and wanted.metrics is not None:
        named = {wanted.samples_column, wanted.time_column, *counters_among(needed), *wanted.metrics}
        needed = [key for key in needed if key in named or last_piece(key) in ELAPSED] or needed[:1]
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
