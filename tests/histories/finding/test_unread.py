"""What is said of files that no reader takes, and which of them look like logs."""

from pathlib import Path

import pytest

from milepost.histories.finding.unread import kind_of, unread
from tests.histories.helpers import logs_of, skipped_of

ROWS = "".join(f"epoch {at} loss {at / 4} acc {at}\n" for at in range(1, 40)).encode()
UNTOLD = "".join(f"loss {at / 4} acc {at}\n" for at in range(1, 40)).encode()
"""Text that looks like a log, and counts nothing."""

TABLE = "samples,seconds,reward\n1,1,1\n2,2,2\n"


@pytest.mark.parametrize(
    ("name", "head", "why", "is_log"),
    [
        ("train.log", ROWS, "text: --pattern", True),
        ("slurm-12.out", ROWS, "text: --pattern", True),
        ("train.o1234", ROWS, "text: --pattern", True),
        ("stdout", ROWS, "text: --pattern", True),
        ("notes.md", ROWS, "document", False),
        ("train.py", ROWS, "code", False),
        ("settings.yaml", ROWS, "settings", False),
        ("notes.txt", b"one thing\nand another 1\nand a third\n", "text without rows of numbers", False),
        ("a.csv", b"", "empty", True),
        ("a.csv", b" \n", "empty", True),
        ("__init__.py", b"", "empty", False),
        (".keep", b"", "empty", False),
        ("a.parquet", b"no Parquet\0", "not what its name says", True),
        ("a.parquet", b"no Parquet", "not what its name says", True),
        ("events.out.tfevents.17.host.9", b"\0\1\2", "not what its name says", True),
        ("conf.json", b'{\n "lr": 0.1\n}', "one object, no rows", False),
        ("metrics.jsonl", b'{"step": 1, "loss"', "one object, no rows", True),
        ("rows.json", b'[{"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0}]', "one array", True),
        ("names.json", b'["person 1", "car 2"]', "one array", False),
        ("internal.log", b'{"time": 1, "level": "INFO", "msg": "x"}\n', "a program's own log", False),
        ("x.db", b"SQLite format 3\0" + bytes(84), "database of another program", False),
        ("model.pt", b"PK\3\4", "weights or arrays", False),
        ("core", b"\x7fELF\0", "binary", False),
        ("stamps.log", b"".join(b"2026-01-01 10:00:0%d,5 INFO wait\n" % at for at in range(9)), None, False),
    ],
)
def test_kinds(name: str, head: bytes, why: str | None, is_log: bool) -> None:
    found = unread(name, head)
    assert why in (None, found.why)
    assert found.is_log is is_log


def test_a_log_that_begins_with_a_program_s_source_is_known_by_its_end() -> None:
    assert not unread("run.txt", b"import torch\n" * 300).is_log
    assert unread("run.txt", b"import torch\n" * 300, ROWS[-900:]).is_log


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/B.LOG", ".log"),
        ("a/log.csv.gz", ".csv"),
        ("a/events.out.tfevents.1700.host-7.v2", ".tfevents"),
        ("a/run.e77", ".o#"),
        ("a/Makefile", "no suffix"),
        ("a/run-1.2.3", "no suffix"),
        ("a.b/stdout", "no suffix"),
    ],
)
def test_files_are_grouped_by_what_their_names_end_with(path: str, kind: str) -> None:
    assert kind_of(path) == kind


def _missed(folder: Path) -> list[str]:
    assert logs_of(folder)
    return sorted(Path(each.path).name for each in skipped_of(folder) if each.is_log)


def test_another_format_of_a_run_that_is_read_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "progress.csv").write_text(TABLE)
    (tmp_path / "train.log").write_bytes(UNTOLD)
    assert _missed(tmp_path) == []


def test_a_file_of_another_seed_is(tmp_path: Path) -> None:
    (tmp_path / "seed1.csv").write_text(TABLE)
    (tmp_path / "seed1.log").write_bytes(UNTOLD)
    (tmp_path / "seed2.log").write_bytes(UNTOLD)
    (tmp_path / "seed3.csv").write_text("")
    assert _missed(tmp_path) == ["seed2.log", "seed3.csv"]


def test_of_a_folder_with_several_runs_what_is_called_as_none_of_them_is_too(tmp_path: Path) -> None:
    for name in ("ppo.csv", "sac.csv"):
        (tmp_path / name).write_text(TABLE)
    for name in ("sac.log", "dqn.log"):
        (tmp_path / name).write_bytes(UNTOLD)
    assert _missed(tmp_path) == ["dqn.log"]
