"""Runs really written by wandb offline, and read back from what it left on disk."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from milepost.sinks.wandb import WandbSink
from milepost.tracked_run.opening import track
from milepost.tracking.keys import Figure
from tests.helpers import threshold

wandb = pytest.importorskip("wandb")
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:wandb", "ignore::ResourceWarning")

PREFIX = "performance_threshold/"


def start(folder: Path) -> Any:
    return wandb.init(project="p", mode="offline", dir=folder, settings=wandb.Settings(silent=True))


def records(folder: Path) -> list[Any]:
    """Return what wandb wrote: its service may still be writing when ``finish`` returns, until its last record."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = read(folder)
        if found and found[-1].WhichOneof("record_type") in ("exit", "footer", "final"):
            return found
        time.sleep(0.02)
    raise TimeoutError(f"wandb's file has no end: {[record.WhichOneof('record_type') for record in found]}")


def read(folder: Path) -> list[Any]:
    """Read a ``.wandb`` file: records of protobuf in LevelDB's log framing (32 KiB blocks), after 7 bytes of header."""
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    data = file.read_bytes()
    found, parts, at = [], b"", 7
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a full record, or the last part of one
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            found.append(record)
            parts = b""
    return found


def key_of(item: Any) -> str:
    return item.key or "/".join(item.nested_key)


def history(folder: Path) -> list[dict[str, Any]]:
    rows = [record.history for record in records(folder) if record.HasField("history")]
    return [{key_of(item): json.loads(item.value_json) for item in row.item} for row in rows]


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in records(folder):
        if record.HasField("summary"):
            found |= {key_of(item): json.loads(item.value_json) for item in record.summary.update}
    return found


def test_trainers_rows_bear_the_keys_and_keep_their_steps(tmp_path: Path) -> None:
    with start(tmp_path) as run, track(thresholds=[threshold()], price_per_hour=3.6) as tracked:
        for step, value in enumerate([1.0, 1.5, 3.0, 3.0], start=1):
            tracked.update({"m": value}, samples=100 * step)
            run.log({"loss": value}, step=10 * step)
    rows = history(tmp_path)
    assert [row["_step"] for row in rows if "loss" in row] == [10, 20, 30, 40]
    assert [row["loss"] for row in rows if "loss" in row] == [1.0, 1.5, 3.0, 3.0]
    (crossing,) = [row for row in rows if row.get(f"{PREFIX}t/achieved") is True]
    assert crossing[f"{PREFIX}t/samples_to_threshold"] == 300
    assert crossing[f"{PREFIX}samples"] == 300
    found = summary(tmp_path)
    result = tracked.get_results()["t"]
    assert found[f"{PREFIX}t/achieved"] is True
    assert found[f"{PREFIX}t/target_value"] == 2.0
    assert found[f"{PREFIX}t/minutes_to_threshold"] == pytest.approx(result.minutes_to_threshold)
    assert found[f"{PREFIX}t/cost_to_threshold"] == pytest.approx(result.cost_to_threshold)
    assert found[f"{PREFIX}price_source"] == "user"
    assert found[f"{PREFIX}price_assumed"] is False
    metrics = [record.metric for record in records(tmp_path) if record.HasField("metric")]
    assert {(metric.glob_name, metric.step_metric) for metric in metrics if metric.glob_name} == {
        (f"{PREFIX}*", f"{PREFIX}samples")
    }


def test_keys_are_written_when_they_change_and_not_on_every_step(tmp_path: Path) -> None:
    with start(tmp_path) as run, track(thresholds=[threshold()], price_per_hour=3.6) as tracked:
        for step in range(200):
            tracked.update({"m": 1.0 if step < 100 else 3.0}, samples=step)
            run.log({"loss": 1.0})
    bearing = [row for row in history(tmp_path) if any(key.startswith(PREFIX) for key in row)]
    assert len(bearing) == 3  # the first, the crossing, the end
    assert bearing[1][f"{PREFIX}samples"] == 100
    assert f"{PREFIX}t/target_value" not in bearing[1]


def test_trainer_that_logs_nothing_itself_still_has_it_all_in_the_summary(tmp_path: Path) -> None:
    with start(tmp_path), track(thresholds=[threshold()], price_per_hour=3.6, sinks=["wandb"]) as tracked:
        tracked.update({"m": 3.0}, samples=7)
    assert summary(tmp_path)[f"{PREFIX}t/samples_to_threshold"] == 7
    (row,) = history(tmp_path)
    assert row[f"{PREFIX}t/achieved"] is True


def test_keys_wait_for_a_run_that_starts_later(tmp_path: Path) -> None:
    with track(thresholds=[threshold()], price_per_hour=3.6, sinks=["wandb"]) as tracked:
        tracked.update({"m": 3.0}, samples=7)
        with start(tmp_path):
            tracked.close()
    assert summary(tmp_path)[f"{PREFIX}t/samples_to_threshold"] == 7


def test_what_counts_updates_is_charted_against_updates(tmp_path: Path) -> None:
    with start(tmp_path):
        sink = WandbSink()
        sink.write([Figure("t", "samples_unit", "updates"), Figure("t", "updates_to_threshold", 7)], 7)
        sink.write([Figure(None, "cost_so_far", 1.0)], 8)
    found = summary(tmp_path)
    assert (found[f"{PREFIX}t/updates_to_threshold"], found[f"{PREFIX}t/samples_unit"]) == (7, "updates")
    (row,) = history(tmp_path)
    assert (row[f"{PREFIX}updates"], f"{PREFIX}samples" in row) == (8, False)
    metrics = [record.metric for record in records(tmp_path) if record.HasField("metric")]
    assert {(metric.glob_name, metric.step_metric) for metric in metrics if metric.glob_name} == {
        (f"{PREFIX}*", f"{PREFIX}updates")
    }


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from milepost.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtra, match=r"pip install 'milepost\[wandb\]'"):
        track(thresholds=[], sinks=["wandb"])
