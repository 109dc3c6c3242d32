"""Asks a price API over plain HTTP: bounded in time, in size and in pages, and silent about what it was asked with."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

import msgspec

from milepost.errors import MissingExtra, PriceUnavailable

TIMEOUT_SECONDS = 5.0
"""How long to wait for a connection, and for each part of an answer."""

DEADLINE_SECONDS = 45.0
"""How long one question may take with all its pages, waits and retries: a server that trickles never times out."""

ATTEMPTS = 3
MAX_PAGES = 200
MAX_BYTES = 64 * 2**20
"""Of one answer: more than any of the price APIs gives, and no more than fits in memory."""

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
LONGEST_WAIT_SECONDS = 2.0

_this_thread = threading.local()

T = TypeVar("T")

NextPage = Callable[[dict[str, Any]], Any]


def why_no_http() -> str | None:
    """Say why nothing can be asked over HTTP; None where it can."""
    return None if find_spec("httpx") else str(MissingExtra("httpx", "prices", "asking for prices"))


def get_pages(
    url: str, parameters: Mapping[str, str], *, next_page: NextPage, headers: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield every page of an answer.

    Args:
        url: Where to ask; what its query already says is asked too.
        parameters: Of the first question.
        next_page: Called with a page; returns what to ask next: another URL of the same server, or parameters to add
            to the first ones; None or empty after the last page.
        headers: Sent with every question, and to that one server only.

    Raises:
        PriceUnavailable: It could not be asked, or does not answer with JSON objects. Says the kind of fault and the
            server; not the question, which may bear a key.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    first = _address(url)
    server = first.netloc.decode()
    asked = first.copy_merge_params(dict(parameters))
    with _client(headers, server) as client:
        for _ in range(MAX_PAGES):
            page = _get(client, asked, server, deadline, lambda answer: _page(_body(answer, server, deadline), server))
            yield page
            following = next_page(page)
            if not following:
                return
            if isinstance(following, str):
                asked = _page_of_same_server(first, following, server)
            elif isinstance(following, Mapping):
                asked = first.copy_merge_params({**parameters, **following})
            else:
                raise PriceUnavailable(f"{server} names a next page that is none", failed=True)
    raise PriceUnavailable(f"{server} answers with more than {MAX_PAGES} pages", failed=True)


def download(url: str, *, on_bytes: Callable[[int, int | None], None] | None = None) -> bytes:
    """Return a whole file.

    Args:
        url: Where it lies.
        on_bytes: Called with how many bytes have come, and how many will where that is known, as they come.

    Raises:
        PriceUnavailable: It could not be had in full. Says the kind of fault and the server.
    """
    deadline = time.monotonic() + DEADLINE_SECONDS
    address = _address(url)
    server = address.netloc.decode()

    def read(response: Any) -> bytes:
        length = response.headers.get("Content-Length")
        if length is None and "chunked" not in response.headers.get("Transfer-Encoding", ""):
            raise PriceUnavailable(
                f"{server} does not say how long its answer is", failed=True
            )  # half could pass for all
        packed = "Content-Encoding" in response.headers  # then the length is not that of what comes out
        expected = int(length) if length is not None and length.isdecimal() and not packed else None
        return _body(response, server, deadline, on_bytes and (lambda done: on_bytes(done, expected)))

    with _client(None, server) as client:
        return _get(client, address, server, deadline, read)


def _address(url: str) -> Any:
    """Return an address that can be asked; one that can't is not repeated, as it may bear a password."""
    if reason := why_no_http():
        raise PriceUnavailable(reason)
    import httpx

    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise PriceUnavailable(
            "the address to ask for prices is not a URL that starts with http:// or https://", failed=True
        )
    return address


def _client(headers: Mapping[str, str] | None, server: str) -> Any:
    """Return a client that follows no redirect: what is sent to one server is meant for no other."""
    import httpx

    try:
        return httpx.Client(timeout=TIMEOUT_SECONDS, headers=dict(headers or {}), follow_redirects=False)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        # Certificates or a proxy that the environment names and that can't be used, or a key that is no header.
        fault = type(error).__name__
    raise PriceUnavailable(f"{server} could not be asked: {fault} while getting ready to", failed=True)


def _page_of_same_server(first: Any, following: str, server: str) -> Any:
    """Return the address of a further page, with the first one's credentials.

    Scheme, host and port have to be the first page's. A port that its scheme implies may be there or not: Azure writes
    it out.
    """
    import httpx

    try:
        page = first.join(following)
    except httpx.InvalidURL:
        page = httpx.URL("")
    if (page.scheme, page.host, page.port) != (first.scheme, first.host, first.port):
        raise PriceUnavailable(f"{server} names a page of another server: it is not followed", failed=True)
    return page.copy_with(userinfo=first.userinfo)


def _get(client: Any, url: Any, server: str, deadline: float, read: Callable[[Any], T]) -> T:
    """Return what is read of an answer; what may pass is tried again, after a short wait of random length."""
    import httpx

    fault = ""
    for attempt in range(ATTEMPTS):
        wait = LONGEST_WAIT_SECONDS / 2 ** (ATTEMPTS - attempt) * random.uniform(0.5, 1.0)
        try:
            with _unlogged(), client.stream("GET", url) as response:
                if response.status_code == 200:
                    return read(response)
                fault = f"HTTP {response.status_code}"
                if response.status_code not in RETRIED:
                    break
                wait = max(wait, _asked_to_wait(response))
        except (httpx.TransportError, httpx.DecodingError) as error:
            fault = type(error).__name__
        except httpx.HTTPError as error:
            fault = type(error).__name__
            break
        if attempt + 1 == ATTEMPTS or time.monotonic() + wait > deadline:
            break
        time.sleep(wait)
    raise PriceUnavailable(f"{server} could not be asked: {fault}", failed=True)


def _body(response: Any, server: str, deadline: float, on_bytes: Callable[[int], None] | None = None) -> bytes:
    """Return the body of an answer, within the bounds of size and time."""
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise PriceUnavailable(f"{server} answers with more than {MAX_BYTES} bytes", failed=True)
        if time.monotonic() > deadline:
            raise PriceUnavailable(f"{server} takes more than {DEADLINE_SECONDS:g} s to answer", failed=True)
        if on_bytes:
            on_bytes(len(body))
    return bytes(body)


def _page(body: bytes, server: str) -> dict[str, Any]:
    try:
        page = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        page = None
    if not isinstance(page, dict):
        raise PriceUnavailable(f"{server} does not answer with a JSON object", failed=True)
    return page


def _asked_to_wait(response: Any) -> float:
    """Return the seconds that the server asks to wait, within bounds."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_WAIT_SECONDS) if asked.isdecimal() else 0.0


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep httpx from logging what this thread asks: it writes whole URLs, and one may bear a key or a password.

    Source: https://www.python-httpx.org/logging/
    """
    for name in ("httpx", "httpcore.http11", "httpcore.proxy"):
        logging.getLogger(name).addFilter(_may_be_logged)  # once: a filter that is there already is not added again
    _this_thread.asks = True
    try:
        yield
    finally:
        _this_thread.asks = False


def _may_be_logged(record: logging.LogRecord) -> bool:
    return not getattr(_this_thread, "asks", False)
