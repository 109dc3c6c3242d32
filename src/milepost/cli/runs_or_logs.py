"""Loads runs for commands that take kept ones and logs alike: ``[RUN|PATH]...``."""

from collections.abc import Sequence
from contextlib import closing
from glob import glob
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from milepost.cli.log_options import LogOptions
from milepost.cli.logs import replay_shown, summarise
from milepost.cli.stores import find_runs, has_store, open_store
from milepost.errors import ConfigError
from milepost.replaying.left_out import LeftOutFiles
from milepost.runs.record import RunRecord

RunsOrLogs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN|PATH]...", help="Kept runs, or logs that are replayed first; every kept run."),
]


def load_runs(
    what: Sequence[str], groups: Sequence[str], store: str | None, logs: LogOptions
) -> tuple[list[RunRecord], tuple[LeftOutFiles, ...] | None]:
    """Return all that is known of runs, their curves included, and what of logs was left out (None: no logs).

    Args:
        what: Kept runs, or logs, which are replayed; every kept run where nothing is named.
        groups: Groups of kept runs.
        store: Where runs are kept.
        logs: How logs are replayed.

    Raises:
        ConfigError: One of them is not there, or ``logs`` says something where there is none.
    """
    paths, runs = _sorted(what, store)
    if not paths:
        _refuse_log_options(logs)
    with Console(stderr=True).status("reading …"):
        every = _runs_of_store(runs, groups, store, is_all=not paths)
    if not paths:
        return every, None
    summarise(results := replay_shown(paths, logs, on_kept=every.append))
    return every, results.left_out


def _refuse_log_options(logs: LogOptions) -> None:
    """Refuse what says how logs are replayed, where there are none: kept runs have their thresholds and prices.

    Raises:
        ConfigError: Says what.
    """
    for name, value in logs.given.items():
        flag = "--" + name.replace("_", "-")
        raise ConfigError(f"{flag}: found {value!r} without a log, expected PATH…: kept runs are shown as they are")


def _sorted(what: Sequence[str], store: str | None) -> tuple[list[str], list[str]]:
    """Tell logs from runs: what is kept under just that name is a run, else what lies there is a log."""
    known: set[str] = set()
    if what and has_store(store):
        with closing(open_store(store)) as opened:
            known = {run.id for run in opened.runs()}
    logs = [each for each in what if each not in known and ("://" in each or Path(each).exists() or glob(each))]
    if len(logs) < len(what) and not has_store(store):
        missing = next(each for each in what if each not in logs)
        raise ConfigError(f"RUN or PATH: found no file {missing!r}, and no store with runs: name one with --store")
    return logs, [each for each in what if each not in logs]


def _runs_of_store(runs: Sequence[str], groups: Sequence[str], store: str | None, *, is_all: bool) -> list[RunRecord]:
    """Return runs of the store, each once: those named, those of groups, or all where nothing is asked for."""
    if not runs and not groups and not is_all:
        return []
    with closing(open_store(store)) as opened:
        found = [record for group in groups for record in find_runs(opened, (), group, curves=True)]
        if runs or not groups:
            found += find_runs(opened, runs, curves=True)
    return list({record.run.id: record for record in found}.values())
