"""The run script of a task, executed: two nodes on two loopback addresses, one of which is lost in the middle."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from milepost.money.breakdown import spending
from milepost.money.costs import billed_cost, cost, total_cost
from milepost.runs.record import RunRecord
from milepost.store.store import Store
from tests.instances.metadata_server import EC2, like_ec2, serving
from tests.launch.skypilot import ROOT, SkyPilot, lay_catalogs, needs_skypilot
from tests.launch.test_tasks import planned

pytest.importorskip("torch")
pytest.importorskip("mettagrid")

from examples.arena.checkpoint import read_checkpoint
from examples.arena.environment import EPISODE_STEPS, NUM_AGENTS

pytestmark = needs_skypilot

ADDRESSES = ("127.0.0.1", "127.0.0.2")
SAMPLES = 2 * NUM_AGENTS * EPISODE_STEPS
"""Of one iteration: an episode of one arena on each of two nodes."""

ZONE = "placement/availability-zone-id"
ITERATIONS, CONFIRM = 20, 12
THRESHOLDS = {
    "heartbeat_seconds": 0.2,
    "thresholds": [
        {"name": "steady", "metric": "env_agent/heart.gained", "target_value": 0, "smoothing_factor": 1}
        | {"confirm": CONFIRM},
        {"name": "never", "metric": "env_agent/heart.gained", "target_value": 1e6},
    ],
}
EAST = {**EC2, "instance-type": "g5.xlarge", "placement/region": "us-east-1", ZONE: "use1-az1"}
WEST = {**EC2, "instance-type": "g5.2xlarge", "placement/region": "us-west-2", ZONE: "usw2-az1"}
SPOT_USD_PER_HOUR = {"g5.xlarge": 0.402, "g5.2xlarge": 0.485}
MINIMUM_SECONDS = 60
"""What AWS bills at least for a start of an instance."""


MARK = "NODE_OF_THE_TEST"


class Node(NamedTuple):
    """One of the machines: its script's process, the mark that all it starts bears, and where it says what."""

    process: subprocess.Popen[bytes]
    mark: str
    output: Path


