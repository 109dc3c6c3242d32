"""get_pages against a real HTTP server that throttles, breaks off, hangs, trickles, and sends elsewhere."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from milepost.errors import PriceUnavailable
from milepost.prices import http
from milepost.prices.http import get_pages
from tests.prices.server import Answer, PriceServer, Question, serving

pytest.importorskip("httpx")

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http, "LONGEST_WAIT_SECONDS", 0.001)
    with serving() as running:
        yield running


def ask(url: str, next_page: Any = lambda page: page.get("next"), **arguments: Any) -> list[dict[str, Any]]:
    return list(get_pages(url, {"q": "a b"}, next_page=next_page, **arguments))


def in_turn(server: PriceServer, *answers: Answer) -> None:
    """Give one answer after the other, the last one for ever."""
    server.answer = lambda question: answers[min(len(server.asked), len(answers)) - 1]


def said(server: PriceServer, **arguments: Any) -> str:
    """Return the error that asking the server ends in."""
    with pytest.raises(PriceUnavailable) as caught:
        ask(server.url, **arguments)
    return str(caught.value)


def address(server: PriceServer) -> str:
    return server.url.removeprefix("http://")


def test_further_pages_are_asked_for_by_parameters_that_are_added(server: PriceServer) -> None:
    in_turn(server, Answer(200, {"next": "t/1 +"}), Answer(200, {"next": ""}))
    pages = ask(f"{server.url}/v1?own=x", lambda page: {"token": page["next"]} if page["next"] else None)
    assert pages == [{"next": "t/1 +"}, {"next": ""}]
    assert [each.fields for each in server.asked] == [
        {"own": "x", "q": "a b"},
        {"own": "x", "q": "a b", "token": "t/1 +"},
    ]
    assert {each.path for each in server.asked} == {"/v1"}


@pytest.mark.parametrize(
    "link", ["/v1/p?x=a%20'b'&$skip=1", "{url}/v1/p?x=a%20'b'&$skip=1", "{url}/v1/p?x=a 'b'&$skip=1"]
)
def test_further_pages_are_asked_for_by_address(server: PriceServer, link: str) -> None:
    in_turn(server, Answer(200, {"next": link.format(url=server.url)}), Answer(200, {"last": True}))
    assert ask(server.url)[-1] == {"last": True}
    assert (server.asked[1].path, server.asked[1].fields) == ("/v1/p", {"x": "a 'b'", "$skip": "1"})


def test_credentials_of_the_address_and_headers_go_with_every_page(server: PriceServer) -> None:
    in_turn(server, Answer(200, {"next": f"http://you:other@{address(server)}/2"}), Answer(200, {}))
    ask(server.url.replace("http://", "http://me:pass@"), headers={"X-Key": SECRET})
    assert [each.headers["Authorization"] for each in server.asked] == ["Basic bWU6cGFzcw=="] * 2  # me:pass
    assert [each.headers["X-Key"] for each in server.asked] == [SECRET] * 2


@pytest.mark.parametrize(
    "link",
    [
        "http://prices.azure.com.evil.example/x",
        "http://evil.example/prices.azure.com",
        "//evil.example/",
        "https://{address}/",
        "http://127.0.0.1:1/",
        "http://127.0.0.1/",
        "http://{address}@evil.example/",
        "file:///etc/passwd",
        "http://h:port/",
    ],
)
def test_page_of_another_server_is_not_followed(server: PriceServer, link: str) -> None:
    in_turn(server, Answer(200, {"next": link.format(address=address(server))}))
    assert said(server, headers={"X-Key": SECRET}) == (
        f"{address(server)} names a page of another server: it is not followed"
    )
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("first", "following", "same"),
    [
        ("https://prices.azure.com/a", "https://prices.azure.com:443/b", True),
        ("https://prices.azure.com:443/a", "https://PRICES.azure.com/b", True),
        ("http://prices.azure.com/a", "http://prices.azure.com:80/b", True),
        ("https://prices.azure.com/a", "https://prices.azure.com:80/b", False),
        ("https://prices.azure.com/a", "http://prices.azure.com:443/b", False),
        ("https://prices.azure.com/a", "https://azure.com/b", False),
    ],
)
def test_port_that_the_scheme_implies_may_be_written_out(first: str, following: str, same: bool) -> None:
    if same:
        assert http._page_of_same_server(http._address(first), following, "s").path == "/b"
    else:
        with pytest.raises(PriceUnavailable):
            http._page_of_same_server(http._address(first), following, "s")


@pytest.mark.parametrize("following", [7, True, ["x"]])
def test_next_page_of_the_wrong_type_is_refused(server: PriceServer, following: Any) -> None:
    in_turn(server, Answer(200, {"next": following}))
    assert said(server) == f"{address(server)} names a next page that is none"


def test_endless_pages_are_given_up(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_PAGES", 5)
    in_turn(server, Answer(200, {"next": "/more"}))
    assert said(server) == f"{address(server)} answers with more than 5 pages"
    assert len(server.asked) == 5


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: PriceServer, status: int) -> None:
    in_turn(server, Answer(status, "later", {"Retry-After": "1"}), Answer(200, {"a": 1}))
    assert ask(server.url) == [{"a": 1}]
    assert len(server.asked) == 2


def test_what_does_not_pass_is_given_up(server: PriceServer) -> None:
    in_turn(server, Answer(503, SECRET))
    assert said(server) == f"{address(server)} could not be asked: HTTP 503"
    assert len(server.asked) == http.ATTEMPTS


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 501])
def test_what_will_not_pass_is_not_tried_again(server: PriceServer, status: int) -> None:
    in_turn(server, Answer(status))
    assert said(server) == f"{address(server)} could not be asked: HTTP {status}"
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("asked", "shortest", "longest"),
    [
        (None, 0.125, 0.25),  # a quarter of a second, then half, each of random length
        ("1", 1.0, 1.0),
        ("0", 0.125, 0.25),
        ("3600", 2.0, 2.0),
        ("9" * 400, 2.0, 2.0),
        ("-5", 0.125, 0.25),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.125, 0.25),
    ],
)
def test_server_is_waited_for_as_it_asks_within_bounds(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch, asked: str | None, shortest: float, longest: float
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(http, "LONGEST_WAIT_SECONDS", 2.0)
    monkeypatch.setattr(time, "sleep", waits.append)
    in_turn(server, Answer(429, "", {} if asked is None else {"Retry-After": asked}), Answer(200, {}))
    ask(server.url)
    assert len(waits) == 1
    assert shortest <= waits[0] <= longest


def test_waits_grow_and_are_of_random_length(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(http, "LONGEST_WAIT_SECONDS", 2.0)
    monkeypatch.setattr(time, "sleep", waits.append)
    in_turn(server, Answer(500))
    for _ in range(20):
        said(server)
    first, second = waits[::2], waits[1::2]
    assert len(first) == len(second) == 20
    assert all(0.125 <= wait <= 0.25 for wait in first)
    assert all(0.25 <= wait <= 0.5 for wait in second)
    assert len(set(waits)) > 20


def test_redirect_is_not_followed(server: PriceServer) -> None:
    with serving(lambda question: Answer(200, {"a": 1})) as other:
        in_turn(server, Answer(302, "", {"Location": f"{other.url}/?key={SECRET}"}))
        assert said(server, headers={"X-Key": SECRET}) == f"{address(server)} could not be asked: HTTP 302"
        assert not other.asked
    assert len(server.asked) == 1


def test_half_an_answer_is_none(server: PriceServer) -> None:
    in_turn(server, Answer(200, '{"a": 1}', {"Content-Length": "1000"}))
    assert said(server) == f"{address(server)} could not be asked: RemoteProtocolError"
    assert len(server.asked) == http.ATTEMPTS


def test_answer_that_was_cut_once_is_asked_for_again(server: PriceServer) -> None:
    in_turn(server, Answer(200, '{"a": ', {"Content-Length": "1000"}), Answer(200, {"a": 1}))
    assert ask(server.url) == [{"a": 1}]


def test_answer_that_does_not_unpack_is_none(server: PriceServer) -> None:
    in_turn(server, Answer(200, b"no gzip", {"Content-Encoding": "gzip"}))
    assert said(server) == f"{address(server)} could not be asked: DecodingError"
    assert len(server.asked) == http.ATTEMPTS


@pytest.mark.parametrize(
    "body",
    ["<html>log in</html>", "[1, 2]", "7", '"a"', "null", "", '{"a": 1', '{"a": NaN}', b'{"a": "\xff"}', "[" * 9999],
)
def test_answer_that_is_no_json_object_is_refused(server: PriceServer, body: str | bytes) -> None:
    in_turn(server, Answer(200, body))
    assert said(server) == f"{address(server)} does not answer with a JSON object"
    assert len(server.asked) == 1


def test_answer_without_end_is_given_up(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BYTES", 1000)
    in_turn(server, Answer(200, {"a": "x" * 2000}))
    assert said(server) == f"{address(server)} answers with more than 1000 bytes"
    in_turn(server, Answer(200, {"a": "x" * 500}))
    assert len(ask(server.url)) == 1


def test_server_that_never_answers_is_given_up(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def hang(question: Question) -> Answer:
        gate.wait(3)  # longer than the timeout, shorter than httpx's own
        return Answer()

    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.3)
    server.answer = hang
    assert said(server) == f"{address(server)} could not be asked: ReadTimeout"
    gate.set()
    assert len(server.asked) == http.ATTEMPTS


def test_server_that_trickles_is_given_up(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.0)
    in_turn(server, Answer(200, {"a": 1}))
    assert said(server) == f"{address(server)} takes more than 0 s to answer"


def test_nothing_is_tried_again_past_the_deadline(server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.0)
    in_turn(server, Answer(503))
    assert said(server) == f"{address(server)} could not be asked: HTTP 503"
    assert len(server.asked) == 1


def test_server_that_is_not_there_is_said() -> None:
    with serving() as gone:
        pass
    assert said(gone) == f"{address(gone)} could not be asked: ConnectError"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "prices.azure.com",
        f"ftp://me:{SECRET}@h/",
        f"file:///{SECRET}",
        f"https:///{SECRET}",
        f"https://me:{SECRET}/x@h/",
        f"http://h/{SECRET}\n",
    ],
)
def test_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(PriceUnavailable, match="not a URL that starts with http") as caught:
        ask(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("key", [f"{SECRET}\n", f"{SECRET}\r\nX: y", f"é{SECRET}"])
def test_key_that_is_no_header_is_refused_without_repeating_it(server: PriceServer, key: str) -> None:
    text = said(server, headers={"X-Key": key})
    assert text.startswith(f"{address(server)} could not be asked: ")
    assert SECRET not in text
    assert not server.asked


@pytest.mark.parametrize(
    ("name", "value"), [("SSL_CERT_FILE", f"/nowhere/{SECRET}"), ("HTTP_PROXY", f"nothing://me:{SECRET}@proxy")]
)
def test_surroundings_that_cannot_be_used_are_no_crash(
    server: PriceServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    text = said(server)
    assert text.startswith(f"{address(server)} could not be asked: ")
    assert SECRET not in text


def test_secrets_reach_neither_errors_nor_logs(server: PriceServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.url.replace("http://", f"http://me:{SECRET}@") + f"?code={SECRET}"
    in_turn(server, Answer(200, {"next": f"/2?code={SECRET}"}), Answer(200, {"next": ""}))
    assert len(ask(url, headers={"X-Key": SECRET})) == 2
    for answer in (Answer(500, SECRET), Answer(302, "", {"Location": f"/{SECRET}"}), Answer(200, SECRET)):
        in_turn(server, answer)
        with pytest.raises(PriceUnavailable) as caught:
            ask(url, headers={"X-Key": SECRET})
        assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text


def test_what_others_ask_with_httpx_is_logged_as_ever(server: PriceServer, caplog: pytest.LogCaptureFixture) -> None:
    import httpx

    caplog.set_level(logging.INFO)
    caplog.set_level(logging.INFO, logger="httpx")  # trackio, where it was imported before, raises it
    in_turn(server, Answer(200, {}))
    ask(server.url)
    assert not caplog.records
    httpx.get(f"{server.url}/mine")
    assert "/mine" in caplog.text


def test_missing_httpx_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert http.why_no_http() is None
    monkeypatch.setattr(http, "find_spec", lambda name: None)
    with pytest.raises(PriceUnavailable, match=r"pip install 'milepost\[prices\]'"):
        ask("http://127.0.0.1:1/")
