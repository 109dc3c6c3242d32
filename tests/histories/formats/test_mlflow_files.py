"""Runs that MLflow itself kept in files and in its database, read without its client."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

mlflow = pytest.importorskip("mlflow")
pytestmark = pytest.mark.filterwarnings("ignore")

from milepost.errors import HistoryError  # noqa: E402
from milepost.histories.history import Wanted  # noqa: E402
from milepost.replaying.replay import replay  # noqa: E402
from tests.histories.helpers import SAMPLES, column, logs_of, needs_samples, one, read, skipped_of  # noqa: E402

BEGAN = 1_700_000_000_000
MINUTE = 60_000


@pytest.fixture(autouse=True)
def file_store_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database without runs: making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(params=["files", "database"])
def store(empty: Path, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Any, Path]:
    """Return a client, and the path under which what it logs lies."""
    if request.param == "files":
        path = tmp_path / "mlruns"
        return mlflow.MlflowClient(tracking_uri=f"file://{path}"), path
    path = tmp_path / "mlflow.db"
    shutil.copy(empty, path)
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}"), path


def begun(client: Any, experiment: str = "e", **told: Any) -> str:
    found = client.get_experiment_by_name(experiment)
    key = client.create_experiment(experiment, artifact_location="unused") if found is None else found.experiment_id
    run: str = client.create_run(key, start_time=BEGAN, **told).info.run_id
    return run


def log(client: Any, run: str, key: str, *points: tuple[float, float, int]) -> None:
    """Log points: minute, value, step."""
    for minute, value, step in points:
        client.log_metric(run, key, value, timestamp=BEGAN + int(minute * MINUTE), step=step)


def test_a_run_is_read_as_it_was_logged(store: tuple[Any, Path]) -> None:
    client, path = store
    run = begun(client, "cartpole", tags={"team": "a"}, run_name="first")
    client.log_param(run, "seed", 3)
    client.log_param(run, "opt/lr", 0.1)
    log(client, run, "eval/reward", *((at, math.nan if at == 2 else float(at), at * 10) for at in range(1, 6)))
    client.set_terminated(run)
    history = one(path)
    assert (history.run, history.group, history.seed, history.started_at) == (run, "cartpole", 3, BEGAN / 1000)
    assert history.config == {"seed": "3", "opt/lr": "0.1", "team": "a", "mlflow.runName": "first"}
    assert (history.samples_unit, history.samples_source) == ("steps", "step")
    assert column(history, "samples") == [10, 20, 30, 40, 50]
    assert column(history, "wall_time") == [BEGAN / 1000 + 60 * at for at in range(1, 6)]
    assert repr(column(history, "eval/reward")) == repr([1.0, math.nan, 3.0, 4.0, 5.0])


def test_a_run_that_was_resumed_goes_on_from_its_checkpoint(store: tuple[Any, Path]) -> None:
    client, path = store
    run = begun(client)
    log(client, run, "reward", *((at, float(at), at * 100) for at in range(1, 11)))
    client.set_terminated(run, status="KILLED")
    # Another process, two hours later, goes on from the checkpoint of step 800.
    log(client, run, "reward", *((at + 122, float(at), at * 100) for at in range(9, 21)))
    (result,) = replay(path, thresholds=["reward >= 15"], price_per_hour=6.0, gap="1h")
    assert (result.samples_to_threshold, result.samples_unit) == (1500, "steps")
    assert result.rewinds == 1
    assert result.minutes_to_threshold == pytest.approx(15.0)


def test_runs_below_another_and_deleted_ones(store: tuple[Any, Path], caplog: pytest.LogCaptureFixture) -> None:
    client, path = store
    runs = [begun(client)]
    runs.append(begun(client, tags={"mlflow.parentRunId": runs[0]}))
    gone, elsewhere = begun(client), begun(client, "other")
    for at, run in enumerate((*runs, gone, elsewhere)):
        log(client, run, "reward", (1, float(at), 1), (2, float(at), 2))
    client.delete_run(gone)
    client.delete_experiment(client.get_experiment_by_name("other").experiment_id)
    found = read(path)
    assert sorted(each.run for each in found) == sorted(runs)
    (nested,) = (each for each in found if each.run == runs[1])
    assert nested.config["mlflow.parentRunId"] == runs[0]
    said = [each.reason for each in skipped_of(path)] + [note for each in found for note in each.notes]
    assert any("deleted" in each for each in said)
    assert not any(each.broken for each in skipped_of(path))


def test_nothing_of_a_run_is_looked_into_by_itself(tmp_path: Path) -> None:
    client = mlflow.MlflowClient(tracking_uri=f"file://{tmp_path / 'mlruns'}")
    run = begun(client)
    client.log_param(run, "lr", 1)
    log(client, run, "loss", (1, 1.0, 1), (2, 0.5, 2))
    client.log_batch(
        run, [mlflow.entities.Metric("loss", 0.4, BEGAN + 3 * MINUTE, 3, dataset_name="set", dataset_digest="a1b2")]
    )
    assert [log.run for log in logs_of(tmp_path)] == [f"mlruns/{folder_of(tmp_path, run).parent.name}/{run}"]
    assert {each.path.rpartition("/")[2] for each in skipped_of(tmp_path)} == {"meta.yaml"}
    # MLflow's own client takes 0 for the step of what was logged with a data set.
    assert column(one(tmp_path), "samples") == [1, 2, 3]


def folder_of(tmp_path: Path, run: str) -> Path:
    (found,) = tmp_path.rglob(run)
    return found


@pytest.mark.parametrize("where", ["run", "within"])
def test_a_run_may_be_named_by_its_folder(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = mlflow.MlflowClient(tracking_uri=f"file://{tmp_path / 'mlruns'}")
    run = begun(client, "cartpole")
    log(client, run, "loss", (1, 1.0, 1), (2, 0.5, 2))
    folder = folder_of(tmp_path, run)
    monkeypatch.chdir(folder)
    history = one(folder if where == "run" else Path("."))
    assert (history.run, history.group) == (run, "cartpole")


def test_what_a_killed_writer_left_is_no_point(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = mlflow.MlflowClient(tracking_uri=f"file://{tmp_path / 'mlruns'}")
    run = begun(client)
    log(client, run, "loss", *((at, 1.0 / at, at * 100) for at in range(1, 6)))
    file = folder_of(tmp_path, run) / "metrics" / "loss"
    text = file.read_text()
    file.write_text(text[:-3])  # "… 500\n" without its end is "… 5"
    assert column(one(tmp_path), "samples") == [100, 200, 300, 400]
    assert "1 lines are no 'timestamp value step'" in caplog.text
    file.write_text("no points\n" * 3)
    with pytest.raises(HistoryError, match="nothing that was logged"):
        next(one(tmp_path).rows())


def test_run_that_was_copied_without_its_experiment(tmp_path: Path) -> None:
    client = mlflow.MlflowClient(tracking_uri=f"file://{tmp_path / 'mlruns'}")
    run = begun(client)
    log(client, run, "loss", (1, 1.0, 1))
    shutil.copytree(folder_of(tmp_path, run), tmp_path / "copy")
    assert one(tmp_path / "copy").run == run


def test_client_and_files_tell_the_same(tmp_path: Path) -> None:
    client = mlflow.MlflowClient(tracking_uri=f"file://{tmp_path / 'mlruns'}")
    run = begun(client)
    log(client, run, "time/total_timesteps", *((at, at * 1e3, at) for at in range(1, 20)))
    log(client, run, "reward", *((at + 0.01, at / 7, at) for at in range(1, 20, 3)))
    (by_client,) = read(f"mlflow+file://{tmp_path / 'mlruns'}")
    (by_files,) = read(tmp_path / "mlruns")
    for name in ("samples", "wall_time", "reward"):
        assert column(by_client, name) == column(by_files, name)


@needs_samples
def test_published_run_is_read_from_its_folder() -> None:
    history = one(SAMPLES / "field" / "mlruns", wanted=Wanted(metrics=frozenset({"rollout/ep_rew_mean"})))
    assert (history.group, history.samples_unit, history.samples_source) == ("DQN", "samples", "time/total timesteps")
    assert column(history, "samples")[:2] == [720, 1440]
    assert column(history, "elapsed_seconds")[:2] == [31.0, 62.0]
