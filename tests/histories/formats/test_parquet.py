from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import polars
import pytest
from pyarrow import parquet as pyarrow_parquet

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.formats import parquet
from milepost.histories.history import Wanted
from milepost.replaying.replay import replay
from tests.histories.helpers import column, one, read

TABLE = polars.DataFrame(
    {"samples": [1, 2, 3, 4], "loss": [0.5, None, float("nan"), 0.125], "who": ["a", "b", "a", "b"]}
)


def _hex(values: list[float | None]) -> list[str | None]:
    return [None if value is None else value.hex() for value in values]


def test_null_is_not_logged_and_nan_is(tmp_path: Path) -> None:
    TABLE.write_parquet(tmp_path / "log.parquet")
    history = one(tmp_path)
    assert _hex(column(history, "loss")) == ["0x1.0000000000000p-1", None, "nan", "0x1.0000000000000p-3"]
    assert column(history, "samples") == [1, 2, 3, 4]
    assert history.run == "log"


def test_runs_in_one_file_and_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "CHUNK_ROWS", 1)
    TABLE.write_parquet(tmp_path / "log.parquet")
    first, second = read(tmp_path, wanted=Wanted(run_column="who"))
    assert (first.run, column(first, "samples")) == ("a", [1, 3])
    assert (second.run, column(second, "loss")) == ("b", [None, 0.125])


@pytest.mark.parametrize(
    "names",
    [("part-00000-x.parquet", "part-00001-x.parquet"), ("all-00000-of-00002.parquet", "all-00001-of-00002.parquet")],
)
def test_parts_of_a_table_are_one_log(tmp_path: Path, names: tuple[str, str]) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    for name, part in zip(names, (TABLE[:2], TABLE[2:]), strict=True):
        part.write_parquet(folder / name)
    history = one(tmp_path)
    assert history.run == ("metrics" if names[0].startswith("part") else "metrics/all")
    assert column(history, "samples") == [1, 2, 3, 4]


def test_dates_are_wall_times(tmp_path: Path) -> None:
    frame = polars.DataFrame({"samples": [1], "timestamp": [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)]})
    frame.write_parquet(tmp_path / "log.parquet")
    assert column(one(tmp_path), "wall_time") == [1700000000.0]


def test_a_file_elsewhere_is_read_through_fsspec(tmp_path: Path) -> None:
    import fsspec

    TABLE.write_parquet(tmp_path / "log.parquet")
    files = fsspec.filesystem("memory")
    files.pipe("/bucket/log.parquet", (tmp_path / "log.parquet").read_bytes())
    try:
        history = one("memory://bucket/log.parquet")
        assert column(history, "samples") == [1, 2, 3, 4]
        assert column(history, "samples") == [1, 2, 3, 4]
    finally:
        files.rm("/bucket", recursive=True)


