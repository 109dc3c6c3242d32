"""Every task that a launch makes, read, validated and optimized by SkyPilot itself."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from milepost.errors import ConfigError
from milepost.launch.offers import CLOUDS
from milepost.launch.plan import make_plan
from milepost.launch.request import Request
from milepost.launch.template import CONFIG_KEYS, RECOVERY_KEYS, TASK_KEYS
from tests.launch.skypilot import EXCERPTS, ROOT, SkyPilot, lay_catalogs, needs_skypilot

pytestmark = needs_skypilot


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    lay_catalogs(folder)
    return folder


@pytest.fixture(scope="module")
def skypilot(home: Path) -> Iterator[SkyPilot]:
    process = SkyPilot(home)
    yield process
    process.close()


def launch(home: Path, *arguments: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Launch as a person does, through the script of the repository."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("MILEPOST_", "SKY"))}
    return subprocess.run(
        [sys.executable, str(ROOT / "devops" / "skypilot" / "launch.py"), *arguments],
        cwd=cwd,
        env=bare | {"SKY_RUNTIME_DIR": str(home)} | environ,
        capture_output=True,
        text=True,
    )


def planned(home: Path, *arguments: str, cwd: Path = ROOT, **environ: str) -> list[dict[str, Any]]:
    done = launch(home, *arguments, "--dry-run", "--json", cwd=cwd, **environ)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_the_launcher_repeats_of_skypilot_is_what_skypilot_says(skypilot: SkyPilot) -> None:
    facts = skypilot.facts
    assert list(CLOUDS) == facts["clouds"]
    assert sorted(RECOVERY_KEYS) == facts["recovery"]
    assert set(facts["task"]) >= TASK_KEYS
    assert {name: sorted(keys) for name, keys in CONFIG_KEYS.items()} == facts["config"]


CALLS: tuple[tuple[list[str], str, str, bool, float], ...] = (
    # call, and what SkyPilot chooses for it: type, region, spot, USD an hour of all nodes
    (["run=multi_node_test", "--nodes", "2", "--gpus", "4"], "g5.12xlarge", "us-east-1", False, 2 * 5.672),
    (["run=custom_instance", "--gpus", "8"], "g5.48xlarge", "us-east-1", False, 16.288),
    (["--gpu", "A10G,L4", "--region", "us-west-2", "--no-spot"], "g6.xlarge", "us-west-2", False, 0.8853),
    (["--gpu", "A10G:4,A10G:8", "--spot", "--region", "us-east-1,us-west-2"], "g5.12xlarge", "", True, 2.269),
    (["--instance-type", "g5.2xlarge", "--region", "us-west-2"], "g5.2xlarge", "us-west-2", False, 1.333),
    (
        ["--instance-type", "g5.xlarge", "--max-usd-per-hour", "2.1", "--nodes", "2"],
        "g5.xlarge",
        "us-east-1",
        False,
        2.012,
    ),
    (
        [
            "--cloud",
            "AWS",
            "--cpus",
            "8+",
            "--image",
            "docker:nvcr.io/nvidia/pytorch:25.09-py3",
            "--region",
            "us-east-1",
        ],
        "g5.2xlarge",
        "us-east-1",
        False,
        1.212,
    ),
    (["--cpus", "8+", "--max-usd-per-hour", "1.3"], "g5.2xlarge", "us-east-1", False, 1.212),
    (["--gpus", "0", "--cpus", "8"], "m6i.2xlarge", "us-east-1", False, 0.384),
)


@pytest.mark.parametrize(
    ("call", "kind", "region", "spot", "usd"),
    CALLS,
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_task_is_what_was_asked_for_and_costs_what_was_said(
    home: Path, skypilot: SkyPilot, call: list[str], kind: str, region: str, spot: bool, usd: float
) -> None:
    (plan,) = planned(home, "train", *call, "--max-runtime", "3h")
    said = skypilot.read(yaml.safe_dump(plan["task"]), optimize=True)
    assert said["unknown"] == []
    best = said["best"]
    assert (best["instance_type"], best["use_spot"]) == (kind, spot)
    assert best["region"] == region or not region
    assert best["run_usd_per_hour"] == pytest.approx(usd)
    if plan["cheapest"] is not None:
        assert plan["cheapest"]["run_usd_per_hour"] == pytest.approx(usd)
        assert plan["cheapest"]["run_usd_for_max_runtime"] == pytest.approx(3 * usd)
        assert plan["cheapest"]["source"] == "skypilot"
    assert plan["managed"] is spot
    assert plan["command"].startswith("sky jobs launch -n" if spot else "sky launch -c")


def test_printed_task_is_one_that_skypilot_reads(home: Path, skypilot: SkyPilot) -> None:
    done = launch(home, "train", "run=printed", "--dry-run", "--max-runtime", "2h", "--nodes", "3")
    said = skypilot.read(done.stdout)
    assert said["num_nodes"] == 3
    assert "cheapest: $3.02/h, $6.04 for --max-runtime" in done.stderr
    assert (
        "dearest: $4.00/h, $8.00 for --max-runtime  ($1.33/h × 3, aws g5.2xlarge on-demand us-west-2; source: skypilot"
        in done.stderr
    )
    assert not (ROOT / ".milepost" / "launches").exists() or not list(
        (ROOT / ".milepost" / "launches").glob("printed*")
    )


def test_template_is_a_task_by_itself(skypilot: SkyPilot) -> None:
    said = skypilot.read((ROOT / "devops" / "skypilot" / "train.yaml").read_text(), variables={}, optimize=True)
    assert said["unknown"] == []
    assert said["best"]["instance_type"] == "g5.xlarge"
    for script in (said["script"], said["setup"]):
        assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).stderr == ""


def test_what_skypilots_client_lets_pass_is_seen_here(skypilot: SkyPilot) -> None:
    task = {
        "run": "true",
        "resources": {"infra": "aws", "accelerators": "A10G:1", "job_recovery": {"stratgy": "FAILOVER"}},
        "config": {"kubernets": {}},
        "secrets": {"HF_TOKEN": None},
    }
    said = skypilot.read(yaml.safe_dump(task))
    assert said["unknown"] == ["job_recovery.stratgy", "config.kubernets", "secrets.HF_TOKEN"]


ODD = ['run=it\'s "here"', "trainer.note=a b\tc", "x=$HOME `id` \\ !", "y=*", "z=", "line=one\ntwo", "ünï=ö"]


def test_arguments_arrive_as_they_were_written(home: Path, skypilot: SkyPilot, tmp_path: Path) -> None:
    (plan,) = planned(home, "train", *ODD)
    said = skypilot.read(yaml.safe_dump(plan["task"], allow_unicode=True), variables={})
    script = said["script"]
    begin, _, _ = script.partition("set -eu\n")  # SkyPilot's own part: it exports the variables
    shown = tmp_path / "shown"
    line = next(each for each in script.splitlines() if "set -- $ARGUMENTS" in each)
    (tmp_path / "sky_workdir").mkdir()
    run = f"{begin}\n{line}\nprintf '%s\\0' \"$@\" > {shlex.quote(str(shown))}\n"
    subprocess.run(["bash", "-c", run], check=True, env={**os.environ, "HOME": str(tmp_path)})
    assert shown.read_text().split("\0")[:-1] == ODD


def test_no_secret_is_in_the_task_or_in_anything_printed(home: Path, skypilot: SkyPilot) -> None:
    hidden = {"WANDB_API_KEY": "s3cr3t-1", "MILEPOST_STORE": "postgresql+psycopg://me:s3cr3t-2@db/runs"}
    call = ["train", "run=quiet", "--secret", "WANDB_API_KEY", "--secret", "MILEPOST_STORE"]
    call += ["--env", "HF_TOKEN=s3cr3t-3", "--env", "PLAIN=seen", "hub.api_key=s3cr3t-4", "--dry-run"]
    done = launch(home, *call, cwd=ROOT, **hidden)
    assert done.returncode == 0, done.stderr
    as_json = launch(home, *call, "--json", cwd=ROOT, **hidden)
    assert "s3cr3t" not in done.stdout + done.stderr + as_json.stdout + as_json.stderr
    plan = json.loads(as_json.stdout)
    assert plan["secrets"] == ["ARGUMENTS", "HF_TOKEN", "MILEPOST_STORE", "WANDB_API_KEY"]
    assert plan["command"].count("--secret") == 4
    values = {**hidden, "HF_TOKEN": "s3cr3t-3", "ARGUMENTS": "run=quiet hub.api_key=s3cr3t-4"}
    said = skypilot.read(done.stdout, secrets=values)
    assert said["unknown"] == []
    assert {name: said["envs"][name] for name in values} == values
    assert said["envs"]["PLAIN"] == "seen"
    assert "s3cr3t" in said["leaks"]  # which is why SkyPilot is not asked to print it
    assert "s3cr3t" not in json.dumps(said["as_printed"])


def test_copies_are_runs_of_their_own_in_one_group(home: Path, skypilot: SkyPilot) -> None:
    plans = planned(home, "train", "run=seeds", "--copies", "5", "--seed", "7", "--group", "study")
    assert len({plan["run"] for plan in plans}) == 5
    assert [plan["seed"] for plan in plans] == [7, 8, 9, 10, 11]
    for plan in plans:
        envs = skypilot.read(yaml.safe_dump(plan["task"]))["envs"]
        assert (envs["MILEPOST_RUN_ID"], envs["SEED"]) == (plan["run"], str(plan["seed"]))
        assert (envs["MILEPOST_GROUP"], plan["group"]) == ("study", "study")
    unnamed = planned(home, "train", "run=seeds", "--copies", "2")
    assert len({plan["group"] for plan in unnamed}) == 1
    assert unnamed[0]["group"].startswith("seeds-")


@pytest.mark.skipif(not (EXCERPTS / "lambda").is_dir(), reason="excerpts of real catalogs lie beside the project only")
def test_real_rows_are_priced_as_skypilot_prices_them(home: Path, skypilot: SkyPilot) -> None:
    (plan,) = planned(home, "train", "--gpu", "H100:8", "--cloud", "lambda")
    best = skypilot.read(yaml.safe_dump(plan["task"]), optimize=True)["best"]
    assert best["run_usd_per_hour"] == pytest.approx(plan["cheapest"]["run_usd_per_hour"])
    assert best["instance_type"] == plan["cheapest"]["instance_type"]


DISK, ENVS, GPUS = "disk_size: 100", "envs:\n", "  accelerators: A10G:1"
MISTAKES = (
    # in the template, in its place, what is said of it, and whether SkyPilot's client would have said anything
    (DISK, f"{DISK}\n  job_recovery: {{stratgy: FAILOVER}}", "'stratgy', which is unknown; nearest: strategy", False),
    (ENVS, f"config: {{kubernetes: {{pod_confg: {{}}}}}}\n{ENVS}", "nearest: pod_config", False),
    (ENVS, f"secrets: {{HF_TOKEN: hf_abc}}\n{ENVS}", "secrets.HF_TOKEN: found a value, expected none", False),
    (ENVS, f"secrets: {{HF_TOKEN: null}}\n{ENVS}", "the template wants it, expected --secret HF_TOKEN", False),
    (GPUS, "  any_of: [{accelerators: A10G:1}]", "expected plain resources", False),
    (GPUS, "  accelerators: A10GG:1", "'A10GG', which is not known; nearest: A10G", False),
    ("num_nodes: 1", "num_node: 1", "'num_node', which is unknown; nearest: num_nodes", True),
)


@pytest.mark.parametrize(("before", "after", "said", "skypilots"), MISTAKES)
def test_template_with_a_mistake_is_refused(
    home: Path, skypilot: SkyPilot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    before: str, after: str, said: str, skypilots: bool,
) -> None:  # fmt: skip
    monkeypatch.setenv("SKY_RUNTIME_DIR", str(home))
    monkeypatch.chdir(ROOT)
    text = (ROOT / "devops" / "skypilot" / "train.yaml").read_text()
    assert before in text
    own = tmp_path / "own.yaml"
    own.write_text(text.replace(before, after, 1))
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        make_plan(Request(task=str(own)), environ={})
    assert "hf_abc" not in str(caught.value)
    assert (skypilot.refusal(own.read_text()) != "None") is skypilots  # what SkyPilot alone would have said
