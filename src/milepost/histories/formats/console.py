"""What trainers draw on a console, caught in a file: tables, trials, progress bars.

Stable-Baselines3, OpenAI's baselines and Spinning Up draw a table an update, Ray Tune a table of trials, Keras a bar an
epoch. Plain lines of ``key: value`` are none of these.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Literal

from milepost.errors import HistoryError
from milepost.histories.decoding.console_lines import Segment, segments, segments_of
from milepost.histories.decoding.console_tables import CUT, drawn_tables
from milepost.histories.decoding.console_trials import ITERATION, trial_rows
from milepost.histories.decoding.files import BLOCK_BYTES, FileBlock, blocks, stem
from milepost.histories.decoding.json_rows import MAX_CELLS
from milepost.histories.decoding.keras_lines import Epochs
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.flags import shown
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.logged_rows import LoggedRows
from milepost.histories.tables.names import counters
from milepost.histories.tables.row_table import RowTable
from milepost.log import logger

Kind = Literal["trials", "tagged", "plain", "epochs"]

TEXTS = (
    *(".md", ".rst", ".ipynb", ".html", ".htm", ".tex", ".adoc", ".org", ".svg"),
    ".py",
    ".js",
    ".c",
    ".cpp",
    ".h",
    ".sh",
)
"""Suffixes of texts that show such tables, and are no logs."""

SIGNS = ("-" * 10, "╭", "+--", "Epoch ")
"""One of these stands in all of them."""

HIDING = re.compile(rb"[\x00\x08\x1b]")
"""What may stand in the midst of such a sign."""

ENOUGH = 200
"""So many tables show which columns there are, and whether they are of Stable-Baselines3."""


class ConsoleReader(Reader):
    """Reads what was drawn on a console."""

    name: ClassVar[str] = "console"
    joins: ClassVar[bool] = False

    def claims(self, file: File) -> str | None:
        """Say whether a file's first megabyte holds trials, epochs, or tables that count."""
        if b"\0" in file.head or file.name.lower().endswith(TEXTS) or file.head.lstrip()[:1] in (b"", b"{", b"[", b"<"):
            return None
        block = next(blocks(file.path, whole_records=len), FileBlock(0, b"", True))
        if not (HIDING.search(block.data) or any(sign.encode() in block.data for sign in SIGNS)):
            return None
        return None if _kind(list(segments_of(block.data))) is None else stem(file.name)

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file, or those of the trials that it shows.

        Raises:
            HistoryError: It holds nothing of the kind, or more than a console does.
        """
        for file in files:
            kind = _kind(islice(segments(file), BLOCK_BYTES // 8))
            if kind is None:
                raise HistoryError(
                    f"{file}: found no table or bar of a trainer, expected those of Stable-Baselines3, baselines, "
                    "Spinning Up, Ray Tune or Keras"
                )
            if kind == "trials":
                yield from _trials(file, run, wanted)
            elif kind == "epochs":
                yield from _epochs(file, run, wanted)
            else:
                table = DrawnTables(file, tagged=kind == "tagged")
                table.open()
                yield from histories_of(table, run, wanted, notes=table.notes)


class DrawnTables(RowTable):
    """The tables of a key and a value a line, of one file.

    Args:
        file: The file.
        tagged: Whether those alone are read whose keys stand below tags.
    """

    def __init__(self, file: str, *, tagged: bool) -> None:
        self.where, self.tagged = file, tagged

    @property
    def notes(self) -> tuple[str, ...]:
        """What is said of keys that were cut, and of counters that were rounded."""
        cut = [name for name in self.columns if CUT in name]
        notes = [f"keys that the console cut short are called as it shows them: {shown(cut)}"] if cut else []
        first = list(islice(self.rows(None), ENOUGH))
        for name, _ in counters(self.columns):
            values = [row.get(name, 0) for row in first]
            if any(isinstance(value, float) and value >= 1000 for value in values):
                notes.append(f"{name!r} is told to three digits: its counts are rounded")
        return tuple(notes)

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield what each table tells."""
        for row, tagged in drawn_tables(segments(self.where), wanted):
            if tagged or not self.tagged:
                yield row


