"""What a machine tells of itself, and what it then costs: variables and task files on one end, dollars on the other."""

from pathlib import Path

import pytest

from milepost.config import Config
from milepost.instances.detect import Detection, detect
from milepost.pricing import Priced, Terms

HEADER = "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone"
LAMBDA = """\
gpu_8x_h100_sxm5,H100,8.0,208,1800,,31.92,,us-east-1,
gpu_1x_h100_pcie,H100,1.0,26,200,,3.29,,us-east-1,
gpu_1x_a10,A10,1.0,30,200,,1.29,,us-east-1,
"""


def lay(home: Path, cloud: str, rows: str, header: str = HEADER) -> None:
    """Lay a catalog of SkyPilot's below a home."""
    folder = home / ".sky" / "catalogs" / "v8" / cloud
    folder.mkdir(parents=True)
    (folder / "vms.csv").write_text(f"{header}\n{rows}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKY_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def priced(environ: dict[str, str]) -> tuple[Detection, Priced]:
    """Return what the machine of these variables is, and what a node of it costs."""
    found = detect(environ=environ)
    return found, Terms(Config(thresholds=())).price(found.instance)


def usd_per_hour(environ: dict[str, str]) -> float:
    """Return what its fleet costs an hour."""
    found, price = priced(environ)
    assert price.quote is not None, price.because
    return price.quote.usd_per_hour * found.instance.nodes_charged


@pytest.mark.parametrize(("task", "gpus", "usd"), [("trainer_7-0", 8, 31.92), ("server_7-1", 1, 1.29)])
def test_each_task_of_a_job_group_costs_what_its_own_machine_does(home: Path, task: str, gpus: int, usd: float) -> None:
    lay(home, "lambda", LAMBDA)
    (home / "jg.yaml").write_text(
        "name: g\nexecution: parallel\nprimary_tasks: [trainer]\n---\n"
        "name: trainer\nresources: {infra: lambda/us-east-1, accelerators: H100:8}\nrun: a\n---\n"
        "name: server\nresources: {infra: lambda/us-east-1, accelerators: A10:1}\nrun: b\n"
    )
    environ = {
        "MILEPOST_TASK_YAML": str(home / "jg.yaml"),
        "SKYPILOT_TASK_ID": f"sky-managed-2026-11-01-00-00-00-000000_g_{task}",
        "SKYPILOT_NUM_NODES": "1",
        "SKYPILOT_NUM_GPUS_PER_NODE": str(gpus),
        "SKYPILOT_CLUSTER_INFO": '{"cluster_name":"g","cloud":"Lambda","region":"us-east-1","zone":null}',
    }
    assert usd_per_hour(environ) == usd
