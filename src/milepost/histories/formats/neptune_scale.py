"""Neptune's offline files: https://github.com/neptune-ai/neptune-client-scale.

Each process of a run keeps what it logs in a folder of its own, ``PROJECT_RUN_TIME/run_operations.sqlite3``; what tells
the same project and run is one run. Every value has a step and a time of its own; steps may be decimal. A preview is no
value yet. Neptune's server leaves out values whose steps do not rise; here they are.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import ClassVar

from milepost.errors import HistoryError, MissingExtra
from milepost.histories.decoding.databases import has_tables
from milepost.histories.decoding.neptune_operations import TABLES, NeptuneProcess, run_of
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.row_table import seed_of


class NeptuneReader(Reader):
    """Reads what Neptune's client kept offline."""

    name: ClassVar[str] = "neptune"

    def claims(self, file: File) -> str | None:
        """Say whether a file is an SQLite database with the client's tables."""
        return "" if has_tables(file, TABLES) else None

    def identity(self, path: str) -> str | None:
        """Return the project and the run."""
        return run_of(path)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the one run that files tell of, of processes that ran one after the other.

        Raises:
            MissingExtra: NumPy or protobuf are not installed.
            HistoryError: One can't be read, or a flag names what it does not have.
        """
        if not find_spec("numpy"):
            raise MissingExtra("numpy", "replay", "reading Neptune's files")
        from numpy import array, concatenate

        from milepost.histories.tables.decimal_steps import DecimalPoints, in_whole_steps
        from milepost.histories.tables.key_points import KeyPoints

        processes = sorted(map(NeptuneProcess, files), key=lambda process: process.first_ms)
        logged = {
            key: DecimalPoints(
                *(
                    concatenate([array(kept[key]) for each in processes if key in (kept := getattr(each, name))])
                    for name in DecimalPoints._fields
                )
            )
            for key in dict.fromkeys(key for process in processes for key in process.times)
        }
        if not logged:
            raise HistoryError(f"{files[0]}: found nothing that was logged, expected metrics")
        points, notes = in_whole_steps(logged)
        first, *further = processes
        config = {key: value for process in processes for key, value in process.config.items()}
        if first.parent is not None:
            notes += (f"forked from {first.parent}: what that one had come to is not in this run",)
        found = KeyPoints(files[0], points, wanted, [(each.first_ms, each.created_at) for each in further])
        yield found.history(
            first.run,
            notes=notes,
            config=config,
            seed=seed_of(config),
            group=first.experiment,
            started_at=first.created_at,
        )