def _kind(text: Iterable[Segment]) -> Kind | None:
    """Say what is drawn in some text; None where nothing is, or nothing that surely is a log.

    Tables without tags have to be several, of the same keys, with a counter that rises.
    """
    text = list(text)
    if not any(sign in segment.text for segment in text for sign in SIGNS):
        return None
    if next(trial_rows(text), None) is not None:
        return "trials"
    counts: dict[str, list[float]] = {}
    for row, tagged in islice(drawn_tables(text), ENOUGH):
        numbers = {name: value for name, value in row.items() if not isinstance(value, str)}
        found = [name for name in numbers if any(counters([name.lower()]))]  # Spinning Up's are in capitals
        if found and len(numbers) > 1:
            if tagged:
                return "tagged"
            for name in found:
                counts.setdefault(name, []).append(numbers[name])
    if any(len(each) > 1 and each[0] < each[1] for each in counts.values()):
        return "plain"
    return "epochs" if next(Epochs().read(text), None) is not None else None


def _trials(file: str, run: str, wanted: Wanted) -> Iterator[History]:
    """Yield a run for each trial. What is told of an iteration twice, in a box and in a table, is read once.

    Raises:
        HistoryError: There is more than a console shows.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    settings: dict[str, dict[str, Any]] = {}
    told: dict[str, dict[str, None]] = {}
    cells = 0
    for trial, found, params in trial_rows(segments(file)):
        settings.setdefault(trial, {}).update(params)
        mine = rows.setdefault(trial, [])
        if not mine or mine[-1][ITERATION] != found[ITERATION]:
            told[trial] = {}
        new = {name: value for name, value in found.items() if name not in told[trial]}
        if not told[trial]:
            mine.append(new)
        elif new:
            mine.append({ITERATION: found[ITERATION], **new})
        told[trial].update(dict.fromkeys(new))
        cells += len(new)
        if cells > MAX_CELLS:
            raise HistoryError(
                f"{file}: found more than {MAX_CELLS} values, expected less on a console: read the trials' result.json"
            )
    for trial, logged in rows.items():
        table = LoggedRows(f"{file}, trial {trial}", logged)
        cut = [name for name in table.columns if name.startswith(CUT)]
        notes = (f"keys that the console cut short are called as it shows them: {shown(cut)}",) if cut else ()
        yield from histories_of(table, f"{run}/{trial}", wanted, config=settings[trial], notes=notes)


def _epochs(file: str, run: str, wanted: Wanted) -> Iterator[History]:
    """Yield the run of Keras' epochs, or the trainings that follow each other.

    The seconds of epochs are added up. They begin anew where an epoch is told again: another training, or a process
    that goes on from an earlier one.
    """
    epochs = Epochs()
    rows: list[dict[str, Any]] = []
    number, elapsed = 0, 0.0
    for epoch in epochs.read(segments(file)):
        elapsed = epoch.seconds + (elapsed if epoch.number > number else 0.0)
        number = epoch.number
        rows.append({**epoch.metrics, "epoch": number, "elapsed_seconds": elapsed})
        if len(rows) * len(rows[-1]) > MAX_CELLS:
            raise HistoryError(f"{file}: found more than {MAX_CELLS} values, expected less on a console")
    if epochs.unfinished:
        logger("histories").warning("%s: %d epochs came to no end; not read", file, epochs.unfinished)
    told: dict[str, Any] = {}
    notes = []
    if epochs.beside:
        notes.append(f"{epochs.beside} bars are of no epoch, but of evaluate() or predict(): they are not read")
    if all(row["elapsed_seconds"] < 1 for row in rows):
        rows = [{name: value for name, value in row.items() if name != "elapsed_seconds"} for row in rows]
        told["untimed_because"] = "its epochs took less than the whole second in which Keras tells them"
    else:
        notes.append(
            "elapsed time is the seconds of the epochs, each rounded by Keras, added up: what passed before the first, "
            "between two and in evaluations of their own is left out"
        )
    yield from histories_of(LoggedRows(file, rows), run, wanted, notes=tuple(notes), **told)