@pytest.fixture(scope="module")
def skypilot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SkyPilot]:
    """SkyPilot where the launch is done."""
    home = tmp_path_factory.mktemp("launched_from")
    lay_catalogs(home)
    process = SkyPilot(home)
    yield process
    process.close()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A home as set-up leaves it: SkyPilot's catalogs, a working directory, an environment with torchrun."""
    lay_catalogs(tmp_path)
    work, programs = tmp_path / "sky_workdir", tmp_path / "train" / "bin"
    work.mkdir()
    programs.mkdir(parents=True)
    (work / "examples").symlink_to(ROOT / "examples")
    (work / "devops").symlink_to(ROOT / "devops")
    (work / "thresholds.yaml").write_text(yaml.safe_dump(THRESHOLDS))
    for name, module in (("python", ""), ("milepost", "-m milepost"), ("torchrun", "-m torch.distributed.run")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        program.chmod(0o755)
    return tmp_path


@contextmanager
def nodes(
    home: Path, skypilot: SkyPilot, task: str, values: Mapping[str, str], region: str, *,
    addresses: Sequence[str] = ADDRESSES, gpus: int = 0, inside: Sequence[Sequence[str]] = ((), ()),
) -> Iterator[list[Node]]:  # fmt: skip
    """Start a task on its nodes, as SkyPilot does: its script, with its variables. Whatever is left is killed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    info = {"cluster_name": "pair", "cloud": "AWS", "region": region, "zone": None}
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MILEPOST_", "SKY", "AWS_"))}
    started = []
    for rank in range(len(addresses)):
        variables = {
            "SKYPILOT_NODE_IPS": "\n".join(addresses),
            "SKYPILOT_NUM_NODES": str(len(addresses)),
            "SKYPILOT_NODE_RANK": str(rank),
            "SKYPILOT_NUM_GPUS_PER_NODE": str(gpus),
            "SKYPILOT_TASK_ID": "sky-managed-2026-11-25-12-00-00-000000_pair_7-0",
            "SKYPILOT_MANAGED_JOB_ID": "7",
            "SKYPILOT_CLUSTER_INFO": json.dumps(info),
        }
        script = skypilot.read(task, variables=variables)["script"]
        environ = bare | dict(values) | {"HOME": str(home), "SKY_RUNTIME_DIR": str(home), "OMP_NUM_THREADS": "1"}
        mark = uuid.uuid4().hex
        output = home / f"{mark}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*inside[rank], "bash", "-c", script],
                env=environ | {"MASTER_PORT": str(port), "WANDB_MODE": "disabled", MARK: mark},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        started.append(Node(process, mark, output))
    try:
        yield started
    finally:
        for node in started:
            take_away(node)
            node.process.wait()


def take_away(node: Node) -> None:
    """Kill all that a node runs, as when its machine is gone: torchrun's workers have sessions of their own."""
    while True:
        alive = [folder for folder in Path("/proc").glob("[0-9]*") if _is_of(folder, node)]
        if not alive:
            return
        for folder in alive:
            with suppress(ProcessLookupError):
                os.kill(int(folder.name), signal.SIGKILL)
        node.process.poll()
        time.sleep(0.02)


def _is_of(folder: Path, node: Node) -> bool:
    """Say whether a process was started on a node: what runs there inherits its variables; what has ended has none."""
    try:
        return f"{MARK}={node.mark}".encode() in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def wait_until(holds: Callable[[], bool], started: list[Node]) -> None:
    deadline = time.monotonic() + 240
    while not holds():
        ended = [node for node in started if node.process.poll() is not None]
        assert not ended, ended[0].output.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def outputs_of(started: list[Node]) -> list[str]:
    """Return what each said until it ended. One that doesn't end is killed, so that all can be shown."""
    deadline = time.monotonic() + 240
    while any(node.process.poll() is None for node in started) and time.monotonic() < deadline:
        time.sleep(0.02)
    for node in started:
        take_away(node)
        node.process.wait()
    return [node.output.read_text() for node in started]


def kept_in(path: Path) -> RunRecord:
    store = Store(path)
    (run,) = store.runs()
    record = store.load(run.id)
    store.close()
    assert record is not None
    return record


def plan_of(home: Path, *arguments: str) -> dict[str, Any]:
    """Plan a launch in the working directory that the nodes have a copy of."""
    work = home / "sky_workdir"
    call = ("train", "run=pair", "--spot", "--nodes", "2", "--config", "thresholds.yaml", *arguments)
    return planned(home, *call, "--env", f"CHECKPOINTS={home / 'bucket'}", cwd=work)[0]


def test_lost_node_costs_what_was_worked_out_by_hand(machine: Path, skypilot: SkyPilot) -> None:
    """One node of two is taken away, the job is started anew on dearer machines, from an older checkpoint."""
    store = machine / "milepost.db"
    small = ("trainer.num_envs=1", "trainer.num_threads=1", "ppo.num_epochs=1", "wandb.enabled=false")
    plan = plan_of(
        *(machine, *small, f"trainer.total_timesteps={ITERATIONS * SAMPLES}", "trainer.checkpoint_every_seconds=0"),
        *("--env", f"MILEPOST_STORE={store}", "--max-runtime", "2h"),
    )
    task, run = yaml.safe_dump(plan["task"]), plan["run"]
    folder = machine / "bucket" / run
    checkpoint, on_bucket = folder / "pair.pt", machine / "on_bucket.pt"

    def steps() -> int:
        return int(read_checkpoint(checkpoint)["agent_steps"]) if checkpoint.exists() else 0

    with serving(like_ec2(EAST)) as metadata:
        values = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url}
        with nodes(machine, skypilot, task, values, "us-east-1") as (first, second):
            wait_until(lambda: steps() >= SAMPLES, [first, second])
            shutil.copy(checkpoint, on_bucket)
            at_least = int(read_checkpoint(on_bucket)["agent_steps"]) + 2 * SAMPLES
            wait_until(lambda: kept_in(store).ledger.segments[-1].marks[-1].samples >= at_least, [first, second])
            take_away(second)
            take_away(first)  # the controller tears down what is left of the cluster
    began = [(folder / f"started-{rank}").read_text() for rank in range(2)]
    on_bucket.replace(checkpoint)
    marks = json.loads(read_checkpoint(checkpoint)["tracked_run"])["ledger"]["segments"][-1]["marks"]
    saved_seconds = marks[-1][2]

    with serving(like_ec2(WEST)) as metadata:
        values = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url}
        with nodes(machine, skypilot, task, values, "us-west-2") as both:
            said = outputs_of(both)
            assert [node.process.returncode for node in both] == [0, 0], said
    assert "What it took" in said[0]
    assert "What it took" not in said[1]
    assert [(folder / f"started-{rank}").read_text() for rank in range(2)] == began

    record = kept_in(store)
    assert (record.run.id, record.run.status, record.run.seed, len(record.processes)) == (run, "closed", 1, 2)
    before = [each for each in record.ledger.segments if each.instance.instance_type == "g5.xlarge"]
    after = [each for each in record.ledger.segments if each.instance.instance_type == "g5.2xlarge"]
    assert [*before, *after] == list(record.ledger.segments)
    for segment in record.ledger.segments:
        assert (segment.instance.market, segment.instance.num_nodes) == ("spot", 2)
        assert segment.instance.sources["instance_type"] == "SKYPILOT_INSTANCE_TYPE"
        assert segment.quote is not None
        assert segment.quote.usd_per_hour == SPOT_USD_PER_HOUR[str(segment.instance.instance_type)]
        assert (segment.quote.source, segment.quote.assumed) == ("skypilot", False)

    steady, never = record.results
    assert (steady.status, steady.samples_to_threshold, steady.already_met) == ("achieved", SAMPLES, True)
    assert steady.confirmed_at_samples == SAMPLES * CONFIRM
    assert (steady.observations, never.observations) == (ITERATIONS, ITERATIONS)
    assert (never.status, never.cost_to_threshold) == ("not_reached", None)

    # By hand, out of the marks: dollars are seconds at the price of two nodes.
    here = record.ledger.here
    assert here is not None
    assert here.samples == ITERATIONS * SAMPLES
    cheap, dear = (2 * SPOT_USD_PER_HOUR[kind] / 3600 for kind in ("g5.xlarge", "g5.2xlarge"))
    lost_seconds = before[-1].marks[-1].elapsed_seconds - saved_seconds
    again_seconds = after[-1].marks[-1].elapsed_seconds - saved_seconds
    assert lost_seconds > 0
    assert cost(record.ledger, here) == pytest.approx(saved_seconds * cheap + again_seconds * dear)
    everything = (saved_seconds + lost_seconds) * cheap + again_seconds * dear
    assert total_cost(record.ledger, here) == pytest.approx(everything)
    (lost,) = [each for each in spending(record.ledger, here) if each.purpose == "lost"]
    assert lost.seconds == pytest.approx(lost_seconds)
    assert lost.usd == pytest.approx(lost_seconds * cheap)
    up_seconds = [each[-1].marks[-1].wall_time - each[0].billed_from for each in (before, after)]
    billed_seconds = [max(MINIMUM_SECONDS, ceil(seconds)) for seconds in up_seconds]
    by_hand = billed_seconds[0] * cheap + billed_seconds[1] * dear
    assert billed_cost(record.ledger, here) == pytest.approx(by_hand)
    by_then = [mark.elapsed_seconds for mark in before[0].marks if mark.samples <= SAMPLES]
    assert steady.minutes_to_threshold is not None
    assert by_then[0] < 60 * steady.minutes_to_threshold <= by_then[-1]
    assert steady.cost_to_threshold == pytest.approx(60 * steady.minutes_to_threshold * cheap)


