"""Trainings of one job that does not name them: which of them is the run of before."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from milepost.runs.record import RunRecord
from milepost.store.store import Store
from milepost.tracked_run.opening import track
from milepost.tracked_run.run import TrackedRun
from milepost.tracked_run.succession import following
from milepost.tracking.thresholds import PerformanceThreshold
from tests.helpers import threshold

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "faults"


@pytest.fixture(autouse=True)
def _in_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.delenv("SLURM_PROCID", raising=False)


def start(path: Path, **more: Any) -> TrackedRun:
    fixed: dict[str, Any] = {"price_per_hour": 3600.0, "instance": {"provider": "own"}, "sinks": []}
    return track(thresholds=[threshold(5.0)], store=path, **fixed, **more)


def train(run: TrackedRun, values: list[float], first: int = 0) -> None:
    for step, value in enumerate(values):
        run.update({"m": value}, first + 10 * step, float(step))


def kept(path: Path) -> dict[str, RunRecord]:
    store = Store(path)
    records = {run.id: store.load(run.id) for run in store.runs()}
    store.close()
    return {id: record for id, record in records.items() if record is not None}


def test_second_training_of_a_job_that_starts_over_is_a_run_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.db"
    with start(path) as first:
        train(first, [1.0, 2.0, 6.0])
    with start(path) as second:
        train(second, [1.0, 2.0, 3.0])
        assert second.run == "slurm-77~2"
        assert second.get_results()["t"].status == "not_reached"
    with start(path) as third:
        train(third, [7.0])
    assert "run 'slurm-77' was closed, and this training starts at 0 samples" in caplog.text
    records = kept(path)
    assert {id: record.results[0].status for id, record in records.items()} == {
        "slurm-77": "achieved",
        "slurm-77~2": "not_reached",
        "slurm-77~3": "achieved",
    }
    assert [len(record.ledger.segments) for record in records.values()] == [1, 1, 1]
    assert {record.run.status for record in records.values()} == {"closed"}
    assert [point.samples for point in records["slurm-77~2"].curves[0].points] == [0, 10, 20]


def test_training_goes_on_with_its_jobs_run_where_it_counts_on(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with start(path) as first:
        train(first, [1.0, 2.0, 6.0])
    with start(path) as second:
        train(second, [1.0, 2.0], first=10)  # from a checkpoint of its own, at which the run had been before
        assert second.run == "slurm-77"
        assert second.get_results()["t"].achieved
    ((_, record),) = kept(path).items()
    assert len(record.ledger.segments) == 2


def test_training_goes_on_with_its_jobs_run_where_a_state_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with start(path) as first:
        state = first.state_dict()
        train(first, [1.0, 2.0, 6.0])
    with start(path) as second:
        second.load_state_dict({})  # nothing
        second.load_state_dict(state)
        train(second, [1.0])
        assert (second.run, second.get_results()["t"].achieved) == ("slurm-77", True)
    assert list(kept(path)) == ["slurm-77"]


def test_training_goes_on_with_its_jobs_run_where_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    code = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from tests.tracked_run.helpers import kill\nfrom tests.tracked_run.test_succession import start, train\n"
        "train(run := start(Path(sys.argv[1])), [1.0, 6.0])\n"
        "kill(run); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    with start(path) as second:
        train(second, [1.0])
        assert second.run == "slurm-77"
    assert [len(record.ledger.segments) for record in kept(path).values()] == [2]


def test_a_requeued_job_goes_on_with_the_last_of_its_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    for _ in range(2):
        with start(path) as run:
            train(run, [1.0, 2.0])
    with start(path) as run:
        train(run, [1.0], first=30)
    assert {id: len(record.ledger.segments) for id, record in kept(path).items()} == {"slurm-77": 1, "slurm-77~2": 2}


@pytest.mark.parametrize("by", ["run", "MILEPOST_RUN_ID"])
def test_run_that_is_named_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    path = tmp_path / "a.db"
    if by != "run":
        monkeypatch.setenv(by, "r")
    for _ in range(2):
        with start(path, **({"run": "r"} if by == "run" else {})) as run:
            train(run, [1.0, 2.0])
    assert [len(record.ledger.segments) for record in kept(path).values()] == [2]


def test_training_that_ends_before_its_first_update_belongs_to_the_run_of_before(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with start(path) as first:
        train(first, [1.0])
    with start(path) as second:
        assert second.get_results()["t"].status == "never_observed"
        second.pause()
        second.resume()
    assert [len(record.ledger.segments) for record in kept(path).values()] == [2]


def test_run_whose_metric_comes_late_began_with_it_at_the_earliest(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    rare = [PerformanceThreshold("t", "rare", 5.0, smoothing_factor=1.0)]
    for _ in range(2):
        with track(thresholds=rare, store=path, price_per_hour=1.0, instance={"provider": "own"}, sinks=[]) as run:
            for samples in range(0, 100, 10):
                run.update({"rare": 1.0} if samples == 50 else {}, samples)
    assert list(kept(path)) == ["slurm-77", "slurm-77~2"]


def test_ids_of_a_jobs_runs_count_on() -> None:
    ids = ["slurm-7", "slurm-7~2", "slurm-7~9", "sky-1-0-lr0.5"]
    assert [following(run) for run in ids] == ["slurm-7~2", "slurm-7~3", "slurm-7~10", "sky-1-0-lr0.5~2"]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside the project")
def test_two_programs_of_one_job_are_two_runs(tmp_path: Path) -> None:
    said = []
    for factor in ("10", "0.1"):
        command = [sys.executable, str(SAMPLES / "slurm_second_training.py"), factor]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=os.environ.copy())
        said.append(done.stdout.split()[:3])
    assert said == [["10", "achieved", "1280"], ["0.1", "not_reached", "None"]]
