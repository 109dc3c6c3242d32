"""What a machine tells of itself, and what it then costs: variables and task files on one end, dollars on the other."""

from pathlib import Path

import pytest

from milepost.config import Config
from milepost.instances.detect import Detection, detect
from milepost.pricing import Priced, Terms, calculate_total_cost

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


TPU_HEADER = (
    "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,AvailabilityZone,Price,SpotPrice"
)


def test_half_an_hour_on_one_slice_of_four_hosts(home: Path) -> None:
    lay(home, "gcp", ",,,tpu-v3-32,1,tpu-v3-32,europe-west4,europe-west4-a,32.0,10.56\n", header=TPU_HEADER)
    (home / "tpu.yaml").write_text("resources: {infra: gcp/europe-west4, accelerators: tpu-v3-32, use_spot: false}\n")
    environ = {
        "MILEPOST_TASK_YAML": str(home / "tpu.yaml"),
        "SKYPILOT_NUM_NODES": "4",
        "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2\n10.0.0.3\n10.0.0.4",
        "SKYPILOT_NUM_GPUS_PER_NODE": "0",
        "SKYPILOT_CLUSTER_INFO": '{"cluster_name":"t","cloud":"GCP","region":"europe-west4","zone":"europe-west4-a"}',
    }
    assert usd_per_hour(environ) / 2 == 16.0
    _, price = priced(environ)
    assert price.quote is not None
    assert not price.quote.assumed


def test_cost_of_a_slice_that_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home, "gcp", ",,,tpu-v3-32,1,tpu-v3-32,europe-west4,europe-west4-a,32.0,10.56\n", header=TPU_HEADER)
    assert calculate_total_cost(0.5, "tpu-v3-32") == 16.0
    monkeypatch.setenv("SKYPILOT_NUM_NODES", "8")
    assert calculate_total_cost(0.5, "tpu-v3-32") == 32.0  # two slices
    assert calculate_total_cost(0.5, "tpu-v3-32", num_nodes=1) == 16.0


def test_pod_in_a_data_centre_costs_what_its_country_charges(home: Path) -> None:
    lay(
        home,
        "runpod",
        "1x_H100_SECURE,H100,1.0,16,176,,2.39,1.25,US,US-KS-2\n1x_H100-SXM_SECURE,H100-SXM,1.0,20,125,,2.99,1.75,US,US-KS-2\n",
    )
    pod = {
        "RUNPOD_POD_ID": "abc",
        "RUNPOD_GPU_COUNT": "1",
        "RUNPOD_GPU_NAME": "NVIDIA+H100+PCIe",
        "RUNPOD_DC_ID": "US-KS-2",
    }
    assert usd_per_hour(pod) == 2.39


def test_trainium_is_priced_by_the_number_that_the_task_asks_for(home: Path) -> None:
    lay(
        home,
        "aws",
        "trn1.2xlarge,Trainium,1.0,8,32,,1.34,,us-east-1,\ntrn1.32xlarge,Trainium,16.0,128,512,,21.5,,us-east-1,\n",
    )
    (home / "trn.yaml").write_text("resources: {infra: aws/us-east-1, accelerators: 'Trainium:16'}\n")
    environ = {
        "MILEPOST_TASK_YAML": str(home / "trn.yaml"),
        "SKYPILOT_NUM_GPUS_PER_NODE": "0",
        "SKYPILOT_NUM_NODES": "1",
    }
    assert usd_per_hour(environ) == 21.5


def test_gpu_on_a_host_is_priced_with_it(home: Path) -> None:
    rows = "n1-standard-8,8,30,,,,us-central1,us-central1-a,0.38,0.14\n,,,T4,1,,us-central1,us-central1-a,0.35,0.1654\n"
    lay(home, "gcp", rows, header=TPU_HEADER)
    (home / "t4.yaml").write_text("resources: {infra: gcp/us-central1, accelerators: T4}\n")
    _, price = priced({"MILEPOST_TASK_YAML": str(home / "t4.yaml"), "SKYPILOT_NUM_GPUS_PER_NODE": "1"})
    assert price.quote is not None
    assert price.quote.usd_per_hour == pytest.approx(0.73)
    assert price.quote.assumed
    assert "which host the 1 × T4 are on is not known: n1-standard-8" in (price.quote.assumed_because or "")


def test_mixed_fleet_makes_its_price_assumed(home: Path) -> None:
    lay(home, "aws", "p4d.24xlarge,A100,8.0,96,1152,,21.96,,us-east-1,use1-az1\n")
    known = {"INSTANCE_TYPE": "p4d.24xlarge", "REGION": "us-east-1", "MARKET": "on_demand"}
    environ = {f"MILEPOST_{name}": value for name, value in known.items()}
    job = {**environ, "SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "3"}
    _, price = priced(job)
    assert price.quote is not None
    assert (price.quote.usd_per_hour, price.quote.assumed) == (21.96, False)
    _, price = priced({**job, "SLURM_HET_SIZE": "2"})
    assert price.quote is not None
    assert (price.quote.usd_per_hour, price.quote.assumed) == (21.96, True)
    assert "2 components (SLURM_HET_SIZE)" in (price.quote.assumed_because or "")


def test_accelerators_by_memory_are_priced_as_the_dearest_of_so_many(home: Path) -> None:
    lay(home, "lambda", LAMBDA + "gpu_8x_a100,A100,8.0,124,1800,,15.92,,us-east-1,\n")
    task = home / "memory.yaml"
    task.write_text("resources: {infra: lambda/us-east-1, use_spot: true, accelerators: 'nvidia:80GB+:8'}\n")
    _, price = priced({"MILEPOST_TASK_YAML": str(task), "SKYPILOT_NUM_GPUS_PER_NODE": "8"})
    assert price.quote is not None
    assert (price.quote.usd_per_hour, price.quote.assumed) == (31.92, True)
    assert price.quote.assumed_because == (
        "neither type nor GPU is known: gpu_8x_h100_sxm5, the dearest of lambda in us-east-1 with 8 accelerators, "
        "stands in, at its on-demand price"
    )
