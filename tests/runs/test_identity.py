"""Which run this is."""

import subprocess
from pathlib import Path

import pytest

from milepost.runs.identity import find_git_commit, find_group, find_run_id, new_run_id
from milepost.runs.settings import flat_config
from milepost.tracked_run.opening import track
from tests.helpers import threshold

SKY = {"SKYPILOT_MANAGED_JOB_ID": "17", "SKYPILOT_TASK_ID": "sky-managed-2026-11-23-10-00-00-000001_train_17-2"}


@pytest.mark.parametrize(
    ("environ", "run"),
    [
        ({"MILEPOST_RUN_ID": "a", "WANDB_RUN_ID": "b", **SKY, "SLURM_JOB_ID": "9"}, "a"),
        ({"WANDB_RUN_ID": "b", **SKY, "SLURM_JOB_ID": "9"}, "b"),
        ({**SKY, "SLURM_JOB_ID": "9"}, "sky-17-2"),
        # The controller restarted: the time in it is another.
        (SKY | {"SKYPILOT_TASK_ID": "sky-managed-2026-11-24-00-00-00-000009_train_17-2"}, "sky-17-2"),
        ({"SKYPILOT_MANAGED_JOB_ID": "17"}, "sky-17-0"),
        ({"SLURM_JOB_ID": "9", "SLURM_RESTART_COUNT": "1"}, "slurm-9"),
        ({"MILEPOST_RUN_ID": " ", "SLURM_JOB_ID": "9"}, "slurm-9"),
    ],
)
def test_run_is_that_of_its_job(environ: dict[str, str], run: str) -> None:
    of_job = run not in ("a", "b")
    assert find_run_id(environ) == (run, of_job)
    assert find_run_id(environ, "seed3") == (f"{run}-seed3" if of_job else run, of_job)


def test_run_without_a_job_is_a_new_one() -> None:
    assert find_run_id({}) != find_run_id({})
    # torchrun makes its id anew at each start, or everybody's is "none".
    for told in ("none", "2f6c1d0e"):
        torchrun = {"TORCHELASTIC_RUN_ID": told, "TORCHELASTIC_RESTART_COUNT": "0", "GROUP_RANK": "0", "RANK": "0"}
        run, of_job = find_run_id(torchrun)
        assert not of_job
        assert told not in run
        assert run != find_run_id(torchrun)[0]
    assert new_run_id("arena").startswith("arena-")


def test_two_trainings_of_one_job_are_two_runs_when_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "9")
    named = [track(thresholds=[threshold()], run=name, sinks=[], store="off") for name in ("a", "b", None)]
    assert [run.run for run in named] == ["a", "b", "slurm-9"]
    named += [track(thresholds=[threshold()], name=name, sinks=[], store="off") for name in ("c", "d")]
    assert [run.run for run in named[3:]] == ["slurm-9-c", "slurm-9-d"]
    for run in named:
        run.close()


def test_group_is_found_too() -> None:
    assert find_group({"MILEPOST_GROUP": "a", "WANDB_RUN_GROUP": "b"}) == "a"
    assert find_group({"WANDB_RUN_GROUP": "b"}) == "b"
    assert find_group({}) is None


def test_settings_are_kept_flat_and_without_secrets() -> None:
    given = {
        "lr": 0.1,
        "optimizer": {"name": "adam", "betas": (0.9, 0.99)},
        "WANDB_API_KEY": "x",
        "aws": {"secret_access_key": "x", "token": "x", "accessToken": "x"},
        "PGPASSWORD": "x",
        "auth": {"user": "x"},
        "max_tokens": 5,
        "keyframes": 3,
        "author": "me",
        "data": "s3://user:secret@host/bucket",
        "none": None,
    }
    assert flat_config(given) == {
        "lr": 0.1,
        "optimizer.name": "adam",
        "optimizer.betas": "(0.9, 0.99)",
        "max_tokens": 5,
        "keyframes": 3,
        "author": "me",
        "data": "s3://host/bucket",
        "none": None,
    }


def test_commit_is_what_git_says_and_none_without_a_repository(tmp_path: Path) -> None:
    assert find_git_commit(tmp_path) is None
    for command in (*("init -q", "-c user.name=a -c user.email=a@b commit -q --allow-empty -m first"),):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert find_git_commit(tmp_path) == said.stdout.strip()
