import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from milepost.errors import ConfigError
from milepost.instances.schedulers.skypilot import SkyPilotInstanceInfo
from milepost.money.instance import FIELDS, Instance

TWO_NODES = {
    "SKYPILOT_INSTANCE_TYPE": "p4d.24xlarge",
    "SKYPILOT_USE_SPOT": "True",
    "SKYPILOT_NUM_NODES": "2",
    "SKYPILOT_NUM_GPUS_PER_NODE": "8",
    "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2",
    "SKYPILOT_NODE_RANK": "0",
    "SKYPILOT_TASK_ID": "sky-2026-11-01-00-00-00-000000_c_1",
    "SKYPILOT_CLUSTER_INFO": '{"cluster_name":"c","cloud":"AWS","region":"us-east-1","zone":"us-east-1a"}',
}


def known(instance: Instance) -> dict[str, Any]:
    return {name: value for name in FIELDS if (value := getattr(instance, name)) is not None}


def test_what_a_task_sees() -> None:
    found = SkyPilotInstanceInfo.get_instance_info(TWO_NODES)
    assert known(found) == {
        "provider": "aws",
        "instance_type": "p4d.24xlarge",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "market": "spot",
        "gpus": 8,
        "num_nodes": 2,
    }
    assert found.sources["market"] == "SKYPILOT_USE_SPOT"
    assert found.sources["region"] == "SKYPILOT_CLUSTER_INFO"


def test_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TWO_NODES.items():
        monkeypatch.setenv(name, value)
    assert SkyPilotInstanceInfo.get_instance_info().num_nodes == 2


def test_null_region_and_zone_are_unknown() -> None:
    info = {"SKYPILOT_CLUSTER_INFO": '{"cluster_name":"c","cloud":"Lambda","region":null,"zone":null}'}
    assert known(SkyPilotInstanceInfo.get_instance_info(info)) == {"provider": "lambda"}


def test_cpu_machine_has_no_gpus() -> None:
    assert SkyPilotInstanceInfo.get_instance_info({"SKYPILOT_NUM_GPUS_PER_NODE": "0"}).gpus == 0


def test_outside_of_skypilot_nothing_is_known() -> None:
    assert known(SkyPilotInstanceInfo.get_instance_info({})) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SKYPILOT_NUM_NODES", "two"),
        ("SKYPILOT_NUM_NODES", ""),
        ("SKYPILOT_NUM_NODES", "-1"),
        ("SKYPILOT_NUM_NODES", "0"),
        ("SKYPILOT_USE_SPOT", "perhaps"),
        ("SKYPILOT_INSTANCE_TYPE", ""),
        ("SKYPILOT_NUM_GPUS_PER_NODE", "8.5"),
        ("SKYPILOT_CLUSTER_INFO", '{"cloud": "AWS"'),
        ("SKYPILOT_CLUSTER_INFO", "[1, 2]"),
    ],
)
def test_malformed_value_gives_way_with_a_warning_that_names_it(
    name: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = SkyPilotInstanceInfo.get_instance_info({**TWO_NODES, name: value})
    assert f"{name}: found {value!r}" in caplog.text
    if name == "SKYPILOT_NUM_NODES":
        assert (found.num_nodes, found.sources["num_nodes"]) == (2, "SKYPILOT_NODE_IPS")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(TWO_NODES)), st.text(st.characters(blacklist_categories=["Cs"]))))
def test_whatever_the_variables_hold_nothing_raises(environ: dict[str, str]) -> None:
    SkyPilotInstanceInfo.get_instance_info(environ)


def task(tmp_path: Path, text: str, **arguments: Any) -> dict[str, Any]:
    file = tmp_path / "task.yaml"
    file.write_text(text)
    return known(SkyPilotInstanceInfo.get_instance_info_from_task(file, **arguments))


