"""Schedulers, each with the variables that it really sets, on every process of two nodes with four processes each."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, strategies as st

from milepost.instances import ranks
from milepost.instances.detect import detect, find_rank
from milepost.instances.probes.sagemaker import from_sagemaker
from milepost.log import Once

NODES, PROCESSES = 2, 4
Environ = dict[str, str]


def torchrun(node: int, process: int) -> Environ:
    rank = node * PROCESSES + process
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(process),
        "GROUP_RANK": str(node),
        "GROUP_WORLD_SIZE": str(NODES),
        "ROLE_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(PROCESSES),
        "WORLD_SIZE": str(NODES * PROCESSES),
        "ROLE_WORLD_SIZE": str(NODES * PROCESSES),
        "MASTER_ADDR": "node-0",
        "MASTER_PORT": "29500",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_RUN_ID": "none",
    }


def srun(node: int, process: int) -> Environ:
    return {
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NUM_NODES": str(NODES),
        "SLURM_NNODES": str(NODES),
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_NODES": str(NODES),
        "SLURM_NTASKS": str(NODES * PROCESSES),
        "SLURM_NODEID": str(node),
        "SLURM_LOCALID": str(process),
        "SLURM_PROCID": str(node * PROCESSES + process),
    }


def torchrun_in_slurm(node: int, process: int) -> Environ:
    """One torchrun a node, as a task of srun: its workers inherit the task's variables."""
    return {**srun(node, 0), "SLURM_NTASKS": str(NODES), "SLURM_PROCID": str(node), **torchrun(node, process)}


def torchrun_in_kubeflow(node: int, process: int) -> Environ:
    """The operator's own RANK and WORLD_SIZE (pods) are replaced by torchrun's."""
    operator = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "PET_NNODES": str(NODES), "PET_NODE_RANK": str(node)}
    return {**operator, "WORLD_SIZE": str(NODES), "RANK": str(node), **torchrun(node, process)}


def mpirun_in_slurm(node: int, process: int) -> Environ:
    """mpirun starts its processes through one daemon a node, whose SLURM_PROCID they inherit."""
    mpi = {
        "OMPI_COMM_WORLD_RANK": str(node * PROCESSES + process),
        "OMPI_COMM_WORLD_SIZE": str(NODES * PROCESSES),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(process),
    }
    return {**srun(node, 0), "SLURM_PROCID": str(node), **mpi}


def ray_train(node: int, process: int) -> Environ:
    torch = {
        name: value for name, value in torchrun(node, process).items() if "GROUP" not in name and "ELASTIC" not in name
    }
    return {"RAY_JOB_ID": "01000000", "NODE_RANK": str(node), **torch}


def horovodrun(node: int, process: int) -> Environ:
    return {
        "HOROVOD_RANK": str(node * PROCESSES + process),
        "HOROVOD_SIZE": str(NODES * PROCESSES),
        "HOROVOD_LOCAL_RANK": str(process),
        "HOROVOD_LOCAL_SIZE": str(PROCESSES),
        "HOROVOD_CROSS_RANK": str(node),
        "HOROVOD_CROSS_SIZE": str(NODES),
    }


def mpirun_in_skypilot(node: int, process: int) -> Environ:
    """mpirun on the first node hands its environment to all."""
    return {**mpirun_in_slurm(node, process), "SKYPILOT_NODE_RANK": "0", "SKYPILOT_NUM_NODES": str(NODES)}


@pytest.mark.parametrize(
    "launcher",
    [
        torchrun,
        srun,
        torchrun_in_slurm,
        torchrun_in_kubeflow,
        mpirun_in_slurm,
        mpirun_in_skypilot,
        ray_train,
        horovodrun,
    ],
)
def test_one_process_tracks_and_all_agree_on_the_nodes(launcher: Any) -> None:
    environs = [launcher(node, process) for node in range(NODES) for process in range(PROCESSES)]
    assert sorted(find_rank(environ) for environ in environs) == list(range(NODES * PROCESSES))
    assert {detect(environ=environ).instance.num_nodes for environ in environs} == {NODES}


def lightning(node: int, process: int) -> Environ:
    """Lightning's own launcher starts the processes of a node; it tells none its rank over all."""
    return {
        "MASTER_ADDR": "node-0",
        "MASTER_PORT": "29500",
        "NODE_RANK": str(node),
        "LOCAL_RANK": str(process),
        "WORLD_SIZE": str(NODES * PROCESSES),
    }


def lightning_in_slurm(node: int, process: int) -> Environ:
    """In an interactive job Lightning starts its processes itself: they inherit the shell's."""
    return {**srun(0, 0), **lightning(node, process)}


