import json
import logging
import subprocess
import sys
import time

import pytest

from milepost.instances.metadata import LINK_LOCAL
from milepost.instances.probe import ProbeFailed
from milepost.instances.probes.aws import IPV6, AWSMetadata, _endpoint
from milepost.money.instance import Instance
from tests.instances.metadata_server import (
    EC2,
    HANG,
    NOTHING,
    Answer,
    Answering,
    Asked,
    Raw,
    at_once,
    like_ec2,
    serving,
    soon,
)

ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
V1 = "MILEPOST_AWS_METADATA_V1"


def ask(answer: Answering, **variables: str) -> Instance:
    with serving(answer) as server:
        return AWSMetadata().ask({ENDPOINT: server.url, **variables}, soon())


def like_ec2_by_v1(asked: Asked) -> Answer:
    """Answer as EC2 does to questions without a token, and to no question for one."""
    if asked.method != "GET" or asked.headers.get("X-aws-ec2-metadata-token"):
        return Answer(403)
    return Answer(200, EC2[asked.path.removeprefix("/latest/meta-data/")])


def test_type_market_region_and_zone() -> None:
    found = ask(like_ec2())
    assert found == Instance.known(
        "aws metadata",
        provider="aws",
        instance_type="p4d.24xlarge",
        market="spot",
        region="us-east-1",
        zone="use1-az2",
    )


@pytest.mark.parametrize(
    ("cycle", "market"), [("spot", "spot"), ("on-demand", "on_demand"), ("capacity-block", "capacity_block")]
)
def test_life_cycles(cycle: str, market: str) -> None:
    assert ask(like_ec2({**EC2, "instance-life-cycle": cycle})).market == market


