"""Launches, and what becomes of them, through SkyPilot's real client; its API server is one of the test's own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import milepost
from milepost.tracking.thresholds import PerformanceThreshold
from tests.cli.test_cli import milepost as command
from tests.launch.api_server import ApiServer, serving
from tests.launch.skypilot import PYTHON, ROOT, environ_of, needs_skypilot

CLUSTER = {
    "launched_at": 1,
    "status": "UP",
    "autostop": -1,
    "to_down": True,
    "cluster_hash": "h",
    "nodes": 2,
    "cluster_ever_up": True,
    "user_hash": "u",
    "user_name": "n",
    "workspace": "default",
    "is_managed": False,
    "cloud": "AWS",
    "region": "us-east-1",
    "resources_str": "2x(A10G:4)",
    "last_use": "",
    "status_updated_at": 1,
}


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serving() as server:
        server.answers["jobs.launch"] = {"job_id": [1], "handle": None}
        yield server


class Launcher:
    """Runs ``milepost launch`` in a folder of its own, with SkyPilot's client at a home of its own."""

    def __init__(self, folder: Path, api: ApiServer) -> None:
        self.folder = folder / "work"
        home = folder / "home"
        home.mkdir()
        for part in ("devops/skypilot", "configs/performance_thresholds"):
            shutil.copytree(ROOT / part, self.folder / part)
        self.store = str(folder / "milepost.db")
        self.environ = {name: value for name, value in environ_of(home).items() if name.startswith(("HOME", "SKY"))}
        self.environ |= {"MILEPOST_SKY": str(PYTHON.with_name("sky")), "SKYPILOT_API_SERVER_ENDPOINT": api.url}
        self.environ |= {"MILEPOST_STORE": self.store}

    def __call__(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return command("launch", *arguments, cwd=self.folder, **self.environ, **environ)

    def kept(self) -> list[dict[str, Any]]:
        files = sorted((self.folder / ".milepost" / "launches").glob("*.json"))
        return [json.loads(file.read_text()) for file in files]


@pytest.fixture
def launcher(tmp_path: Path, api: ApiServer) -> Launcher:
    return Launcher(tmp_path, api)


@needs_skypilot
def test_copies_are_launched_whatever_becomes_of_one_of_them(launcher: Launcher, api: ApiServer) -> None:
    api.refused = {2}
    call = ("train", "run=seeds", "--spot", "--copies", "3", "--group", "study", "--yes", "--secret", "WANDB_API_KEY")
    done = launcher(*call, WANDB_API_KEY="s3cr3t")
    assert done.returncode == 1
    kept = launcher.kept()
    assert len({each["run"] for each in kept}) == 3
    assert sorted(each["seed"] for each in kept) == [1, 2, 3]
    assert {each["group"] for each in kept} == {"study"}
    sent = [list(yaml.safe_load_all(body["task"]))[-1] for body in api.bodies("jobs.launch")]
    assert [task["envs"]["SEED"] for task in sent] == ["1", "2", "3"]
    assert {task["envs"]["MILEPOST_RUN_ID"] for task in sent} == {each["run"] for each in kept}
    assert [task["secrets"]["WANDB_API_KEY"] for task in sent] == ["s3cr3t"] * 3
    (failed,) = [each["run"] for each in kept if each["seed"] == 2]
    assert f"{failed} (seed 2): not launched, failed or interrupted. Again: sky jobs launch -n {failed}" in done.stderr
    assert "(with WANDB_API_KEY set)" in done.stderr
    assert f"milepost launch stop {failed}" in done.stderr
    files = "".join(path.read_text() for path in (launcher.folder / ".milepost" / "launches").iterdir())
    assert "s3cr3t" not in done.stdout + done.stderr + files


@needs_skypilot
def test_managed_job_is_asked_after_followed_and_stopped(launcher: Launcher, api: ApiServer) -> None:
    assert launcher("train", "run=one", "--spot", "--yes", "--detach").returncode == 0
    assert "is lost with its disk" in launcher("train", "--spot", "--dry-run").stderr
    (kept,) = launcher.kept()
    run = kept["run"]
    job = {"job_id": 1, "job_name": run, "status": "RUNNING", "recovery_count": 2, "cloud": "AWS"}
    job |= {"region": "us-east-1", "cluster_resources": "1x(A10G:1)[spot]"}
    api.answers["jobs.queue_v2"] = {"jobs": [job], "total": 1, "total_no_filter": 1, "status_counts": {}}
    instance = {"provider": "own", "instance_type": "box", "market": "spot", "num_nodes": 2}
    threshold = PerformanceThreshold("t", "m", 1.0)
    with milepost.track(
        thresholds=[threshold], run=run, store=launcher.store, sinks=[], instance=instance, price_per_hour=3600.0
    ) as tracked:
        tracked.update({"m": 0.5}, samples=1)
    done = launcher("status", "one", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["recoveries"], found["seed"]) == ("RUNNING", 2, 1)
    assert found["where"] == "AWS us-east-1 1x(A10G:1)[spot]"
    assert found["ledger_usd"] == pytest.approx(tracked.calculate_total_cost(billed=True))
    assert (found["skypilot_usd"], "keeps no cost" in found["skypilot_usd_because"]) == (None, True)
    assert "They differ" in launcher("status").stdout
    assert launcher("logs", run, "--no-follow").returncode == 0
    assert launcher("stop", run, "--yes").returncode == 0
    assert [body["name"] for body in api.bodies("jobs.cancel")] == [run]
    assert [body["name"] for body in api.bodies("jobs.logs")] == [run]
    assert "nearest: one-" in launcher("status", "two").stderr


@needs_skypilot
def test_cluster_has_skypilots_estimate_beside_the_ledgers(launcher: Launcher, api: ApiServer) -> None:
    assert launcher("train", "run=pair", "--nodes", "2", "--yes").returncode == 1  # this server hands out no cluster
    (kept,) = launcher.kept()
    run = kept["run"]
    (body,) = api.bodies("launch")
    task = list(yaml.safe_load_all(body["task"]))[-1]
    assert (body["cluster_name"], task["num_nodes"]) == (run, 2)
    assert task["resources"]["autostop"] == {"idle_minutes": 0, "down": True}
    api.answers["status"] = [{**CLUSTER, "name": run, "metadata": {}, "labels": {}}]
    report = {"name": run, "total_cost": 1.25, "status": "UP", "resources": None, "duration": 10, "num_nodes": 2}
    api.answers["cost_report"] = [report | {"launched_at": 1, "cluster_hash": "h", "usage_intervals": None}]
    done = launcher("status", run, "--json", "--store", str(launcher.folder / "none.db"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["where"]) == ("UP", "AWS us-east-1 2x(A10G:4)")
    assert (found["skypilot_usd"], found["ledger_usd"]) == (1.25, None)
    assert "expected a file" in found["ledger_usd_because"]
    assert launcher("stop", run, "--yes").returncode == 0
    assert [body["cluster_name"] for body in api.bodies("down")] == [run]


def test_without_skypilot_a_dry_run_works_and_a_launch_says_what_to_install(tmp_path: Path) -> None:
    bare = {"PATH": os.defpath, "MILEPOST_SKY": "no-such-sky", "SKY_RUNTIME_DIR": str(tmp_path)}
    done = command("launch", "train", "run=x", "--dry-run", cwd=ROOT, **bare)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["num_nodes"] == 1
    done = command("launch", "train", "run=x", "--yes", cwd=ROOT, **bare)
    assert done.returncode == 2
    assert "uv tool install 'skypilot[aws]>=0.14,<0.15'" in done.stderr


def test_interrupted_copies_are_all_known_by_their_ids(launcher: Launcher, tmp_path: Path) -> None:
    script = tmp_path / "sky"
    script.write_text(
        f'#!/bin/sh\necho "$4" >> {tmp_path}/started\n[ $(wc -l < {tmp_path}/started) = 1 ] || kill -INT $PPID\n'
    )
    script.chmod(0o755)
    launcher.environ["MILEPOST_SKY"] = str(script)
    done = launcher("train", "run=seeds", "--spot", "--copies", "3", "--yes")
    assert done.returncode == 1
    runs = [each["run"] for each in sorted(launcher.kept(), key=lambda each: int(each["seed"]))]
    assert (tmp_path / "started").read_text().split() == runs[:2]
    assert f"{runs[0]}  milepost launch status {runs[0]}" in done.stderr
    for seed in (2, 3):
        assert f"{runs[seed - 1]} (seed {seed}): not launched, failed or interrupted" in done.stderr


@pytest.mark.parametrize(
    ("call", "status", "said"),
    [
        (("stpo", "x"), 2, "TASK: found 'stpo', expected a path, or the name of a template"),
        (("train", "--region", "", "--yes"), 2, "--region: found '', expected one name or more"),
        (("train", "run=[/lr] [red]", "--dry-run"), 0, "[/lr] [red]: 1 node"),
        (("status",), 0, "nothing was launched from this folder"),
    ],
)
def test_calls_that_reach_nobody(launcher: Launcher, call: tuple[str, ...], status: int, said: str) -> None:
    launcher.environ["MILEPOST_SKY"] = "no-such-sky"
    done = launcher(*call)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert launcher.kept() == []


def test_note_that_can_not_be_read_is_named(launcher: Launcher) -> None:
    notes = launcher.folder / ".milepost" / "launches"
    notes.mkdir(parents=True)
    (notes / "cut.json").write_text('{"run": "cu')
    done = launcher("status")
    assert done.returncode == 2
    assert "cut.json: expected the note of a launch" in done.stderr


def test_launch_without_an_answer_is_no_launch(launcher: Launcher) -> None:
    bare = {**launcher.environ, "MILEPOST_SKY": "true"}
    done = command("launch", "train", "run=x", cwd=launcher.folder, **bare)
    assert done.returncode == 1
    assert "Launch?" in done.stderr
    assert launcher.kept() == []
