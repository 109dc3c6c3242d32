"""The files for launches without SkyPilot, each checked by its own tool or schema, as far as that runs offline."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from milepost.store.store import Store
from tests.launch.skypilot import ROOT

NODE = ROOT / "devops" / "torchrun" / "node.sh"
SBATCH = ROOT / "devops" / "slurm" / "train.sbatch"
JOBSET = ROOT / "devops" / "kubernetes" / "jobset.yaml"


def job_set() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(JOBSET.read_text())
    return found


def container() -> dict[str, Any]:
    (node,) = job_set()["spec"]["replicatedJobs"]
    (found,) = node["template"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_scripts_are_such_as_bash_reads() -> None:
    inner = re.findall(r"bash -c '\n(.*?)\n'", SBATCH.read_text(), re.DOTALL)
    assert len(inner) == 1
    for script in (NODE.read_text(), SBATCH.read_text(), *inner, *container()["args"]):
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("sbatch") is None, reason="sbatch is not installed (Debian: slurm-client)")
@pytest.mark.parametrize(("option", "is_refused"), [("--requeue", False), ("--requeues-often", True)])
def test_options_are_such_as_sbatch_takes(tmp_path: Path, option: str, is_refused: bool) -> None:
    """It reads all options before it looks for a controller, of which there is none."""
    config = tmp_path / "slurm.conf"
    config.write_text("ClusterName=none\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort=9\nGresTypes=gpu\n")
    script = tmp_path / "train.sbatch"
    script.write_text(SBATCH.read_text().replace("#SBATCH --requeue\n", f"#SBATCH {option}\n"))
    environ = {**os.environ, "SLURM_CONF": str(config)}
    with subprocess.Popen(
        ["sbatch", "--test-only", str(script)], env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, said = process.communicate(timeout=60 if is_refused else 3)
        except subprocess.TimeoutExpired:  # it looks for its controller
            process.kill()
            _, said = process.communicate()
    assert ("unrecognized option" in said) is is_refused
    assert is_refused or "invalid" not in said.lower()


def test_jobset_is_as_its_schema_has_it() -> None:
    api = pytest.importorskip("kubeflow_trainer_api")  # which brings JobSet's OpenAPI models
    assert api
    from kubeflow_trainer_api.models.jobset_v1alpha2_job_set import JobsetV1alpha2JobSet

    found = job_set()
    assert JobsetV1alpha2JobSet.from_dict(found).to_dict() == found  # an unknown key would not come back
    misspelt = yaml.safe_load(JOBSET.read_text().replace("backoffLimit", "backofLimit"))
    assert JobsetV1alpha2JobSet.from_dict(misspelt).to_dict() != misspelt


def test_jobset_agrees_with_itself() -> None:
    found = job_set()
    (node,) = found["spec"]["replicatedJobs"]
    job = node["template"]["spec"]
    environ = {each["name"]: each["value"] for each in container()["env"]}
    assert str(job["parallelism"]) == str(job["completions"]) == environ["NODES"] == environ["MILEPOST_NUM_NODES"]
    assert str(container()["resources"]["limits"]["nvidia.com/gpu"]) == environ["GPUS"]
    selector = job["template"]["spec"]["nodeSelector"]["node.kubernetes.io/instance-type"]
    assert selector == environ["MILEPOST_INSTANCE_TYPE"]
    # <jobset>-<job>-<replica>-<index>.<jobset>
    assert (
        f"--master-addr {found['metadata']['name']}-{node['name']}-0-0.{found['metadata']['name']}"
        in (container()["args"][0])
    )


def test_two_machines_under_plain_torchrun_make_one_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("mettagrid")
    torchrun = tmp_path / "torchrun"
    torchrun.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m torch.distributed.run "$@"\n')
    torchrun.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    environ |= {"MILEPOST_RUN_ID": "by-hand", "MASTER": "127.0.0.1", "MASTER_PORT": str(port)}
    environ |= {"CHECKPOINTS": str(tmp_path), "MILEPOST_INSTANCE_TYPE": "g5.xlarge"}
    small = ("trainer.num_envs=1", "ppo.num_epochs=1", "trainer.total_timesteps=1600", "wandb.enabled=false")
    machines = [
        subprocess.Popen(
            [str(NODE), "run=pair", *small],
            env=environ | {"NODE_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    said = [machine.communicate(timeout=240)[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], said
    store = Store(os.environ["MILEPOST_STORE"])
    kept = store.load("by-hand")
    store.close()
    assert kept is not None
    assert [segment.instance.num_nodes for segment in kept.ledger.segments] == [2] * len(kept.ledger.segments)
    assert (tmp_path / "by-hand" / "pair.pt").is_file()