def lightning_without_a_node(node: int, process: int) -> Environ:
    """Somebody's own launcher, on the tasks of srun, one a node."""
    return {**srun(node, 0), "SLURM_PROCID": str(node), "LOCAL_RANK": str(process)}


def jax_in_slurm(node: int, process: int) -> Environ:
    return {"JAX_PROCESS_ID": str(node * PROCESSES + process), "JAX_NUM_PROCESSES": str(NODES * PROCESSES)}


def jobset(job: int, pod: int) -> Environ:
    """A JobSet with a Job a slice, whose pods are numbered within it; as XPK hands it down."""
    return {
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "JOBSET_NAME": "train",
        "REPLICATED_JOB_NAME": "slice",
        "JOB_INDEX": str(job),
        "JOB_COMPLETION_INDEX": str(pod),
        "PROCESSES_IN_JOB": str(PROCESSES),
        "NODE_RANK": str(pod),
    }


def tpu_slices(job: int, pod: int) -> Environ:
    return {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "MEGASCALE_SLICE_ID": str(job), "TPU_WORKER_ID": str(pod)}


def jobset_by_its_global_index(job: int, pod: int) -> Environ:
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_GLOBAL_INDEX": str(job), "JOB_COMPLETION_INDEX": str(pod)}
    return {**environ, "JOB_INDEX": "0"}


@pytest.mark.parametrize(
    "launcher",
    [
        lightning,
        lightning_in_slurm,
        lightning_without_a_node,
        jax_in_slurm,
        jobset,
        tpu_slices,
        jobset_by_its_global_index,
    ],
)
def test_one_process_tracks_where_ranks_are_told_in_parts(launcher: Any, caplog: pytest.LogCaptureFixture) -> None:
    found = [find_rank(launcher(node, process)) for node in range(NODES) for process in range(PROCESSES)]
    assert found.count(0) == 1
    assert found[0] == 0
    # All that a process is told says so; but how many a node has, which would tell the rank of those of later nodes.
    assert all(rank <= exact for rank, exact in zip(found, range(NODES * PROCESSES), strict=True))
    assert not caplog.records


def test_rank_of_a_later_node_is_exact_where_the_number_of_processes_is_told() -> None:
    assert find_rank({**lightning(1, 2), "LOCAL_WORLD_SIZE": "4"}) == 6
    assert find_rank(jobset(1, 2)) == 6
    assert detect(environ=lightning(1, 2)).rank_source == "NODE_RANK and LOCAL_RANK"


def test_index_of_a_job_that_is_no_jobsets_says_nothing() -> None:
    assert find_rank({"JOB_INDEX": "3"}) == 0


def test_rank_that_contradicts_its_place_on_the_node_is_said_and_does_not_track(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "_said", Once("instances"))
    # Lightning in a pod of the training operator: the pod's RANK is passed on to all that Lightning starts in it.
    environs = [{**kubeflow_v1(0), "NODE_RANK": "0", "LOCAL_RANK": str(process)} for process in range(PROCESSES)]
    assert [find_rank(environ) for environ in environs] == [0, 1, 2, 3]
    assert len(caplog.records) == 1
    assert "RANK says 0 and LOCAL_RANK says 1, above which it can't be" in caplog.text


def test_rank_0_that_another_contradicts_is_said_and_tracks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "_said", Once("instances"))
    for _ in range(2):
        assert find_rank({**srun(0, 3), "RANK": "0", "WORLD_SIZE": "1"}) == 0
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("RANK says that this process has rank 0, and SLURM_PROCID says 3: it is taken for rank 0")
    caplog.clear()
    assert find_rank({**torchrun_in_slurm(1, 0), "RANK": "0"}) == 0  # torchrun numbers nodes as they come
    assert not caplog.records


def kubeflow_v1(pod: int) -> Environ:
    """A PyTorchJob of the training operator v1 whose pods run python and not torchrun."""
    return {
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "MASTER_ADDR": "job-master-0",
        "MASTER_PORT": "23456",
        "WORLD_SIZE": str(NODES),
        "RANK": str(pod),
    }


def trainer_v2(pod: int) -> Environ:
    return {
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "PET_NNODES": str(NODES),
        "PET_NPROC_PER_NODE": "1",
        "PET_NODE_RANK": str(pod),
        "PET_MASTER_ADDR": "job-node-0-0",
        "JOB_COMPLETION_INDEX": str(pod),
    }


def sagemaker(host: int) -> Environ:
    return {
        "SM_CURRENT_INSTANCE_TYPE": "ml.p4d.24xlarge",
        "SM_HOSTS": json.dumps([f"algo-{number + 1}" for number in range(NODES)]),
        "SM_CURRENT_HOST": f"algo-{host + 1}",
        "SM_NUM_GPUS": "8",
        "AWS_REGION": "us-east-1",
    }


