"""Asks a price API over plain HTTP: bounded in time, in size and in pages, and silent about what it was asked with."""

import random
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from milepost.errors import MissingExtra, PriceUnavailable

TIMEOUT_SECONDS = 5.0
"""How long to wait for a connection, and for each part of an answer."""

ATTEMPTS = 3
MAX_PAGES = 200
MAX_BYTES = 64 * 2**20
"""Of one answer: more than any of the price APIs gives, and no more than fits in memory."""

RETRIED = frozenset({429, 500, 502, 503, 504})
LONGEST_WAIT_SECONDS = 2.0


def why_no_http() -> str | None:
    """Say why nothing can be asked over HTTP; None where it can."""
    return None if find_spec("httpx") else str(MissingExtra("httpx", "prices", "asking for prices"))


def get_pages(
    url: str, parameters: Mapping[str, str], *, next_page: Any, headers: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield every page of an answer.

    Args:
        url: Where to ask.
        parameters: Of the first question.
        next_page: Called with a page; returns what to ask next: another URL of the same server, or parameters to add
            to the first ones; None or empty after the last page.
        headers: Sent with every question, and to that one server only.

    Raises:
        PriceUnavailable: It could not be asked, or does not answer with JSON objects. Says the kind of fault and the
            server; not the question, which may bear a key.
    """
    if reason := why_no_http():
        raise PriceUnavailable(reason)
    import httpx

    server = urlsplit(url).netloc.rpartition("@")[2]
    asked = httpx.URL(url, params=dict(parameters))
    with httpx.Client(timeout=TIMEOUT_SECONDS, headers=dict(headers or {}), follow_redirects=False) as client:
        for _ in range(MAX_PAGES):
            page = _get(client, asked, server)
            yield page
            following = next_page(page)
            if not following:
                return
            if isinstance(following, str):
                asked = httpx.URL(url).join(following)
                if (asked.scheme, asked.netloc) != (httpx.URL(url).scheme, httpx.URL(url).netloc):
                    raise PriceUnavailable(f"{server} names a page of another server: it is not followed")
            else:
                asked = httpx.URL(url, params={**parameters, **following})
    raise PriceUnavailable(f"{server} answers with more than {MAX_PAGES} pages")


def _get(client: Any, url: Any, server: str) -> dict[str, Any]:
    """Return one page; what may pass is tried again, after a short wait of random length."""
    import httpx

    fault = ""
    for attempt in range(ATTEMPTS):
        wait = LONGEST_WAIT_SECONDS / 2 ** (ATTEMPTS - attempt)
        try:
            with client.stream("GET", url) as response:
                if response.status_code == 200:
                    return _read(response, server)
                fault = f"HTTP {response.status_code}"
                if response.status_code not in RETRIED:
                    break
                wait = _asked_to_wait(response, wait)
        except (httpx.TransportError, httpx.DecodingError) as error:
            fault = type(error).__name__
        except httpx.HTTPError as error:
            fault = type(error).__name__
            break
        if attempt + 1 < ATTEMPTS:
            time.sleep(wait * random.uniform(0.5, 1.0))
    raise PriceUnavailable(f"{server} could not be asked: {fault}")


def _read(response: Any, server: str) -> dict[str, Any]:
    import msgspec

    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise PriceUnavailable(f"{server} answers with more than {MAX_BYTES >> 20} MiB")
    try:
        page = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        page = None
    if not isinstance(page, dict):
        raise PriceUnavailable(f"{server} does not answer with a JSON object")
    return page


def _asked_to_wait(response: Any, wait: float) -> float:
    """Return the seconds that the server asks to wait, within bounds."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_WAIT_SECONDS) if asked.isdecimal() else wait
