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
from milepost.histories.finding.log import Log  # noqa: E402
from milepost.histories.formats.mlflow import MLflowReader  # noqa: E402
from milepost.histories.history import History, Wanted  # noqa: E402
from tests.histories.helpers import SAMPLES, needs_samples  # noqa: E402


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
    counted, stepped = sorted(read(f"sqlite:///{database}", "loss"), key=lambda history: history.group == "first")
    assert (counted.samples_unit, counted.samples_source) == ("samples", "samples")
    assert (stepped.samples_unit, stepped.samples_source) == ("steps", "step")
    assert "--samples-column" in str(stepped.uncounted_because)
    (first,) = read(f"mlflow+sqlite:///{database}#first", "loss", samples_column="step")
    assert first.samples_unit == "samples"
    (rows,) = first.rows()
    assert rows.samples is not None
    assert rows.samples.to_list() == list(range(30))
    (refused,) = read(f"sqlite:///{database}#first", "loss", samples_column="frames")
    with pytest.raises(HistoryError, match="--samples-column names 'frames'"):
        next(refused.rows())


@pytest.mark.parametrize("column", [None, "step"])
def test_steps_are_samples_where_the_user_says_how_many(database: Path, column: str | None) -> None:
    (first,) = read(f"sqlite:///{database}#first", "loss", samples_per_step=8, samples_column=column)
    assert (first.samples_unit, first.samples_source, first.uncounted_because) == ("samples", "step", None)
    (rows,) = first.rows()
    assert rows.samples is not None
    assert rows.samples.to_list() == list(range(0, 240, 8))
    (second,) = read(f"sqlite:///{database}#second", "loss", "rare", samples_per_step=8)
    check(second)


Logged = list[tuple[str, float, float, int]]
"""Key, value, minute, step."""

BEGAN = 1_700_000_000_000


def logged(tmp_path: Path, points: Logged, *metrics: str, unit: float = 1.0, **wanted: object) -> History:
    """Return a run of which these points were logged, a minute being 60,000 of the unit in which times are told."""
    uri = f"sqlite:///{tmp_path / 'one.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.create_run(client.create_experiment(f"e{time.time()}"), start_time=BEGAN).info.run_id
    times = [int((BEGAN + minute * 60_000) * unit) for _, _, minute, _ in points]
    entity = mlflow.entities.Metric
    client.log_batch(
        run, [entity(key, value, at, step) for (key, value, _, step), at in zip(points, times, strict=True)]
    )
    client.set_terminated(run)
    return read(uri, *metrics, **wanted)[-1]


def told(history: History, metric: str) -> list[tuple[int | None, float, float]]:
    """Return samples, minutes since the start, and value of each point of a metric."""
    found = []
    for rows in (rows for axis in history.axes or (history,) for rows in axis.rows()):
        assert rows.wall_time is not None
        for at, value in enumerate(rows.metrics[metric] if metric in rows.metrics.columns else ()):
            if value is not None:
                samples = None if rows.samples is None else rows.samples[at]
                found.append((samples, round((rows.wall_time[at] - BEGAN / 1000) / 60, 6), value))
    return found


def test_without_steps_points_are_joined_by_time(tmp_path: Path) -> None:
    points: Logged = []
    for at in range(6):
        points += [("samples", at * 1000.0, at, 0), ("reward", float(at), at + 0.1, 0)]
    assert told(logged(tmp_path, points, "reward"), "reward")[2] == (2000, 2.1, 2.0)


def test_evaluation_without_steps_is_joined_by_time(tmp_path: Path) -> None:
    points: Logged = []
    for at in range(6):
        points += [("samples", at * 1000.0, at, at), ("reward", float(at), at + 0.1, 0)]
    assert told(logged(tmp_path, points, "reward"), "reward")[2] == (2000, 2.1, 2.0)


def test_epochs_are_no_batches(tmp_path: Path) -> None:
    points: Logged = []
    for epoch in range(5):
        points += [("samples", batch * 32.0, batch, batch) for batch in range(epoch * 4 + 1, epoch * 4 + 5)]
        points.append(("val_acc", 0.2 * (epoch + 1), epoch * 4 + 4.5, epoch))
    assert [samples for samples, _, _ in told(logged(tmp_path, points, "val_acc"), "val_acc")] == [
        128,
        256,
        384,
        512,
        640,
    ]


def test_infinity_is_one_again(tmp_path: Path) -> None:
    points: Logged = [("loss", math.inf if at == 0 else 0.2, at, at) for at in range(3)]
    points += [("score", -math.inf if at == 1 else 0.1, at, at) for at in range(3)]
    history = logged(tmp_path, points, "loss", "score")
    assert [value for _, _, value in told(history, "loss")] == [math.inf, 0.2, 0.2]
    assert [value for _, _, value in told(history, "score")] == [0.1, -math.inf, 0.1]


@pytest.mark.parametrize("wanted", [("val",), ("val", "loss"), ("loss",)])
def test_axes_are_the_same_whatever_is_wanted(tmp_path: Path, wanted: tuple[str, ...]) -> None:
    points: Logged = [("loss", 1 / step, step / 10, step - 1) for step in range(5, 85, 5)]
    points += [("val", float(epoch), (epoch + 1) * 2 + 0.01, epoch) for epoch in range(4)]
    history = logged(tmp_path, points, *wanted, samples_column="step")
    assert len(history.axes) == (2 if len(wanted) == 2 else 0)
    if "val" in wanted:
        assert told(history, "val") == [(epoch, (epoch + 1) * 2 + 0.01, epoch) for epoch in range(4)]
    if "loss" in wanted:
        assert told(history, "loss")[0] == (4, 0.5, 0.2)


def test_evaluation_between_is_read_with_what_tells_where_training_stood(tmp_path: Path) -> None:
    points: Logged = [("loss", 1.0, step, step) for step in range(1, 41)]
    points += [("reward", float(step), step + 5, step) for step in (10, 20, 30, 40)]
    (rows,) = logged(tmp_path, points, "reward").rows()
    assert rows.metrics.height == 44
    assert rows.metrics.columns == ["reward"]


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_times_in_any_unit_are_read_as_what_they_can_be(tmp_path: Path, unit: float) -> None:
    points: Logged = [("reward", float(at), at, at) for at in range(1, 31)]
    assert told(logged(tmp_path, points, "reward", unit=unit), "reward")[27] == (28, 28.0, 28.0)


def test_times_that_cannot_be_are_none(tmp_path: Path) -> None:
    history = logged(tmp_path, [("reward", float(at), at, at) for at in range(1, 4)], "reward", unit=1e-9)
    (rows,) = history.rows()
    assert rows.wall_time is None
    assert history.untimed_because is not None


@needs_samples
def test_published_run_tells_its_own_counter_and_timer() -> None:
    (history,) = read(f"mlflow+file://{SAMPLES / 'field' / 'mlruns'}", "rollout/ep_rew_mean")
    assert (history.samples_unit, history.samples_source) == ("samples", "time/total timesteps")
    (rows,) = history.rows()
    at = next(at for at, value in enumerate(rows.metrics["rollout/ep_rew_mean"]) if value >= -250)
    assert rows.samples is not None
    assert rows.elapsed_seconds is not None
    assert (rows.samples[at], rows.elapsed_seconds[at]) == (5760, 265.0)


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
