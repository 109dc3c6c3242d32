"""Task files, as SkyPilot itself reads them and as Milepost does: every one of the suite."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from milepost.instances.schedulers.skypilot import SkyPilotInstanceInfo
from milepost.instances.schedulers.skypilot_task import HEADER, from_task_file
from milepost.launch.plan import make_plan
from milepost.launch.request import Request
from milepost.money.instance import FIELDS
from tests.instances.schedulers.test_skypilot import (
    BY_MEMORY,
    COUNTED,
    GROUP,
    HEADERS,
    PIPELINE,
    RESOURCES,
    TWO_TASKS,
)
from tests.launch.skypilot import EXCERPTS, ROOT, SkyPilot, lay_catalogs, needs_skypilot

pytestmark = [
    needs_skypilot,
    pytest.mark.skipif(not EXCERPTS.is_dir(), reason="the excerpts of SkyPilot's catalogs are not here"),
]

FAULTS = ROOT.parent / "shared" / "samples" / "faults" / "jobgroup" / "jg.yaml"

GPUS = ("A10", "A100", "A100-80GB", "A10G", "B200", "H100", "Inferentia2", "L4", "T4", "Trainium", "V100", "tpu-v3-32")
MEMORY = """\
GPU,MemoryGB,Manufacturer
A100,40,NVIDIA
A100-80GB,80,NVIDIA
H100,80,NVIDIA
MI300X,192,AMD
B200,1024,NVIDIA
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    lay_catalogs(home)
    folder = home / ".sky" / "catalogs" / "v8"
    shutil.copytree(EXCERPTS / "gcp", folder / "gcp")
    clouds = "\"['AWS', 'GCP', 'Lambda']\""
    (folder / "common" / "accelerators.csv").write_text(
        "AcceleratorName,Clouds\n" + "".join(f"{gpu},{clouds}\n" for gpu in GPUS)
    )
    (folder / "common" / "metadata.csv").write_text(MEMORY)
    return home


@pytest.fixture(scope="module")
def skypilot(home: Path) -> Iterator[SkyPilot]:
    process = SkyPilot(home)
    yield process
    process.close()


def skypilots(task: dict[str, Any]) -> dict[str, Any]:
    """What SkyPilot's machines of a task agree on, in Milepost's words."""
    each_told: list[dict[str, Any]] = []
    for each in task["resources"]:
        (gpu, gpus), *_ = (each["accelerators"] or {None: None}).items()
        spot = each["use_spot"]
        market = None if spot is None else "spot" if spot else "on_demand"
        place = {name: each[name] for name in ("provider", "region", "zone", "instance_type")}
        each_told.append({**place, "market": market, "gpu": gpu, "gpus": gpus})
    told = {name: {each[name] for each in each_told} for name in each_told[0]}
    agreed = {name: values.pop() for name, values in told.items() if len(values) == 1}
    return {name: value for name, value in {**agreed, "num_nodes": task["num_nodes"]}.items() if value is not None}


def mileposts(file: Path, task_index: int = 0, **arguments: Any) -> dict[str, Any]:
    found = from_task_file(file, task_index, **arguments)
    told = {name: value for name in FIELDS if (value := getattr(found, name)) is not None}
    return {"num_nodes": 1, **told}  # SkyPilot's own where the file says none


def resources(text: str) -> str:
    return f"resources: {text}\nnum_nodes: 2\nrun: 'true'\n"


SEVERAL = {
    "pipeline": PIPELINE.replace("p4d", "g5"),
    "group": GROUP,
    **{header: header + TWO_TASKS for header in HEADERS},
    "template": (ROOT / "devops" / "skypilot" / "train.yaml").read_text(),
    "half an hour": "resources: {infra: gcp/europe-west4, accelerators: tpu-v3-32, use_spot: false}\n",
    "sample": FAULTS.read_text() if FAULTS.is_file() else "resources: {infra: aws}\n",
}


