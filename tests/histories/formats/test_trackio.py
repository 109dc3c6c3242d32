"""A project that trackio itself wrote."""

import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trackio")

from milepost.errors import HistoryError
from milepost.histories.finding.discovery import find_logs
from milepost.histories.finding.log import Log
from milepost.histories.formats.trackio import TrackioReader
from milepost.histories.history import History, Wanted

WRITER = """
import trackio
for name, group in (("first", "g"), ("second", None)):
    trackio.init(project="p", name=name, group=group, config={"seed": 3, "optimizer": {"lr": 0.1}}, embed=False)
    for at in range(50):
        trackio.log({"loss": 1 / (at + 1), "samples": at * 10, "nested": {"a": at}, "bad": float("nan")})
    trackio.finish()
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trackio")
    environ = os.environ | {"TRACKIO_DIR": str(folder), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", WRITER], env=environ, check=True, capture_output=True)
    return folder / "p.db"


def read(path: Path, **wanted: object) -> list[History]:
    return list(TrackioReader().histories([str(path)], "p", Wanted(**wanted)))  # type: ignore[arg-type]


def test_every_run_is_read_as_it_was_logged(path: Path) -> None:
    first, second = read(path)
    assert (first.run, first.group, first.seed, first.config["lr" if "lr" in first.config else "optimizer"]) == (
        *("p/first", "g", 3),
        {"lr": 0.1},
    )
    assert (second.run, second.group) == ("p/second", None)
    (rows,) = second.rows()
    assert rows.samples is not None
    assert rows.wall_time is not None
    assert rows.samples.to_list() == [at * 10 for at in range(50)]
    assert rows.metrics["loss"].to_list() == [1 / (at + 1) for at in range(50)]
    assert rows.metrics["nested.a"].to_list() == [float(at) for at in range(50)]
    assert all(math.isnan(value) for value in rows.metrics["bad"])
    assert rows.wall_time.is_sorted()
    assert rows.wall_time[0] > 1.7e9


def test_project_is_told_from_other_databases_by_its_tables(path: Path, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE metrics (x)")
    connection.close()
    (tmp_path / "p.db").write_bytes(path.read_bytes())
    (tmp_path / "empty.db").write_bytes(b"SQLite format 3\0")
    found = [log for log in find_logs([str(tmp_path)]) if isinstance(log, Log)]
    assert [(log.reader.name, log.run) for log in found] == [("trackio", "p")]


def test_reading_leaves_the_project_as_it_is(path: Path) -> None:
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    for history in read(path):
        list(history.rows())
    assert {each.name: each.read_bytes() for each in path.parent.iterdir() if each.name in before} == before


def test_rows_that_are_no_json_are_reported(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "p.db"
    copy.write_bytes(path.read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE metrics SET metrics = 'broken' WHERE run_name = 'second' AND step = 40")
    connection.close()
    first, second = read(copy, metrics=frozenset({"loss"}))
    assert len(list(first.rows())) == 1
    chunks = second.rows()
    assert next(chunks).metrics.height == 40
    with pytest.raises(HistoryError, match="can't be read"):
        next(chunks)


def test_a_run_began_when_its_settings_say(path: Path) -> None:
    for history in read(path):
        (rows,) = history.rows()
        assert history.started_at is not None
        assert rows.wall_time is not None
        assert 0 <= rows.wall_time[0] - history.started_at < 60


def test_calls_are_steps_where_nothing_counts_samples(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "p.db"
    copy.write_bytes(path.read_bytes())
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE metrics SET metrics = replace(metrics, 'samples', 'other')")
    connection.close()
    history = read(copy)[0]
    assert (history.samples_unit, history.samples_source) == ("steps", "step")