def test_time_that_is_used_up_is_used_up_over_recoveries(machine: Path, skypilot: SkyPilot) -> None:
    plan = plan_of(machine, "--max-runtime", "1h")
    folder = machine / "bucket" / plan["run"]
    folder.mkdir(parents=True)
    for rank in range(2):
        (folder / f"started-{rank}").write_text(str(int(time.time()) - 3601))
    with nodes(machine, skypilot, yaml.safe_dump(plan["task"]), {}, "us-east-1") as both:
        said = outputs_of(both)
        assert [node.process.returncode for node in both] == [124, 124]
    assert "the run's 3600 seconds are used up" in said[0]


SHOWS = """
import json, os, pathlib, signal, sys
shown = pathlib.Path(os.environ["CHECKPOINTS"], os.environ["RANK"])
signal.signal(signal.SIGTERM, lambda *_: (shown.with_suffix(".ended").touch(), sys.exit()))
about = {name: os.environ.get(name) for name in ("WORLD_SIZE", "MASTER_ADDR", "GLOO_SOCKET_IFNAME")}
shown.with_suffix(".part").write_text(json.dumps([about, sys.argv[1:]]))
shown.with_suffix(".part").rename(shown)
while True:
    signal.pause()
"""


def test_each_gpu_has_a_process_that_is_told_of_the_end(machine: Path, skypilot: SkyPilot) -> None:
    (machine / "sky_workdir" / "shows.py").write_text(SHOWS)
    plan = plan_of(machine, "note=a  b", "trainer.seed=7", "--env", "MODULE=shows")
    folder = machine / "bucket"
    task = yaml.safe_dump(plan["task"])
    with nodes(machine, skypilot, task, {}, "us-east-1", addresses=["127.0.0.1"], gpus=2) as started:
        wait_until(lambda: all((folder / str(rank)).exists() for rank in range(2)), started)
        started[0].process.terminate()
        outputs_of(started)
    for rank in range(2):
        about, arguments = json.loads((folder / str(rank)).read_text())
        # The interface that has the address, where the machine's name may stand for another.
        interface = "lo" if shutil.which("ip") else None
        assert about == {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": interface}
        assert arguments == [
            *("trainer.performance_thresholds=thresholds.yaml", "trainer.seed=1"),
            *(f"trainer.checkpoint_dir={folder / plan['run']}", "trainer.resume=true"),
            *("run=pair", "note=a  b", "trainer.seed=7"),  # the last word is the caller's
        ]
        assert (folder / f"{rank}.ended").exists()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[list[str]]]:
    """Two hosts with a cable between them, each of which takes its own name for loopback: what to start things with."""
    if shutil.which("ip") is None:
        pytest.skip("hosts of their own need iproute2")
    table = tmp_path / "hosts"
    table.write_text(f"127.0.0.1 localhost\n127.0.1.1 {socket.gethostname()}\n")
    names = [f"mp{uuid.uuid4().hex[:8]}" for _ in range(2)]

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    try:
        try:
            for name in names:
                ip("netns", "add", name)
            ip("link", "add", names[0], "netns", names[0], "type", "veth", "peer", "name", names[1], "netns", names[1])
            for at, name in enumerate(names, 1):
                ip("-n", name, "addr", "add", f"10.77.0.{at}/24", "dev", name)
                for link in ("lo", name):
                    ip("-n", name, "link", "set", link, "up")
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("hosts of their own need root: they are network namespaces")
        mounted = ("unshare", "-m", "sh", "-c", f'mount --bind {table} /etc/hosts && exec "$@"', "sh")
        yield [["ip", "netns", "exec", name, *mounted] for name in names]
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


MEETS = """
from torch import distributed, ones
distributed.init_process_group("gloo")
sum_of_both = ones(1)
distributed.all_reduce(sum_of_both)
print("met", int(sum_of_both))
distributed.destroy_process_group()
"""


def test_machines_whose_names_are_loopback_meet(machine: Path, skypilot: SkyPilot, hosts: list[list[str]]) -> None:
    (machine / "sky_workdir" / "meets.py").write_text(MEETS)
    plan = plan_of(machine, "--env", "MODULE=meets")
    task, addresses = yaml.safe_dump(plan["task"]), ["10.77.0.1", "10.77.0.2"]
    with nodes(machine, skypilot, task, {}, "us-east-1", addresses=addresses, inside=hosts) as both:
        said = outputs_of(both)
    assert ["met 2" in each for each in said] == [True, True], said
