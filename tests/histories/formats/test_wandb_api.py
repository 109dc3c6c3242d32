"""W&B's real client, against a loopback server that answers as W&B's GraphQL does."""

import gzip
import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

wandb = pytest.importorskip("wandb")
pytestmark = pytest.mark.filterwarnings("ignore")

from milepost.errors import HistoryError  # noqa: E402
from milepost.histories.finding.discovery import find_logs  # noqa: E402
from milepost.histories.finding.log import Log  # noqa: E402
from milepost.histories.formats.wandb_api import WandbReader  # noqa: E402
from milepost.histories.history import History, Wanted  # noqa: E402

KEY = "k" * 40
STEPS = 2500


def logged(step: int) -> dict[str, Any]:
    row: dict[str, Any] = {"_step": step, "_runtime": step / 2, "_timestamp": 1.7e9 + step / 2, "samples": step * 10}
    if step % 2 == 0:
        row["loss"] = 1 / (step + 1)
    if step % 500 == 3:
        row["rare"] = "NaN" if step == 3 else step
    return row


ROWS = [logged(step) for step in range(STEPS)]
CONFIG = {"seed": {"value": 7}, "optimizer": {"value": {"lr": 0.1}}, "_wandb": {"value": {}}}


class Server(ThreadingHTTPServer):
    """Answers about one run, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.specs: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def answer(self, query: dict[str, Any]) -> dict[str, Any]:
        variables = query.get("variables") or {}
        if variables.get("name", variables.get("run", "abc")) != "abc":
            return {"data": {"project": {"internalId": "1", "run": None}}}
        run = dict.fromkeys(("sweepName", "jobType", "commit", "description", "notes"), None) | {
            "id": "x",
            "name": "abc",
            "displayName": "n",
            "state": "finished",
            "config": json.dumps(CONFIG),
            "group": "g",
            "historyLineCount": STEPS,
            "summaryMetrics": "{}",
            "systemMetrics": "{}",
            "tags": [],
            "historyKeys": {"lastStep": STEPS - 1, "keys": {key: {} for key in ("rare", *ROWS[0])}},
            "user": {"name": "a", "username": "b"},
            "readOnly": False,
            "projectId": "1",
            **dict.fromkeys(("createdAt", "heartbeatAt"), "2026-01-01T00:00:00"),
        }
        if "spec" in variables:
            run["sampledHistory"] = [self.sample(json.loads(variables["spec"]))]
        edges = [{"node": run, "cursor": "1"}]
        listed = {"totalCount": 1, "edges": edges, "pageInfo": {"endCursor": "1", "hasNextPage": False}}
        project = {"internalId": "1", "run": run, "runs": listed, "runCount": 1, "readOnly": False}
        viewer = {"id": "1", "entity": "e", "username": "e", "flags": "{}", "teams": {"edges": []}}
        return {"data": {"viewer": viewer, "project": project}}

    def sample(self, spec: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the steps that logged all the keys, as W&B does: of more than were asked for, a sample."""
        self.specs.append(spec)
        found = [
            {key: row[key] for key in spec["keys"]}
            for row in ROWS
            if spec["minStep"] <= row["_step"] <= spec["maxStep"] and all(key in row for key in spec["keys"])
        ]
        return found[:: -(-len(found) // spec["samples"]) or 1]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status, answer = 200, b"{}"
        if self.path.endswith("/graphql"):
            answer = json.dumps(self.server.answer(json.loads(body))).encode()
        else:
            status = 404
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One for all tests: W&B's service keeps the first address that a process names."""
    with pytest.MonkeyPatch.context() as monkeypatch, Server() as server:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        wandb.teardown()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        wandb.teardown()
        server.shutdown()
        thread.join()


def read(address: str, *metrics: str, **wanted: Any) -> list[History]:
    return list(WandbReader().histories([address], "run", Wanted(metrics=frozenset(metrics), **wanted)))


@pytest.mark.parametrize("address", ["wandb://e/p/abc", "wandb://e/p"])
def test_every_step_of_each_metric_is_read_and_none_is_sampled_away(server: Server, address: str) -> None:
    server.specs.clear()
    (history,) = read(address, "loss", "rare")
    assert (history.run, history.group, history.seed, history.config["optimizer.lr"]) == ("abc", "g", 7, 0.1)
    found: dict[str, list[tuple[int, float, float, float]]] = {"loss": [], "rare": []}
    for rows in history.rows():
        assert rows.samples is not None
        assert rows.elapsed_seconds is not None
        assert rows.wall_time is not None
        for metric in rows.metrics.columns:
            for samples, elapsed, wall, value in zip(
                rows.samples, rows.elapsed_seconds, rows.wall_time, rows.metrics[metric], strict=True
            ):
                if value is not None:
                    found[metric].append((samples, elapsed, wall, value))
    for metric in found:
        expected = [
            (
                row["samples"],
                row["_runtime"],
                row["_timestamp"],
                math.nan if row[metric] == "NaN" else float(row[metric]),
            )
            for row in ROWS
            if metric in row
        ]
        assert repr(found[metric]) == repr(expected)
    assert all(len(set(spec["keys"]) - {"_step"}) <= 1 for spec in server.specs)  # each metric by itself


def test_calls_of_log_are_no_samples_unless_told_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    (history,) = read("wandb://e/p/abc", "rare", samples_column="_step")
    (rows,) = history.rows()
    assert rows.samples is not None
    assert rows.samples.to_list() == [3, 503, 1003, 1503, 2003]


@pytest.mark.parametrize("address", ["wandb://e/p/none", "wandb://e", "wandb://e/p/a/b"])
def test_what_is_not_there_is_said_without_the_key(server: Server, address: str) -> None:
    with pytest.raises(HistoryError) as caught:
        read(address, "loss")
    assert str(caught.value).startswith(address)
    assert KEY not in str(caught.value)


def test_address_is_found(server: Server) -> None:
    (log,) = find_logs(["wandb://e/p/abc"])
    assert isinstance(log, Log)
    assert log.reader.name == "wandb-api"
