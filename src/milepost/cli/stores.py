"""Opens the store for commands over kept runs, and finds runs in it."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from milepost.errors import ConfigError, StoreError, nearest
from milepost.log import logger
from milepost.runs.ends import with_ends
from milepost.runs.record import RunRecord
from milepost.store.left import take_in
from milepost.store.store import Store
from milepost.store.where import DEFAULT_STORE, store_of
from milepost.tracked_run.process import is_alive
from milepost.tracking.timer import SYSTEM_CLOCK

StoreOption = Annotated[
    str | None,
    typer.Option("--store", help=f"Path or URL of the store; else MILEPOST_STORE, else {DEFAULT_STORE}."),
]


def open_store(named: str | None) -> Store:
    """Open a store that is there; a command that reads makes none.

    Raises:
        ConfigError: There is none.
        StoreError: It can't be opened.
    """
    where = store_of(named)
    if where == "off":
        raise ConfigError("store: found 'off' (MILEPOST_STORE), expected a path or a URL: name one with --store")
    if not has_store(named):
        raise ConfigError(
            f"store: expected a file {where}, found none; runs are kept in {DEFAULT_STORE} below the folder that they "
            "are started in: go there, or name the store with --store or MILEPOST_STORE"
        )
    store = Store(where)
    take_in(store, where)
    return store


def has_store(named: str | None) -> bool:
    """Say whether there is a store to open."""
    where = store_of(named)
    return where != "off" and ("://" in where or Path(where).expanduser().is_file())


def find_runs(
    store: Store, wanted: Sequence[str], group: str | None = None, *, curves: bool = False
) -> list[RunRecord]:
    """Return runs, with an end to those whose process is gone; all where none is asked for.

    Args:
        store: Where they are kept.
        wanted: Their ids, or beginnings that no two runs share.
        group: Their group.
        curves: Read their curves too.

    Raises:
        ConfigError: One that was asked for is not there; names the nearest.
    """
    known = {run.id: run for run in store.runs(group=group)}
    ids = find_ids(wanted, list(known), group) if wanted else list(known)
    if group is not None and not known:
        groups = sorted({run.group for run in store.runs() if run.group})
        raise ConfigError(f"--group: found no run of group {group!r}{_nearest(group, groups)}")
    found = []
    for each in dict.fromkeys(ids):
        try:
            record = store.load(each, curves=curves)
        except StoreError as error:
            if wanted or len(ids) == 1:
                raise
            logger("store").warning("run %r is left out: %s", each, error)
            continue
        if record is not None:
            found.append(with_ends(record, socket.gethostname(), SYSTEM_CLOCK.now(), is_alive))
    return found


def find_ids(wanted: Sequence[str], known: list[str], group: str | None = None) -> list[str]:
    """Return the ids of runs that are asked for by them, or by beginnings that no two share.

    Raises:
        ConfigError: One is not there; names the nearest.
    """
    return [_find(each, known, group) for each in wanted]


def _find(wanted: str, known: list[str], group: str | None) -> str:
    if wanted in known:
        return wanted
    begun = [each for each in known if wanted and each.startswith(wanted)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise ConfigError(f"RUN: found {len(begun)} runs that begin with {wanted!r}: {', '.join(begun[:5])}")
    where = "" if group is None else f" in group {group!r}"
    raise ConfigError(f"RUN: found no run {wanted!r}{where}{_nearest(wanted, known)}")


def _nearest(wanted: str, known: list[str]) -> str:
    there = f"; there are {', '.join(known[-5:])}" if known else "; none is there as yet"
    return nearest(wanted, known, most=3, cutoff=0.4) or there
