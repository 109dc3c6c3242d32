import logging
from typing import Any

import pytest

from milepost.instances.probe import ProbeFailed
from milepost.instances.probes.azure import AzureMetadata
from milepost.money.instance import Instance
from tests.instances.metadata_server import VM, Answer, Answering, like_azure, serving, soon


def ask(answer: Answering) -> Instance:
    with serving(answer) as server:
        return AzureMetadata().ask({"MILEPOST_AZURE_METADATA_URL": server.url}, soon())


def test_size_market_location_and_zone() -> None:
    assert ask(like_azure()) == Instance.known(
        "azure metadata",
        provider="azure",
        instance_type="Standard_NC24ads_A100_v4",
        market="spot",
        region="westus",
        zone="1",
    )


@pytest.mark.parametrize(
    ("priority", "market"),
    [("Regular", "on_demand"), ("Spot", "spot"), ("", None), (None, None), ("Low", None), (3, None)],
)
def test_priorities(priority: Any, market: str | None) -> None:
    assert ask(like_azure({**VM, "priority": priority})).market == market


def test_another_priority_is_named_and_not_taken_for_on_demand(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert ask(like_azure({**VM, "priority": "Low"})).market is None
    assert "azure metadata: priority: found 'Low', expected one of Regular, Spot" in caplog.text


def test_an_empty_priority_is_common_and_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    ask(like_azure({**VM, "priority": ""}))
    assert caplog.text == ""


@pytest.mark.parametrize("zone", ["", None])
def test_a_machine_outside_of_zones(zone: str | None) -> None:
    found = ask(like_azure({**VM, "zone": zone}))
    assert found.zone is None
    assert "zone" not in found.sources


def test_a_location_is_written_in_lower_case() -> None:
    assert ask(like_azure({**VM, "location": "WestEurope"})).region == "westeurope"


@pytest.mark.parametrize("size", ["Standard_D2s_v3", "Standard_E4-2s_v5", "Basic_A0", "Standard_NC80adis_H100_v5"])
def test_sizes(size: str) -> None:
    assert ask(like_azure({**VM, "vmSize": size})).instance_type == size


def test_user_data_make_a_long_answer() -> None:
    found = ask(like_azure({**VM, "userData": "QUJD" * 22_000}))
    assert found.instance_type == "Standard_NC24ads_A100_v4"


@pytest.mark.parametrize(
    "compute",
    [
        None,
        [],
        {},
        {"vmSize": "Standard_D2s_v3"},
        {"location": "westus"},
        {**VM, "vmSize": "big"},
        {**VM, "location": 1},
    ],
)
def test_what_has_no_size_and_location_is_not_azure(compute: Any) -> None:
    with pytest.raises(ProbeFailed):
        ask(like_azure(compute))


def test_what_is_told_is_not_repeated_where_it_is_not_expected() -> None:
    secret = {"compute": {"userData": "c2VjcmV0", "vmSize": "x"}}
    with pytest.raises(ProbeFailed) as failure:
        ask(lambda _: Answer(200, secret))
    assert "c2VjcmV0" not in str(failure.value)


def test_nothing_forbids_it() -> None:
    assert AzureMetadata().why_not({}) is None
