"""Trainings that trackers themselves write, and what each tells. Wall times are given, or their clock is set."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.histories.helpers import wait_until_whole
from tests.histories.trackers import PYTHON, log
from tests.positions.oracle import Tells
from tests.positions.tables import Names, Written, columns
from tests.positions.training import SCENARIOS, Row, Training


def by_process(training: Training) -> list[tuple[float, list[Row]]]:
    """Return when each process started, and its rows."""
    groups = groupby(training.rows, lambda row: row.process)
    return [(training.starts[process], list(rows)) for process, rows in groups]


def event_file(folder: Path, opened_at: float, write: Callable[[Any], None]) -> None:
    """Have TensorBoard's own writer write a file that it opens at a time."""
    from tensorboard.summary.writer import event_file_writer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_file_writer, "time", SimpleNamespace(time=lambda: opened_at))
        writer = event_file_writer.EventFileWriter(str(folder))
        write(writer)
        writer.close()


def events(folder: Path, training: Training, counter: str | None = None) -> Path:
    """Write event files, one a process; where a tag counts, their step is another."""
    for opened_at, rows in by_process(training):
        event_file(folder, opened_at, lambda writer, rows=rows: add_all(writer, rows, counter))  # type: ignore[misc]
    return folder


def add_all(writer: Any, rows: list[Row], counter: str | None) -> None:
    """Write rows, each as an event."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    for row in rows:
        told = row.values | ({counter: row.count} if counter and "reward" in row.values else {})
        values = [Summary.Value(tag=name, simple_value=value) for name, value in told.items()]
        step = row.count // 10 if counter else row.count
        writer.add_event(Event(wall_time=row.wall, step=step, summary=Summary(value=values)))


def summary_writer(folder: Path, training: Training) -> Path:
    """Write event files by PyTorch's ``SummaryWriter``."""
    from tensorboard.summary.writer import event_file_writer
    from torch.utils.tensorboard import SummaryWriter

    for opened_at, rows in by_process(training):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(event_file_writer, "time", SimpleNamespace(time=lambda at=opened_at: at))
            writer = SummaryWriter(str(folder))
            for row in rows:
                for name, value in row.values.items():
                    writer.add_scalar(name, value, row.count, walltime=row.wall)
            writer.close()
    return folder


def lightning(folder: Path, training: Training) -> Path:
    """Write event files into a folder for each process, as Lightning's logger does."""
    for version, (opened_at, rows) in enumerate(by_process(training)):
        event_file(folder / f"version_{version}", opened_at, lambda writer, rows=rows: add_all(writer, rows, None))  # type: ignore[misc]
    return folder


OWN: Names = {"count": "samples", "timer": "elapsed_seconds", "wall": "_timestamp"}


def wandb_offline(folder: Path, training: Training) -> Path:
    """Log to W&B offline, each process under the same id."""
    import wandb
    from wandb.sdk import wandb_run

    settings = wandb.Settings(silent=True, console="off")
    for number, (opened_at, rows) in enumerate(by_process(training)):
        own = folder / "now"
        own.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                wandb_run, "time", SimpleNamespace(**vars(wandb_run.time) | {"time": lambda at=opened_at: at})
            )
            run = wandb.init(dir=str(own), mode="offline", project="p", id="one", resume="allow", settings=settings)
            for row in rows:
                run.log(columns(row, OWN))
            run.finish()
        (path,) = own.glob("wandb/offline-run-*/*.wandb")
        wait_until_whole(path)
        # Both may have begun in one second by the clock of this machine, which names the folder.
        path.parent.rename(folder / f"offline-run-20231114_22132{number}-one")
        shutil.rmtree(own)
    return folder


def mlflow_sqlite(folder: Path, training: Training) -> str:
    """Log to MLflow's database: a process that goes on logs to the same run. All trainings of a session share one."""
    uri = f"sqlite:///{folder.parent / 'mlflow.db'}"
    mlflow_run(uri, folder.name, training)
    return f"{uri}#{folder.name}"


def mlruns(folder: Path, training: Training) -> Path:
    """Log to MLflow's files likewise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        mlflow_run(f"file://{folder / 'mlruns'}", "experiment", training)
    return folder


def mlflow_run(uri: str, experiment: str, training: Training) -> None:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    key = client.create_experiment(experiment, artifact_location="unused")
    run = client.create_run(key, start_time=round(training.starts[0] * 1000)).info.run_id
    metrics = [
        mlflow.entities.Metric(name, value, round(row.wall * 1000), row.count)
        for row in training.rows
        for name, value in row.values.items()
    ]
    client.log_batch(run, metrics)
    client.set_terminated(run)


def neptune_export(folder: Path, training: Training) -> Path:
    """Write a run of Neptune's as its exporter saves it."""
    from tests.histories.formats.test_neptune_export import export, setting

    rows = [setting("sys/creation_time", "datetime", datetime.fromtimestamp(training.starts[0], UTC))]
    for row in training.rows:
        told = {"attribute_type": "float_series", "step": Decimal(row.count)}
        told["timestamp"] = datetime.fromtimestamp(row.wall, UTC)
        rows += [told | {"attribute_path": name, "float_value": value} for name, value in row.values.items()]
    export(folder, rows)
    return folder


