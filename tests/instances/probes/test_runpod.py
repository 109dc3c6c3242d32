import logging

import pytest

from milepost.instances.probe import Placement
from milepost.instances.probes.runpod import from_runpod

POD = {
    "RUNPOD_POD_ID": "g3xbbjz06abf2p",
    "RUNPOD_DC_ID": "CA-MTL-1",
    "RUNPOD_GPU_COUNT": "2",
    "RUNPOD_GPU_NAME": "NVIDIA+A40",
    "RUNPOD_CPU_COUNT": "9",
    "RUNPOD_MEM_GB": "50",
}


def test_place_and_gpus() -> None:
    found = from_runpod(POD).instance
    assert (found.provider, found.region, found.zone, found.gpus, found.gpu) == (
        "runpod",
        "CA",
        "CA-MTL-1",
        2,
        "A40",
    )
    assert (found.market, found.instance_type) == (None, None)
    assert found.sources["gpus"] == "RUNPOD_GPU_COUNT"
    assert found.sources["provider"] == "RUNPOD_POD_ID"


@pytest.mark.parametrize(
    ("data_centre", "country"),
    [
        ("US-KS-2", "US"),
        ("CA-MTL-4", "CA"),
        ("EU-RO-1", "RO"),
        ("EUR-IS-1", "IS"),
        ("SEA-SG-1", "SG"),
        ("OC-AU-1", "AU"),
        ("AP-JP-1", "JP"),
        ("MOON-1", None),
    ],
)
def test_data_centre_tells_its_country(data_centre: str, country: str | None) -> None:
    found = from_runpod({**POD, "RUNPOD_DC_ID": data_centre}).instance
    assert (found.region, found.zone) == (country, data_centre)


@pytest.mark.parametrize("pod", [None, "", " "])
def test_outside_of_a_pod_nothing_is_told(pod: str | None) -> None:
    environ = {**POD, "RUNPOD_POD_ID": pod} if pod is not None else {}
    assert from_runpod({name: value for name, value in environ.items() if value is not None}) == Placement()


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("NVIDIA+A100+80GB+PCIe", "A100-80GB"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB-SXM"),
        ("NVIDIA+H100+80GB+HBM3", "H100-SXM"),
        ("NVIDIA+H100+PCIe", "H100"),
        ("NVIDIA+H200+NVL", "H200-NVL"),
        ("NVIDIA+RTX+6000+Ada+Generation", "RTX6000-Ada"),
        ("NVIDIA+H200", "H200-SXM"),
        ("NVIDIA+L40S", "L40S"),
        ("NVIDIA+RTX+A6000", "RTXA6000"),
        ("NVIDIA+GeForce+RTX+4090", "RTX4090"),
        ("", None),
        ("%ff", None),
    ],
)
def test_models(name: str, model: str | None) -> None:
    assert from_runpod({**POD, "RUNPOD_GPU_NAME": name}).instance.gpu == model


def test_what_is_malformed_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = from_runpod({**POD, "RUNPOD_GPU_COUNT": "two", "RUNPOD_DC_ID": ""}).instance
    assert (found.provider, found.gpus, found.region) == ("runpod", None, None)
    assert "RUNPOD_GPU_COUNT: found 'two', expected a whole number, 0 or more" in caplog.text
    assert "RUNPOD_DC_ID: found ''" in caplog.text
