"""What the catalogs have may be launched, whether its price is known or not; what is not in the estimate is said."""

from pathlib import Path
from typing import Any

import pytest

from milepost.errors import ConfigError
from milepost.launch.plan import Plan, make_plan
from milepost.launch.request import Request
from tests.cli.test_price import COLUMNS
from tests.launch.skypilot import ROOT

GCP = """\
n1-highmem-8,,,8.0,52.0,,0.4732,0.1,us-central1,us-central1-a
n1-highmem-16,,,16.0,104.0,,0.9464,0.2,us-central1,us-central1-a
a2-highgpu-1g,,,12.0,85.0,,0.74,0.3,us-central1,us-central1-a
a2-highgpu-1g,,,12.0,85.0,,0.74,0.3,europe-west4,europe-west4-a
a2-newgpu-1g,,,12.0,85.0,,0.74,0.3,us-central1,us-central1-a
,A100,1,,,{},2.93,0.9,us-central1,us-central1-a
,A100,1,,,{},1.0,0.9,europe-west4,europe-west4-a
,T4,1,,,{},0.35,0.11,us-central1,us-central1-a
,T4,4,,,{},1.4,0.44,us-central1,us-central1-a
,T4,1,,,{},0.35,0.11,us-west2,us-west2-b
,V100,2,,,{},4.96,1.5,us-central1,us-central1-a
,A999,1,,,{},1.0,0.9,us-central1,us-central1-a
,tpu-v3-32,1,,,tpu-v3-32,32.0,10.56,europe-west4,europe-west4-a
"""
AWS = """\
g6f.large,L4,0.125,2.0,8.0,,0.2018,0.0743,us-east-1,use1-az1
g6f.4xlarge,L4,0.5,16.0,64.0,,0.966,0.3551,us-east-1,use1-az1
g6.xlarge,L4,1.0,4.0,16.0,,0.8048,,us-east-1,use1-az1
"""


@pytest.fixture(autouse=True)
def _catalogs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SkyPilot's catalogs of two clouds, of rows in its form."""
    monkeypatch.chdir(ROOT)
    for cloud, rows in (("aws", AWS), ("gcp", GCP)):
        folder = tmp_path / ".sky" / "catalogs" / "v8" / cloud
        folder.mkdir(parents=True)
        (folder / "vms.csv").write_text(f"{COLUMNS}\n{rows}")
    monkeypatch.setenv("SKY_RUNTIME_DIR", str(tmp_path))


def plan(*gpus: str, **options: Any) -> Plan:
    return make_plan(Request(task="train", gpu=gpus, **options), environ={})


def entry(planned: Plan) -> dict[str, Any]:
    """Which machines the task allows."""
    resources = planned.tasks[0].task["resources"]
    return {name: resources[name] for name in ("infra", "instance_type", "accelerators") if name in resources}


@pytest.mark.parametrize(
    ("gpu", "options", "kind", "usd", "assumed"),
    [
        ("tpu-v3-32", {}, "tpu-v3-32", 32.0, False),
        ("TPU-V3-32", {"spot": True}, "tpu-v3-32", 10.56, False),
        ("T4", {"cloud": "gcp"}, "n1-highmem-8", 0.8232, True),
        ("V100:2", {"cloud": "gcp"}, "n1-highmem-16", 5.9064, True),
        ("L4:0.125", {}, "g6f.large", 0.2018, False),
        ("l4:0.5", {"spot": True}, "g6f.4xlarge", 0.3551, False),
        ("A100", {"regions": ("us-central1",), "cloud": "gcp"}, "a2-highgpu-1g", 3.67, False),
    ],
)
def test_accelerators_are_estimated_as_they_are_sold(
    gpu: str, options: dict[str, Any], kind: str, usd: float, assumed: bool
) -> None:
    planned = plan(gpu, **options)
    quote = planned.estimate.cheapest
    assert quote is not None
    assert (quote.instance_type, quote.assumed) == (kind, assumed)
    assert quote.usd_per_hour == pytest.approx(usd)
    assert "instance_type" not in entry(planned)
    model, number = planned.requirements.models[0]
    assert entry(planned)["accelerators"] == f"{model}:{number}"


