"""The files of a log that is a folder."""

import os
from itertools import islice

from milepost.errors import HistoryError
from milepost.histories.decoding.files import filesystem_of, is_url, why

MAX_FILES = 100_000
"""So many files of one run are looked at: there is one for each name that it logged."""

MAX_DEPTH = 20
"""So many pieces a name has."""


def files_below(folder: str) -> dict[str, str]:
    """Return the paths of all files in a folder and its folders, by their names below it, sorted; none where it is not.

    Links are not followed.

    Raises:
        HistoryError: It can't be looked into.
    """
    found = _remote(folder) if is_url(folder) else _local(folder)
    return dict(sorted(found.items()))


def above(path: str) -> str:
    """Return the folder that a file or folder lies in; empty where its path does not say."""
    return path.rpartition("/")[0]


def beside(path: str, name: str) -> str:
    """Return the path of another file or folder beside a file."""
    folder = above(path)
    return f"{folder}/{name}" if folder or path.startswith("/") else name


def _local(folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = [("", 0)]
    while waiting and len(found) < MAX_FILES:
        inside, depth = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, inside)) as entries:
                for entry in islice(entries, MAX_FILES):
                    name = f"{inside}/{entry.name}" if inside else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if depth < MAX_DEPTH:
                            waiting.append((name, depth + 1))
                    elif entry.is_file(follow_symlinks=False):
                        found[name] = f"{folder}/{name}"
        except FileNotFoundError:
            continue
        except OSError as error:
            raise HistoryError(f"{folder}: can't be looked into: {why(error)}") from error
    return found


def _remote(folder: str) -> dict[str, str]:
    filesystem, inside = filesystem_of(folder)
    try:
        paths = filesystem.find(inside, maxdepth=MAX_DEPTH)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise HistoryError(f"{folder}: can't be looked into: {why(error)}") from error
    names = (str(path).rpartition(f"{inside.rstrip('/')}/")[2] for path in islice(paths, MAX_FILES))
    return {name: f"{folder}/{name}" for name in names}
