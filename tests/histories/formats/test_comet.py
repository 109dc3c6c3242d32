"""Archives that Comet itself wrote."""

import math
import shutil
from pathlib import Path

import pytest

from milepost.errors import HistoryError
from tests.histories.helpers import column, logs_of, one
from tests.histories.trackers import log, needs_trackers

pytestmark = [needs_trackers, pytest.mark.filterwarnings("ignore")]

BEGAN = 1_700_000_000.0


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comet") / "archives"
    rows = [
        (BEGAN + 60 * at, at * 10, {"loss": {3: math.nan, 4: math.inf}.get(at, 1 / at), "reward": float(at)})
        for at in range(1, 11)
    ]
    later = [(wall + 7200, step + 50, {"loss": 10 / step, "reward": step / 10 + 5}) for wall, step, _ in rows]
    log("comet", {folder: [(BEGAN, rows), (BEGAN + 7200, later)]})
    return folder


def test_archives_of_one_experiment_are_one_run(logged: Path) -> None:
    history = one(logged)
    assert (history.run, history.group, history.seed, history.started_at) == ("a" * 32, "cartpole", 3, BEGAN)
    assert history.config == {"lr": 0.1, "optimizer.beta": 0.9, "seed": 3}
    assert history.notes == ("read as one run: 2 archives of one experiment",)
    assert column(history, "samples") == [*range(10, 110, 10), *range(60, 160, 10)]
    assert column(history, "reward") == [*map(float, range(1, 11)), *map(float, range(6, 16))]
    assert repr(column(history, "loss")[:4]) == repr([1.0, 0.5, math.nan, math.inf])
    (rows,) = history.rows()
    assert rows.boundaries == ((10, BEGAN + 7200),)


def test_one_archive_is_read_alone(logged: Path, tmp_path: Path) -> None:
    shutil.copy(logged / f"{'a' * 32}.zip", tmp_path)
    assert column(one(tmp_path), "samples") == list(range(10, 110, 10))


def test_archives_that_cannot_be_read_are_said(logged: Path, tmp_path: Path) -> None:
    data = bytearray((logged / f"{'a' * 32}.zip").read_bytes())
    at = data.index(b"messages.json") + 40
    data[at : at + 40] = bytes(40)
    (tmp_path / "a.zip").write_bytes(data)
    assert [found.reader.name for found in logs_of(tmp_path)] == ["comet"]
    with pytest.raises(HistoryError, match=r"a\.zip"):
        one(tmp_path)
