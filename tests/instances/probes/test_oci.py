from typing import Any

import pytest

from milepost.instances.probe import ProbeFailed
from milepost.instances.probes.oci import OCIMetadata
from milepost.money.instance import Instance
from tests.instances.metadata_server import OCI, Answering, like_oci, serving, soon


def ask(answer: Answering) -> Instance:
    with serving(answer) as server:
        return OCIMetadata().ask({"MILEPOST_OCI_METADATA_URL": server.url}, soon())


def test_shape_region_and_domain() -> None:
    assert ask(like_oci()) == Instance.known(
        "oci metadata",
        provider="oci",
        instance_type="BM.GPU.A100-v2.8",
        region="us-phoenix-1",
        zone="Uocm:PHX-AD-1",
    )


def test_only_its_second_version_is_asked() -> None:
    with serving() as server, pytest.raises(ProbeFailed, match=r"^HTTP 404$"):
        OCIMetadata().ask({"MILEPOST_OCI_METADATA_URL": server.url}, soon())
    assert server.paths == ["/opc/v2/instance/"]


@pytest.mark.parametrize(
    ("told", "market"),
    [
        ({"preemptibleInstanceConfig": {"preemptionAction": {"type": "TERMINATE"}}}, "spot"),
        ({"preemptibleInstanceConfig": None}, None),
        ({}, None),
    ],
)
def test_what_is_not_preemptible_is_not_therefore_on_demand(told: dict[str, Any], market: str | None) -> None:
    assert ask(like_oci({**OCI, **told})).market == market


@pytest.mark.parametrize(
    "shape", ["VM.GPU.A10.1", "VM.Standard.E4.Flex", "VM.Standard2.1", "BM.GPU4.8", "BM.GPU.H100.8"]
)
def test_shapes(shape: str) -> None:
    assert ask(like_oci({**OCI, "shape": shape})).instance_type == shape


@pytest.mark.parametrize("domain", ["AD-1", "bxtG:EU-FRANKFURT-1-AD-2", "", None])
def test_domains(domain: str | None) -> None:
    assert ask(like_oci({**OCI, "availabilityDomain": domain})).zone == (domain or None)


@pytest.mark.parametrize(
    "told", [{"shape": None}, {"shape": "p4d.24xlarge"}, {"canonicalRegionName": "phx"}, {"canonicalRegionName": []}]
)
def test_what_has_no_shape_and_region_is_not_oci(told: dict[str, Any]) -> None:
    with pytest.raises(ProbeFailed):
        ask(like_oci({**OCI, **told}))


def test_nothing_forbids_it() -> None:
    assert OCIMetadata().why_not({}) is None
