"""Archives as if they were folders: ``runs.zip/seed_1/log.csv`` is a member of ``runs.zip``.

Nothing is written to disk. Members are told by name alone: one whose name leads out of the archive, or that is a link
or a device, is none. An archive within an archive is not looked into.
"""

import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from functools import lru_cache
from typing import IO, Any, NamedTuple, cast

from milepost.errors import HistoryError
from milepost.histories.decoding.packing import (
    ALWAYS_BYTES,
    BROKEN,
    MARK_BYTES,
    MOST_TIMES,
    Begun,
    Forward,
    is_packed,
    unpacked,
)

SUFFIX = re.compile(r"\.(?:zip|tar|tgz|tar\.(?:gz|zst|xz|bz2))(?=/|$)", re.IGNORECASE)
ZIP = b"PK\x03\x04"
TAR = (b"ustar", 257)

MAX_MEMBERS = 100_000
MAX_DIRECTORY_BYTES = 64 * 2**20
"""Of the list of members at the end of a zip file: some 100 bytes each."""

MAX_HEADER_BYTES = 2**20
"""Of what a tar file tells of one member."""

KEPT_BYTES = 64 * 2**20
"""A packed tar file that holds no more is unpacked once, and kept while its members are read."""


class Member(NamedTuple):
    """A file in an archive: where its bytes start, where that is told (tar), and how many there are."""

    start: int
    size: int


def is_archive(path: str) -> bool:
    """Say whether a file of this machine is an archive, by its name and its first bytes.

    Raises:
        OSError: It can't be read.
        HistoryError: It can't be unpacked.
    """
    if SUFFIX.search(path.rpartition("/")[2]) is None or not os.path.isfile(path):
        return False
    with open(path, "rb") as raw:
        if raw.read(len(ZIP)) == ZIP:
            return True
        try:
            head = _unpacked(raw, path).read(512)
        except BROKEN:
            return False
    return head[TAR[1] :].startswith(TAR[0])


def member_of(path: str) -> tuple[str, str] | None:
    """Return the archive that a path leads into, and the path within it; None where it leads into none."""
    for match in SUFFIX.finditer(path):
        if match.end() < len(path) and os.path.isfile(path[: match.end()]):
            return path[: match.end()], path[match.end() :].strip("/")
    return None


def entries(path: str) -> tuple[list[str], list[str]]:
    """Return the files and the folders in an archive, or in a folder of one, each in the order of their names.

    Raises:
        HistoryError: It can't be read, or is a bomb.
    """
    archive, inside = member_of(path) or (path, "")
    prefix = f"{inside}/" if inside else ""
    files, folders = set[str](), set[str]()
    for name in members(archive):
        if name.startswith(prefix):
            first, has_more, _ = name[len(prefix) :].partition("/")
            if not first.startswith("."):
                (folders if has_more else files).add(f"{path}/{first}")
    return sorted(files), sorted(folders)


def open_member(path: str) -> IO[bytes]:
    """Open a member of an archive.

    Raises:
        FileNotFoundError: There is none of this name.
        HistoryError: The archive can't be read, or is a bomb.
    """
    archive, inside = member_of(path) or (path, "")
    member = members(archive).get(inside)
    if member is None:
        raise FileNotFoundError(2, "No such member", path)
    begin = _of_zip(archive, inside) if member.start < 0 else _of_tar(archive, member)
    return cast("IO[bytes]", io.BufferedReader(Forward(begin)))


