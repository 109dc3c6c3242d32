"""Aim's repositories, the folders ``.aim``: https://aimstack.readthedocs.io/en/latest/.

Every run of a repository is a run, but those that were archived, which Aim leaves out of its searches too. A metric
has a step and a time for each value, and is another in each context: ``loss subset="val"``. Aim keeps one value a step:
what is tracked again, as after training went back, is written over. Of the processes that went on with a run, it tells
when the last began. RocksDB reads the values (``milepost[aim]``); Aim itself is not needed, and nothing is written.
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.aim_repository import TABLES, AimDatabases, AimRun, runs_of
from milepost.histories.decoding.databases import SQLITE, has_tables
from milepost.histories.decoding.folder_files import beside
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, NotRead, Reader
from milepost.histories.tables.row_table import refuse, seed_of

if TYPE_CHECKING:
    from milepost.histories.tables.decimal_steps import DecimalPoints

DATABASE, VERSION = "run_metadata.sqlite", "VERSION"

PURPOSE = "reading Aim's repositories"

OF_THE_MACHINE = "__system__"
"""How the metrics begin that Aim itself tracks, of the machine."""


class AimReader(Reader):
    """Reads the runs of a repository."""

    name: ClassVar[str] = "aim"
    folders: ClassVar[frozenset[str]] = frozenset({"check_ins", "locks", "meta", "progress", "seqs"})

    def claims(self, file: File) -> str | None:
        """Claim the database of a repository, and the file beside it that tells its version.

        Raises:
            NotRead: What reads RocksDB is not installed: a repository may lie beside other logs.
        """
        if file.name not in (DATABASE, VERSION) or DATABASE not in file.siblings:
            return None
        if not has_tables(File(beside(file.path, DATABASE), SQLITE, file.siblings), TABLES):
            return None
        if not find_spec("aimrocks"):
            raise NotRead(str(MissingExtra("aimrocks", "aim", PURPOSE)))
        return ""

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the runs: their hashes, the experiment as group, their parameters.

        Raises:
            MissingExtra: NumPy, or what reads RocksDB, is not installed.
            HistoryError: It can't be read, or has no run that is not archived.
        """
        for package, extra in (("numpy", "replay"), ("aimrocks", "aim")):
            if not find_spec(package):
                raise MissingExtra(package, extra, PURPOSE)
        for path in files:
            if path.rpartition("/")[2] != DATABASE:
                continue
            found = runs_of(path)
            runs = [each for each in found if not each.is_archived]
            archived = len(found) - len(runs)
            if not runs:
                raise HistoryError(f"{path}: found no run{f' but {archived} archived' * bool(archived)}, expected one")
            notes = (f"{archived} runs of {path} that are archived are not read",) if archived else ()
            for each in runs:
                yield _history(os.path.dirname(path), each, wanted, notes)
                notes = ()


def _history(repository: str, run: AimRun, wanted: Wanted, notes: tuple[str, ...]) -> History:
    """Return a run; where it can't be understood, a history that says so when it is read, so that the rest goes on."""
    from milepost.histories.tables.decimal_steps import in_whole_steps
    from milepost.histories.tables.key_points import KeyPoints

    where = f"Aim run {run.run}"
    try:
        databases = AimDatabases(repository, run.run)
        logged = {
            series.key: _points(databases.points(series))
            for series in sorted(databases.series, key=lambda each: each.key)
            if not series.name.startswith(OF_THE_MACHINE) or wanted.metrics is None or wanted.wants(series.key)
        }
        logged = {key: each for key, each in logged.items() if len(each.values)}
        if not logged:
            raise HistoryError(
                f"{where}: found nothing that was tracked, expected metrics; those of Aim before 3.11 are read "
                "after `aim storage upgrade 3.11+`"
            )
        points, of_steps = in_whole_steps(logged)
        further = [] if run.resumed_at is None else [(run.resumed_at, run.resumed_at)]
        return KeyPoints(where, points, wanted, further).history(
            run.run,
            notes=(*notes, *of_steps),
            config=databases.settings,
            seed=seed_of(databases.settings),
            group=run.experiment,
            started_at=run.created_at,
        )
    except HistoryError as error:
        return History(run=run.run, rows=partial(refuse, error), group=run.experiment, notes=notes)


def _points(columns: dict[str, dict[bytes, float]]) -> "DecimalPoints":
    """Return what is told of a metric at the steps at which all of it is: a process may have been killed in between."""
    from numpy import array, floor

    from milepost.histories.tables.decimal_steps import DecimalPoints

    values, steps, times = columns["val"], columns["step"], columns["time"]
    told = [
        (times[each], steps[each], value)
        for each, value in values.items()
        if all(isinstance(held, (int, float)) for held in (value, steps.get(each), times.get(each)))
    ]
    found = array(told, "f8").reshape(-1, 3)
    whole = floor(found[:, 1])
    return DecimalPoints(found[:, 0], whole.astype("i8"), found[:, 1] - whole, found[:, 2])
