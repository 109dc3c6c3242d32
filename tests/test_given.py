"""What was given at the start works throughout, whatever the files are called now.

`./recipes/arena_with_performance_tracking.sh` is run by `tests/recipes`, here and with ``--cloud``, and by `make demo`.
"""

import inspect
import json
import logging
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost.store.store import Store
from milepost.tracking.timer import SYSTEM_CLOCK
from tests.helpers import START, feed, ledger, threshold
from tests.launch.skypilot import lay_catalogs

ROOT = Path(__file__).parents[1]
BEFORE = Path(__file__).parent / "before"
"""What the first code wrote."""

NAMES = {
    "PerformanceThreshold": 'name, metric, target_value, comparison=">=", smoothing_factor=0.1',
    "PerformanceThresholdTracker": "thresholds, *, ledger=None, available_metrics=(), clock=CLOCK, on_event=None",
    "PerformanceThresholdTracker.update": "self, metrics, samples, elapsed_seconds=None, *, wall_time=None",
    "PerformanceThresholdTracker.get_results": "self",
    "PerformanceThresholdTracker.get_wandb_metrics": "self",
    "PerformanceThresholdTracker.calculate_total_cost": "self, *, billed=False",
    "PerformanceThresholdTracker.is_complete": "self",
    "PerformanceThresholdTracker.pause": "self",
    "PerformanceThresholdTracker.resume": "self",
    "PerformanceThresholdTracker.state_dict": "self",
    "PerformanceThresholdTracker.load_state_dict": "self, state",
    "AWSPricingClient": 'region="us-east-1", profile=None, *, endpoint_url=None',
    "AWSPricingClient.get_instance_pricing": "self, instance_type, use_spot=False, *, zone=None",
    "SkyPilotInstanceInfo.get_instance_info": "",
    "SkyPilotInstanceInfo.get_instance_info_from_task": "path",
    "calculate_total_cost": (
        "hours, instance_type=None, use_spot=None, num_nodes=None, *, region=None, sources=None, strict_pricing=False"
    ),
    "load_performance_thresholds": "path, *, strict=False",
    "environment_from_curriculum": "path",
    "get_default_arena_thresholds": "",
    "track": (
        "config=None, *, thresholds=None, run=None, group=None, instance=None, price_per_hour=None, store=None, "
        "sinks=None, strict=False"
    ),
    "replay": "paths, *, thresholds=None, config=None",
}


LEFT_OUT_NOW = {("PerformanceThresholdTracker.update", "samples")}
"""What had to be given, and is None where it is left out now."""


