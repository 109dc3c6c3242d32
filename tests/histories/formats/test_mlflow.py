"""Runs that MLflow itself kept, in a database, in files, and behind its own server."""

import math
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

mlflow = pytest.importorskip("mlflow")
pytestmark = pytest.mark.filterwarnings("ignore")

from milepost.errors import HistoryError  # noqa: E402
from milepost.histories.finding.discovery import find_logs  # noqa: E402
from milepost.histories.finding.logs import Log  # noqa: E402
from milepost.histories.formats.mlflow import MLflowReader  # noqa: E402
from milepost.histories.history import History, Wanted  # noqa: E402


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlflow") / "m.db"
    write(f"sqlite:///{path}")
    return path


def write(uri: str) -> None:
    client = mlflow.MlflowClient(tracking_uri=uri)
    for experiment in ("first", "second"):
        key = client.create_experiment(experiment, artifact_location="unused")
        run = client.create_run(key, start_time=1_700_000_000_000).info.run_id
        client.log_param(run, "seed", 3)
        client.log_param(run, "opt.lr", 0.1)
        for at in range(30):
            moment = 1_700_000_000_000 + at * 500
            client.log_metric(run, "loss", 1 / (at + 1), timestamp=moment, step=at)
            if at % 3 == 0:
                client.log_metric(run, "rare", math.nan if at == 3 else float(at), timestamp=moment, step=at)
            if experiment == "second":
                client.log_metric(run, "samples", at * 10.0, timestamp=moment + 1, step=at)
        client.set_terminated(run)


def read(address: str, *metrics: str, **wanted: object) -> list[History]:
    asked = Wanted(metrics=frozenset(metrics), **wanted)  # type: ignore[arg-type]
    return list(MLflowReader().histories([address], "run", asked))


def check(second: History) -> None:
    assert (second.group, second.seed, second.config["opt.lr"]) == ("second", 3, "0.1")
    assert second.started_at == 1_700_000_000.0
    (rows,) = second.rows()
    assert rows.samples is not None
    assert rows.wall_time is not None
    told = [at for at, value in enumerate(rows.metrics["loss"]) if value is not None]
    assert [rows.samples[at] for at in told] == [step * 10 for step in range(30)]
    assert [rows.wall_time[at] for at in told] == [1_700_000_000 + step / 2 for step in range(30)]
    assert [rows.metrics["loss"][at] for at in told] == [1 / (step + 1) for step in range(30)]
    rare = [value for value in rows.metrics["rare"] if value is not None]
    assert repr(rare) == repr([0.0, math.nan, *(float(step) for step in range(6, 30, 3))])


def test_run_is_read_with_what_counts_its_samples(database: Path) -> None:
    (second,) = read(f"sqlite:///{database}#second", "loss", "rare")
    check(second)
    assert second.metrics is None or "loss" in second.metrics


def test_steps_are_no_samples_unless_told_so(database: Path) -> None:
    (first,) = read(f"mlflow+sqlite:///{database}#first", "loss")
    assert (first.samples_unit, first.samples_source) == ("steps", "step")
    (first,) = read(f"mlflow+sqlite:///{database}#first", "loss", samples_column="step")
    (rows,) = first.rows()
    assert rows.samples is not None
    assert rows.samples.to_list() == list(range(30))


def test_address_is_found_and_what_is_not_there_is_said(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    (log,) = find_logs([f"sqlite:///{database}#second"])
    assert isinstance(log, Log)
    assert log.reader.name == "mlflow"
    with pytest.raises(HistoryError, match="found no experiment 'third'"):
        read(f"sqlite:///{database}#third", "loss")
    with pytest.raises(HistoryError, match=r"mlflow\+http://127.0.0.1:9"):
        read("mlflow+http://127.0.0.1:9", "loss")


def test_folder_of_files_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    write(f"file://{tmp_path / 'mlruns'}")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    (second,) = read(f"mlflow+file://{tmp_path / 'mlruns'}#second", "loss", "rare")
    check(second)


@pytest.fixture
def server(database: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{database}"]
    with subprocess.Popen(
        [*command, "--port", str(port), "--host", "127.0.0.1", "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield f"mlflow+http://127.0.0.1:{port}"
        os.killpg(process.pid, 9)


def test_server_is_asked_by_its_address(server: str) -> None:
    (second,) = read(f"{server}#second", "loss", "rare")
    check(second)
