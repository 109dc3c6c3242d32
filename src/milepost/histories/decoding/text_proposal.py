"""A pattern that would read a text, for its user to correct: from the lines of it that look most like a log."""

import re
from collections.abc import Callable
from typing import NamedTuple

import polars

from milepost.histories.decoding.text_fields import GROUPED, Field, fields_of, shown
from milepost.histories.decoding.text_lines import FIRST_BYTES, chunks, lines_of
from milepost.histories.decoding.text_pattern import POSITIONS
from milepost.histories.decoding.text_shapes import LEAST_LINES, Naming, Shape, sampled, shapes_of
from milepost.histories.decoding.text_stamps import DATED, KINDS, stamp_of
from milepost.histories.decoding.text_values import values_of

MOST_GROUPS = 8
MOST_SHOWN = 3
RISING = 0.9
"""Of such a part of its rows at least, what counts rises."""


class Proposal(NamedTuple):
    """A pattern that would read a text.

    Attributes:
        pattern: The expression.
        lines: How many lines of the sample it matches.
        example: The first of them.
        rows: What it would read of the first ones, as text by the name of its group.
    """

    pattern: str
    lines: int
    example: str
    rows: list[dict[str, str]]


def propose(path: str, naming: Callable[[str], Naming], is_clock: Callable[[str], bool]) -> Proposal | None:
    """Return a pattern for the lines of a file that look most like a log; None where none do.

    Args:
        path: The file.
        naming: Says what a key is called as a column.
        is_clock: Says whether a column of a name may tell elapsed time.

    Raises:
        HistoryError: It can't be read.
    """
    lines = next(
        (lines_of(chunk.data) for chunk in chunks(path, least=FIRST_BYTES)), polars.Series("line", [], polars.String)
    )
    for shape in shapes_of(sampled(lines), naming):
        of_it = lines.filter(lines.str.contains(shape.pattern))
        if len(of_it) < LEAST_LINES or len(shape.columns) < 2:
            continue
        counter = next(iter(shape.counters), None) or _rising(shape, of_it)
        if counter is None:
            continue
        pattern = _pattern(shape, counter, is_clock, of_it)
        found = of_it.filter(of_it.str.contains(pattern))
        if len(found) < LEAST_LINES:
            continue
        groups = found.head(MOST_SHOWN).str.extract_groups(pattern).struct.unnest()
        return Proposal(pattern, len(found), shown(shape.example), groups.to_dicts())
    return None


def _rising(shape: Shape, lines: polars.Series) -> str | None:
    """Return the first column of whole numbers that rise, and that most lines tell."""
    for name in shape.columns:
        told = _told(shape, name, lines)
        is_whole = len(told) >= max(LEAST_LINES, len(lines) / 2) and (told == told.floor()).all()
        steps = told.diff().drop_nulls()
        if is_whole and int((steps > 0).sum()) >= RISING * len(steps):
            return name
    return None


def _told(shape: Shape, name: str, lines: polars.Series) -> polars.Series:
    return values_of(lines, shape.columns[name], in_seconds=False).cast(polars.Float64, strict=False).drop_nulls()


def _goes_on(told: polars.Series) -> bool:
    return told.is_sorted() and told.n_unique() > 1


def _pattern(shape: Shape, counter: str, is_clock: Callable[[str], bool], lines: polars.Series) -> str:
    """Return a pattern with a group for the counter, the stamp and the first numbers of a line of a shape."""
    with_counter = lines.filter(lines.str.contains(shape.columns[counter].start)).head(1).to_list()
    line = next(iter(with_counter), shape.example)
    stamp = stamp_of(line)
    has_date = stamp is not None and stamp.kind in DATED
    masked = line if stamp is None else line[: stamp.start] + "\0" * (stamp.end - stamp.start) + line[stamp.end :]
    names = {column.key: name for name, column in shape.columns.items()}
    fields = [field for field in fields_of(masked) if field.name in names]
    chosen = [field for field in fields if names[field.name] == counter]
    chosen += [field for field in fields if field not in chosen][: MOST_GROUPS - 1]
    parts = [rf"(?P<time>{KINDS[stamp.kind]})"] if stamp is not None and has_date else []
    used = {"time"} if has_date else set[str]()
    for field in sorted(chosen, key=lambda each: each.at):
        name = names[field.name]
        is_elapsed = is_clock(name) and "elapsed" not in used and _goes_on(_told(shape, name, lines))
        group = "step" if name == counter else "elapsed" if is_elapsed else _group(name, used)
        used.add(group)
        number = r"\d+" if group == "step" else r"[^\s,;|)\]}]+"
        before = re.sub(r"(?:\\?\s)+", lambda _: r"\s+", re.escape(_start(field, line)))
        if lines.str.contains(before + GROUPED).any():
            number = r"[\d,]*\d(?:\.\d+)?"
        parts.append(rf"{before}(?P<{group}>{number})")
    return ".*?".join(parts)


def _start(field: Field, line: str) -> str:
    """Return a field's key with what stands between it and the number."""
    return line[field.start : field.at]


def _group(name: str, used: set[str]) -> str:
    """Return the name of a group for a metric: letters, digits and underscores."""
    group = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "metric"
    group = f"m_{group}" if group[0].isdigit() or group in POSITIONS else group
    while group in used:
        group += "_"
    return group
