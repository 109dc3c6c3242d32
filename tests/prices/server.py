"""A real HTTP server on loopback that answers with what a test gives it, and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Question(NamedTuple):
    """What was asked: ``fields`` are those of the query and of a form or JSON body."""

    path: str
    fields: dict[str, Any]
    headers: Mapping[str, str]


class Answer(NamedTuple):
    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = {}


class PriceServer(ThreadingHTTPServer):
    """Answers each question with what ``answer`` returns for it; any content that is not text is sent as JSON."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Question], Answer | tuple[int, str]]) -> None:
        self.answer = answer
        self.asked: list[Question] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(answer: Callable[[Question], Answer | tuple[int, str]] = lambda _: Answer(404)) -> Iterator[PriceServer]:
    """Run a server until the end of the block; ``answer`` may be set anew meanwhile."""
    with PriceServer(answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: PriceServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        fields: dict[str, Any] = dict(parse_qsl(url.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if body:
            is_form = "form" in self.headers.get("Content-Type", "")
            fields |= dict(parse_qsl(body)) if is_form else json.loads(body)
        question = Question(url.path, fields, dict(self.headers))
        self.server.asked.append(question)
        answer = Answer(*self.server.answer(question))
        content = answer.body if isinstance(answer.body, str | bytes) else json.dumps(answer.body)
        encoded = content.encode() if isinstance(content, str) else content
        with suppress(ConnectionError):  # who asked may have given up
            self.send_response_only(answer.status)
            for name, value in {"Content-Length": str(len(encoded)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)
            self.wfile.flush()

    do_HEAD = do_GET  # noqa: N815
    do_POST = do_GET  # noqa: N815 -- http.server names it so

    def log_message(self, format: str, *args: Any) -> None:
        pass
