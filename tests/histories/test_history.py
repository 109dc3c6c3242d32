"""What a reader gives: its own readers', and those of other packages."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars
import pytest

from milepost.errors import HistoryError
from milepost.histories.finding.folders import Folder
from milepost.histories.finding.log import Log
from milepost.histories.finding.logs import FolderLogs
from milepost.histories.history import History, Rows, Wanted
from milepost.histories.reader import File, Reader
from tests.histories.helpers import column


def test_rows_of_lists_have_the_types_that_are_replayed() -> None:
    rows = Rows.of({"loss": [1, None, math.nan], "acc": [None] * 3}, samples=[1, 2, None], elapsed_seconds=[0, 1, 2])
    assert rows.metrics.schema == {"loss": polars.Float64, "acc": polars.Float64}
    assert rows.metrics["loss"].to_list()[:2] == [1.0, None]
    assert rows.metrics["loss"].null_count() == 1  # a NaN was logged
    assert rows.samples is not None
    assert rows.samples.dtype == polars.Int64
    assert rows.samples.to_list() == [1, 2, None]
    assert rows.elapsed_seconds is not None
    assert rows.elapsed_seconds.to_list() == [0.0, 1.0, 2.0]
    assert rows.wall_time is None


class StepsReader(Reader):
    """Lines of a step and a value, as another package may read them."""

    name = "steps"
    joins = False

    def claims(self, file: File) -> str | None:
        return file.name.removesuffix(".steps") if file.name.endswith(".steps") else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        yield History(run=run, rows=lambda: self.rows(files[0]), untimed_because="lines of steps tell no time")

    def rows(self, path: str) -> Iterator[Rows]:
        for number, line in enumerate(Path(path).read_text().splitlines(), 1):
            try:
                step, value = line.split()
                yield Rows.of({"value": [float(value)]}, samples=[int(step)])
            except ValueError:
                raise HistoryError(f"{path}: found {line!r} in line {number}, expected a step and a value") from None


def test_a_reader_takes_twenty_lines(tmp_path: Path) -> None:
    (tmp_path / "a.steps").write_text("10 1.5\n20 2.5\n")
    (tmp_path / "b.steps").write_text("10 0.5\n20 x\n")
    folder = FolderLogs(Folder(), [StepsReader()], forced=False)
    files = [str(tmp_path / name) for name in ("a.steps", "b.steps")]
    logs = [log for log in folder.of(str(tmp_path), files, str(tmp_path)) if isinstance(log, Log)]
    whole, broken = (history for log in logs for history in log.reader.histories(log.files, log.run, Wanted()))
    assert (whole.run, column(whole, "samples"), column(whole, "value")) == ("a", [10, 20], [1.5, 2.5])
    assert column(whole, "value") == [1.5, 2.5]  # once more
    with pytest.raises(HistoryError, match="found '20 x' in line 2"):
        column(broken, "value")