@pytest.mark.parametrize(
    ("gpu", "options", "because"),
    [
        ("T4:4", {"cloud": "gcp"}, "the catalog of gcp has T4:4, and tells no on-demand price of such a machine"),
        ("T4", {"regions": ("us-west2",)}, "the catalog of gcp has T4:1, and tells no on-demand price"),
        ("A999", {}, "the catalog of gcp has A999:1, and tells no on-demand price of such a machine"),
        (
            "A100",
            {"regions": ("europe-west4",), "cloud": "gcp"},
            "gcp's a2-highgpu-1g in europe-west4: the catalog's rate is hardly above that of spot",
        ),
        ("80GB+:8", {}, "which model 80GB+:8 is, SkyPilot chooses"),
        ("nvidia:80GB", {}, "which model nvidia:80GB:1 is, SkyPilot chooses"),
    ],
)
def test_what_the_catalog_has_is_launched_without_an_estimate_and_why(
    gpu: str, options: dict[str, Any], because: str
) -> None:
    planned = plan(gpu, **options)
    assert planned.estimate.cheapest is None
    assert because in (planned.estimate.unknown_because or "")
    asked = gpu if gpu.rpartition(":")[2].isdigit() else f"{gpu}:1"
    assert entry(planned)["accelerators"] == asked


def test_what_is_not_in_the_estimate_is_said() -> None:
    planned = plan("A100", "80GB+:8", cloud="gcp")
    assert planned.estimate.cheapest is not None
    assert (planned.estimate.cheapest.region, planned.estimate.dearest) == ("us-central1", planned.estimate.cheapest)
    left_out = [note for note in planned.notes if note.startswith("not in the estimate: ")]
    assert len(left_out) == 2
    assert "gcp's a2-highgpu-1g in europe-west4" in left_out[0]
    assert "80GB+:8" in left_out[1]


@pytest.mark.parametrize(
    ("gpus", "options", "said"),
    [
        (("T44",), {}, "--gpu: found 'T44', which is not known; nearest: T4"),
        (("T4:3",), {"cloud": "gcp"}, "--gpus: found 3 of T4, expected one of 1, 4"),
        (("L4:0.3",), {}, "--gpus: found 0.3 of L4, expected one of 0.125, 0.5, 1"),
        (("L4:0",), {}, "--gpu: found 'L4:0', expected a model such as A10G"),
        (("L4:1:2",), {}, "--gpu: found 'L4:1:2', expected a model such as A10G"),
        (("L4",), {"spot": True, "cloud": "aws"}, "no spot L4:1 of aws is offered"),
        (
            ("A100",),
            {"regions": ("us-west2",), "cloud": "gcp"},
            "--region: found 'us-west2', which is not known",
        ),
        (("L4:0.5",), {"gpus": 1}, "--gpus: found 1, expected the number in --gpu L4:0.5"),
    ],
)
def test_what_no_catalog_has_is_named(gpus: tuple[str, ...], options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan(*gpus, **options)


def test_types_are_launched_as_they_are_sold() -> None:
    planned = plan(instance_type="tpu-v3-32")
    assert entry(planned) == {"accelerators": "tpu-v3-32:1"}
    planned = plan(instance_type="n1-highmem-8")
    assert planned.estimate.dearest is not None
    assert (planned.estimate.dearest.usd_per_hour, planned.estimate.dearest.gpus) == (0.4732, None)  # without GPUs
    planned = plan(instance_type="a2-newgpu-1g")  # of which GPUs it has, nothing is known
    assert planned.estimate.unknown_because == (
        "the catalog of gcp has a2-newgpu-1g, and tells no on-demand price of such a machine"
    )
    assert entry(planned) == {"infra": "gcp", "instance_type": "a2-newgpu-1g"}


def test_cap_names_accelerators_without_a_type_where_they_are_one() -> None:
    assert entry(plan("tpu-v3-32", max_usd_per_hour=40)) == {
        "infra": "gcp/europe-west4",
        "accelerators": "tpu-v3-32:1",
    }
    assert entry(plan("T4", max_usd_per_hour=1, regions=("us-central1",))) == {
        "infra": "gcp/us-central1",
        "instance_type": "n1-highmem-8",
        "accelerators": "T4:1",
    }
    assert entry(plan("L4:0.5", max_usd_per_hour=1))["accelerators"] == "L4:0.5"


@pytest.mark.parametrize(
    ("accelerators", "models"),
    [
        ("L4:0.5", (("L4", 0.5),)),
        ("{L4: 0.125}", (("L4", 0.125),)),
        ("80GB+:8", (("80GB+", 8),)),
        ("'nvidia:80GB+:8'", (("nvidia:80GB+", 8),)),
        ("tpu-v3-32", (("tpu-v3-32", 1),)),
    ],
)
@pytest.mark.parametrize("key", ["accelerators", "gpus"])
def test_accelerators_of_a_template(tmp_path: Path, accelerators: str, models: tuple[Any, ...], key: str) -> None:
    template = tmp_path / "mine.yaml"
    template.write_text(f"resources:\n  {key}: {accelerators}\nenvs: {{MILEPOST_CONFIG: ''}}\nrun: 'true'\n")
    planned = make_plan(Request(task=str(template)), environ={})
    assert planned.requirements.models == models
    model, number = models[0]
    assert entry(planned) == {"accelerators": f"{model}:{number}"}
    assert "gpus" not in planned.tasks[0].task["resources"]
