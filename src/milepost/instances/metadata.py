"""Asks a metadata service over plain HTTP: bounded in time and size, with no proxy, no redirect and nothing left open.

What answers at such an address may be anybody: a login page, another cloud, a server that never ends. Nothing is taken
for a value that does not look like one, and no answer is repeated in whole: Azure's and OCI's hold their user's data.
"""

import errno
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from milepost.instances.probe import ProbeFailed
from milepost.log import logger

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

T = TypeVar("T")

LINK_LOCAL = "http://169.254.169.254"
"""Where AWS, GCP, Azure and OCI all have theirs."""

MAX_BYTES = 64 * 2**10
"""Of one answer, its headers included."""

MAX_VALUE = 255
"""Characters of one value."""


class TimedOut(ProbeFailed):
    """The time is up; ``connected`` says whether somebody was there."""

    def __init__(self, seconds: float, *, connected: bool) -> None:
        super().__init__(f"no answer within {seconds:.2g} s" if seconds > 0 else "no time left to ask")
        self.connected = connected


class Refused(ProbeFailed):
    """The answer has a status other than 200, which is kept in ``status``."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a redirect (HTTP {status})" if 300 <= status < 400 else f"HTTP {status}")
        self.status = status


class Answer(NamedTuple):
    """An answer with status 200; ``headers`` are found whatever their case."""

    headers: HTTPMessage
    body: bytes


def fetch(
    url: str, headers: Mapping[str, str], deadline: float, *, method: str = "GET", max_bytes: int = MAX_BYTES
) -> Answer:
    """Ask once, and return a whole answer.

    Args:
        url: Where; ``http`` only. An address rather than a name: how long a name takes to be looked up is its
            resolver's to say, and no deadline can cut that short.
        headers: Sent along.
        deadline: When to give up, by `time.monotonic`: connecting and every read together.
        method: ``GET`` or ``PUT``.
        max_bytes: Of the whole answer, its headers included.

    Raises:
        TimedOut: The time is up.
        Refused: The status is not 200. A redirect is not followed.
        ProbeFailed: It could not be asked, or the answer is too long, no HTTP, or not whole.
    """
    host, port, target = _split(url)
    started = time.monotonic()
    connected = False
    try:
        connection = HTTPConnection(host, port)
        try:
            connection.sock = _connect(host, port, deadline, max_bytes)
            connected = True
            connection.request(method, target, headers={**headers, "Connection": "close"})
            with connection.getresponse() as response:
                if response.status != 200:
                    raise Refused(response.status)
                return Answer(response.headers, _read(response, max_bytes))
        finally:
            connection.close()
    except TimeoutError:
        raise TimedOut(deadline - started, connected=connected) from None
    except OSError as error:
        raise ProbeFailed(_fault(error)) from None
    except IncompleteRead:
        raise ProbeFailed("half an answer") from None
    except (HTTPException, ValueError):
        raise ProbeFailed("no HTTP" if connected else "the address set for it cannot be asked") from None


def text_of(answer: Answer, pattern: re.Pattern[str]) -> str:
    """Return an answer that is one value.

    Raises:
        ProbeFailed: It is none that ``pattern`` fits from end to end.
    """
    try:
        value: object = answer.body.decode().strip()
    except UnicodeDecodeError:
        value = None
    return fitting(value, pattern)


def object_of(answer: Answer) -> dict[str, Any]:
    """Return an answer that is a JSON object.

    Raises:
        ProbeFailed: It is none.
    """
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise ProbeFailed("an answer that is no JSON object") from None


def fitting(value: object, pattern: re.Pattern[str]) -> str:
    """Return a value as text.

    Raises:
        ProbeFailed: It is no text that ``pattern`` fits from end to end, or too long.
    """
    if isinstance(value, str) and len(value) <= MAX_VALUE and value.isprintable() and pattern.fullmatch(value):
        return value
    shown = repr(value[:40]) + ("…" if len(value) > 40 else "") if isinstance(value, str) else "none"
    raise ProbeFailed(f"an answer that is not expected: {shown}")


def if_told(source: str, what: str, ask: Callable[[], T]) -> T | None:
    """Return what ``ask`` does; None where there is no such (404), and with a warning where it raises `ProbeFailed`."""
    try:
        return ask()
    except ProbeFailed as error:
        if not (isinstance(error, Refused) and error.status == 404):
            logger("instances").warning("%s: %s: %s; it is not known", source, what, error)
    return None


class _Socket(socket.socket):
    """A socket on which nothing takes longer than until a deadline, or brings more than so many bytes."""

    deadline: float
    bytes_left: int

    def hurry(self) -> None:
        """Let the next step take the time that is left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        self.hurry()
        super().sendall(data, flags)

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        self.hurry()
        received = super().recv_into(buffer, nbytes, flags)
        self.bytes_left -= received
        if self.bytes_left < 0:
            raise ProbeFailed("an answer that is too long")
        return received


def _connect(host: str, port: int, deadline: float, max_bytes: int) -> _Socket:
    """Return a socket to the first of a host's addresses at which somebody answers."""
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            connection = _Socket(family, kind, protocol)
        except OSError as error:  # such as IPv6 where there is none
            failure = error
            continue
        connection.deadline, connection.bytes_left = deadline, max_bytes
        try:
            connection.hurry()
            connection.connect(address)
            return connection
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError):
                raise
            failure = error
    raise failure


def _read(response: HTTPResponse, max_bytes: int) -> bytes:
    """Return the body of an answer that says where it ends: of any other, half could pass for all."""
    length = response.length
    if length is None and not response.chunked:
        raise ProbeFailed("an answer that does not say where it ends")
    if length is not None and length > max_bytes:
        raise ProbeFailed("an answer that is too long")
    body = b"".join(iter(lambda: response.read(4096), b""))  # by parts: a chunk may claim any size
    if length is not None and len(body) != length:
        raise ProbeFailed("half an answer")
    return body


def _split(url: str) -> tuple[str, int, str]:
    """Return host, port and the rest of an address. One that is none is not repeated: it may bear a password."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname:
            return parts.hostname, parts.port or 80, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    raise ProbeFailed("the address set for it is not a URL that starts with http://")


def _fault(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionError):
        return "the connection broke off"
    if isinstance(error, socket.gaierror):
        return "no such host"
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN):
        return "out of reach"
    return error.strerror or type(error).__name__