def members(archive: str) -> dict[str, Member]:
    """Return the members of an archive that may be read, by their paths in it.

    Raises:
        HistoryError: It can't be read, has more than `MAX_MEMBERS`, or unpacks to very much more than it has bytes.
    """
    found = os.stat(archive)
    return _members(archive, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _members(archive: str, changed: int, size: int) -> dict[str, Member]:
    try:
        with open(archive, "rb") as raw:
            told = _in_zip(raw, archive) if raw.read(len(ZIP)) == ZIP else _in_tar(raw, archive)
    except (*BROKEN, zipfile.BadZipFile, tarfile.TarError, NotImplementedError, ValueError) as error:
        raise HistoryError(f"{archive}: can't be read: {error}") from error
    total = sum(member.size for member in told.values())
    if total > ALWAYS_BYTES and total > MOST_TIMES * size:
        raise HistoryError(f"{archive}: says that {size} bytes of it hold {total}; expected logs")
    return told


def _in_zip(raw: IO[bytes], archive: str) -> dict[str, Member]:
    raw.seek(max(0, os.fstat(raw.fileno()).st_size - 2**17))
    end = raw.read()
    at, wide = end.rfind(b"PK\x05\x06"), end.rfind(b"PK\x06\x06")
    length = int.from_bytes(end[at + 12 : at + 16], "little")
    if wide >= 0 and length == 2**32 - 1:
        length = int.from_bytes(end[wide + 40 : wide + 48], "little")
    if length > MAX_DIRECTORY_BYTES:
        raise HistoryError(
            f"{archive}: found a list of members of {length} bytes, expected {MAX_DIRECTORY_BYTES} at most"
        )
    found = {}
    with zipfile.ZipFile(raw) as opened:
        for info in opened.infolist():
            is_read = not info.is_dir() and info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            if is_read and not info.flag_bits & 1 and _stays_inside(info.filename):
                found[info.filename] = Member(-1, info.file_size)
            _refuse_many(len(found), archive)
    return found


def _in_tar(raw: IO[bytes], archive: str) -> dict[str, Member]:
    found: dict[str, Member] = {}
    with tarfile.TarFile(fileobj=cast("IO[bytes]", _Headers(_unpacked(raw, archive), archive))) as opened:
        while (info := opened.next()) is not None:
            name = info.name.removeprefix("./")
            if info.isreg() and not info.issparse() and _stays_inside(name):
                found[name] = Member(info.offset_data, info.size)
            opened.members.clear()  # type: ignore[attr-defined]  # it keeps them all
            _refuse_many(len(found), archive)
    return found


def _of_zip(archive: str, inside: str) -> Callable[[], Begun]:
    """Return what begins to read a member of a zip file."""

    def begin() -> Begun:
        try:
            with zipfile.ZipFile(archive) as opened:
                member: Any = opened.open(inside)  # keeps the file open until it is closed itself
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, KeyError) as error:
            raise HistoryError(f"{archive}/{inside}: can't be read: {error}") from error

        def read(size: int) -> bytes:
            try:
                return bytes(member.read1(size))
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise HistoryError(f"{archive}/{inside}: can't be read: {error}") from error

        return read, member.close

    return begin


def _of_tar(archive: str, member: Member) -> Callable[[], Begun]:
    """Return what begins to read a member of a tar file."""

    def begin() -> Begun:
        found = os.stat(archive)
        kept = _kept(archive, found.st_mtime_ns, found.st_size)
        raw = open(archive, "rb") if kept is None else io.BytesIO(kept)  # noqa: SIM115
        file = raw if kept is not None else _unpacked(raw, archive)
        file.seek(member.start)
        left = member.size

        def read(size: int) -> bytes:
            nonlocal left
            data = file.read(min(size, left))
            left -= len(data)
            return data

        def close() -> None:
            file.close()
            raw.close()

        return read, close

    return begin


@lru_cache(maxsize=1)
def _kept(archive: str, changed: int, size: int) -> bytes | None:
    """Return all of a packed tar file where that is little; None where it is much, or not packed."""
    with open(archive, "rb") as raw:
        if not is_packed(raw.read(MARK_BYTES)):
            return None
        data = _unpacked(raw, archive).read(KEPT_BYTES + 1)
    return data if len(data) <= KEPT_BYTES else None


def _unpacked(raw: IO[bytes], path: str) -> IO[bytes]:
    raw.seek(0)
    head = raw.read(MARK_BYTES)
    raw.seek(0)
    return unpacked(raw, head, path) if is_packed(head) else raw


def _stays_inside(name: str) -> bool:
    """Say whether a member's name leads to no other place than into the archive."""
    parts = name.split("/")
    return not name.startswith("/") and "\\" not in name and "\0" not in name and not {"", ".", ".."} & set(parts)


def _refuse_many(count: int, archive: str) -> None:
    if count > MAX_MEMBERS:
        raise HistoryError(f"{archive}: found more than {MAX_MEMBERS} members, expected fewer")


class _Headers:
    """A tar file of which no more is read at once than what it tells of a member."""

    def __init__(self, file: IO[bytes], archive: str) -> None:
        self._file, self._archive = file, archive

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise HistoryError(f"{self._archive}: found a member's header of {size} bytes, expected fewer")
        return self._file.read(size)
