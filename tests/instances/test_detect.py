import logging
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from milepost.instances import detect as detect_module, probing
from milepost.instances.detect import detect, find_rank
from milepost.log import Once
from milepost.money.instance import FIELDS, Instance
from tests.instances.schedulers.test_skypilot import TWO_NODES
from tests.instances.test_gpus import program


def test_on_a_machine_that_tells_nothing_the_default_is_taken_and_said() -> None:
    found = detect(environ={})
    instance = found.instance
    assert (instance.provider, instance.instance_type, instance.market) == ("aws", "g5.4xlarge", "on_demand")
    assert (instance.num_nodes, instance.share, instance.gpus, instance.gpu) == (1, 1.0, 1, "A10G")
    assert instance.sources["instance_type"] == "default"
    assert found.assumed_because == (
        "this machine's instance type, market and region are not known: taken for g5.4xlarge on-demand"
    )


def test_first_that_knows_wins_field_by_field() -> None:
    environ = {**TWO_NODES, "MILEPOST_REGION": "eu-central-1"}
    configured = Instance.known("instance:", region="us-west-2", market="on_demand")
    defaults = Instance.known("aws:", instance_type="g5.xlarge", market="spot")
    found = detect(configured, defaults=defaults, environ=environ).instance
    assert {name: (getattr(found, name), found.sources[name]) for name in ("region", "market", "instance_type")} == {
        "region": ("eu-central-1", "MILEPOST_REGION"),
        "market": ("on_demand", "instance:"),
        "instance_type": ("p4d.24xlarge", "SKYPILOT_INSTANCE_TYPE"),
    }


def test_defaults_of_the_configuration_come_before_milepost_s() -> None:
    found = detect(defaults=Instance.known("aws:", instance_type="g5.xlarge", market="spot"), environ={})
    assert (found.instance.instance_type, found.instance.sources["instance_type"]) == ("g5.xlarge", "aws:")
    assert found.instance.market == "spot"
    assert found.assumed_because is not None


def test_nothing_is_assumed_where_all_is_told() -> None:
    assert detect(environ=TWO_NODES).assumed_because is None


def test_type_alone_tells_provider_and_gpus() -> None:
    found = detect(environ={"MILEPOST_INSTANCE_TYPE": "a2-highgpu-8g"}).instance
    assert (found.provider, found.gpu, found.gpus) == ("gcp", "A100", 8)
    assert found.sources["provider"] == "machines table"


def test_unknown_type_is_not_given_a_provider() -> None:
    assert detect(environ={"MILEPOST_INSTANCE_TYPE": "quantum.9xlarge"}).instance.provider is None


def test_default_type_is_not_put_on_another_provider() -> None:
    environ = {"SKYPILOT_CLUSTER_INFO": '{"cloud": "GCP", "region": "us-central1", "zone": null}'}
    found = detect(environ=environ)
    assert (found.instance.provider, found.instance.region, found.instance.instance_type) == (
        "gcp",
        "us-central1",
        None,
    )
    assert "instance type" in (found.assumed_because or "")


def test_default_type_is_not_put_on_a_node_with_other_gpus() -> None:
    environ = {name: value for name, value in TWO_NODES.items() if name != "SKYPILOT_INSTANCE_TYPE"}
    found = detect(environ=environ)  # what SkyPilot itself tells of two nodes with eight GPUs each
    assert (found.instance.instance_type, found.instance.gpus, found.instance.gpu) == (None, 8, None)
    assert found.assumed_because == (
        "this machine's instance type is not known: taken for g5.4xlarge, though it has other GPUs"
    )
    # Half of a machine may be asked for.
    defaults = Instance.known("aws:", provider="aws", instance_type="p4d.24xlarge")
    half = detect(defaults=defaults, environ={"SKYPILOT_NUM_GPUS_PER_NODE": "4"}).instance
    assert half.instance_type == "p4d.24xlarge"


