"""Stands on loopback where SkyPilot's API server does, so that its real client has somebody to talk to.

It keeps what it is asked and answers what it is told to. Requests are taken and their results fetched as in SkyPilot
0.14 (``sky/server/server.py``, ``sky/client/sdk.py``).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

API_VERSION = "62"
NOTHING_PICKLED = "gAROLg=="
"""base64(pickle(None)): what the client unpickles of a request that it does not look at."""

NAMES = {"jobs.queue.v2": "jobs.queue_v2", "workspaces": "workspaces.get"}
"""Requests that are not named after their path."""


class Asked(NamedTuple):
    """What came: path, with dots, and body."""

    name: str
    body: Any


class ApiServer(ThreadingHTTPServer):
    """Answers each request by its name with what is in ``answers``, else with null.

    Attributes:
        asked: All that came, in order.
        answers: Return values by the name of the request.
        refused: Which launches fail, counted from 1.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, Any] = {"enabled_clouds": ["aws"], "workspaces.get": {"default": {}}}
        self.refused: set[int] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self, name: str) -> list[Any]:
        """Return what came by this name."""
        return [asked.body for asked in self.asked if asked.name == name]


@contextmanager
def serving() -> Iterator[ApiServer]:
    """Run a server until the end of the block."""
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        name = path.strip("/").replace("/", ".")
        headers = {}
        content: Any = None
        if name == "api.health":
            content = {"status": "healthy", "api_version": API_VERSION, "version": "0.14.1", "commit": "", "user": None}
        elif name.startswith("upload"):
            content = {"exists": True}
        elif name in ("api.get", "api.stream"):
            asked = query.partition("request_id=")[2].partition("&")[0]
            headers["X-Skypilot-Stream-Request-ID"] = asked
            content = self._finished(asked) if name == "api.get" else None
        else:
            body = json.loads(raw) if raw else None
            self.server.asked.append(Asked(name, body))
            headers["X-Skypilot-Request-ID"] = NAMES.get(name, name)
            if name.endswith("launch") and len(self.server.bodies(name)) in self.server.refused:
                self._send(500, {"detail": "no capacity"}, headers)
                return
        self._send(200, b"" if name in ("api.stream", "logs", "jobs.logs") else content, headers)

    do_POST = do_GET  # noqa: N815 - http.server names it so

    def _finished(self, name: str) -> dict[str, Any]:
        return {
            "request_id": name,
            "name": f"sky.{name}",
            "entrypoint": NOTHING_PICKLED,
            "request_body": NOTHING_PICKLED,
            "status": "SUCCEEDED",
            "created_at": 1.0,
            "user_id": "tester",
            "return_value": json.dumps(self.server.answers.get(name)),
            "error": "null",
            "pid": None,
            "schedule_type": "short",
        }

    def _send(self, status: int, content: Any, headers: dict[str, str]) -> None:
        encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        versions = {"X-SkyPilot-API-Version": API_VERSION, "X-SkyPilot-Version": "0.14.1"}
        for key, value in {**headers, **versions, "Content-Length": str(len(encoded))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:
        pass