@pytest.mark.parametrize("keep", [4, 100, -1, -100])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    file = tmp_path / "log.parquet"
    TABLE.write_parquet(file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(HistoryError, match="is no whole Parquet file"):
        one(file)


def test_a_table_that_unpacks_to_much_is_read_in_chunks(tmp_path: Path) -> None:
    file = tmp_path / "log.parquet"
    rows = 3_000_000
    polars.select(polars.repeat(1, rows).alias("samples"), polars.repeat(0.5, rows).alias("loss")).write_parquet(file)
    assert file.stat().st_size < 100_000
    heights = [chunk.metrics.height for chunk in one(file).rows()]
    assert max(heights) <= parquet.CHUNK_ROWS
    assert sum(heights) == rows


COLUMNS = ("run", "samples", "seed", "reward")


def corrupt(file: Path, group: int, column: str) -> None:
    """Spoil the pages of a column of a row group."""
    chunk = pyarrow_parquet.read_metadata(file).row_group(group).column(COLUMNS.index(column))
    start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    data = bytearray(file.read_bytes())
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    file.write_bytes(data)


def write_runs(file: Path, names: str) -> None:
    """Each run has three row groups of its own; each reaches 5 in its third."""
    rows = [(name, 10 * at, 7, float(at)) for name in names for at in range(6)]
    polars.DataFrame(rows, schema=list(COLUMNS), orient="row").write_parquet(file, row_group_size=2)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_corrupt_row_group_spoils_its_own_run_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    monkeypatch.setattr(parquet, "CHUNK_ROWS", 1)
    file = tmp_path / "log.parquet"
    write_runs(file, "abcd")
    corrupt(file, 4, column)
    results = replay(file, thresholds=["reward >= 5"], run_column="run")
    if column == "seed":  # nobody asked for it
        assert [result.samples_to_threshold for result in results] == [50, 50, 50, 50]
        return
    reached = [(result.run, result.samples_to_threshold) for result in results]
    assert reached == [("a", 50), ("b", None), ("c", 50), ("d", 50)]
    assert [result.observations for result in results] == [6, 2, 6, 6]
    broken, *rest = results.skipped
    assert (broken.what, broken.wholly) == ("b", False)
    assert "is no whole Parquet file" in broken.reason
    assert [each.reason.endswith("runs may have been missed") for each in rest] == [True] * (column == "run")


def test_a_corrupt_row_group_spoils_its_own_file(tmp_path: Path) -> None:
    for name in "abc":
        write_runs(tmp_path / f"{name}.parquet", name)
    corrupt(tmp_path / "b.parquet", 2, "reward")
    everywhere: list[dict[str, Any]] = [{}, {"engine": "processes", "workers": 2}]
    for options in everywhere:
        results = replay(tmp_path, thresholds=["reward >= 5"], **options)
        assert [(result.run, result.samples_to_threshold) for result in results] == [("a", 50), ("c", 50)]
        assert [(each.what, each.wholly) for each in results.skipped] == [("b", True)]


def test_pyarrow_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> ModuleSpec | None:
        return None if name == "pyarrow" else ModuleSpec(name, None)

    TABLE.write_parquet(tmp_path / "log.parquet")
    monkeypatch.setattr(parquet, "find_spec", find)
    with pytest.raises(MissingExtra, match=r"reading Parquet needs pyarrow: pip install 'milepost\[replay\]'"):
        one(tmp_path)


def test_float32_is_told_and_footers_are_as_wide_as_its_rounding(tmp_path: Path) -> None:
    values = polars.Series([0.1, 0.5, 0.9], dtype=polars.Float32)
    polars.DataFrame({"samples": [1000, 2000, 3000], "acc": values, "loss": [0.3, 0.2, 0.1]}).write_parquet(
        tmp_path / "log.parquet"
    )
    history = one(tmp_path, wanted=Wanted(metrics=frozenset({"acc", "loss"})))
    assert [rows.single for rows in history.rows()] == [frozenset({"acc"})]
    for final in (True, False):  # float32(0.9) is below 0.9
        (result,) = replay(tmp_path, thresholds=["acc >= 0.9"], final=final)
        assert result.samples_to_threshold == 3000
    (result,) = replay(tmp_path, thresholds=["loss <= 0.05"], final=False)
    assert not result.achieved


def test_statistics_tell_what_counts_and_no_more_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 100
    told = {"samples": range(0, rows * 64, 64), "elapsed_seconds": [at * 1.5 for at in range(rows)]}
    told |= {"wall_time": [1.7e9 + at * 1.5 for at in range(rows)], "loss": [1 / (at + 1) for at in range(rows)]}
    polars.DataFrame(told).write_parquet(tmp_path / "log.parquet")

    def refuse(*_: object) -> None:
        raise AssertionError("was read")

    monkeypatch.setattr(parquet, "_scan", refuse)
    (result,) = replay(tmp_path, thresholds=["loss <= 0"], final=False)
    assert (result.achieved, result.samples_unit, result.samples_source) == (False, "samples", "samples")


@pytest.mark.parametrize("clock", ["wall_time", None])
def test_where_statistics_leave_a_doubt_the_first_rows_tell(tmp_path: Path, clock: str | None) -> None:
    rows = 50
    told: dict[str, Any] = {"samples": [4000 + at * 7919 % 200 for at in range(rows)], "step": range(rows)}
    told["elapsed"] = [60 + at * 31 % 7 for at in range(rows)]
    if clock is not None:
        told[clock] = [1.7e9 + 60 * at for at in range(rows)]
    polars.DataFrame(told).write_parquet(tmp_path / "log.parquet")
    history = one(tmp_path)
    assert (history.samples_unit, history.samples_source) == ("steps", "step")
    assert all(each.elapsed_seconds is None for each in history.rows())
