"""Ray Tune's console: tables of trials, a row each, and boxes of one result.

Ray 2.60, ``tune/experimental/output.py``: columns stand apart by three spaces at least; up to 2.4, and with
``RAY_AIR_NEW_OUTPUT=0``, ``tune/progress_reporter.py``: by ``|``. Of a trial, the columns after its status are its
parameters, those from the first of the reporter's own on (`METRICS`) its metrics.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from milepost.histories.decoding.console_lines import Segment, value_of

RULE = re.compile(r"[╭├╰+|](?:[─┬┼┴+=-]{3,})[╮┤╯+|]")
SIDES = ("│", "|")
TRIAL, STATUS = "Trial name", "status"
RESULT = re.compile(r"(?:Trial (\S+)|Training) result")
METRICS = {"acc": "acc", "loss": "loss", "iter": "training_iteration", "total time (s)": "time_total_s"} | {
    "ts": "timesteps_total",
    "reward": "reward",
}
"""What the reporter calls its own columns, and what those are called here that count or tell time."""

ITERATION = METRICS["iter"]
GAP = 3
"""So many spaces stand between two columns."""

TOKEN = re.compile(r"\S+(?: {1,2}\S+)*")
MAX_LINES = 10_000
TRAINING = "training"
"""What the one run of a trainer is called that names none."""


class TrialRow(NamedTuple):
    """What a console tells of a trial.

    Attributes:
        trial: Its name.
        told: Its metrics, counters and times, by name.
        settings: Its parameters, as far as the console shows them.
    """

    trial: str
    told: dict[str, Any]
    settings: dict[str, Any]


def trial_rows(segments: Iterable[Segment]) -> Iterator[TrialRow]:
    """Yield what tables and boxes tell of trials that have come to an iteration, in their order."""
    parts: list[list[str]] | None = None
    for text, _ in segments:
        text = text.strip()
        if RULE.fullmatch(text):
            if parts is None or len(parts) == 2:
                if parts is not None:
                    yield from _rows(*parts)
                parts = None if parts is not None else [[]]
            else:
                parts.append([])
        elif parts is not None and len(text) > 2 and text[0] in SIDES and text[-1] == text[0]:
            parts[-1].append(text)
            if len(parts[-1]) > MAX_LINES:
                parts = None
        else:
            parts = None


def _rows(header: list[str], body: list[str]) -> Iterator[TrialRow]:
    """Yield what one table tells."""
    if len(header) != 1 or not body:
        return
    title = header[0][1:-1].strip()
    if (box := RESULT.fullmatch(title.split(GAP * " ")[0])) is not None:
        told = dict(_pairs(body))
        if ITERATION in told:
            yield TrialRow(box[1] or TRAINING, told, {})
    elif title.startswith(TRIAL):
        cells = _cells([*header, *body])
        if cells is None or cells[0][:2] != [TRIAL, STATUS]:
            return
        names = cells[0]
        first = min((names.index(name) for name in METRICS if name in names), default=len(names))
        for row in cells[1:]:
            cells_of = zip(names, row, strict=True)  # two names that were cut to one tell nothing
            known = {name: value_of(cell) for name, cell in cells_of if cell and names.count(name) == 1}
            told = {METRICS.get(name, name): known[name] for name in names[first:] if name in known}
            if row[0] and isinstance(told.get(ITERATION), int):
                settings = {name: known[name] for name in names[2:first] if name in known and name != "loc"}
                yield TrialRow(row[0], told, settings)


def _pairs(body: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield what a box tells: a key and a value a line; one without a value tells nothing."""
    for line in body:
        key, _, value = line[1:-1].strip().partition("  ")
        if value.strip():
            yield key.strip(), value_of(value)


def _cells(lines: Sequence[str]) -> list[list[str]] | None:
    """Return the cells of lines whose first is a header; None where they are in no columns."""
    side = lines[0][0]
    inner = [line[1:-1] for line in lines]
    if side in inner[0]:
        cells = [[cell.strip() for cell in line.split(side)] for line in inner]
        return cells if all(len(row) == len(cells[0]) for row in cells) else None
    if any(len(line) != len(inner[0]) for line in inner):
        return None
    tokens = [[(found.start(), found.end()) for found in TOKEN.finditer(line)] for line in inner]
    zones: list[list[int]] = []
    for start, end in sorted(token for row in tokens for token in row):
        if zones and start < zones[-1][1]:
            zones[-1][1] = max(zones[-1][1], end)
        else:
            zones.append([start, end])
    if len(zones) != len(tokens[0]):
        return None
    return [[line[start:end].strip() for start, end in zones] for line in inner]
