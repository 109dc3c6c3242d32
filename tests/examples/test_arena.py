"""The arena's trainer, for a few seconds at a time: the real environment, the real PPO, real checkpoints."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("mettagrid")

import numpy as np  # noqa: E402

from examples.arena.checkpoint import CheckpointError, read_checkpoint  # noqa: E402
from examples.arena.environment import EPISODE_STEPS, NUM_AGENTS, ArenaVectorEnvironment  # noqa: E402
from examples.arena.settings import ArenaSettings, SettingsError, parse_overrides  # noqa: E402
from examples.arena.train import main  # noqa: E402
from examples.arena.trainer import ArenaTrainer  # noqa: E402
from milepost.money.costs import cost  # noqa: E402
from milepost.store.store import Store  # noqa: E402

ROOT = Path(__file__).parents[2]
ITERATION = NUM_AGENTS * EPISODE_STEPS
"""Samples of one iteration: an episode of one arena."""

SMALL = ("trainer.num_envs=1", "trainer.num_threads=1", "ppo.num_epochs=1")


@pytest.fixture(autouse=True)
def _away_from_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name != "MILEPOST_STORE" and name.startswith(("MILEPOST_", "SKYPILOT_", "WANDB_", "RANK")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def settings(*overrides: str) -> ArenaSettings:
    thresholds = ROOT / "configs" / "performance_thresholds" / "arena.yaml"
    return parse_overrides(["wandb.enabled=false", f"trainer.performance_thresholds={thresholds}", *SMALL, *overrides])


def random_hearts(episodes: int) -> float:
    """Mean hearts of agents that act at random."""
    environment = ArenaVectorEnvironment(4, seed=0)
    environment.reset()
    chance = np.random.default_rng(0)
    for _ in range(episodes * EPISODE_STEPS):
        environment.step(chance.integers(0, environment.num_actions, environment.num_agents))
    hearts = environment.pop_metrics()["env_agent/heart.gained"]
    environment.close()
    return hearts


def test_random_policy_stays_well_below_the_first_threshold() -> None:
    assert random_hearts(episodes=6) < 1.0


def test_environment_is_the_same_for_the_same_seed() -> None:
    assert random_hearts(episodes=2) == random_hearts(episodes=2)


def test_trainer_learns_tracks_and_ends_at_its_budget(tmp_path: Path) -> None:
    with ArenaTrainer(settings(f"trainer.total_timesteps={3 * ITERATION}", "trainer.seed=1", "run=short")) as trainer:
        trainer.train()
    result = trainer.tracked_run.get_results()["heart_gained_2"]
    assert trainer.agent_steps == 3 * ITERATION
    assert (result.status, result.observations) == ("not_reached", 3)
    assert (result.run or "").startswith("short-")  # a new start is a new run
    assert result.final_smoothed_value is not None
    assert 0 <= result.final_smoothed_value < 2
    assert (trainer.tracked_run.calculate_total_cost() or 0) > 0
    (segment,) = trainer.tracked_run.ledger.segments
    assert [mark.name for mark in segment.marks if mark.kind in ("phase", "end")] == [
        "setup",
        "evaluation",
        "closed",
    ]
    assert read_checkpoint(tmp_path / "train_dir" / "short.pt")["agent_steps"] == 3 * ITERATION


def test_resumed_run_goes_on_as_if_it_had_never_stopped() -> None:
    def train(run: str, iterations: int, *overrides: str) -> tuple[dict[str, Any], Any]:
        budget = f"trainer.total_timesteps={iterations * ITERATION}"
        with ArenaTrainer(settings(budget, f"run={run}", *overrides)) as trainer:
            trainer.train()
        return read_checkpoint(trainer.checkpoint_path)["model"], trainer.tracked_run

    whole, _ = train("whole", 4)
    train("halves", 2)
    halves, tracked_run = train("halves", 4, "trainer.resume=true")
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
    result = tracked_run.get_results()["heart_gained_2"]
    assert result.observations == 4
    assert len(tracked_run.ledger.segments) == 2
    assert tracked_run.here.samples == 4 * ITERATION


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.total_timestep=5", "the nearest known key is 'trainer.total_timesteps'"),
        ("seed=5", "the nearest known key is 'trainer.seed'"),
        ("trainer.seed=one", "trainer.seed: found 'one'"),
        ("trainer.num_envs=0", "trainer.num_envs: found '0'"),
        ("faster", "expected key=value"),
        ("run=a/b", "expected a name without slashes"),
    ],
)
def test_wrong_overrides_are_named(override: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError, match=message.replace(".", r"\.")):
        parse_overrides([override])
    assert main([override]) == 2
    assert message in capsys.readouterr().err


def test_overrides_are_read_as_people_mean_them() -> None:
    found = parse_overrides(
        ["run=it's 5 o'clock", "trainer.total_timesteps=1e6", "wandb.group='a b'", "trainer.resume=true", "run=007"]
    )
    assert (found.run, found.trainer.total_timesteps, found.wandb.group) == ("007", 1_000_000, "a b")
    assert found.trainer.resume is True


def test_help_names_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "trainer.curriculum=" in capsys.readouterr().out


def test_other_curricula_and_broken_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wandb.enabled=false", "trainer.curriculum=/env/mettagrid/navigation"]) == 2
    assert "expected 'arena'" in capsys.readouterr().err
    (tmp_path / "broken.pt").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"broken\.pt: expected a checkpoint"):
        ArenaTrainer(settings("trainer.resume=broken.pt"))
    assert main(["wandb.enabled=false", "trainer.performance_thresholds=none.yaml"]) == 2
    assert "none.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_run_ends_cleanly_with_the_results_so_far(tmp_path: Path, stop: signal.Signals, status: int) -> None:
    pytest.importorskip("wandb")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_SILENT": "true"}
    command = [
        sys.executable,
        "-m",
        "examples.arena.train",
        "run=stopped",
        "trainer.checkpoint_every_seconds=0",
        *SMALL,
    ]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 120
        checkpoint = tmp_path / "train_dir" / "stopped.pt"
        while not checkpoint.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(stop)
        out, err = (stream.decode() for stream in process.communicate(timeout=60))
    assert process.returncode == status, err
    assert "What it took" in out
    assert "heart_gained_2" in out
    assert "Traceback" not in err
    assert read_checkpoint(checkpoint)["agent_steps"] >= ITERATION
    (log,) = tmp_path.glob("train_dir/wandb/offline-run-*/*.wandb")
    assert b"performance_threshold/heart_gained_2/achieved" in log.read_bytes()


def test_two_nodes_under_torchrun_learn_one_policy_and_one_of_them_tracks(tmp_path: Path) -> None:
    """Two launchers of one process each, as on two machines; gloo between them, and both in the price."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    thresholds = ROOT / "configs" / "performance_thresholds" / "arena.yaml"
    overrides = ["run=pair", "wandb.enabled=false", f"trainer.performance_thresholds={thresholds}", *SMALL]
    environ = os.environ | {"MILEPOST_REGION": "us-east-1", "MILEPOST_MARKET": "on_demand", "PYTHONPATH": str(ROOT)}
    environ |= {"MILEPOST_INSTANCE_TYPE": "g5.xlarge", "OMP_NUM_THREADS": "1", "MILEPOST_RUN_ID": "pair"}

    def train(iterations: int, *more: str) -> list[str]:
        nodes = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "torch.distributed.run", "--nnodes=2", f"--node-rank={rank}"),
                    *("--nproc-per-node=1", "--master-addr=127.0.0.1", f"--master-port={port}"),
                    *("-m", "examples.arena.train", *overrides, *more),
                    f"trainer.total_timesteps={2 * iterations * ITERATION}",
                ],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for rank in range(2)
        ]
        said = [node.communicate(timeout=240)[0] for node in nodes]
        assert [node.returncode for node in nodes] == [0, 0], said
        return said

    first, second = train(2)
    assert "$1.006/h × 2 nodes" in first
    assert "What it took" in first
    assert "What it took" not in second
    train(3, "trainer.resume=true")
    store = Store(os.environ["MILEPOST_STORE"])
    (run,) = store.runs()
    kept = store.load(run.id)
    store.close()
    assert kept is not None
    assert (run.id, run.name, run.status, len(kept.processes)) == ("pair", "pair", "closed", 2)
    here = kept.ledger.here
    assert here is not None
    assert here.samples == 2 * 3 * ITERATION
    assert [segment.instance.num_nodes for segment in kept.ledger.segments] == [2, 2]
    elapsed_hours = here.elapsed_seconds / 3600
    assert cost(kept.ledger, here) == pytest.approx(elapsed_hours * 1.006 * 2)
    assert [result.observations for result in kept.results] == [3, 3]
    whole = read_checkpoint(tmp_path / "train_dir" / "pair.pt")
    assert (whole["agent_steps"], len(whole["generators"])) == (2 * 3 * ITERATION, 2)
    with pytest.raises(CheckpointError, match="found a run of 2 processes, expected 1"):
        ArenaTrainer(settings("run=pair", "trainer.resume=true"))
