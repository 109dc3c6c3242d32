"""Boards, checked by W&B's own models, and sent by its own client to a server on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from milepost.report.wandb_board import board
from milepost.tracking.keys import SAMPLES
from tests.helpers import threshold
from tests.prices.server import Answer, PriceServer, Question, serving

pytest.importorskip("wandb_workspaces")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

KEY = "0123456789abcdef0123456789abcdef01234567"
THRESHOLDS = [threshold(2.0, name="two"), threshold(5.0, name="five")]
TITLES = (
    *("When each threshold was reached", "Cost against performance"),
    *("What each threshold took", "Instance utilisation"),
)


@contextmanager
def wandb_server(refuses: bool = False) -> Iterator[PriceServer]:
    """Serve as much of W&B's GraphQL as saving takes."""

    def answer(question: Question) -> Answer:
        query, variables = question.fields.get("query", ""), question.fields.get("variables") or {}
        if question.path != "/graphql":
            return Answer(404)
        nobody_else = {"edges": [], "pageInfo": {"endCursor": None, "hasNextPage": False}}
        if "upsertView" in query:
            if refuses:
                return Answer(200, {"errors": [{"message": "permission denied"}], "data": {"upsertView": None}})
            names = {"type": "type", "name": "name", "displayName": "displayName", "description": "description"}
            view = {name: variables.get(key) for name, key in names.items()} | {"spec": variables["spec"]}
            project = {"id": "p", "name": variables["projectName"], "entityName": variables["entityName"]}
            view |= {"id": "VmlldzoxMjM=", "project": project, "updatedAt": "2026-01-01T00:00:00"}
            return Answer(200, {"data": {"upsertView": {"view": view, "inserted": True}}})
        if "upsertModel" in query:
            made = {"project": {"name": "arena"}, "model": {"name": "arena"}, "inserted": True}
            return Answer(200, {"data": {"result": made, "upsertModel": made}})
        viewer = {"id": "u", "entity": "me", "username": "me", "email": "", "flags": "{}", "teams": {"edges": []}}
        return Answer(200, {"data": {"viewer": viewer, "models": nobody_else, "projects": nobody_else}})

    with serving(answer) as server:
        yield server


def wandb_board(folder: Path, *arguments: str, url: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    config = folder / "thresholds.yaml"
    config.write_text(
        "thresholds: [{name: two, metric: m, target_value: 2}, {name: five, metric: m, target_value: 5}]\n"
    )
    home = {name: str(folder) for name in ("HOME", "WANDB_DIR", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "NETRC")}
    environ = os.environ | home | {"WANDB_BASE_URL": url, "WANDB_API_KEY": KEY, "WANDB_ERROR_REPORTING": "false"}
    line = [sys.executable, "-m", "milepost", "wandb-board", "me/arena", "--config", str(config), *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == status, done.stderr
    return done


def test_each_unit_has_bars_of_its_own() -> None:
    sent = json.dumps(board("me", "arena", THRESHOLDS, units=("updates", "samples")).specification())
    for unit in ("updates", "samples"):
        assert f"performance_threshold/two/{unit}_to_threshold" in sent
        assert f"To each threshold: {unit}" in sent
    assert "performance_threshold/updates" in sent
    assert SAMPLES not in sent.replace("performance_threshold/samples_", "")


def test_specification_is_what_the_packages_own_models_expect() -> None:
    import wandb_workspaces.reports.v2.internal as reports
    import wandb_workspaces.workspaces.internal as workspaces

    sent = board("me", "arena", THRESHOLDS).specification()
    workspace = workspaces.WorkspaceViewspec.model_validate(sent["workspace"])
    assert [section.name for section in workspace.section.panel_bank_config.sections][:4] == list(TITLES)
    report = reports.Spec.model_validate(sent["report"])
    grids = [block for block in report.blocks if isinstance(block, reports.PanelGrid)]
    assert len(grids) == 4
    panels = [panel for grid in grids for panel in grid.metadata.panel_bank_section_config.panels]
    assert len(panels) == 3 + 2 + 4 + 2
    keys = set(metrics_of(sent["report"])) - {"_step"}  # what W&B's own settings go by
    assert {key for key in keys if not key.startswith("performance_threshold/")} == set()
    of_two = ("samples_to_threshold", "minutes_to_threshold", "cost_to_threshold", "final_smoothed_value", "achieved")
    assert {f"performance_threshold/two/{name}" for name in of_two} <= keys
    assert {SAMPLES, "performance_threshold/cost_so_far", "performance_threshold/usd_per_hour"} <= keys


def metrics_of(value: Any) -> Iterator[str]:
    """Yield the keys that panels are charted from."""
    if isinstance(value, dict):
        for name, held in value.items():
            if name == "metrics":
                yield from held
            elif name == "xAxis":
                yield held
            else:
                yield from metrics_of(held)
    elif isinstance(value, list):
        for held in value:
            yield from metrics_of(held)


def test_board_is_saved_by_the_real_client(tmp_path: Path) -> None:
    with wandb_server() as server:
        said = wandb_board(tmp_path, url=server.url)
        asked = [question.fields for question in server.asked if "upsertView" in question.fields.get("query", "")]
    assert said.stdout.startswith(f"workspace: {server.url}/me/arena?nw=")
    assert f"report:    {server.url}/me/arena/reports/What-it-took--" in said.stdout
    saved = {fields["variables"]["type"]: fields["variables"] for fields in asked}
    assert set(saved) == {"runs", "project-view"}
    assert {(each["entityName"], each["projectName"]) for each in saved.values()} == {("me", "arena")}
    dry = json.loads(wandb_board(tmp_path, "--dry-run", url="http://127.0.0.1:9").stdout)
    for name, kind in (("report", "runs"), ("workspace", "project-view")):
        assert sorted(metrics_of(dry[name])) == sorted(metrics_of(json.loads(saved[kind]["spec"])))
    assert KEY not in said.stdout + said.stderr


def test_refusal_is_told_without_the_key(tmp_path: Path) -> None:
    with wandb_server(refuses=True) as server:
        said = wandb_board(tmp_path, url=server.url, status=2)
    assert "W&B: expected to save a board to me/arena, found: " in said.stderr
    assert "permission denied" in said.stderr
    assert KEY not in said.stderr
    assert "Traceback" not in said.stderr
