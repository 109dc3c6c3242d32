"""A sample of a text's lines, and the shapes of those that are a log."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import msgspec
import polars

from milepost.histories.decoding.files import blocks
from milepost.histories.decoding.text_bare import with_bare_count
from milepost.histories.decoding.text_lines import (
    FIRST_BYTES,
    SAMPLE_BYTES,
    chunks,
    cleaned,
    end_of,
    lines_of,
    whole_lines,
)
from milepost.histories.decoding.text_shapes import LEAST_LINES, Naming, Shape, sampled, shapes_of
from milepost.histories.decoding.text_values import places_of, values_of

MOST_FOUND = 200
"""So many lines that hold a name that the sample lacks are added to it."""

MOST_FALLS = 1 / 3
"""What falls more often than in such a part of its rows counts nothing."""

MOST_SHAPES = 64


class Sample(NamedTuple):
    """What a sample of lines tells.

    Attributes:
        lines: The lines.
        shapes: Shapes of those that are read: of the ones that count, and of those beside them that bear metrics of
            their own.
        begins_epochs_anew: Whether what counts in an epoch begins anew with each.
        repeats: Whether a line is written several times in a row, as several processes do.
    """

    lines: polars.Series
    shapes: tuple[Shape, ...]
    begins_epochs_anew: bool
    repeats: bool

    @property
    def columns(self) -> list[str]:
        """Names of all columns, those of lines that count first."""
        return list(dict.fromkeys(name for shape in self.shapes for name in shape.columns))

    def of(self, shape: Shape) -> polars.Series:
        """Return its lines of one shape."""
        return self.lines.filter(self.lines.str.contains(shape.pattern))


def sample_of(path: str, naming: Callable[[str], Naming], metrics: Collection[str] = ()) -> Sample | None:
    """Return what a sample of a file's lines tells; None where no lines of one shape are a log.

    Args:
        path: The file.
        naming: Says what a key is called as a column.
        metrics: Names that are looked for in all of the file where the sample does not have them.

    Raises:
        HistoryError: It can't be read.
    """
    found: Sample | None = None
    parts: list[polars.Series] = []
    size = 0
    for chunk in chunks(path, least=FIRST_BYTES):
        parts.append(lines_of(chunk.data))
        size += chunk.length
        found = _sample(parts, naming)
        if found is not None or size >= SAMPLE_BYTES:
            break
    if (end := end_of(path)) and (found is not None or size >= SAMPLE_BYTES):
        parts.append(lines_of(end))
        found = _sample(parts, naming)
    if found is not None and (missing := set(metrics) - set(found.columns)):
        more = lines_with(path, missing)
        if len(more):
            found = _sample([*parts, more], naming, more.to_list())
    return found


def _sample(parts: list[polars.Series], naming: Callable[[str], Naming], besides: Sequence[str] = ()) -> Sample | None:
    lines = polars.concat(parts)
    shapes = shapes_of([*sampled(lines), *((line, 0) for line in besides)], naming)
    begins_anew = True
    counting = []
    for shape in shapes:
        of_it = lines.filter(lines.str.contains(shape.pattern)) if shape.counts else lines.clear()
        if len(of_it) < LEAST_LINES:
            continue
        if shape.in_epoch:
            place = places_of(of_it)
            rises = (place.epoch.diff() > 0).fill_null(False)
            begins_anew = begins_anew and not (rises.any() and not (rises & (place.number.diff() < 0)).any())
            counting.append(shape)
        elif any(_rises(of_it, shape, name) for name in shape.counters):
            counting.append(shape)
    if not counting:
        counting = [found for each in shapes[:MOST_SHAPES] if (found := with_bare_count(each, lines)) is not None]
        counted = {shape.pattern for shape in counting}
        shapes = counting + [shape for shape in shapes if shape.pattern not in counted]
    if not counting:
        return None
    counts = lines.str.contains("|".join(f"(?:{shape.pattern})" for shape in counting))
    after = lines[counts.arg_max() or 0 :]
    others = [shape for shape in shapes if not shape.counts and after.str.contains(shape.pattern).any()]
    kept = _beside(counting[:MOST_SHAPES], [*counting, *others[:MOST_SHAPES]], naming)
    repeats = (lines == lines.shift(1)).fill_null(False) & counts
    return Sample(lines, tuple(kept), begins_anew, bool(repeats.any()))


def _rises(lines: polars.Series, shape: Shape, name: str) -> bool:
    """Say whether a column of a counter's name goes as one."""
    told = values_of(lines, shape.columns[name], in_seconds=False).cast(polars.Float64, strict=False).drop_nulls()
    steps = told.diff().drop_nulls()
    return len(told) >= LEAST_LINES and bool((steps > 0).any()) and int((steps < 0).sum()) <= MOST_FALLS * len(steps)


def _beside(counting: list[Shape], shapes: list[Shape], naming: Callable[[str], Naming]) -> list[Shape]:
    """Return shapes that count with those beside them, with evaluations under names of their own.

    A line of an evaluation may call its loss as a line of training does: it is ``val/loss`` then.
    """
    trained = {name for shape in counting if shape.evaluation is None for name in shape.columns}
    positions = {name for shape in counting for name in shape.counters}
    counted = {shape.pattern for shape in counting}
    kept: list[Shape] = []
    for shape in shapes:
        columns = shape.columns
        if shape.evaluation is not None:
            columns = {
                f"{shape.evaluation}/{name}" if name in trained and name not in positions else name: column
                for name, column in columns.items()
            }
        if shape.pattern not in counted:
            told = {name for each in kept for name in each.columns} | trained
            columns = {
                name: column
                for name, column in columns.items()
                if name not in told and not naming(column.key).is_position
            }
            if not columns or shape.counts:
                continue
        kept.append(msgspec.structs.replace(shape, columns=columns))
    counting_first = [shape for shape in kept if shape.pattern in counted]
    return counting_first + [shape for shape in kept if shape.pattern not in counted][:MOST_SHAPES]


def lines_with(path: str, names: Collection[str]) -> polars.Series:
    """Return the first lines of a file that hold one of some names.

    Raises:
        HistoryError: It can't be read.
    """
    words = {name.encode("utf-8", "replace") for name in names}
    words |= {word.rpartition(b".")[2] for word in words if b"." in word} | {
        word.partition(b"/")[2] for word in words if b"/" in word
    }
    found: list[bytes] = []
    for block in blocks(path, whole_records=whole_lines):
        for word in filter(None, words):
            at = -1
            while (at := block.data.find(word, at + 1)) >= 0 and len(found) < MOST_FOUND:
                end = block.data.find(b"\n", at)
                found.append(block.data[block.data.rfind(b"\n", 0, at) + 1 : end if end >= 0 else len(block.data)])
                at = end if end >= 0 else len(block.data)
        if len(found) >= MOST_FOUND:
            break
    return lines_of(cleaned(b"\n".join(found)))
