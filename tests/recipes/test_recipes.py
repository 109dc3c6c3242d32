"""The recipes, as a person runs them; the long ones with a small budget."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from milepost.store.store import Store

ROOT = Path(__file__).parents[2]


def recipe(name: str, *arguments: str, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run one where ``python`` and ``milepost`` are those of the tests."""
    for program, module in (("python", ""), ("milepost", "-m milepost")):
        path = programs / program
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        path.chmod(0o755)
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MILEPOST_", "SKY"))}
    environ = bare | {"PATH": f"{programs}:{os.environ['PATH']}", "MILEPOST_STORE": os.environ["MILEPOST_STORE"]}
    call = [str(ROOT / "recipes" / name), *arguments]
    return subprocess.run(call, env=environ, cwd=programs, capture_output=True, text=True)


def plans(name: str, *arguments: str, programs: Path) -> list[dict[str, Any]]:
    done = recipe(name, "--cloud", *arguments, "--dry-run", "--json", programs=programs)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_arena_on_the_cloud_is_eight_nodes_of_four_gpus_on_demand(tmp_path: Path) -> None:
    (plan,) = plans("arena_with_performance_tracking.sh", "trainer.seed=3", programs=tmp_path)
    resources = plan["task"]["resources"]
    assert (plan["task"]["num_nodes"], resources["accelerators"]) == (8, "A10G:4")
    assert (resources["use_spot"], plan["managed"]) == (False, False)
    assert "require_thresholds=true trainer.seed=3" in plan["task"]["envs"]["ARGUMENTS"]


def test_seeds_on_the_cloud_are_runs_of_one_group(tmp_path: Path) -> None:
    found = plans("seeds.sh", "3", programs=tmp_path)
    assert [plan["seed"] for plan in found] == [1, 2, 3]
    (group,) = {plan["group"] for plan in found}
    assert all(f"wandb.group={group}" in plan["task"]["envs"]["ARGUMENTS"] for plan in found)


def test_seeds_are_a_number(tmp_path: Path) -> None:
    done = recipe("seeds.sh", "trainer.seed=3", programs=tmp_path)
    assert (done.returncode, "expected a number of seeds" in done.stderr) == (2, True)


def test_spot_and_on_demand_on_the_cloud_differ_by_their_market_alone(tmp_path: Path) -> None:
    on_demand, spot = plans("spot_vs_on_demand.sh", programs=tmp_path)
    assert (on_demand["managed"], spot["managed"]) == (False, True)
    assert on_demand["group"] == spot["group"]
    assert on_demand["task"]["resources"] == {**spot["task"]["resources"], "use_spot": False}


def test_seeds_here_run_one_after_another_and_are_shown_as_a_group(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("mettagrid")
    small = ("trainer.num_envs=1", "ppo.num_epochs=1", "trainer.total_timesteps=800", "require_thresholds=false")
    done = recipe(
        *("seeds.sh", "2", *small, "wandb.enabled=false", f"trainer.checkpoint_dir={tmp_path}"), programs=tmp_path
    )
    assert done.returncode == 0, done.stderr
    store = Store(os.environ["MILEPOST_STORE"])
    runs = store.runs()
    store.close()
    assert sorted(run.seed or 0 for run in runs) == [1, 2]
    (group,) = {run.group for run in runs}
    assert group is not None
    assert group.startswith("seeds-")
    assert done.stdout.rstrip().count("seed_") >= 2
