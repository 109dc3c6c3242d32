from datetime import UTC, datetime
from pathlib import Path

import polars
import pytest

from milepost.errors import HistoryError
from milepost.histories import parquet
from milepost.histories.history import Wanted
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


def test_runs_in_one_file_and_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "STRETCH_ROWS", 1)
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


def test_a_table_that_unpacks_to_much_is_read_in_stretches(tmp_path: Path) -> None:
    file = tmp_path / "log.parquet"
    rows = 3_000_000
    polars.select(polars.repeat(1, rows).alias("samples"), polars.repeat(0.5, rows).alias("loss")).write_parquet(file)
    assert file.stat().st_size < 100_000
    heights = [stretch.metrics.height for stretch in one(file).rows()]
    assert max(heights) <= parquet.STRETCH_ROWS
    assert sum(heights) == rows