RESOURCES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("{infra: aws/us-east-1/us-east-1a}", {"provider": "aws", "region": "us-east-1", "zone": "us-east-1a"}),
    ("{infra: gcp}", {"provider": "gcp"}),
    ("{infra: ' AWS / us-east-1 '}", {"provider": "aws", "region": "us-east-1"}),
    ("{infra: k8s/teams/blue}", {"provider": "kubernetes", "region": "teams/blue"}),
    ("{infra: 'aws/*/us-east-1a'}", {"provider": "aws", "zone": "us-east-1a"}),
    ("{infra: '*/us-west-2'}", {"region": "us-west-2"}),
    ("{cloud: AWS, region: us-east-1}", {"provider": "aws", "region": "us-east-1"}),
    ("{instance_type: p4d.24xlarge, use_spot: true}", {"instance_type": "p4d.24xlarge", "market": "spot"}),
    ("{use_spot: false}", {"market": "on_demand"}),
    ("{accelerators: 'A100:8'}", {"gpu": "A100", "gpus": 8}),
    ("{accelerators: A100}", {"gpu": "A100", "gpus": 1}),
    ("{accelerators: {A10G: 4}}", {"gpu": "A10G", "gpus": 4}),
    ("{accelerators: {A10G: 1, L4: 1}}", {"gpus": 1}),
    ("{accelerators: {A100:8, H100:8}}", {"gpus": 8}),  # a set: to YAML, two keys without values
    ("{accelerators: {H100:8}}", {"gpu": "H100", "gpus": 8}),
    ("{accelerators: ['A100:8', 'H100:8']}", {"gpus": 8}),
    ("{use_spot: true, any_of: [{infra: aws}, {infra: gcp}]}", {"market": "spot"}),
    ("{any_of: [{infra: aws, use_spot: true}, {infra: aws}]}", {"provider": "aws"}),
    ("{ordered: [{infra: aws/us-east-1}, {infra: aws/us-west-2}]}", {"provider": "aws"}),
    ("{cpus: 4+}", {}),
    ("", {}),
)
"""Resources of task files, and what they tell."""


@pytest.mark.parametrize(("resources", "expected"), RESOURCES)
def test_resources_of_a_task_file(tmp_path: Path, resources: str, expected: dict[str, Any]) -> None:
    assert task(tmp_path, f"resources: {resources}\nnum_nodes: 2\n") == {**expected, "num_nodes": 2}


PIPELINE = """\
name: pipeline
---
name: prepare
resources: {infra: aws}
---
name: train
num_nodes: 4
resources: {instance_type: p4d.24xlarge}
"""


def test_several_tasks_in_one_file(tmp_path: Path) -> None:
    assert task(tmp_path, PIPELINE) == {"provider": "aws"}
    assert task(tmp_path, PIPELINE, task_index=1) == {"instance_type": "p4d.24xlarge", "num_nodes": 4}
    with pytest.raises(ConfigError, match="expected a task number 2, found 2 tasks"):
        task(tmp_path, PIPELINE, task_index=2)