@pytest.mark.parametrize("name", SEVERAL)
def test_each_task_of_a_file_asks_for_what_skypilot_says(skypilot: SkyPilot, tmp_path: Path, name: str) -> None:
    file = tmp_path / "task.yaml"
    file.write_text(SEVERAL[name])
    tasks = skypilot.load(SEVERAL[name])
    for index, task in enumerate(tasks):
        assert mileposts(file, index) == skypilots(task)
        # The controller's id of a task: its number goes wrong here, so that its name is what counts.
        told = f"sky-managed-2026-11-01-00-00-00-000000_g_{task['name']}_7-{index if len(tasks) == 1 else 0}"
        assert mileposts(file, task_id=told) == skypilots(task)


SPACED = "{infra: ' AWS / us-east-1 '}"
"""SkyPilot 0.14 refuses this, and Milepost reads it: a task that runs has been read by SkyPilot."""

ON_CLOUDS = [text.replace("p4d", "g5") for text, _ in RESOURCES if "k8s" not in text and text != SPACED]
"""The resources of the suite; those of a Kubernetes cluster need one."""


def test_spaces_in_infra_are_refused_by_skypilot_alone(skypilot: SkyPilot) -> None:
    assert "does not match" in skypilot.refusal(resources(SPACED))
    assert SPACED in dict(RESOURCES)


@pytest.mark.parametrize("text", ON_CLOUDS)
def test_resources_are_what_skypilot_says(skypilot: SkyPilot, tmp_path: Path, text: str) -> None:
    (tmp_path / "task.yaml").write_text(resources(text))
    (task,) = skypilot.load(resources(text))
    assert mileposts(tmp_path / "task.yaml") == skypilots(task)


@pytest.mark.parametrize("accelerators", [text for text, _ in BY_MEMORY] + [text for text, *_ in COUNTED])
def test_accelerators_are_what_skypilot_says(skypilot: SkyPilot, tmp_path: Path, accelerators: str) -> None:
    text = resources(f"{{accelerators: {accelerators}}}")
    (tmp_path / "task.yaml").write_text(text)
    (task,) = skypilot.load(text)
    told = skypilots(task)
    if "tpu" in accelerators:
        del told["provider"]  # which is told by the slice's name, whoever names it
    if accelerators in dict(BY_MEMORY):
        told.pop("gpu", None)  # where one model alone has that memory
    assert mileposts(tmp_path / "task.yaml") == told


@pytest.mark.parametrize(
    ("gpu", "options", "accelerators"),
    [
        ("tpu-v3-32", {}, {"tpu-v3-32": 1}),
        ("tpu-v3-32", {"max_usd_per_hour": 40}, {"tpu-v3-32": 1}),
        ("T4", {"cloud": "gcp"}, {"T4": 1}),
        ("T4", {"cloud": "gcp", "max_usd_per_hour": 1}, {"T4": 1}),
        ("V100:2", {"cloud": "gcp"}, {"V100": 2}),
        ("nvidia:80GB:8", {}, None),
    ],
)
def test_task_of_a_launch_is_one_that_skypilot_reads(
    home: Path,
    skypilot: SkyPilot,
    monkeypatch: pytest.MonkeyPatch,
    gpu: str,
    options: dict[str, Any],
    accelerators: dict[str, int] | None,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SKY_RUNTIME_DIR", str(home))
    planned = make_plan(Request(task="train", gpu=(gpu,), **options), environ={})
    (task,) = skypilot.load(planned.tasks[0].as_yaml)
    if accelerators is None:
        assert {tuple(each["accelerators"].items()) for each in task["resources"]} == {
            (("A100-80GB", 8),),
            (("H100", 8),),
        }
    else:
        assert all(each["accelerators"] == accelerators for each in task["resources"])


def test_header_of_a_group_is_skypilots(skypilot: SkyPilot) -> None:
    assert sorted(HEADER) == skypilot.facts["header"]


def test_public_reader_takes_the_same_tasks(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(GROUP)
    for index in range(3):
        found = SkyPilotInstanceInfo.get_instance_info_from_task(tmp_path / "task.yaml", task_index=index)
        assert found == from_task_file(tmp_path / "task.yaml", index)
