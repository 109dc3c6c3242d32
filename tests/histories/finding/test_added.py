"""What a reader of another package may tell of its files: all that Milepost's own may."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

pytest.importorskip("polars")

from milepost.histories.finding import readers
from milepost.plugins import File, History, HistoryError, NotRead, Plugin, Reader, Rows, Wanted
from milepost.replaying.replay import replay
from tests.histories.helpers import logs_of, skipped_of


class Acme(Reader):
    """Files "acme", the run's id and what it counted, a line each; beside them a folder of weights."""

    name = "acme"
    folders = frozenset({"weights"})

    def claims(self, file: File) -> str | None:
        if file.head.startswith(b"acme\ndeleted"):
            raise NotRead("was deleted")
        return file.name if file.head.startswith(b"acme\n") else None

    def identity(self, path: str) -> str | None:
        return {"broken": None}.get(run := Path(path).read_text().split("\n")[1], run) or str(1 // 0)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        counts = [int(line) for path in files for line in Path(path).read_text().split("\n")[2:] if line]
        if not counts:
            raise HistoryError(f"{files[0]}: found nothing, expected counts")
        rows = Rows.of({"reward": [count / 1000 for count in counts]}, samples=counts)
        yield History(run=run, rows=lambda: iter([rows]), metrics=("reward",))


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Plugin("milepost.histories", "acme", "acme 1.0", Acme)
    monkeypatch.setattr(readers, "_plugins", lambda: {"acme": plugin})


def write(path: Path, run: str, *counts: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["acme", run, *map(str, counts)]) + "\n")


def test_files_of_one_identity_are_one_run(tmp_path: Path) -> None:
    write(tmp_path / "monday" / "a.log", "one", 1000, 2000)
    write(tmp_path / "tuesday" / "b.log", "one", 3000, 4000)
    write(tmp_path / "tuesday" / "c.log", "two", 9000)
    first, second = sorted(replay(tmp_path, thresholds=["reward >= 3"]), key=lambda result: result.run or "")
    assert (first.run, first.samples_to_threshold) == ("monday/a.log", 3000)
    assert (second.run, second.samples_to_threshold) == ("tuesday/c.log", 9000)


def test_what_it_does_not_read_is_left_out_and_its_folders_are_not_looked_into(tmp_path: Path) -> None:
    write(tmp_path / "a.log", "one", 1000)
    write(tmp_path / "gone.log", "deleted")
    write(tmp_path / "weights" / "b.log", "two", 1000)
    assert [log.files for log in logs_of(tmp_path)] == [(str(tmp_path / "a.log"),)]
    assert [(each.path, each.reason) for each in skipped_of(tmp_path)] == [(str(tmp_path / "gone.log"), "was deleted")]


def test_an_identity_that_fails_costs_no_log(tmp_path: Path) -> None:
    write(tmp_path / "a.log", "broken", 3000)
    (result,) = replay(tmp_path, thresholds=["reward >= 3"])
    assert (result.run, result.samples_to_threshold) == ("a.log", 3000)