def test_managed_job_says_which_task_of_the_file_it_is(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_text(PIPELINE)
    environ = {"MILEPOST_TASK_YAML": str(file), "SKYPILOT_TASK_ID": "sky-managed-2026-11-01-00-00-00_train_17-1"}
    found = SkyPilotInstanceInfo.get_instance_info(environ)
    assert (found.instance_type, found.num_nodes) == ("p4d.24xlarge", 4)
    assert found.sources["num_nodes"].startswith("MILEPOST_TASK_YAML")
    # What the variables say comes first.
    assert SkyPilotInstanceInfo.get_instance_info({**environ, "SKYPILOT_NUM_NODES": "2"}).num_nodes == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "expected YAML"),
        ("just text", "found str, expected a SkyPilot task"),
        ("num_nodes: two", "num_nodes: found 'two'"),
        ("resources: {any_of: 3}", "resources.any_of: found 3"),
        ("resources: {accelerators: 'A100:many'}", "resources.accelerators: found 'many'"),
        ("resources: {use_spot: 'yes'}", "resources.use_spot: found 'yes'"),
        ("resources: [a]", "resources: found list"),
        ("resources: {infra: 3}", "resources.infra: found 3"),
        ("name: 2026-13-45", "expected YAML, found ValueError"),
        ("[" * 5_000, "expected YAML, found RecursionError"),
        ("num_nodes: " + "9" * 5_000, "expected YAML, found ValueError"),
        ("num_nodes: 0x" + "f" * 5_000, "num_nodes: found a int"),
        ("resources: {accelerators: {A100: 1" + "0" * 400 + "}}", "resources.accelerators: found 1"),
        ("resources: &a {any_of: [*a]}", "expected plain resources in it"),
        ("resources: {accelerators: &a [*a]}", "resources.accelerators: found"),
        ("", "found 0 tasks"),
    ],
)
def test_what_is_no_task_file(tmp_path: Path, text: str, message: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigError, match=r"task\.yaml: ") as caught:
        task(tmp_path, text)
    assert message in str(caught.value)
    with caplog.at_level(logging.WARNING):
        found = SkyPilotInstanceInfo.get_instance_info({"MILEPOST_TASK_YAML": str(tmp_path / "task.yaml")})
    assert known(found) == {}
    assert "MILEPOST_TASK_YAML" in caplog.text


def test_missing_task_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        SkyPilotInstanceInfo.get_instance_info_from_task(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "/", ""])
def test_path_that_is_none_is_passed_over(path: str) -> None:
    assert known(SkyPilotInstanceInfo.get_instance_info({"MILEPOST_TASK_YAML": path})) == {}


def test_what_a_task_file_holds_is_not_quoted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "task.yaml"
    file.write_text("envs:\n  WANDB_API_KEY: hunter2: x\n")
    with pytest.raises(ConfigError, match=r"expected YAML, found ScannerError at line 2, column 25$") as caught:
        SkyPilotInstanceInfo.get_instance_info_from_task(file)
    assert caught.value.__cause__ is None
    with caplog.at_level(logging.DEBUG):
        SkyPilotInstanceInfo.get_instance_info({"MILEPOST_TASK_YAML": str(file)})
    assert "MILEPOST_TASK_YAML" in caplog.text
    assert "hunter2" not in caplog.text


GROUP = """\
name: g
execution: parallel
primary_tasks: [trainer]
termination_delay: {default: 30s, server: 1m}
---
name: trainer
resources: {infra: lambda/us-east-1, accelerators: H100:8}
---
name: server
resources: {infra: lambda/us-east-1, accelerators: A10:1}
---
name: my_server
resources: {infra: lambda/us-west-1, accelerators: B200:1}
"""


def in_task(tmp_path: Path, text: str, **environ: str) -> Instance:
    """What the variables of a task tell beside its file."""
    file = tmp_path / "task.yaml"
    file.write_text(text)
    return SkyPilotInstanceInfo.get_instance_info({"MILEPOST_TASK_YAML": str(file), **environ})


@pytest.mark.parametrize(
    ("task_id", "gpu"),
    [
        ("sky-managed-2026-11-01-00-00-00-000000_g_trainer_7-0", "H100"),
        ("sky-managed-2026-11-01-00-00-00-000000_g_server_7-1", "A10"),
        ("sky-managed-2026-11-01-00-00-00-000000_g_server_7-0", "A10"),  # the name goes before the number
        ("sky-managed-2026-11-01-00-00-00-000000_g_my_server_7-2", "B200"),
        ("sky-managed-2026-11-01-00-00-00-000000_g_my_server_7-0", "B200"),
        ("sky-managed-2026-11-01-00-00-00-000000_another_name_server_7-1", "A10"),  # sky jobs launch -n another_name
        ("sky-managed-2026-11-01-00-00-00-000000_my_server_7-1", "A10"),  # likewise, -n my
        ("sky-managed-2026-11-01-00-00-00-000000_g_7-2", "B200"),  # without a task's name, by its number
        ("sky-2026-11-01-00-00-00-000000_server_7", "H100"),  # no managed job, so no task's name
        ("", "H100"),
    ],
)
def test_task_of_a_job_group_is_found_by_its_name(tmp_path: Path, task_id: str, gpu: str) -> None:
    assert in_task(tmp_path, GROUP, SKYPILOT_TASK_ID=task_id).gpu == gpu


