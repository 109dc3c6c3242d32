"""Files are written whole or not at all."""

import os
import threading
from pathlib import Path

import pytest

from milepost.files import write_whole


def test_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    for content in (b"first", b"", b"\x00\xff" * 100_000):
        write_whole(file, content)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


def test_file_has_the_mode_of_any_new_file_and_keeps_the_one_it_has(tmp_path: Path) -> None:
    plain, file = tmp_path / "plain", tmp_path / "a"
    plain.write_bytes(b"")
    write_whole(file, b"")
    assert file.stat().st_mode == plain.stat().st_mode
    file.chmod(0o640)
    write_whole(file, b"")
    assert file.stat().st_mode & 0o7777 == 0o640


def test_what_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file, link = tmp_path / "elsewhere" / "a", tmp_path / "link"
    link.symlink_to(file)
    for content in (b"first", b"second"):
        write_whole(link, content)
        assert (link.is_symlink(), file.read_bytes()) == (True, content)


def test_pipe_is_written_to_as_it_stands(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"through")
    reader.join(30)
    assert read == [b"through"]
    assert pipe.is_fifo()


def test_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"before")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"after")
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "nowhere" / "a", b"")
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"")
