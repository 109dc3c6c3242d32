"""Folders that Sacred's own observer wrote."""

import math
from pathlib import Path

import pytest

from milepost.errors import HistoryError
from milepost.histories.finding.log import Log
from milepost.histories.history import Wanted
from tests.histories.helpers import column, logs_of, one, read
from tests.histories.trackers import log, needs_trackers

pytestmark = [needs_trackers, pytest.mark.filterwarnings("ignore")]

BEGAN = 1_700_000_000.0


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return folders of a run with steps, of one without, and of one that logged nothing."""
    folder = tmp_path_factory.mktemp("sacred")
    rows = [(BEGAN + 60 * at, at * 10, {"train.loss": math.nan if at == 3 else 1 / at}) for at in range(1, 11)]
    log("sacred", {folder / "stepped": [(BEGAN, rows)], folder / "silent": [(BEGAN, [])]})
    log("sacred", {folder / "stepless": [(BEGAN, rows)]}, stepless=True)
    return folder


def test_a_run_is_read_as_it_was_logged(logged: Path) -> None:
    history = one(logged / "stepped")
    assert (history.run, history.group, history.seed, history.started_at) == ("runs/1", "cartpole", 3, BEGAN)
    assert history.config == {"lr": 0.1, "optimizer.beta": 0.9, "seed": 3}
    assert (history.samples_unit, history.samples_source) == ("steps", "step")
    assert column(history, "samples") == list(range(10, 110, 10))
    assert column(history, "wall_time") == [BEGAN + 60 * at for at in range(1, 11)]
    assert repr(column(history, "train.loss")[:3]) == repr([1.0, 0.5, math.nan])


def test_calls_are_steps_where_the_program_told_none(logged: Path) -> None:
    assert column(one(logged / "stepless"), "samples") == list(range(10))


def test_what_a_run_printed_is_no_log_beside_what_it_logged(logged: Path) -> None:
    assert [len(found.files) for found in logs_of(logged / "stepped")] == [4]
    assert not any(found.reader.name == "sacred" for found in _found(logged / "silent"))


def _found(folder: Path) -> list[Log]:
    try:
        return list(logs_of(folder))
    except HistoryError:
        return []


def test_metrics_that_were_being_written_are_said(logged: Path, tmp_path: Path) -> None:
    for file in (logged / "stepped" / "runs" / "1").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    whole = (tmp_path / "metrics.json").read_bytes()
    (tmp_path / "metrics.json").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HistoryError, match="is no JSON"):
        read(tmp_path)


def test_a_flag_that_names_nothing_is_refused(logged: Path) -> None:
    with pytest.raises(HistoryError, match="--time-column names 'clock'"):
        read(logged / "stepped", wanted=Wanted(time_column="clock"))