TRACKIO = """
import json, sys
import trackio
for project, processes in json.load(sys.stdin).items():
    for number, rows in enumerate(processes):
        trackio.init(project=project, name="one", resume="must" if number else "never", embed=False)
        for row in rows:
            trackio.log(row)
        trackio.finish()
"""


def trackio_project(folder: Path, training: Training) -> Path:
    """Log to trackio; it stamps rows as it writes them to its database, so that is where its clock is set."""
    (name,) = (name for name, each in SCENARIOS.items() if each is training)
    (path,) = trackio_projects(folder.parent / "trackio").glob(f"{name}.db")
    shutil.copy(path, folder)
    with sqlite3.connect(folder / path.name) as connection:
        numbers = [number for (number,) in connection.execute("SELECT id FROM metrics ORDER BY id")]
        for number, row in zip(numbers, training.rows, strict=True):
            connection.execute("UPDATE metrics SET timestamp = ? WHERE id = ?", (iso(row.wall), number))
        ((config,),) = connection.execute("SELECT config FROM configs")
        told = json.dumps(json.loads(config) | {"_Created": iso(training.starts[0])})
        connection.execute("UPDATE configs SET config = ?, created_at = ?", (told, iso(training.starts[0])))
    connection.close()
    return folder


@cache
def trackio_projects(folder: Path) -> Path:
    """Log all scenarios, a project each."""
    logged = {
        name: [[columns(row, {"count": "samples"}) for row in rows] for _, rows in by_process(training)]
        for name, training in SCENARIOS.items()
    }
    environ = os.environ | {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-W", "ignore", "-c", TRACKIO]
    subprocess.run(command, input=json.dumps(logged), text=True, env=environ, check=True, capture_output=True)
    return folder


def offline(tracker: str, *scenarios: str) -> Callable[[Path, Training], Path]:
    """Return what logs to a tracker that keeps its runs in files, in an environment of its own."""

    def write(folder: Path, training: Training) -> Path:
        if not PYTHON.is_file():
            pytest.skip("make .venv-trackers/offline/.made")
        (name,) = (name for name, each in SCENARIOS.items() if each is training)
        shutil.copytree(logged_offline(folder.parent, tracker, scenarios or tuple(SCENARIOS)) / name, folder / "logs")
        return folder

    return write


@cache
def logged_offline(folder: Path, tracker: str, scenarios: tuple[str, ...]) -> Path:
    """Log scenarios, each into a folder."""
    log(
        tracker,
        {
            folder / tracker / name: [
                (started_at, [(row.wall, row.count, row.values) for row in rows])
                for started_at, rows in by_process(SCENARIOS[name])
            ]
            for name in scenarios
        },
    )
    return folder / tracker


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


EVENTS = Tells(starts="all", boundaries=True, unit="steps")

TRACKERS = {
    "events": Written(events, EVENTS),
    "events_with_counter": Written(
        lambda folder, each: events(folder, each, "charts/env_steps"), EVENTS._replace(unit="samples")
    ),
    "summary_writer": Written(summary_writer, EVENTS),
    "lightning": Written(lightning, EVENTS),
    "wandb": Written(wandb_offline, Tells(timer=True, starts="all", boundaries=True)),
    "mlflow": Written(mlflow_sqlite, Tells(starts="first", unit="steps")),
    "mlruns": Written(mlruns, Tells(starts="first", unit="steps")),
    "neptune_export": Written(neptune_export, Tells(starts="first", unit="steps")),
    "trackio": Written(trackio_project, Tells(starts="first")),
    "dvclive": Written(offline("dvclive"), Tells(unit="steps")),
    "sacred": Written(offline("sacred"), Tells(starts="first", unit="steps")),
    # These take seconds a process: of what they can tell, what the others can't.
    "comet": Written(
        offline("comet", "resumed_twice"),
        Tells(starts="all", boundaries=True, unit="steps"),
        lacks=tuple(name for name in SCENARIOS if name != "resumed_twice"),
    ),
    "swanlab": Written(
        offline("swanlab", "late_evaluation"),
        Tells(starts="first", unit="steps"),
        lacks=tuple(name for name in SCENARIOS if name != "late_evaluation"),
    ),
}