@pytest.mark.parametrize("market", ["spot", "Spot", "on-demand", "capacity_block", "reserved"])
def test_markets_are_read_as_people_write_them(market: str) -> None:
    assert detect(environ={"MILEPOST_MARKET": market}).instance.market == market.lower().replace("-", "_")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MILEPOST_MARKET", "spott", "one of on_demand, spot, reserved, capacity_block"),
        ("MILEPOST_NUM_NODES", "0", "a whole number, 1 or more"),
        ("MILEPOST_SHARE", "1.5", "a number above 0 and up to 1"),
        ("MILEPOST_INSTANCE_TYPE", "", "an instance type"),
        ("RANK", "first", "a whole number, 0 or more"),
    ],
)
def test_malformed_variables_are_named(name: str, value: str, expected: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert detect(environ={name: value}).instance == detect(environ={}).instance
    assert f"{name}: found {value!r}, expected {expected}" in caplog.text


@pytest.mark.parametrize(
    ("environ", "rank"),
    [
        ({}, 0),
        ({"RANK": "0"}, 0),
        ({"RANK": "3"}, 3),
        ({"SKYPILOT_NODE_RANK": "1"}, 1),
        ({"RANK": "0", "SKYPILOT_NODE_RANK": "1"}, 0),  # torchrun may give rank 0 to any node
        ({"RANK": "x", "SKYPILOT_NODE_RANK": "1"}, 1),
    ],
)
def test_rank(environ: dict[str, str], rank: int) -> None:
    assert find_rank(environ) == rank


@pytest.mark.usefixtures("_said_anew")
def test_share_of_gpus(caplog: pytest.LogCaptureFixture) -> None:
    eight = {"MILEPOST_INSTANCE_TYPE": "p4d.24xlarge"}
    assert detect(share="gpus", environ={**eight, "CUDA_VISIBLE_DEVICES": "0,3"}).instance.share == 0.25
    assert detect(share="gpus", environ={**eight, "SKYPILOT_NUM_GPUS_PER_NODE": "4"}).instance.share == 0.5
    assert detect(share="gpus", environ={**eight, "MILEPOST_SHARE": "0.1"}).instance.share == 0.1
    with caplog.at_level(logging.WARNING):
        found = detect(share="gpus", environ=eight)
    assert (found.instance.share, found.wants_gpus, found.is_open) == (1.0, True, True)
    assert "the whole instance is charged for" in caplog.text


def test_gpus_that_the_machine_tells_of_make_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "print('NVIDIA A10G, 23028\\nNVIDIA A10G, 23028')")
    known = {"INSTANCE_TYPE": "g5.12xlarge", "REGION": "us-east-1", "MARKET": "on_demand"}
    environ = {f"MILEPOST_{name}": value for name, value in known.items()}
    monkeypatch.setattr(probing, "_answers", None)
    found = detect(share="gpus", environ=environ, probe=True)
    monkeypatch.setattr(probing, "_answers", None)
    assert (found.instance.share, found.instance.sources["share"]) == (0.5, "nvidia-smi over the instance's 4")
    assert not found.wants_gpus
    assert found.misfit is None  # the run is charged for a part
    whole = detect(environ=environ, probe=True)
    assert whole.misfit == "a g5.12xlarge has 4 × A10G, and 2 are visible here"
    assert [answer.name for answer in whole.probed] == ["gpus"]


@pytest.mark.parametrize(
    ("visible", "share"),
    [
        ("0,1", 0.25),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", 0.125),
        ("0,-1,1", 0.125),  # CUDA shows those before the first invalid one
        ("-1", 1.0),
        ("NoDevFiles", 1.0),
        ("", 1.0),
        ("0,0", 1.0),
        ("MIG-a,MIG-b", 1.0),
        ("0,1,2,3,4,5,6,7,8", 1.0),
    ],
)
def test_share_of_what_cuda_shows(visible: str, share: float) -> None:
    environ = {"MILEPOST_INSTANCE_TYPE": "p4d.24xlarge", "CUDA_VISIBLE_DEVICES": visible}
    assert detect(share="gpus", environ=environ).instance.share == share


