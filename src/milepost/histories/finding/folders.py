"""Folders that may hold logs: of this machine, or of a file system that fsspec knows."""

import glob
import os
import stat
from collections.abc import Iterator
from itertools import chain
from typing import Any

from milepost.errors import HistoryError, nearest
from milepost.histories.decoding import archives
from milepost.histories.decoding.files import head_of, opened
from milepost.histories.reader import HEAD_BYTES

TRACKERS = frozenset({".aim", ".guild", ".neptune"})
"""Hidden folders in which trackers keep runs: they are looked into."""


class Folder:
    """Folders of this machine: what is asked of a file system. Paths and URLs have ``/`` between their parts."""

    def is_file(self, path: str) -> bool:
        """Say whether this is a file."""
        if archives.member_of(path) is not None:
            return path in archives.entries(path.rpartition("/")[0])[0]
        return os.path.lexists(path) and not os.path.isdir(path)  # a link to nothing is there, and can't be read

    def is_folder(self, path: str) -> bool:
        """Say whether this is a folder."""
        if archives.member_of(path) is not None:
            return any(archives.entries(path))
        return os.path.isdir(path)

    def glob(self, pattern: str) -> Iterator[str]:
        """Yield what a pattern matches."""
        for path in glob.iglob(pattern, recursive=True):
            yield path.rstrip("/") or "/"

    def entries(self, path: str) -> tuple[list[str], list[str]]:
        """Return the files and the folders of a folder, each in the order of their names.

        None of them is hidden, but `TRACKERS`.

        Raises:
            OSError: It can't be looked into.
            HistoryError: It is in an archive that can't be read.
        """
        if os.path.isfile(path) or archives.member_of(path) is not None:
            return archives.entries(path)
        files: list[str] = []
        folders: list[str] = []
        with os.scandir(path) as entries:
            for entry in entries:
                if not entry.name.startswith(".") or entry.name in TRACKERS:
                    (folders if entry.is_dir() else files).append(_joined(path, entry.name))
        return sorted(files), sorted(folders)

    def identity(self, path: str) -> object:
        """Return what is the same for a folder however it is reached: by links or not."""
        archive, inside = archives.member_of(path) or (path, "")
        found = os.stat(archive)
        return found.st_dev, found.st_ino, inside

    def head(self, path: str) -> bytes:
        """Return the first `HEAD_BYTES` bytes of a file, unpacked.

        Raises:
            OSError: It can't be read.
            HistoryError: It can't be read, or is none that could be a log, such as a pipe.
        """
        if archives.member_of(path) is not None:
            with opened(path) as file:
                return file.read(HEAD_BYTES)
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise HistoryError("found a device, pipe or socket, expected a file")
        with open(path, "rb") as file:
            return head_of(file, path)

    def tail(self, path: str) -> bytes:
        """Return the last `HEAD_BYTES` bytes of a file as they are; nothing where they can't be read."""
        try:
            with open(path, "rb") as file:
                file.seek(-HEAD_BYTES, os.SEEK_END)
                return file.read()
        except OSError:
            return b""

    def name(self, path: str) -> str:
        """Return what a folder is called."""
        return os.path.basename(os.path.abspath(path)) or "/"

    def exists(self, path: str) -> bool:
        """Say whether there is anything at this path or matched by it."""
        if self.is_file(path) or self.is_folder(path):
            return True
        return is_glob(path) and next(iter(self.glob(path)), None) is not None

    def parent(self, path: str) -> str:
        """Return the folder that a file lies in."""
        return path.rpartition("/")[0] or ("/" if path.startswith("/") else ".")

    def root_of(self, pattern: str) -> str:
        """Return the folder under which everything lies that a pattern may match."""
        parts = pattern.split("/")
        plain = next(index for index, part in enumerate(parts) if is_glob(part))
        return "/".join(parts[:plain]) or ("/" if pattern.startswith("/") else ".")


class RemoteFolder(Folder):
    """Folders of a file system that fsspec knows, likewise.

    Args:
        filesystem: The file system.
        url: Any address on it.
    """

    def __init__(self, filesystem: Any, url: str) -> None:
        self.filesystem = filesystem
        self.scheme = url.partition("://")[0]

    def address(self, inside: str) -> str:
        """Return the URL of a path on the file system."""
        return f"{self.scheme}://{str(inside).removeprefix(f'{self.scheme}://').rstrip('/')}"

    def is_file(self, path: str) -> bool:
        """Say whether this is a file."""
        return bool(self._asked(self.filesystem.isfile, path))

    def is_folder(self, path: str) -> bool:
        """Say whether this is a folder."""
        return bool(self._asked(self.filesystem.isdir, path))

    def glob(self, pattern: str) -> Iterator[str]:
        """Yield what a pattern matches."""
        for path in self._asked(self.filesystem.glob, pattern):
            yield self.address(path)

    def entries(self, path: str) -> tuple[list[str], list[str]]:
        """Return the files and folders of a folder, sorted."""
        files: list[str] = []
        folders: list[str] = []
        for entry in self._asked(self.filesystem.ls, path, detail=True):
            address = self.address(entry["name"])
            name = address.rpartition("/")[2]
            if address != path and (not name.startswith(".") or name in TRACKERS):
                (folders if entry["type"] == "directory" else files).append(address)
        return sorted(files), sorted(folders)

    def identity(self, path: str) -> object:
        """Return what is the same for a folder however it is reached."""
        return path

    def head(self, path: str) -> bytes:
        """Return the first bytes of a file, unpacked."""
        with opened(path) as file:
            return file.read(HEAD_BYTES)

    def tail(self, path: str) -> bytes:
        """Return nothing: what is asked of a network is worth more than that."""
        return b""

    def name(self, path: str) -> str:
        """Return what a folder is called."""
        return path.rpartition("/")[2]

    def _asked(self, ask: Any, path: str, **options: Any) -> Any:
        """Ask the file system.

        Raises:
            HistoryError: It does not answer; says why.
        """
        try:
            return ask(path, **options)
        except (OSError, ImportError, ValueError) as error:
            raise HistoryError(f"{path}: {error}") from error


def is_glob(path: str) -> bool:
    """Say whether a path has wildcards."""
    return glob.has_magic(path)


def nearest_names(folder: Folder, path: str) -> str:
    """Return what is near a path that is not there, as the end of a sentence; empty where nothing is."""
    above = folder.parent(folder.root_of(path) if is_glob(path) else path)
    name = path.rpartition("/")[2]
    if is_glob(path) or not folder.is_folder(above):
        return ""
    names = [each.rpartition("/")[2] for each in chain(*folder.entries(above))]
    return nearest(name, names, most=3)


def _joined(folder: str, name: str) -> str:
    """Return the path of an entry; those of the working directory keep their plain names."""
    return name if folder == "." else f"{folder.rstrip('/')}/{name}"
