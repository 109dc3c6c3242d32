"""Studies that Optuna itself kept, in a journal and in SQLite."""

import math
import shutil
import sqlite3
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

optuna = pytest.importorskip("optuna")
from optuna.storages.journal import JournalFileBackend  # noqa: E402

from milepost.histories.history import History, Wanted  # noqa: E402
from milepost.replaying.replay import replay  # noqa: E402
from tests.histories.helpers import column, logs_of, read  # noqa: E402

BEGAN = datetime.fromisoformat("2024-03-10T09:00:00+00:00").timestamp()


def objective(trial: Any) -> float:
    """Report at steps 10 to 50: a tenth of each, and the trial's number; at 20 nothing that is a number."""
    trial.suggest_float("lr", 0.001, 0.1, log=True)
    trial.suggest_categorical("optimizer", ["adam", "sgd"])
    trial.set_user_attr("note", {"seed": trial.number})
    for step in range(10, 60, 10):
        trial.report(math.nan if step == 20 else step / 10 + trial.number, step)
        if trial.number == 1 and step == 40:
            raise optuna.TrialPruned
    return math.nan if trial.number == 2 else 9.0 + trial.number


def storage_at(path: Path) -> Any:
    """Return one of Optuna's storages."""
    if path.suffix == ".db":
        return f"sqlite:///{path}"
    return optuna.storages.JournalStorage(JournalFileBackend(str(path)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("optuna")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for name in ("journal/tuned.log", "database/tuned.db"):
            (folder / name).parent.mkdir()
            keep_studies(storage_at(folder / name))
    return folder


@pytest.fixture(params=["journal/tuned.log", "database/tuned.db"])
def kept(request: pytest.FixtureRequest, folder: Path) -> Path:
    path: Path = folder / request.param
    return path


def keep_studies(storage: Any) -> None:
    """Keep two studies, and one that is deleted; the first has a trial that ends, a pruned, a failed, a running one."""
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    study = optuna.create_study(storage=storage, study_name="ppo", sampler=optuna.samplers.RandomSampler(seed=1))
    study.enqueue_trial({"lr": 0.01, "optimizer": "sgd"})
    study.optimize(objective, n_trials=3)
    running = study.ask()
    running.report(0.5, 1)
    gone = optuna.create_study(storage=storage, study_name="gone")
    gone.optimize(lambda trial: 1.0, n_trials=1)
    optuna.delete_study(study_name="gone", storage=storage)
    both = optuna.create_study(storage=storage, study_name="both", directions=["maximize", "minimize"])
    both.set_metric_names(["reward", "loss"])
    both.optimize(lambda trial: (2.0, math.inf), n_trials=1)


def runs(path: Path, **wanted: Any) -> dict[str, History]:
    return {history.run: history for history in read(path, wanted=Wanted(**wanted))}


def test_each_trial_is_a_run(kept: Path) -> None:
    found = runs(kept)
    assert list(found) == ["tuned/ppo/0", "tuned/ppo/1", "tuned/ppo/2", "tuned/ppo/3", "tuned/both/0"]
    first = found["tuned/ppo/0"]
    assert (first.group, first.config["lr"], first.config["optimizer"]) == ("ppo", pytest.approx(0.01), "sgd")
    assert first.config["note.seed"] == 0
    assert column(first, "samples") == [10, 20, 30, 40, 50, 50]
    assert repr(column(first, "intermediate_value")) == repr([1.0, math.nan, 3.0, 4.0, 5.0, None])
    assert column(first, "value") == [None] * 5 + [9.0]
    assert (first.samples_unit, first.samples_source) == ("steps", "step")


def test_pruned_failed_and_running_trials(kept: Path) -> None:
    found = runs(kept)
    assert column(found["tuned/ppo/1"], "value")[-1] == 5.0  # what Optuna itself takes for it: the last reported
    assert found["tuned/ppo/2"].metrics == ("intermediate_value",)  # its objective came to NaN
    running = found["tuned/ppo/3"]
    assert column(running, "elapsed_seconds") == [None, None]
    assert "did not end" in (running.untimed_because or "")
    both = found["tuned/both/0"]
    assert (column(both, "reward"), column(both, "loss")) == ([2.0], [math.inf])
    assert (both.samples_unit, both.notes) == (None, ())


def test_a_trial_took_what_lies_between_its_dates(tmp_path: Path, kept: Path) -> None:
    path = tmp_path / kept.name
    shutil.copy(kept, path)
    began, ended = "2024-03-10T09:00:00", "2024-03-10T09:12:00"
    if path.suffix == ".db":
        with sqlite3.connect(path) as connection:
            dates = [date.replace("T", " ") + ".000000" for date in (began, ended)]
            connection.execute("UPDATE trials SET datetime_start = ?, datetime_complete = ? WHERE number = 0", dates)
        connection.close()
    else:
        lines = path.read_text().splitlines()
        for at, line in enumerate(lines):
            for key, date in (("datetime_start", began), ("datetime_complete", ended)):
                head, found, rest = line.partition(f'"{key}":"')
                lines[at] = line = f"{head}{found}{date}+00:00{rest[32:]}" if found else line
        path.write_text("\n".join(lines) + "\n")
    assert runs(path)["tuned/ppo/0"].started_at == BEGAN
    results = replay(path, thresholds=["value >= 9", "intermediate_value >= 4"], price_per_hour=5.0)
    value, reported = (each for each in results if each.run == "tuned/ppo/0")
    assert (value.samples_to_threshold, value.minutes_to_threshold) == (50, 12.0)
    assert value.cost_to_threshold == pytest.approx(1.0)
    assert (reported.samples_to_threshold, reported.minutes_to_threshold, reported.bound) == (40, 12.0, "upper")


def test_dates_of_earlier_releases_say_no_zone(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "tuned.db"
    shutil.copy(folder / "database/tuned.db", path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE version_info SET library_version = '4.5.0'")
    connection.close()
    assert "say no zone" in runs(path)["tuned/ppo/0"].notes[0]


def test_another_try_of_a_trial_says_so(tmp_path: Path) -> None:
    study = optuna.create_study(storage=storage_at(tmp_path / "again.log"), study_name="s")
    trial = study.ask()
    trial.report(0.5, 1)
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)
    retry(study, study.trials[0])
    study.optimize(lambda trial: trial.report(0.7, 2) or 0.9, n_trials=1)
    second = runs(tmp_path / "again.log")["again/s/1"]
    assert column(second, "samples") == [1, 2, 2]
    assert "another try of trial 0" in second.notes[0]


def test_steps_are_samples_where_the_user_says_so(kept: Path) -> None:
    first = runs(kept, samples_per_step=256)["tuned/ppo/0"]
    assert (first.samples_unit, column(first, "samples")[0]) == ("samples", 2560)


def test_storages_are_told_by_content_and_left_as_they_are(kept: Path, tmp_path: Path) -> None:
    for name in ("other.json", "some.sqlite"):
        shutil.copy(kept, tmp_path / name)
    (tmp_path / "none.log").write_text('{"op_code": 0}\n{"op_code": 1}\n')
    found = [log for log in logs_of(tmp_path) if log.reader.name == "optuna"]
    assert len(found) == 2
    before = kept.read_bytes()
    runs(kept)
    assert kept.read_bytes() == before
    assert [each.name for each in kept.parent.iterdir()] == [kept.name]


def test_broken_lines_of_a_journal_are_left_out(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "tuned.log"
    wrong = b'{"op_code":7,"worker_id":"w","trial_id":99,"step":1}\n{"op_code":7,"work'
    path.write_bytes((folder / "journal/tuned.log").read_bytes() + wrong)
    assert len(runs(path)) == 5
    assert "2 lines are none of Optuna's journal" in caplog.text


def test_steps_that_no_column_holds_are_none(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "tuned.log"
    path.write_text((folder / "journal/tuned.log").read_text().replace('"step":30', f'"step":{10**30}'))
    first = runs(path)["tuned/ppo/0"]
    assert column(first, "samples") == [10, 20, None, 40, 50, 50]
    assert column(first, "intermediate_value")[2] == 3.0