def test_share_that_is_a_number(caplog: pytest.LogCaptureFixture) -> None:
    found = detect(share=0.25, environ={}).instance
    assert (found.share, found.sources["share"]) == (0.25, "instance:")
    assert detect(share=0.25, environ={"MILEPOST_SHARE": "0.5"}).instance.share == 0.5
    with caplog.at_level(logging.WARNING):
        assert detect(share=1.5, environ={}).instance.share == 1.0
    assert "share: found '1.5'" in caplog.text


def test_provider_of_the_configuration_is_read_as_people_write_it() -> None:
    configured = Instance.known("instance:", provider="AWS", instance_type="p4d.24xlarge")
    found = detect(configured, environ={}).instance
    assert (found.provider, found.gpus, found.sources["provider"]) == ("aws", 8, "instance:")


names = st.sampled_from(
    [*TWO_NODES, "RANK", "CUDA_VISIBLE_DEVICES", *(f"MILEPOST_{name.upper()}" for name in FIELDS), "MILEPOST_TASK_YAML"]
)


@given(st.dictionaries(names, st.text(st.characters(blacklist_categories=["Cs"]))))
def test_whatever_the_environment_holds_every_field_but_place_is_there(environ: dict[str, str]) -> None:
    found = detect(share="gpus", environ=environ).instance
    assert found.num_nodes is not None
    assert found.market is not None
    assert 0 < (found.share or 0) <= 1