@pytest.mark.parametrize("cycle", ["interruptible-capacity-reservation", "scheduled"])
def test_another_life_cycle_is_named_and_not_taken_for_on_demand(cycle: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = ask(like_ec2({**EC2, "instance-life-cycle": cycle}))
    assert (found.market, found.instance_type) == (None, "p4d.24xlarge")
    assert f"aws metadata: instance-life-cycle: found '{cycle}', expected one of on-demand, spot" in caplog.text


def test_zone_by_name_where_it_has_no_id() -> None:
    values = {path: value for path, value in EC2.items() if path != "placement/availability-zone-id"}
    assert ask(like_ec2(values)).zone == "us-east-1a"


@pytest.mark.parametrize("zone", ["usw2-lax1-az1", "usw2-wl1-las-wlz1"])
def test_local_and_wavelength_zones(zone: str) -> None:
    assert ask(like_ec2({**EC2, "placement/availability-zone-id": zone})).zone == zone


@pytest.mark.parametrize("region", ["us-gov-west-1", "ap-southeast-2", "eusc-de-east-1", "us-iso-east-1"])
def test_regions_of_every_partition(region: str) -> None:
    assert ask(like_ec2({**EC2, "placement/region": region})).region == region


@pytest.mark.parametrize(
    "kind", ["u-6tb1.112xlarge", "mac2-m2pro.metal", "trn1.32xlarge", "c5.metal", "u7i-12tb.224xlarge"]
)
def test_types(kind: str) -> None:
    assert ask(like_ec2({**EC2, "instance-type": kind})).instance_type == kind


def test_an_expired_token_is_replaced() -> None:
    with serving(like_ec2(uses=2)) as server:
        found = AWSMetadata().ask({ENDPOINT: server.url}, soon())
    assert found == ask(like_ec2())
    assert server.paths.count("/latest/api/token") == 3
    assert all("X-aws-ec2-metadata-token" in asked.headers for asked in server.asked if asked.method == "GET")


def test_tokens_that_never_hold_are_given_up() -> None:
    with serving(like_ec2(uses=0)) as server, pytest.raises(ProbeFailed, match=r"^HTTP 401$"):
        AWSMetadata().ask({ENDPOINT: server.url}, soon())
    assert server.paths.count("/latest/api/token") == 2


def test_a_token_that_does_not_come_names_the_hop_limit() -> None:
    with serving(lambda asked: HANG if asked.method == "PUT" else like_ec2_by_v1(asked)) as server:
        started = time.monotonic()
        with pytest.raises(ProbeFailed, match=r"hop limit .*--http-put-response-hop-limit 2.* or set MILEPOST_INST"):
            AWSMetadata().ask({ENDPOINT: server.url}, at_once())
        assert time.monotonic() - started < 3
    assert server.paths == ["/latest/api/token"]


@pytest.mark.parametrize("variables", [{}, {V1: "false"}, {V1: "true", "AWS_EC2_METADATA_V1_DISABLED": "True"}])
def test_nothing_is_asked_without_a_token_unless_wanted(variables: dict[str, str]) -> None:
    with serving(like_ec2_by_v1) as server, pytest.raises(ProbeFailed, match=r"no token: HTTP 403 .on EC2.*turned off"):
        AWSMetadata().ask({ENDPOINT: server.url, **variables}, soon())
    assert server.paths == ["/latest/api/token"]


def test_without_a_token_where_that_is_wanted() -> None:
    assert ask(like_ec2_by_v1, **{V1: "true"}) == ask(like_ec2())


def test_without_a_token_where_none_comes_and_that_is_wanted() -> None:
    def answer(asked: Asked) -> Answer | Raw:
        return HANG if asked.method == "PUT" else like_ec2_by_v1(asked)

    with serving(answer) as server:
        found = AWSMetadata().ask({ENDPOINT: server.url, V1: "true"}, time.monotonic() + 2)
    assert found.instance_type == "p4d.24xlarge"


@pytest.mark.parametrize("path", ["instance-type", "instance-id"])
@pytest.mark.parametrize("value", [NOTHING, "<html>", "ok", "", "p4d.24xlarge\nx"])
def test_what_has_no_type_and_id_is_not_ec2(path: str, value: str | Answer) -> None:
    with pytest.raises(ProbeFailed):
        ask(like_ec2({**EC2, path: value}))


@pytest.mark.parametrize(("path", "field"), [("instance-life-cycle", "market"), ("placement/region", "region")])
@pytest.mark.parametrize(("value", "words"), [("<html>", "'<html>'"), (Answer(500), "HTTP 500"), (NOTHING, "")])
def test_the_rest_is_told_where_one_value_is_not(
    path: str, field: str, value: str | Answer, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = ask(like_ec2({**EC2, path: value}))
    assert getattr(found, field) is None
    assert (found.instance_type, found.zone) == ("p4d.24xlarge", "use1-az2")
    assert (f"aws metadata: {path}: " in caplog.text) is bool(words)
    assert words in caplog.text


def test_half_of_the_answers_in_time_are_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    with serving(like_ec2({**EC2, "placement/region": HANG})) as server, caplog.at_level(logging.WARNING):
        found = AWSMetadata().ask({ENDPOINT: server.url}, time.monotonic() + 1.5)
    assert (found.instance_type, found.market, found.region) == ("p4d.24xlarge", "spot", None)
    assert "aws metadata: placement/region: no answer within" in caplog.text


@pytest.mark.parametrize(
    ("value", "forbids"), [("true", True), ("TRUE", True), ("false", False), ("1", False), ("", False)]
)
def test_its_variable_forbids_it(value: str, forbids: bool) -> None:
    reason = AWSMetadata().why_not({"AWS_EC2_METADATA_DISABLED": value})
    assert reason == ("AWS_EC2_METADATA_DISABLED is true" if forbids else None)


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({}, LINK_LOCAL),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv4"}, LINK_LOCAL),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, IPV6),
        ({"AWS_IMDS_USE_IPV6": "true"}, IPV6),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv4", "AWS_IMDS_USE_IPV6": "true"}, LINK_LOCAL),
        ({ENDPOINT: "http://a", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv6"}, "http://a"),
        ({ENDPOINT: ""}, LINK_LOCAL),
    ],
)
def test_where_it_is_asked(variables: dict[str, str], endpoint: str) -> None:
    assert _endpoint(variables) == endpoint


def test_a_mode_that_is_none() -> None:
    with pytest.raises(ProbeFailed, match="AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is neither ipv4 nor ipv6"):
        AWSMetadata().ask({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv5"}, soon())


def test_an_endpoint_may_end_in_a_slash_or_have_a_path() -> None:
    with serving(like_ec2()) as server:
        assert AWSMetadata().ask({ENDPOINT: f"{server.url}/"}, soon()).region == "us-east-1"

    def under_a_path(asked: Asked) -> Answer | Raw:
        return like_ec2_by_v1(asked._replace(path=asked.path.removeprefix("/imds")))

    with serving(under_a_path) as server:
        assert AWSMetadata().ask({ENDPOINT: f"{server.url}/imds/", V1: "1"}, soon()).region == "us-east-1"


def test_two_hosts_are_two_instances() -> None:
    script = """
import json, os, time
from milepost.instances.probes.aws import AWSMetadata
found = AWSMetadata().ask(os.environ, time.monotonic() + 20)
print(json.dumps([found.instance_type, found.market, found.region]))
"""
    other = {**EC2, "instance-type": "g5.xlarge", "instance-life-cycle": "on-demand", "placement/region": "eu-west-1"}
    with serving(like_ec2()) as first, serving(like_ec2(other)) as second:
        hosts = [
            subprocess.Popen(
                [sys.executable, "-c", script], env={ENDPOINT: server.url}, stdout=subprocess.PIPE, text=True
            )
            for server in (first, second)
        ]
        found = [json.loads(host.communicate(timeout=60)[0]) for host in hosts]
    assert found == [["p4d.24xlarge", "spot", "us-east-1"], ["g5.xlarge", "on_demand", "eu-west-1"]]