@pytest.mark.parametrize("launcher", [kubeflow_v1, trainer_v2, sagemaker])
def test_pods_and_hosts_are_nodes_and_ranks(launcher: Any) -> None:
    environs = [launcher(node) for node in range(NODES)]
    assert [find_rank(environ) for environ in environs] == [0, 1]
    assert {detect(environ=environ).instance.num_nodes for environ in environs} == {NODES}


def test_indexed_job_tells_its_index_and_not_how_many_there_are() -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "3"}
    assert find_rank(environ) == 3
    assert detect(environ=environ).instance.sources["num_nodes"] == "default"


def test_elastic_range_is_no_number_of_nodes() -> None:
    environ = {**trainer_v2(0), "PET_NNODES": "1:4"}
    assert detect(environ=environ).instance.sources["num_nodes"] == "default"


def test_pod_is_not_asked_for_what_torchrun_counts() -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", **torchrun(0, 0)}
    found = detect(environ=environ).instance
    assert (found.num_nodes, found.sources["num_nodes"]) == (2, "GROUP_WORLD_SIZE")


def test_batch_script_is_rank_0_and_pays_for_the_allocation() -> None:
    environ = {"SLURM_JOB_ID": "1", "SLURM_NNODES": "4", "SLURM_PROCID": "0", "SLURM_STEP_NUM_NODES": "1"}
    found = detect(environ=environ)
    assert (found.instance.num_nodes, found.rank, found.rank_source) == (4, 0, "SLURM_PROCID")


def test_ray_with_uneven_nodes_does_not_tell_how_many_there_are() -> None:
    environ = {**ray_train(0, 0), "WORLD_SIZE": "7"}
    assert detect(environ=environ).instance.sources["num_nodes"] == "default"


def test_sagemaker_is_named_and_never_priced_as_ec2() -> None:
    found = detect(environ=sagemaker(0)).instance
    assert (found.provider, found.instance_type, found.region) == ("aws", "ml.p4d.24xlarge", "us-east-1")
    assert found.gpus is None
    assert from_sagemaker({"AWS_REGION": "us-east-1"}).instance.region is None  # it is set elsewhere too


def test_what_is_told_elsewhere_comes_first() -> None:
    environ = {**torchrun(1, 1), "MILEPOST_NUM_NODES": "8", "SKYPILOT_NUM_NODES": "4"}
    assert detect(environ=environ).instance.num_nodes == 8
    del environ["MILEPOST_NUM_NODES"]
    assert detect(environ=environ).instance.num_nodes == 4


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"GROUP_WORLD_SIZE": "two"}, "GROUP_WORLD_SIZE"),
        ({"SLURM_JOB_ID": "1", "SLURM_JOB_NUM_NODES": "-1"}, "SLURM_JOB_NUM_NODES"),
        ({"SM_CURRENT_INSTANCE_TYPE": "p4d.24xlarge"}, "SM_CURRENT_INSTANCE_TYPE"),
        ({"SM_HOSTS": "[algo-1"}, "SM_HOSTS"),
        ({"SM_HOSTS": "{}"}, "SM_HOSTS"),
        ({"PET_NNODES": "many"}, "PET_NNODES"),
    ],
)
def test_malformed_value_gives_way_with_a_warning(
    environ: Mapping[str, str], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert detect(environ=environ).instance.num_nodes == 1
    assert f"{name}: found " in caplog.text


NAMES = sorted({name for launcher in (torchrun_in_slurm, mpirun_in_slurm, ray_train) for name in launcher(0, 0)})
PODS = {*kubeflow_v1(0), *trainer_v2(0), *sagemaker(0), *jobset(0, 0), *tpu_slices(0, 0), *horovodrun(0, 0)}
NAMES += sorted(PODS - set(NAMES))
values = st.text() | st.sampled_from(["0", "1", "2", "-1", "1:4", "[]", '["a"]', "ml.g5.xlarge", "9" * 30])


@given(st.dictionaries(st.sampled_from(NAMES), values))
def test_whatever_is_set_nothing_raises(environ: Environ) -> None:
    for read_scheduler in (*ranks.LAUNCHERS, *ranks.SCHEDULERS, from_sagemaker):
        placement = read_scheduler(environ)
        assert placement.rank is None or placement.rank >= 0
        assert placement.instance.num_nodes is None or placement.instance.num_nodes >= 1
    assert (detect(environ=environ).instance.num_nodes or 0) >= 1
