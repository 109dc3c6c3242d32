import os
from pathlib import Path

import pytest

from milepost.errors import ConfigError, HistoryError
from milepost.histories import OWN
from milepost.histories.finding.readers import load_readers
from tests.histories.helpers import logs_of, skipped_of

TABLE = "samples,loss\n1,0.5\n2,0.25\n"


def _write(path: Path, text: str = TABLE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_run_is_called_by_its_path_below_the_argument_without_suffix(tmp_path: Path) -> None:
    _write(tmp_path / "ppo" / "seed_1" / "progress.csv")
    _write(tmp_path / "ppo" / "seed_2" / "progress.v2.csv")
    assert [log.run for log in logs_of(tmp_path)] == ["ppo/seed_1/progress", "ppo/seed_2/progress.v2"]
    assert [log.run for log in logs_of(tmp_path / "ppo" / "seed_1" / "progress.csv")] == ["progress"]
    assert [log.run for log in logs_of(f"{tmp_path}/ppo/*/progress.csv")] == ["seed_1/progress"]
    assert [log.run for log in logs_of(f"{tmp_path}/*/seed_2")] == ["ppo/seed_2/progress.v2"]
    assert [log.run for log in logs_of(f"{tmp_path}/**/*.csv")] == ["ppo/seed_1/progress", "ppo/seed_2/progress.v2"]


def test_the_working_directory_is_no_part_of_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "a" / "log.csv")
    monkeypatch.chdir(tmp_path)
    assert [log.run for log in logs_of(".")] == ["a/log"]
    assert [log.run for log in logs_of("a/")] == ["log"]
    assert [log.run for log in logs_of("a/log.csv")] == ["log"]
    assert [log.run for log in logs_of("*/log.csv")] == ["a/log"]


def test_logs_of_one_name_and_several_formats_keep_their_suffixes(tmp_path: Path) -> None:
    _write(tmp_path / "log.csv")
    _write(tmp_path / "log.jsonl", '{"samples": 1}\n')
    assert [log.run for log in logs_of(tmp_path)] == ["log.csv", "log.jsonl"]


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    _write(tmp_path / "stdout", ':::MLLOG {"key": "run_start", "time_ms": 1}\n')
    _write(tmp_path / "table", TABLE)
    _write(tmp_path / "lines", '{"samples": 1}\n{"samples": 2}\n')
    _write(tmp_path / "settings.json", '{"samples": 1}\n')
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    _write(tmp_path / "notes.txt", "nothing, really\nto see\n")
    assert {log.run: log.reader.name for log in logs_of(tmp_path)} == {
        "lines": "jsonl",
        "stdout": "mlperf",
        "table": "csv",
    }
    assert [Path(each.path).name for each in skipped_of(tmp_path)] == ["notes.txt", "picture.csv", "settings.json"]
    assert not any(each.broken for each in skipped_of(tmp_path))


def test_what_is_hidden_is_not_looked_at(tmp_path: Path) -> None:
    _write(tmp_path / ".venv" / "log.csv")
    _write(tmp_path / "log.csv")
    assert [log.run for log in logs_of(tmp_path)] == ["log"]


def test_a_path_that_is_not_there_is_said_with_the_nearest_names(tmp_path: Path) -> None:
    _write(tmp_path / "progress.csv")
    with pytest.raises(HistoryError, match=r"progres\.csv: found nothing there.*nearest: progress\.csv"):
        logs_of(tmp_path / "progres.csv")
    with pytest.raises(HistoryError, match="found nothing there"):
        logs_of(f"{tmp_path}/*.parquet")


def test_a_folder_without_logs_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(
        HistoryError,
        match=r"found no log of a known format, but nothing; expected one of tensorboard.*mlperf.*--format",
    ):
        logs_of(tmp_path)
    _write(tmp_path / "a.png", "picture")
    with pytest.raises(HistoryError, match=r"but \.png \(1\)"):
        logs_of(tmp_path)


