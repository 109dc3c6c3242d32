"""The quick way through lines of words alone, such as ``step:12/1390 val_loss:3.28 train_time:201991ms``.

A block of them is a table with spaces between its fields, and each field says by its beginning what it is. Where any
number of a block is not found so, nothing is: the patterns read that block.
"""

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

import polars

from milepost.histories.decoding.text_shapes import Column, Shape
from milepost.histories.decoding.text_values import scale_of, scaled

MOST_LINES = 1000
MOST_WORDS = 40
DIGITS = b"0123456789."
WORD = re.compile(r"([^\s:=,;]+)([:=])([^\s,;]+)")


class Words(NamedTuple):
    """How lines of one shape are made up of words.

    Attributes:
        width: How many words a line has, at most.
        places: Of each column, the text that its words begin with, and which word of a line it may be.
    """

    width: int
    places: dict[str, tuple[str, tuple[int, ...]]]


def words_of(shape: Shape, lines: polars.Series) -> Words | None:
    """Return how lines of a shape are made up of words; None where they hold anything else.

    Args:
        shape: The shape.
        lines: Lines of it.
    """
    if shape.stamp is not None or shape.in_epoch or not shape.columns:
        return None
    by_key = {column.key: name for name, column in shape.columns.items()}
    if any(column.style != "sign" or column.is_duration for column in shape.columns.values()):
        return None
    prefixes: dict[str, str] = {}
    places: dict[str, set[int]] = {}
    width = 0
    for line in lines.head(MOST_LINES).to_list():
        words = line.split(" ")
        width = max(width, len(words))
        for at, word in enumerate(words):
            match = WORD.fullmatch(word)
            if match is None or width > MOST_WORDS:
                return None
            name = by_key.get(match[1])
            if name is None:
                continue
            prefix = match[1] + match[2]
            if prefixes.setdefault(name, prefix) != prefix:
                return None
            places.setdefault(name, set()).add(at)
    first = next(iter(shape.columns))
    if places.get(first) != {0}:
        return None
    return Words(width, {name: (prefixes[name], tuple(sorted(at))) for name, at in places.items()})


def read_words(
    data: bytes, words: Words, shape: Shape, columns: Collection[str] | None, in_seconds: Callable[[str], bool]
) -> polars.DataFrame | None:
    """Return what a block of lines tells; None where it is not sure that this is all.

    Args:
        data: The block.
        words: What its lines are made up of.
        shape: Their shape.
        columns: Names of those columns that are wanted; all where None.
        in_seconds: Says of a column whether its durations are wanted in seconds.
    """
    first = next(iter(shape.columns))
    start, _ = words.places[first]
    wanted = {name: place for name, place in words.places.items() if columns is None or name in columns}
    unplaced = shape.columns.keys() - words.places.keys()
    if unplaced and (columns is None or unplaced & set(columns)):
        return None
    needed = sorted({0, *(at for _, places in wanted.values() for at in places)})
    names = [_name(at) for at in range(words.width)]
    try:
        table = polars.read_csv(
            data,
            has_header=False,
            separator=" ",
            quote_char=None,
            truncate_ragged_lines=True,
            raise_if_empty=False,
            schema=dict.fromkeys(names, polars.String),
            columns=[names[at] for at in needed] if len(needed) < len(names) else None,
        )
    except polars.exceptions.PolarsError:
        return None
    is_row = table[_name(0)].str.starts_with(start).fill_null(False)
    if not is_row.all():
        table = table.filter(is_row)
    lines = _alike(data)
    found = {}
    for name, (prefix, places) in wanted.items():
        values = _values(table, prefix, places, shape.columns[name], is_whole=name in shape.counters)
        if values is None or not _is_all(len(values) - values.null_count(), name, words, shape, lines):
            return None
        found[name] = scaled(
            values, scale_of(shape.columns[name].unit, shape.columns[name].unit, in_seconds=in_seconds(name))
        )
    return polars.DataFrame(found) if found else None


def _name(at: int) -> str:
    """Return what Polars calls a column without a header."""
    return f"column_{at + 1}"


class _Lines(NamedTuple):
    """Lines as far as words are counted in them: one that stands for so many, where all are alike but for digits."""

    text: bytes
    times: int
    left_out: bytes


def _alike(data: bytes) -> _Lines:
    bare = data.translate(None, DIGITS)
    line = bare[: bare.find(b"\n") + 1]
    times = len(bare) // len(line) if line else 0
    return _Lines(line, times, DIGITS) if line and bare == line * times else _Lines(data, 1, b"")


def _is_all(told: int, name: str, words: Words, shape: Shape, lines: _Lines) -> bool:
    """Say whether a column's key stands nowhere but in words of known places, and each of its words was taken."""
    prefixes = {each: prefix.encode().translate(None, lines.left_out) for each, (prefix, _) in words.places.items()}
    key = shape.columns[name].key.encode().translate(None, lines.left_out)
    mentions = 0
    for each, prefix in prefixes.items():
        if key in prefix:
            starts = (lines.text.startswith(prefix), lines.text.count(b"\n" + prefix), lines.text.count(b" " + prefix))
            mentions += sum(starts) * prefix.count(key)
            if each == name and told != sum(starts) * lines.times:
                return False
    return bool(key) and lines.text.count(key) == mentions


def _values(
    table: polars.DataFrame, prefix: str, places: tuple[int, ...], column: Column, *, is_whole: bool
) -> polars.Series | None:
    """Return the numbers of a column; None where a word of it is none."""
    found: polars.Series | None = None
    for at in places:
        words = table[_name(at)]
        is_of_it = words.str.starts_with(prefix).fill_null(False)
        if not is_of_it.any():
            continue
        written = words.str.slice(len(prefix))
        example = written[is_of_it.arg_max() or 0]
        if column.unit:
            written = written.str.strip_suffix(column.unit)
        elif "/" in example:
            written = written.str.strip_suffix(example[example.index("/") :])
        numbers = written.cast(polars.Int64, strict=False) if is_whole else written.cast(polars.Float64, strict=False)
        if not is_of_it.all():
            numbers = numbers.set(~is_of_it, None)
        if numbers.null_count() > len(is_of_it) - is_of_it.sum():
            return None
        found = numbers if found is None else found.fill_null(numbers)
    if found is None:
        return polars.Series(values=[None], dtype=polars.Float64).new_from_index(0, table.height)
    return found