@pytest.mark.parametrize("name", NAMES)
def test_public_names_take_what_they_took(name: str) -> None:
    scope: dict[str, Any] = {"CLOCK": SYSTEM_CLOCK}
    exec(f"def given({NAMES[name]}): ...", scope)
    given = inspect.signature(scope["given"]).parameters
    called: Any = milepost
    for part in name.split("."):
        called = getattr(called, part)
    taken = dict(inspect.signature(called).parameters)
    plain = [
        (each.name, each.kind, None if (name, each.name) in LEFT_OUT_NOW else each.default) for each in given.values()
    ]
    assert [(each, taken[each].kind, taken[each].default) for each in given] == plain
    places = [each.name for each in taken.values() if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    at_places = [each.name for each in given.values() if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert places[: len(at_places)] == at_places
    assert all(each.default is not inspect.Parameter.empty for each in taken.values() if each.name not in given)


def test_wandb_gets_the_keys_that_it_got() -> None:
    """Raw values 1, 2 and 3 at seconds 1, 2 and 3, on one node at $3.60 an hour; the target is 2."""
    tracker = milepost.PerformanceThresholdTracker([threshold()], ledger=ledger(3.6))
    feed(tracker, [1.0])
    so_far = {"target_value": 2.0, "already_met": False}
    of_run = {"usd_per_hour": 3.6, "price_source": "user", "price_assumed": False}

    def keys(of_threshold: dict[str, Any], cost: float) -> dict[str, Any]:
        named = {f"performance_threshold/t/{key}": value for key, value in (so_far | of_threshold).items()}
        named |= {f"performance_threshold/{key}": value for key, value in of_run.items()}
        return named | {"performance_threshold/cost_so_far": pytest.approx(cost)}

    def assert_has(of_threshold: dict[str, Any], cost: float) -> None:
        """There may be more; what is not known as yet is not there."""
        had, found = keys(of_threshold, cost), tracker.get_wandb_metrics()
        assert {name: found[name] for name in had} == had
        assert not any(name.endswith("_to_threshold") for name in found.keys() - had.keys())

    assert_has({"achieved": False, "final_smoothed_value": 1.0}, 0.001)
    feed(tracker, [1.0, 2.0, 3.0])
    crossed = {"samples_to_threshold": 20, "minutes_to_threshold": 2 / 60, "cost_to_threshold": pytest.approx(0.002)}
    assert_has({"achieved": True, "final_smoothed_value": 3.0, **crossed}, 0.003)


def test_yaml_of_the_design_works_as_it_stands(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "design.md").read_text(), re.DOTALL)
    (given,) = (block for block in blocks if "heart_gained_2" in block)
    file = tmp_path / "arena.yaml"
    file.write_text(given)
    with milepost.track(file, sinks=[], store=tmp_path / "milepost.db") as run:
        run.update({"env_agent/heart.gained": 1.0}, 10, 0.0)
        (result,) = run.update({"env_agent/heart.gained": 40.0}, 20, 3600.0)
    assert (result.threshold, result.samples_to_threshold, result.minutes_to_threshold) == ("heart_gained_2", 20, 60.0)
    assert (result.usd_per_hour, result.price_assumed) == (1.624, True)  # a g5.4xlarge on demand, that nobody told


def test_price_script_finds_nothing_wrong() -> None:
    done = subprocess.run(
        [sys.executable, "test_aws_pricing.py", "--offline"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all as it should be\n")


@pytest.mark.parametrize(
    ("line", "nodes", "gpus"),
    [
        ("./devops/skypilot/launch.py train run=multi_node_test --nodes 2 --gpus 4", 2, 4),
        ("./devops/skypilot/launch.py train run=custom_instance --gpus 8", 1, 8),
    ],
)
def test_launcher_takes_its_lines(line: str, nodes: int, gpus: int, tmp_path: Path) -> None:
    assert f"$ {line}\n" in (ROOT / "docs" / "launch.md").read_text()
    lay_catalogs(tmp_path)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MILEPOST_", "SKY"))}
    done = subprocess.run(
        [*shlex.split(line), "--dry-run", "--json"],
        cwd=ROOT,
        env=bare | {"PATH": path, "SKY_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    task = json.loads(done.stdout)["task"]
    assert (task.get("num_nodes", 1), task["resources"]["accelerators"]) == (nodes, f"A10G:{gpus}")


def test_loggers_bear_the_names_they_bore(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="milepost"):
        feed(milepost.PerformanceThresholdTracker([threshold()]), [1.0, 2.0])
        milepost.calculate_total_cost(1.0, "quantum.9xlarge", sources=["default"])
    said = [(record.name, record.getMessage().partition(":")[0]) for record in caplog.records]
    assert said == [("milepost.tracker", "crossed"), ("milepost.prices", "assumed price")]
    broken = Path(os.environ["SKY_RUNTIME_DIR"]) / ".sky" / "catalogs" / "v8" / "aws" / "vms.csv"
    broken.parent.mkdir(parents=True)
    broken.write_text("no catalog\n")
    command = [sys.executable, "-m", "milepost", "price", "--list", "--source", "skypilot"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr.startswith(f"WARNING milepost.prices.skypilot: {broken} can't be read")


@pytest.fixture
def store_of_before(tmp_path: Path) -> Path:
    path = tmp_path / "before.db"
    connection = sqlite3.connect(path)
    connection.executescript((BEFORE / "store.sql").read_text())
    connection.close()
    return path


def test_store_of_before_is_read(store_of_before: Path) -> None:
    """Its values rise by 1 every 10 samples and 30 s: 2 is reached at 20 samples and a minute, at $1.80 an hour."""
    store = Store(store_of_before)
    log, live = (store.load(run.id) for run in store.runs())
    store.close()
    assert log is not None
    assert live is not None
    (result,) = log.results
    figures = (result.samples_to_threshold, result.minutes_to_threshold, result.billed_cost_to_threshold)
    assert (*figures, log.run.status) == (20, 1.0, None, "replayed")
    assert result.cost_to_threshold == pytest.approx(1.8 / 60)
    assert [point.raw for point in log.curves[0].points] == [1.0, 2.0, 3.0]
    (result,) = live.results
    figures = (result.samples_to_threshold, result.minutes_to_threshold, result.checkpointed)
    assert (*figures, live.run.status) == (20, 1.0, True, "running")
    assert result.cost_to_threshold == pytest.approx(2 * 1.8 / 60)
    # From the first value, at 30 s, to the crossing: 30 s, of which AWS bills a minute.
    assert result.billed_cost_to_threshold == pytest.approx(2 * 1.8 / 60)
    assert [event.kind for event in live.events] == ["crossing", "stop", "resume", "resume"]
    assert live.opened_by == {"1" * 16: "a" * 16, "2" * 16: "b" * 16}


def test_checkpoint_of_before_is_gone_on_from_in_the_store_of_before(store_of_before: Path) -> None:
    thresholds = [milepost.PerformanceThreshold("two", "reward", 2.0, smoothing_factor=1.0)]
    node = {"provider": "aws", "instance_type": "g5.xlarge", "region": "us-east-1", "market": "on_demand"}
    with milepost.track(
        thresholds=thresholds,
        run="live",
        instance=node | {"num_nodes": 2},
        price_per_hour=1.8,
        store=store_of_before,
        sinks=[],
    ) as run:
        run.load_state_dict(json.loads((BEFORE / "checkpoint.json").read_text()))  # of 30 samples, 90 s
        run.update({"reward": 1.0}, 40, 120.0, wall_time=START + 1200)
    store = Store(store_of_before)
    kept = store.load("live")
    store.close()
    assert kept is not None
    (result,) = kept.results
    figures = (result.samples_to_threshold, result.minutes_to_threshold, result.checkpointed, result.retained)
    assert figures == (20, 1.0, True, False)
    assert result.cost_to_threshold == pytest.approx(2 * 1.8 / 60)
    assert (len(kept.processes), kept.run.status, kept.run.seed) == (3, "closed", 3)
    ends = [segment.end.name if segment.end else None for segment in kept.ledger.segments]
    assert ends == ["closed", "interrupted", "closed"]
    here = kept.ledger.here
    assert here is not None
    assert (here.samples, here.elapsed_seconds) == (40, 120.0)
