import gc
import itertools
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPMessage
from typing import Any

import pytest
from hypothesis import given, strategies as st

from milepost.instances.metadata import (
    MAX_BYTES,
    MAX_VALUE,
    Answer as Found,
    Refused,
    TimedOut,
    fetch,
    fitting,
    if_told,
    object_of,
    text_of,
)
from milepost.instances.probe import Probe, ProbeFailed
from milepost.instances.probes.aws import AWSMetadata
from milepost.instances.probes.azure import AzureMetadata
from milepost.instances.probes.gcp import GCPMetadata
from milepost.instances.probes.oci import OCIMetadata
from milepost.money.instance import Instance
from tests.instances.metadata_server import (
    GCE,
    HANG,
    LOGIN,
    OCI,
    VM,
    Answer,
    Raw,
    at_once,
    like_azure,
    like_ec2,
    like_gcp,
    like_oci,
    serving,
    soon,
)

PROBES: list[Probe] = [AWSMetadata(), GCPMetadata(), AzureMetadata(), OCIMetadata()]
WORD = re.compile(r"[a-z]+")


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """No thread, and no socket: what is collected without having been closed is a warning, which is an error here."""
    before = threading.active_count()
    yield
    gc.collect()
    assert threading.active_count() == before


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def asking(url: str) -> dict[str, str]:
    """Return variables that send every probe to one address, as all clouds have the same one."""
    return {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": url,
        "GCE_METADATA_HOST": url.removeprefix("http://"),
        "MILEPOST_AZURE_METADATA_URL": url,
        "MILEPOST_OCI_METADATA_URL": url,
    }


def test_an_answer_is_returned_with_its_headers() -> None:
    with serving(lambda _: Answer(200, "value\n", {"Metadata-Flavor": "Google"})) as server:
        answer = fetch(f"{server.url}/a?b=c", {"X-Key": "1"}, soon(), method="PUT")
    assert (answer.body, answer.headers["metadata-flavor"]) == (b"value\n", "Google")
    assert text_of(answer, WORD) == "value"
    asked = server.asked[0]
    assert (asked.method, asked.path, asked.headers["X-Key"]) == ("PUT", "/a?b=c", "1")


def test_an_answer_in_chunks_is_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(lambda _: Raw([head, b"3\r\nval\r\n", b"2\r\nue\r\n", b"0\r\n\r\n"])) as server:
        assert fetch(server.url, {}, soon()).body == b"value"


OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 100\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def trickle(head: bytes) -> Raw:
    return Raw(itertools.chain([head], itertools.repeat(b"a")), pause=0.02)


def endless(head: bytes, part: bytes) -> Raw:
    return Raw(itertools.chain([head], itertools.repeat(part)))