def test_one_bad_file_that_was_named_does_not_stop_the_rest(tmp_path: Path) -> None:
    good, bad = _write(tmp_path / "good.csv"), _write(tmp_path / "bad.csv", "")
    assert [log.run for log in logs_of(bad, good)] == ["good"]
    (skipped,) = skipped_of(bad, good)
    assert (skipped.path, skipped.reason, skipped.broken) == (str(bad), "is empty", True)
    with pytest.raises(HistoryError, match="is empty"):
        logs_of(bad)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    _write(tmp_path / "log.csv")
    assert [log.run for log in logs_of(tmp_path)] == ["log"]
    (skipped,) = skipped_of(tmp_path)
    assert "pipe" in skipped.reason
    assert skipped.broken


def test_links_that_go_round_end(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "log.csv")
    (tmp_path / "a" / "round").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "broken.csv").symlink_to(tmp_path / "nowhere")
    assert [log.run for log in logs_of(tmp_path)] == ["a/log"]
    assert [each.broken for each in skipped_of(tmp_path)] == [True]


def test_format_overrides_what_a_named_file_looks_like(tmp_path: Path) -> None:
    file = _write(tmp_path / "log", "samples\n1\n")
    with pytest.raises(HistoryError, match="--format says which it is"):
        logs_of(file)
    (log,) = logs_of(file, format="csv")
    assert log.reader.name == "csv"
    with pytest.raises(ConfigError, match="nearest: 'mlperf'"):
        logs_of(file, format="mlpref")


def test_match_picks_runs_by_their_ids(tmp_path: Path) -> None:
    for name in ("ppo/1.csv", "ppo/2.csv", "sac/1.csv"):
        _write(tmp_path / name)
    assert [log.run for log in logs_of(tmp_path, match="ppo/*")] == ["ppo/1", "ppo/2"]
    with pytest.raises(HistoryError, match=r"found 3 runs, and none whose id matches 'dqn/\*'"):
        logs_of(tmp_path, match="dqn/*")


def test_every_reader_of_the_registry_loads_and_is_called_so() -> None:
    assert [reader.name for reader in load_readers()] == list(OWN)


def test_folders_and_globs_of_other_file_systems_are_read_through_fsspec() -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    files.pipe("/bucket/runs/a/log.csv", TABLE.encode())
    files.pipe("/bucket/runs/b/log.csv", TABLE.encode())
    try:
        assert [log.run for log in logs_of("memory://bucket/runs")] == ["a/log", "b/log"]
        assert [log.run for log in logs_of("memory://bucket/runs/*/log.csv")] == ["a/log", "b/log"]
        (log,) = logs_of("memory://bucket/runs/a/log.csv")
        assert log.files == ("memory://bucket/runs/a/log.csv",) or log.files == ("memory:///bucket/runs/a/log.csv",)
        with pytest.raises(HistoryError, match="found nothing there"):
            logs_of("memory://bucket/nowhere")
        with pytest.raises(HistoryError, match="nosuch"):
            logs_of("nosuch://bucket")
    finally:
        files.rm("/bucket", recursive=True)


def test_a_file_that_can_t_be_unpacked_does_not_stop_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a_result.txt").write_bytes(b"\x1f\x8bno gzip at all")
    (tmp_path / "b.csv").write_text("samples,seconds,reward\n1,1,1\n2,2,2\n")
    assert [log.run for log in logs_of(tmp_path)] == ["b"]
    (broken,) = skipped_of(tmp_path)
    assert broken.broken
    assert broken.reason.startswith("can't be read: ")


def test_files_of_one_format_that_differ_in_their_suffix_are_runs_of_their_own(tmp_path: Path) -> None:
    for name in ("a.csv", "a.tsv", "b.csv"):
        (tmp_path / name).write_text("samples,seconds,reward\n1,1,1\n2,2,2\n")
    assert [log.run for log in logs_of(tmp_path)] == ["a.csv", "a.tsv", "b"]
    assert [(log.run, log.files) for log in logs_of(tmp_path / "a.csv")] == [("a", (f"{tmp_path}/a.csv",))]