HEADERS = (
    "{name: g}",
    "{name: g, execution: serial}",
    "{name: g, execution: parallel, primary_tasks: [one]}",
    "{name: g, execution: parallel, termination_delay: 30s, inter_connection: true}",
    "{name: g, execution: parallel, of_a_later_version: true}",
)
TWO_TASKS = "\n---\n{name: one, resources: {infra: aws}}\n---\n{name: two, resources: {infra: gcp}}\n"


@pytest.mark.parametrize("header", HEADERS)
def test_header_of_several_tasks_is_no_task(tmp_path: Path, header: str) -> None:
    text = f"{header}{TWO_TASKS}"
    assert task(tmp_path, text) == {"provider": "aws"}
    assert in_task(tmp_path, text, SKYPILOT_TASK_ID="sky-managed-2026_g_two_3-1").provider == "gcp"


BY_MEMORY = (
    ("80GB", 1),
    ("80GB+", 1),
    ("'80GB+:8'", 8),
    ("80gb:2", 2),
    ("'nvidia:80GB+:8'", 8),
    ("'nvidia:80GB'", 1),
    ("1TB+", 1),
    ("{80GB+: 4}", 4),
    ("['80GB:4']", 4),
    ("{'nvidia:80GB+': 4}", 4),
)


@pytest.mark.parametrize(("accelerators", "gpus"), BY_MEMORY)
def test_accelerators_by_memory_tell_their_number_and_no_model(tmp_path: Path, accelerators: str, gpus: int) -> None:
    text = f"resources: {{infra: lambda/us-east-1, use_spot: true, accelerators: {accelerators}}}\n"
    place = {"provider": "lambda", "region": "us-east-1", "market": "spot"}
    assert task(tmp_path, text) == {**place, "gpus": gpus}


COUNTED = (
    ("tpu-v3-32", "0", ("tpu-v3-32", 1)),
    ("'Trainium:16'", "0", ("Trainium", 16)),
    ("'Inferentia2:6'", "0", ("Inferentia2", 6)),
    ("'L4:0.5'", "1", ("L4", 0.5)),
    ("'A10:0.167'", "1", ("A10", 0.167)),
    ("'A100:2.5'", "3", ("A100", 2.5)),
    ("'A100:8'", "4", ("A100", 4)),  # the task was launched with other resources than its file has
    ("null", "0", (None, 0)),
)


@pytest.mark.parametrize(("accelerators", "told", "expected"), COUNTED)
def test_gpus_that_skypilot_counts_do_not_hide_the_accelerators_of_the_task(
    tmp_path: Path, accelerators: str, told: str, expected: tuple[str | None, float]
) -> None:
    found = in_task(tmp_path, f"resources: {{accelerators: {accelerators}}}\n", SKYPILOT_NUM_GPUS_PER_NODE=told)
    assert (found.gpu, found.gpus) == expected


def test_gpus_is_another_name_of_accelerators(tmp_path: Path) -> None:
    assert task(tmp_path, "resources: {gpus: 'A100:8'}\n") == {"gpu": "A100", "gpus": 8}
    text = "resources: {gpus: 'A100:8', any_of: [{infra: aws}, {infra: gcp, gpus: 'A100:4'}]}\n"
    assert task(tmp_path, text) == {"gpu": "A100"}