@pytest.mark.parametrize(
    "answer",
    [
        HANG,
        Raw([OK], hangs=True),
        Raw([SIZED, b"half"], hangs=True),
        trickle(b""),
        trickle(OK + b"X-Header: "),
        trickle(SIZED[:-4] + b"00\r\n\r\n"),
        trickle(CHUNKED + b"fff\r\n"),
    ],
    ids=["nothing", "status", "half", "trickling status", "trickling header", "trickling body", "trickling chunk"],
)
def test_what_does_not_end_in_time_is_given_up(answer: Raw) -> None:
    with serving(lambda _: answer) as server:
        started = time.monotonic()
        with pytest.raises(TimedOut, match=r"^no answer within 0\.\d+ s$") as failure:
            fetch(server.url, {}, at_once())
        assert 0.25 < time.monotonic() - started < 3
    assert failure.value.connected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (endless(b"", b"a" * 4096), "no HTTP|an answer that is too long"),
        (endless(OK, b"X-Header: aaaaaaaaaaaaaaaaaaaaaaa\r\n"), "no HTTP|an answer that is too long"),
        (endless(OK + b"Content-Length: 99999999999999\r\n\r\n", b"a" * 4096), "an answer that is too long"),
        (endless(CHUNKED, b"1000\r\n" + b"a" * 4096 + b"\r\n"), "an answer that is too long"),
        (endless(CHUNKED + b"ffffffffffffffffffff\r\n", b"a" * 4096), "an answer that is too long"),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "an answer that is too long"),
        (Answer(200, "a" * MAX_BYTES), "an answer that is too long"),
        (Raw([OK + b"\r\nvalue"]), "an answer that does not say where it ends"),
        (Raw([OK + b"Content-Length: -5\r\n\r\nvalue"]), "an answer that does not say where it ends"),
        (Raw([SIZED + b"half"]), "half an answer"),
        (Raw([CHUNKED + b"5\r\nha"]), "half an answer"),
        (Raw([CHUNKED + b"4\r\nhalf\r\n"]), "half an answer"),
        (Raw([CHUNKED + b"zz\r\nhalf"]), "half an answer"),
        (Raw([OK]), "an answer that does not say where it ends"),
        (Raw([b"SSH-2.0-OpenSSH_9.6\r\n"]), "no HTTP"),
        (Raw([b"\x16\x03\x01\x00\xff"]), "no HTTP"),
        (Raw([]), "the connection broke off"),
        (Answer(204), "HTTP 204"),
        (Answer(404, "no"), "HTTP 404"),
        (Answer(500), "HTTP 500"),
    ],
)
def test_what_is_no_answer_is_told_in_a_few_words(answer: Answer | Raw, reason: str) -> None:
    with serving(lambda _: answer) as server, pytest.raises(ProbeFailed, match=f"^({reason})$"):
        fetch(server.url, {}, soon())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with serving(lambda _: Answer(200, "value")) as other:
        answer = Answer(status, "", {"Location": f"{other.url}/"})
        with serving(lambda _: answer) as server, pytest.raises(Refused, match=f"a redirect .HTTP {status}."):
            fetch(server.url, {}, soon())
    assert other.asked == []


def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: LOGIN) as proxy, serving(lambda _: Answer(200, "value")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert fetch(server.url, {}, soon()).body == b"value"
    assert proxy.asked == []


def test_nobody_there() -> None:
    with pytest.raises(ProbeFailed, match=r"^refused$"):
        fetch(closed_port(), {}, soon())


def test_somebody_who_does_not_take_connections() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        with pytest.raises(TimedOut) as failure:
            fetch(f"http://127.0.0.1:{port}", {}, at_once())
        for each in waiting:
            each.close()
    assert not failure.value.connected


def test_no_time_left() -> None:
    with serving() as server, pytest.raises(TimedOut, match=r"^no time left to ask$"):
        fetch(server.url, {}, time.monotonic() - 1)
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1",
        "https://127.0.0.1",
        "http://",
        "http://[::1",
        "http://h:99999",
        "file:///etc/passwd",
        "http://:80",
    ],
)
def test_what_is_no_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ProbeFailed, match=r"^the address set for it is not a URL that starts with http://$"):
        fetch(url, {}, soon())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/\x00", "http://127.0.0.1:9/ü", "http://" + "a" * 70 + ".invalid/"])
def test_an_address_that_cannot_be_asked(url: str) -> None:
    with pytest.raises(ProbeFailed):
        fetch(url, {}, soon())


@pytest.mark.parametrize("body", [b"", b"\xff", b"va lue", b"value\x00", b"value\nvalue", b"Value", b"a" * 256])
def test_what_does_not_look_like_a_value_is_none(body: bytes) -> None:
    with pytest.raises(ProbeFailed, match="not expected"):
        text_of(Found(HTTPMessage(), body), WORD)


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'{"a": ', b'{"a": "\xff"}', b"[" * 5000, b"<html>"])
def test_what_is_no_object_is_none(body: bytes) -> None:
    with pytest.raises(ProbeFailed, match="no JSON object"):
        object_of(Found(HTTPMessage(), body))


@given(st.one_of(st.none(), st.integers(), st.text(max_size=300), st.lists(st.integers())))
def test_nothing_but_what_fits_is_a_value(value: object) -> None:
    anything = re.compile(r".*", re.DOTALL)
    if isinstance(value, str) and value.isprintable() and len(value) <= MAX_VALUE:
        assert fitting(value, anything) == value
    else:
        with pytest.raises(ProbeFailed) as failure:
            fitting(value, anything)
        assert len(str(failure.value)) < 500


