"""What a run could not write to its store before its process ended: a file, which whoever opens that next takes in.

It lies beside the store, below ``.milepost`` where that is a database's URL, or in the folder for temporary files.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from milepost.errors import StoreError
from milepost.files import write_whole
from milepost.log import Once, logger
from milepost.runs.record import RunRecord
from milepost.store.database import shown, to_url
from milepost.store.store import Store
from milepost.store.where import DEFAULT_STORE

MOST_BYTES = 256 * 2**20
"""What is larger was written by nobody here."""

_said = Once("store")


def leave(where: str | Path, record: RunRecord) -> Path | None:
    """Write a record beside the store that could not take it; return where, None where no folder can be written."""
    content = json.dumps(msgspec.to_builtins(record)).encode()  # takes any text and any number
    for folder, name in _places(where):
        path = folder / f"{name}.left-{os.urandom(6).hex()}.json"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(path, content)
        except OSError:
            continue
        return path
    return None


def take_in(store: Store, where: str | Path) -> None:
    """Write to a store what was left for it; what can't be taken in stays where it is, and that is said."""
    for path in _left(where):
        try:
            record = msgspec.convert(json.loads(path.read_bytes()), RunRecord)
            store.write(record)
            path.unlink(missing_ok=True)
        except (OSError, ValueError, RecursionError, msgspec.ValidationError, StoreError) as error:
            _said.warn(str(path), "%s: what a run left there can't be taken in: %s", path, error)
        else:
            logger("store").warning("run %r: what it left in %s is taken in", record.run.id, path)


def _left(where: str | Path) -> Iterator[Path]:
    """Yield the files that were left for a store by this user."""
    for folder, name in _places(where):
        for path in sorted(folder.glob(f"{name}.left-*.json")):
            try:
                status = path.lstat()
            except OSError:
                continue
            if status.st_uid == _user() and status.st_size <= MOST_BYTES:
                yield path


def _places(where: str | Path) -> list[tuple[Path, str]]:
    """Return in which folders something may be left for a store, the first choice first, and how its name begins."""
    url = to_url(where)
    name = shown(where)
    beside, begins = Path(DEFAULT_STORE).parent, hashlib.sha256(name.encode()).hexdigest()[:16]
    if url.drivername == "sqlite":
        file = Path(name).absolute()
        beside, begins = file.parent, file.name
        name = str(file)
    anywhere = hashlib.sha256(name.encode()).hexdigest()[:16]
    return [(beside, begins), (Path(tempfile.gettempdir()) / f"milepost-{_user()}", anywhere)]


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0
