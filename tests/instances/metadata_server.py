"""Real metadata servers on loopback: those of four clouds, and others that hang, trickle, break off or never end."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

LIMIT_SECONDS = 0.3
"""How long a probe may take in a test where nobody answers."""


def soon() -> float:
    """Return a deadline that a server on loopback meets, even on a machine that is busy."""
    return time.monotonic() + 20


def at_once() -> float:
    """Return a deadline for a server that does not answer."""
    return time.monotonic() + LIMIT_SECONDS


class Asked(NamedTuple):
    method: str
    path: str
    headers: HTTPMessage


class Answer(NamedTuple):
    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = {}


class Raw(NamedTuple):
    """Parts of an answer, bytes as they are; the connection ends after the last one, unless it is to hang."""

    parts: Iterator[bytes] | list[bytes]
    pause: float = 0.0
    hangs: bool = False


HANG = Raw([], hangs=True)
NOTHING = Answer(404, "not found")
LOGIN = Answer(200, "<!DOCTYPE html><html><body>Log in to Station WiFi</body></html>", {"Content-Type": "text/html"})

Answering = Callable[[Asked], Answer | Raw]


class MetadataServer(ThreadingHTTPServer):
    """Answers each question with what ``answer`` returns for it, and keeps what it was asked."""

    daemon_threads = False  # so that closing waits for all of them

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextmanager
def serving(answer: Answering = lambda _: NOTHING) -> Iterator[MetadataServer]:
    """Run a server until the end of the block."""
    with MetadataServer(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: MetadataServer
    headers: HTTPMessage  # which is what its parser returns

    def do_GET(self) -> None:
        asked = Asked(self.command, self.path, self.headers)
        self.server.asked.append(asked)
        answer = self.server.answer(asked)
        with suppress(ConnectionError):  # who asked may have given up
            if isinstance(answer, Raw):
                self._send_raw(answer)
            else:
                self._send(answer)

    do_PUT = do_GET  # noqa: N815 -- http.server names it so

    def _send(self, answer: Answer) -> None:
        content = answer.body if isinstance(answer.body, str | bytes) else json.dumps(answer.body)
        encoded = content.encode() if isinstance(content, str) else content
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(encoded)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)

    def _send_raw(self, answer: Raw) -> None:
        for part in answer.parts:
            if self.server.ended.wait(answer.pause):
                return
            self.wfile.write(part)
            self.wfile.flush()
        if answer.hangs:
            self.server.ended.wait()

    def log_message(self, format: str, *args: Any) -> None:
        pass


EC2 = {
    "instance-id": "i-0123456789abcdef0",
    "instance-type": "p4d.24xlarge",
    "instance-life-cycle": "spot",
    "placement/region": "us-east-1",
    "placement/availability-zone": "us-east-1a",
    "placement/availability-zone-id": "use1-az2",
}


def like_ec2(values: Mapping[str, str | Answer | Raw] = EC2, *, uses: int = 1000) -> Answering:
    """Answer as EC2 does by IMDSv2, with tokens that expire after so many questions."""
    left: dict[str, int] = {}

    def answer(asked: Asked) -> Answer | Raw:
        if asked.path == "/latest/api/token":
            if asked.method != "PUT":
                return Answer(405)
            if not asked.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "").isdecimal():
                return Answer(400)
            token = f"AQAEAL-token_{len(left)}=="
            left[token] = uses
            return Answer(200, token)
        token = asked.headers.get("X-aws-ec2-metadata-token", "")
        left[token] = left.get(token, 0) - 1
        if left[token] < 0:
            return Answer(401, "Unauthorized")
        value = values.get(asked.path.removeprefix("/latest/meta-data/"), NOTHING)
        return Answer(200, value) if isinstance(value, str) else value

    return answer


GCE = {
    "zone": "projects/123/zones/us-west2-b",
    "machine-type": "projects/123/machineTypes/a3-highgpu-1g",
    "scheduling/?recursive=true": '{"automaticRestart":"TRUE","onHostMaintenance":"TERMINATE","preemptible":"TRUE"}',
}


def like_gcp(values: Mapping[str, str | Answer | Raw] = GCE) -> Answering:
    """Answer as Compute Engine does."""
    google = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}

    def answer(asked: Asked) -> Answer | Raw:
        if asked.headers.get("Metadata-Flavor") != "Google":
            return Answer(403, "Missing Metadata-Flavor:Google header.", google)
        value = values.get(asked.path.removeprefix("/computeMetadata/v1/instance/"), Answer(404, "", google))
        return Answer(200, value, google) if isinstance(value, str) else value

    return answer


VM = {"vmSize": "Standard_NC24ads_A100_v4", "location": "westus", "priority": "Spot", "evictionPolicy": "", "zone": "1"}


def like_azure(compute: Any = VM) -> Answering:
    """Answer as Azure does."""

    def answer(asked: Asked) -> Answer | Raw:
        if asked.method != "GET":
            return Answer(405, {"error": "Method not allowed"})
        if asked.headers.get("Metadata") != "true" or "api-version=" not in asked.path:
            return Answer(400, {"error": "Bad request. Required metadata header not specified"})
        is_instance = asked.path == "/metadata/instance?api-version=2021-02-01"
        return Answer(200, {"compute": compute, "network": {}}) if is_instance else Answer(404, {"error": "Not found"})

    return answer


OCI = {
    "id": "ocid1.instance.oc1.phx.abc",
    "shape": "BM.GPU.A100-v2.8",
    "region": "phx",
    "canonicalRegionName": "us-phoenix-1",
    "availabilityDomain": "Uocm:PHX-AD-1",
    "metadata": {"user_data": "c2VjcmV0"},
}


def like_oci(instance: Any = OCI) -> Answering:
    """Answer as Oracle Cloud does."""

    def answer(asked: Asked) -> Answer | Raw:
        if asked.method != "GET" or asked.path != "/opc/v2/instance/":
            return Answer(404, "<html><head><title>404 Not Found</title></head></html>")
        authorized = asked.headers.get("Authorization") == "Bearer Oracle"
        return Answer(200, instance) if authorized else Answer(403, "forbidden")

    return answer