def test_what_is_not_told_is_warned_about_unless_there_is_no_such(caplog: pytest.LogCaptureFixture) -> None:
    def fail(failure: ProbeFailed) -> str:
        raise failure

    assert if_told("aws metadata", "zone", lambda: fail(Refused(404))) is None
    assert caplog.text == ""
    assert if_told("aws metadata", "zone", lambda: fail(Refused(500))) is None
    assert "aws metadata: zone: HTTP 500; it is not known" in caplog.text


CLOUDS = {"aws metadata": like_ec2, "gcp metadata": like_gcp, "azure metadata": like_azure, "oci metadata": like_oci}


def told(probe: Probe, url: str) -> Instance | None:
    try:
        return probe.ask(asking(url), soon())
    except ProbeFailed:
        return None


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_recognises_its_own_answers_only(cloud: str) -> None:
    with serving(CLOUDS[cloud]()) as server:
        found = {probe.name: told(probe, server.url) for probe in PROBES}
    assert [name for name, instance in found.items() if instance is not None] == [cloud]
    instance = found[cloud]
    assert instance is not None
    assert set(instance.sources.values()) == {cloud}
    assert f"{instance.provider} metadata" == cloud


@pytest.mark.parametrize(
    "answer",
    [
        LOGIN,
        Answer(200, ""),
        Answer(200, "ok"),
        Answer(200, {}),
        Answer(200, {"compute": {}}),
        Answer(200, {"compute": {"vmSize": "<b>", "location": "westus"}}),
        Answer(200, {"shape": "VM.GPU.A10.1"}),
        Answer(200, {"shape": "round", "canonicalRegionName": "us-phoenix-1"}),
        Answer(200, "us-east-1", {"Metadata-Flavor": "Google"}),
        Answer(200, "\x00\x01"),
        Answer(302, "", {"Location": "http://127.0.0.1:9/login"}),
        Answer(401),
        Answer(403),
        Answer(404),
        Answer(503),
    ],
)
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_whoever_else_answers_is_no_cloud(probe: Probe, answer: Answer) -> None:
    with serving(lambda _: answer) as server, pytest.raises(ProbeFailed):
        probe.ask(asking(server.url), soon())
    assert len(server.asked) < 10


@pytest.mark.parametrize(
    "answer", [HANG, trickle(SIZED), Raw([SIZED + b"ab"], hangs=True)], ids=["hang", "trickle", "half"]
)
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_every_probe_ends_in_time(probe: Probe, answer: Raw) -> None:
    with serving(lambda _: answer) as server:
        started = time.monotonic()
        with pytest.raises(ProbeFailed):
            probe.ask(asking(server.url), at_once())
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_nobody_is_on_a_laptop(probe: Probe) -> None:
    with pytest.raises(ProbeFailed, match="refused"):
        probe.ask(asking(closed_port()), soon())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["Spot", "TRUE", "westus"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
keys = st.sampled_from([*VM, *OCI, "preemptible", "provisioningModel", "compute"])


@given(st.binary(max_size=200), st.sampled_from(PROBES))
def test_whatever_is_answered_nothing_but_its_own_error_is_raised(body: bytes, probe: Probe) -> None:
    answer = Answer(200, body, {"Metadata-Flavor": "Google"})
    with serving(lambda _: answer) as server, pytest.raises(ProbeFailed):
        probe.ask(asking(server.url), soon())


@given(st.dictionaries(keys, json_values, max_size=6))
def test_whatever_values_are_told_only_text_that_looks_right_is_taken(told_values: dict[str, Any]) -> None:
    scheduling = Answer(200, told_values, {"Metadata-Flavor": "Google"})
    for probe, answer in (
        (GCPMetadata(), like_gcp({**GCE, "scheduling/?recursive=true": scheduling})),
        (AzureMetadata(), like_azure({**VM, **told_values})),
        (OCIMetadata(), like_oci({**OCI, **told_values})),
    ):
        with serving(answer) as server:
            found = told(probe, server.url)
        for name in found.sources if found else ():
            value = getattr(found, name)
            assert isinstance(value, str)
            assert value.isprintable()
            assert value
