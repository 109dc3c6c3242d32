"""MLflow's tracking servers and databases, through its own client: https://mlflow.org/docs/latest/python_api/mlflow.client.html.

An address is a tracking URI: ``sqlite:///mlflow.db``, ``mlflow+http://host:5000``, ``mlflow+https://…``,
``mlflow+file:///…/mlruns``, each followed by ``#experiment`` where one is meant. A metric's time is wall time, counted
from the run's start; its step is no samples, unless ``--samples-column step`` says so.
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.columns import SAMPLES
from milepost.histories.tables.row_table import RowTable, one_of_many, seed_of

PAGE = 1000
"""Runs that are asked for at a time."""


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
                    open_table = partial(MLflowRun, client, run, tuple(found.data.metrics), wanted)
                    yield from one_of_many(open_table, run, wanted, **told)
            except MlflowException as error:
                raise HistoryError(f"{address}: {str(error).splitlines()[0]}") from error


class MLflowRun(RowTable):
    """What one run logged.

    Args:
        client: MLflow's client.
        run: Id of the run.
        keys: Names of its metrics.
        wanted: What is wanted of it: metrics that are not are never asked for.
    """

    def __init__(self, client: Any, run: str, keys: tuple[str, ...], wanted: Wanted) -> None:
        self.where = f"MLflow run {run}"
        self._client = client
        self._run = run
        counting = {wanted.samples_column, wanted.time_column, *SAMPLES}
        self._keys = tuple(key for key in keys if wanted.wants(key) or key in counting) or keys[:1]
        self._counting = next((key for key in (wanted.samples_column, *SAMPLES) if key in keys), None)
        self.columns = (*keys, "step", "wall_time")

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield what was logged at one time and step, in the order of time."""
        rows: dict[tuple[int, int], dict[str, Any]] = {}
        counted: dict[int, float] = {}
        for key in self._keys:
            for each in self._client.get_metric_history(self._run, key):
                at = each.timestamp, each.step
                row = rows.setdefault(at, {"step": each.step, "wall_time": each.timestamp / 1000})
                row[key] = each.value
                if key == self._counting:
                    counted[each.step] = each.value
        for (_, step), row in sorted(rows.items(), key=lambda item: item[0]):
            if self._counting is not None and step in counted:
                row.setdefault(self._counting, counted[step])
            yield row


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
