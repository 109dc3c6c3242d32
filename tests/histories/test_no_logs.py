"""What is no log is not taken for one."""

import re
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("polars")

from milepost.errors import HistoryError
from milepost.histories.finding.discovery import find_logs
from milepost.histories.finding.log import LeftOut, Log
from milepost.replaying.replay import replay
from tests.histories.helpers import SAMPLES, needs_samples
from tests.histories.no_logs import DATA, TEXT, of_this_machine, program_output, write_all

LOG = "samples,seconds,loss\n" + "".join(f"{at},{at},{1 / at}\n" for at in range(1, 40))
UNTOLD = ["loss <= 0.1", "reward >= 1", "accuracy >= 0.5"]


def _found(path: Path) -> list[Log | LeftOut]:
    """Return what is made of a folder; that it has no log is said at the end."""
    found: list[Log | LeftOut] = []
    with suppress(HistoryError):
        found.extend(each for each in find_logs([str(path)]) if isinstance(each, Log) or not each.broken)
    return found


def _as_log(found: list[Log | LeftOut]) -> dict[str, str]:
    """Return what was taken for a log, and for what; or looks like one and is missed."""
    logs = {path: each.reader.name for each in found if isinstance(each, Log) for path in each.files}
    return logs | {each.path: each.brief for each in found if isinstance(each, LeftOut) and each.is_log}


def test_files_beside_logs_are_no_logs(tmp_path: Path) -> None:
    paths = write_all(tmp_path)
    assert len(paths) > 60
    assert len(TEXT) >= 50
    assert _as_log(_found(tmp_path)) == {}


def test_each_by_itself_is_none_either(tmp_path: Path) -> None:
    for at, path in enumerate(write_all(tmp_path)):
        alone = tmp_path / f"{at:03}"
        alone.mkdir()
        path.rename(alone / path.name)
    assert _as_log(_found(tmp_path)) == {}


def test_what_programs_write_is_no_log(tmp_path: Path) -> None:
    for name, text in program_output().items():
        (tmp_path / name).write_text(text)
    assert [each.reader.name for each in _found(tmp_path) if isinstance(each, Log)] == []


def test_packages_of_this_machine_hold_no_logs(tmp_path: Path) -> None:
    """Copies by links, each under its own number, since folders of packages are large."""
    count = 0
    for at, path in enumerate(of_this_machine()):
        (tmp_path / f"{at:04}").mkdir()
        (tmp_path / f"{at:04}" / path.name).symlink_to(path)
        count += 1
    assert count >= 50
    found = _found(tmp_path)
    logs = [path for each in found if isinstance(each, Log) for path in each.files]
    assert [Path(path).resolve() for path in logs if not _is_data(path)] == []


def _is_data(path: str) -> bool:
    """Say whether a file is a table of data: it is refused when it is read."""
    if not re.search(r"\.(csv|tsv|jsonl|parquet)(\.gz)?$", path):
        return False
    with pytest.raises(HistoryError):
        replay(path, thresholds=UNTOLD)
    return True


def test_among_them_the_one_log_is_read_and_all_else_is_counted(tmp_path: Path) -> None:
    others = len(write_all(tmp_path))
    (tmp_path / "progress.csv").write_text(LOG)
    results = replay(tmp_path, thresholds=["loss <= 0.1"], strict=True)
    assert [(result.run, result.samples_to_threshold) for result in results] == [("progress", 10)]
    assert (results.skipped, sum(each.files for each in results.left_out)) == ((), others)


@pytest.mark.parametrize("name", DATA)
def test_tables_of_data_that_count_nothing_are_no_runs(name: str, tmp_path: Path) -> None:
    (tmp_path / "progress.csv").write_text(LOG)
    (tmp_path / name).write_text(DATA[name])
    results = replay(tmp_path, thresholds=["loss <= 0.1"])
    assert [result.run for result in results] == ["progress"]
    (skipped,) = results.skipped
    assert "tells none of the metrics" in skipped.reason
    with pytest.raises(HistoryError, match="tells none of the metrics"):
        replay(tmp_path, thresholds=["loss <= 0.1"], strict=True)


@needs_samples
def test_of_the_samples_only_logs_are_taken_for_logs() -> None:
    """Programs, settings, price lists and explanations lie among them."""
    no_logs = re.compile(r"\.(py|md|ya?ml)$|/params\.json$|/(params|tags|artifacts)/")
    found = _found(SAMPLES)
    logs = [path for each in found if isinstance(each, Log) and each.reader.name != "mlflow" for path in each.files]
    assert [path for path in logs if no_logs.search(path)] == []
    assert [
        each.path for each in found if isinstance(each, LeftOut) and each.is_log and no_logs.search(each.path)
    ] == []
    lists = sorted(SAMPLES.rglob("vms.csv"))
    assert lists
    for path in lists:
        with pytest.raises(HistoryError, match="tells none of the metrics"):
            replay(path, thresholds=UNTOLD)