@pytest.fixture
def _said_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is said once in a process be said in this test too."""
    monkeypatch.setattr(detect_module, "_said", Once("instances"))


SLICE = "resources: {infra: gcp/europe-west4, accelerators: tpu-v3-32}\n"
GCP = '{"cloud": "GCP", "region": "europe-west4", "zone": "europe-west4-a"}'


@pytest.mark.parametrize(
    ("task", "hosts", "slices"),
    [
        (SLICE, "4", 1),
        (SLICE, None, None),  # one slice, if nobody says otherwise
        (f"{SLICE}num_nodes: 2\n", "8", 2),
        (f"{SLICE}num_nodes: 2\n", None, 2),  # the task counts slices
        (SLICE.replace("v3-32", "v3-8"), "2", 2),
        (SLICE.replace("v3-32", "v5litepod-16"), "4", 1),
        (SLICE.replace("v3-32", "v5litepod-8"), "1", 1),
        (SLICE.replace("v3-32", "v6e-256"), "64", 1),
        (SLICE.replace("v3-32", "v5p-128"), "32", 2),
        (SLICE.replace("tpu-v3-32", "A100:8"), "4", 4),
    ],
)
def test_skypilot_counts_the_hosts_of_a_slice(tmp_path: Path, task: str, hosts: str | None, slices: int | None) -> None:
    (tmp_path / "task.yaml").write_text(task)
    environ = {
        "MILEPOST_TASK_YAML": str(tmp_path / "task.yaml"),
        "SKYPILOT_CLUSTER_INFO": GCP,
        **({"SKYPILOT_NUM_NODES": hosts, "SKYPILOT_NUM_GPUS_PER_NODE": "0"} if hosts else {}),
    }
    found = detect(environ=environ).instance
    assert found.num_nodes == (slices or 1)
    if "tpu" in task:
        assert found.instance_type == found.gpu
        assert (found.gpus, found.provider) == (1, "gcp")
    assert found.assumed_because is None


def test_hosts_of_a_slice_that_its_user_named_are_counted_alike() -> None:
    named = Instance.known("instance:", instance_type="tpu-v3-32")
    hosts = {"SKYPILOT_NUM_NODES": "4", "SKYPILOT_NUM_GPUS_PER_NODE": "0"}
    found = detect(named, environ=hosts).instance
    assert (found.provider, found.gpu, found.num_nodes) == ("gcp", "tpu-v3-32", 1)
    assert found.sources["num_nodes"] == "SKYPILOT_NUM_NODES over the 4 hosts of a slice"
    assert detect(named, environ={"GROUP_WORLD_SIZE": "8"}).instance.num_nodes == 2
    assert detect(named, environ={**hosts, "MILEPOST_NUM_NODES": "2"}).instance.num_nodes == 2  # whoever says so knows
    # The same accelerators are no machine of their own on a cluster that has them under another name.
    on_gke = {"SKYPILOT_CLUSTER_INFO": '{"cloud": "Kubernetes"}', "SKYPILOT_NUM_NODES": "4"}
    assert detect(environ=on_gke).instance.num_nodes == 4


def test_slices_of_an_unknown_kind_are_counted_by_their_hosts_and_that_is_said() -> None:
    named = Instance.known("instance:", instance_type="tpu-v99-32")
    found = detect(named, environ={"SKYPILOT_NUM_NODES": "4"})
    assert found.instance.num_nodes == 4
    assert "how many hosts a tpu-v99-32 has is not known" in (found.assumed_because or "")


def test_accelerators_that_skypilot_does_not_count_are_those_of_the_type() -> None:
    environ = {"SKYPILOT_INSTANCE_TYPE": "g2-standard-8", "SKYPILOT_NUM_GPUS_PER_NODE": "0"}
    assert detect(environ=environ).instance.gpus == 1
    assert detect(environ={**environ, "SKYPILOT_INSTANCE_TYPE": "m5.large"}).instance.gpus == 0


@pytest.mark.usefixtures("_said_anew")
def test_heterogeneous_slurm_job_is_a_mixed_fleet(caplog: pytest.LogCaptureFixture) -> None:
    job = {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "3", **TYPE}
    assert detect(environ=job).assumed_because is None
    assert detect(environ={**job, "SLURM_HET_SIZE": "1"}).assumed_because is None
    with caplog.at_level(logging.WARNING):
        found = detect(environ={**job, "SLURM_HET_SIZE": "2"})
    assert found.instance.num_nodes == 3
    assert found.assumed_because == (
        "this Slurm job is of 2 components (SLURM_HET_SIZE), whose nodes may differ: 3 nodes are taken for such as "
        "this one"
    )
    assert found.assumed_because in caplog.text
    told = {**job, "SLURM_HET_SIZE": "2", "MILEPOST_NUM_NODES": "2"}
    assert detect(environ=told).assumed_because is None


TYPE = {"MILEPOST_INSTANCE_TYPE": "p4d.24xlarge", "MILEPOST_REGION": "us-east-1", "MILEPOST_MARKET": "on_demand"}


@pytest.mark.usefixtures("_said_anew")
@pytest.mark.parametrize("ray", [{"RAY_JOB_ID": "01000000"}, {"RAY_ADDRESS": "10.0.0.1:6379"}])
def test_ray_actor_without_gpus_has_no_share_that_is_known(
    ray: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program(tmp_path, monkeypatch, "print('NVIDIA A100-SXM4-40GB, 40960\\n' * 8)")
    monkeypatch.setattr(probing, "_answers", None)
    environ = {**TYPE, **ray, "SKYPILOT_NUM_GPUS_PER_NODE": "8"}
    with caplog.at_level(logging.WARNING):
        found = detect(share="gpus", environ=environ, probe=True)
    monkeypatch.setattr(probing, "_answers", None)
    assert (found.instance.share, found.instance.sources["share"]) == (1.0, "default")
    assert found.assumed_because is not None
    assert "its share of the node is not known: the whole is charged for" in found.assumed_because
    assert found.assumed_because in caplog.text
    given = detect(share="gpus", environ={**environ, "CUDA_VISIBLE_DEVICES": "0,1"})
    assert (given.instance.share, given.assumed_because) == (0.25, None)
    assert detect(share=0.5, environ=environ).instance.share == 0.5
    assert detect(environ=environ).assumed_because is None  # nobody asked for a share


def test_part_of_a_gpu_is_visible_as_one() -> None:
    part = Instance.known("instance:", gpu="L4", gpus=0.125)
    assert detect(part, share="gpus", environ={"CUDA_VISIBLE_DEVICES": "0"}).instance.share == 1.0
