"""Rows of JSON values: flat, and as columns."""

from collections.abc import Sequence
from typing import Any

import polars

from milepost.histories.decoding.files import as_unicode

CHUNK_ROWS = 5000
"""Of one chunk, where rows come one at a time."""

MAX_CELLS = 4_000_000
"""Of one chunk: a log whose every line has other keys would else fill the memory with nulls."""

MAX_DEPTH = 20
LONGEST_INTEGER = 2**63

SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
"""What is written as text where JSON has no such number."""


def number(value: object) -> float | None:
    """Return a number, however it is written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def number_in(value: Any) -> Any:
    """Return the number that a text stands for which JSON has none for; any other value as it is."""
    return SPECIAL.get(value, value) if isinstance(value, str) else value


def flatten(found: dict[str, Any], prefix: str, row: dict[str, Any], wanted: frozenset[str] | None, depth: int) -> None:
    """Add what an object holds to a row; lists are left out."""
    for key, value in found.items():
        name = prefix + key
        if not name.isascii():
            name = as_unicode(name)
        if type(value) is dict:
            if depth:
                flatten(value, f"{name}.", row, wanted, depth - 1)
        elif (wanted is None or name in wanted) and type(value) is not list:
            row[name] = value


def frame_of(rows: Sequence[dict[str, Any]]) -> polars.DataFrame:
    """Return rows as a frame: columns of numbers as Int64 or Float64; one that also holds anything else as text."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [series(as_unicode(name), [row.get(name) for row in rows]) for name in names]
    return polars.DataFrame({column.name: column for column in columns})  # of a list, Polars names those without a name


def series(name: str, values: list[Any]) -> polars.Series:
    """Return a column of JSON values: Int64, Float64 or Boolean where all are, else text as Python writes it."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {int} and all(value is None or -LONGEST_INTEGER <= value < LONGEST_INTEGER for value in values):
        return polars.Series(name, values, polars.Int64)
    if kinds <= {int, float}:
        floats = values if int not in kinds else [value if value is None else _float(value) for value in values]
        return polars.Series(name, floats, polars.Float64)
    if kinds == {bool}:
        return polars.Series(name, values, polars.Boolean)
    return polars.Series(name, [None if value is None else as_unicode(str(value)) for value in values], polars.String)


def _float(value: float) -> float:
    """Return a JSON number as a float; an integer that is too large for one is infinite, as text of it would be."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
