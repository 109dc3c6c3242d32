import logging

import pytest

from milepost.instances.metadata import LINK_LOCAL
from milepost.instances.probe import ProbeFailed
from milepost.instances.probes.gcp import GCPMetadata, _base
from milepost.money.instance import Instance
from tests.instances.metadata_server import GCE, NOTHING, Answer, Answering, Asked, Raw, like_gcp, serving, soon

SCHEDULING = "scheduling/?recursive=true"


def ask(answer: Answering) -> Instance:
    with serving(answer) as server:
        return GCPMetadata().ask({"GCE_METADATA_HOST": f"127.0.0.1:{server.server_port}"}, soon())


def test_host_of_a_tpu_slice_tells_the_slice() -> None:
    host = {
        "zone": "projects/123/zones/europe-west4-a",
        "machine-type": "projects/123/machineTypes/n1-standard-96",
        "attributes/accelerator-type": "v3-32",
        SCHEDULING: '{"preemptible":"FALSE","provisioningModel":"STANDARD"}',
    }
    found = ask(like_gcp(host))
    assert (found.instance_type, found.market, found.region) == ("tpu-v3-32", "on_demand", "europe-west4")


def test_machine_type_market_region_and_zone() -> None:
    assert ask(like_gcp()) == Instance.known(
        "gcp metadata",
        provider="gcp",
        instance_type="a3-highgpu-1g",
        market="spot",
        region="us-west2",
        zone="us-west2-b",
    )


@pytest.mark.parametrize(
    ("scheduling", "market"),
    [
        ('{"preemptible":"TRUE"}', "spot"),
        ('{"preemptible":"TRUE","provisioningModel":"SPOT"}', "spot"),
        ('{"preemptible":"FALSE","provisioningModel":"SPOT"}', "spot"),
        ('{"preemptible":"FALSE","provisioningModel":"STANDARD"}', "on_demand"),
        ('{"preemptible":"FALSE"}', None),  # or a reservation, or flex-start
        ("{}", None),
    ],
)
def test_what_is_not_spot_is_not_therefore_on_demand(
    scheduling: str, market: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(like_gcp({**GCE, SCHEDULING: scheduling})).market == market
    assert caplog.text == ""


@pytest.mark.parametrize("model", ["FLEX_START", "RESERVATION_BOUND"])
def test_another_provisioning_model_is_named(model: str, caplog: pytest.LogCaptureFixture) -> None:
    scheduling = f'{{"preemptible":"FALSE","provisioningModel":"{model}"}}'
    with caplog.at_level(logging.WARNING):
        assert ask(like_gcp({**GCE, SCHEDULING: scheduling})).market is None
    assert f"gcp metadata: provisioningModel: found '{model}', expected one of STANDARD, SPOT" in caplog.text


@pytest.mark.parametrize(
    ("scheduling", "words"),
    [
        ("<html>", "scheduling: an answer that is no JSON object"),
        ('{"provisioningModel":["SPOT"]}', "provisioningModel: found \"['SPOT']\""),
        ('{"provisioningModel":{}}', "provisioningModel: found '{}'"),
        (Answer(200, '{"preemptible":"TRUE"}'), "scheduling: an answer without Google's header"),
    ],
)
def test_the_rest_is_told_where_scheduling_is_not(
    scheduling: str | Answer, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = ask(like_gcp({**GCE, SCHEDULING: scheduling}))
    assert (found.instance_type, found.market) == ("a3-highgpu-1g", None)
    assert words in caplog.text


@pytest.mark.parametrize(
    ("zone", "region"),
    [
        ("us-central1-a", "us-central1"),
        ("us-south1-ai1b", "us-south1"),
        ("northamerica-northeast2-c", "northamerica-northeast2"),
    ],
)
def test_a_zone_tells_its_region(zone: str, region: str) -> None:
    found = ask(like_gcp({**GCE, "zone": f"projects/123/zones/{zone}"}))
    assert (found.zone, found.region) == (zone, region)


@pytest.mark.parametrize(
    "kind", ["n1-standard-8", "n2-custom-4-8192-ext", "e2-medium", "a2-ultragpu-8g", "a4x-highgpu-4g"]
)
def test_machine_types(kind: str) -> None:
    values = {**GCE, "machine-type": f"projects/example.com:project/machineTypes/{kind}"}
    assert ask(like_gcp(values)).instance_type == kind


def test_a_serverless_container_has_a_zone_only(caplog: pytest.LogCaptureFixture) -> None:
    google = {"Metadata-Flavor": "Google"}
    found = ask(like_gcp({"zone": "projects/123/zones/us-central1-1", "machine-type": Answer(404, "", google)}))
    assert (found.provider, found.instance_type, found.region) == ("gcp", None, "us-central1")
    assert caplog.text == ""


@pytest.mark.parametrize("zone", [NOTHING, "us-west2-b", "projects/123/zones/", "<html>", "projects/1/zones/a b"])
def test_what_has_no_zone_is_not_google(zone: str | Answer) -> None:
    with pytest.raises(ProbeFailed):
        ask(like_gcp({**GCE, "zone": zone}))


def test_what_has_no_header_is_not_google() -> None:
    def answer(asked: Asked) -> Answer | Raw:
        google = like_gcp()(asked)
        return google._replace(headers={}) if isinstance(google, Answer) else google

    with pytest.raises(ProbeFailed, match=r"^an answer without Google's header$"):
        ask(answer)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        (None, LINK_LOCAL),
        ("", LINK_LOCAL),
        ("metadata.google.internal", LINK_LOCAL),
        ("metadata.google.internal:80", LINK_LOCAL),
        ("metadata.google.internal:8080", "http://metadata.google.internal:8080"),
        ("169.254.169.252:988", "http://169.254.169.252:988"),
        ("http://localhost:8080/", "http://localhost:8080"),
    ],
)
def test_where_it_is_asked(host: str | None, base: str) -> None:
    assert _base({} if host is None else {"GCE_METADATA_HOST": host}) == base


def test_its_variable_forbids_it() -> None:
    assert GCPMetadata().why_not({}) is None
    assert GCPMetadata().why_not({"NO_GCE_CHECK": "False"}) is None
    assert GCPMetadata().why_not({"NO_GCE_CHECK": "true"}) == "NO_GCE_CHECK is true"
