"""Values of a table's columns, exactly: metrics as Float64, samples as Int64, times as seconds."""

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

import polars

from milepost.histories.tables.durations import duration_seconds
from milepost.histories.tables.names import wall_clocks
from milepost.tracking.unix_time import EARLIEST, LATEST, LATEST_ELAPSED_SECONDS, UNITS

TEXT, FLOAT = polars.String(), polars.Float64()

UNTOLD = ("", "na", "n/a", "none", "null", "-", "--", "nil")
"""Texts that say that there is no value. ``nan`` is a value: a NaN that was logged."""


class Samples(NamedTuple):
    """A column of samples.

    Attributes:
        counts: Int64: null where a row does not tell.
        wrong: The first row that holds a number that counts nothing: negative, or not whole; None where none does.
        unread: Which rows hold text that is no number; None where none does.
    """

    counts: polars.Series
    wrong: int | None
    unread: polars.Series | None = None


def numbers(column: polars.Series) -> tuple[polars.Series, int]:
    """Return a column as Float64, and how many of its values are text that is no number: they become null.

    Text is read as the nearest float, as Python's ``float()`` reads it: tested, since a last bit decides crossings.
    """
    if column.dtype.is_numeric() or column.dtype in (polars.Boolean, polars.Null):
        return column.cast(polars.Float64), 0
    if column.dtype != polars.String:
        return polars.Series(column.name, [None] * len(column), polars.Float64), 0
    values = column.cast(polars.Float64, strict=False)
    if values.null_count() == column.null_count():
        return values, 0
    text = column.str.strip_chars()
    values = text.cast(polars.Float64, strict=False)
    if not (unread := values.is_null() & text.is_not_null()).any():
        return values, 0
    lower = text.str.to_lowercase()
    truth = (lower == "true").cast(polars.Float64).set(lower == "false", 0.0)
    is_truth = lower.is_in(["true", "false"]).fill_null(False)
    values = values.zip_with(~is_truth, truth)
    return values, int((unread & ~is_truth & ~lower.is_in(list(UNTOLD))).sum())


def samples(column: polars.Series) -> Samples:
    """Return a column as counts of samples. Whole numbers that are written as floats count; NaN tells nothing."""
    if column.dtype.is_integer() or column.dtype == polars.String:
        counts = column.cast(polars.Int64, strict=False)
        least: Any = counts.min()
        if counts.null_count() == column.null_count() and (least is None or least >= 0):
            return Samples(counts, None)
    else:
        counts = polars.Series(column.name, [None] * len(column), polars.Int64)
    floats, unread = numbers(column)
    floats = floats.fill_nan(None)
    whole = ((floats == floats.floor()) & (floats.abs() < 2.0**63)).fill_null(False)
    counts = counts.zip_with(counts.is_not_null(), floats.set(~whole, None).cast(polars.Int64))
    wrong = (counts < 0).fill_null(False) | (counts.is_null() & floats.is_not_null())
    return Samples(counts, wrong.arg_max() if wrong.any() else None, is_text(column) if unread else None)


class Times(NamedTuple):
    """A column of times.

    Attributes:
        values: Float64: numbers in the column's own unit; dates as Unix seconds, durations as seconds.
        dated: Whether it held dates or durations, whose unit is not in question.
        zoneless: Whether it held dates without a zone: they are taken for UTC, or for NaN where others have one.
        zoned: Whether it held dates with a zone.
        unread: Which rows hold text that is no time; None where none does.
    """

    values: polars.Series
    dated: bool = False
    zoneless: bool = False
    zoned: bool = False
    unread: polars.Series | None = None


def times(column: polars.Series, *, zoned: bool = False) -> Times:
    """Return a column of times.

    Args:
        column: The column.
        zoned: Whether dates in it are known to say a zone: those that don't tell no time, and become NaN.
    """
    if column.dtype == polars.Date:
        column = column.cast(polars.Datetime("us"))
    if isinstance(column.dtype, polars.Datetime):
        unix = column.dt.timestamp("us").cast(polars.Float64) / 1e6
        has_zone = column.dtype.time_zone is not None
        return Times(unix, dated=True, zoneless=not has_zone, zoned=has_zone)
    if isinstance(column.dtype, polars.Duration):
        return Times(column.dt.total_microseconds().cast(polars.Float64) / 1e6, dated=True)
    told, count = numbers(column)
    if (whole := told.sum()) != whole:  # a NaN, or infinities of both signs
        told = told.fill_nan(None)
    if not count:
        return Times(told)
    dates = [_unix(text) for text in column.to_list()]
    found = polars.Series(column.name, [value for value, _ in dates], polars.Float64)
    if found.null_count() == len(found) and not wall_clocks([column.name]):  # where hours and minutes are of the day
        found = polars.Series(column.name, map(duration_seconds, column.to_list()), polars.Float64)
        if found.null_count() < len(found):
            return Times(found, dated=True, unread=is_text(column, found))
    if found.null_count() == len(found):
        return Times(told, unread=is_text(column))
    without = [zoneless for _, zoneless in dates]
    zoned = zoned or any(value is not None and not zoneless for value, zoneless in dates)
    unread = is_text(column, found)
    if zoned and any(without):
        found = found.set(polars.Series(without), math.nan)
    return Times(found, dated=True, zoneless=any(without) and not zoned, zoned=zoned, unread=unread)


def in_seconds(told: Times, unit: float | None, *, wall: bool) -> tuple[polars.Series, bool]:
    """Return times in seconds, and whether any can't be: those are NaN.

    Args:
        told: The times.
        unit: How many seconds their unit is; None where that is not told: seconds, and of Unix times what each is
            large enough for, row by row.
        wall: Whether they are Unix times.
    """
    found = told.values
    if not told.dated:
        if unit is not None and unit != 1.0:
            found = found * unit
        elif unit is None and wall:
            found = _of_any_unit(found)
    low, high = (EARLIEST, LATEST) if wall else (0.0, LATEST_ELAPSED_SECONDS)
    least, most = found.min(), found.max()
    if least is None or (low <= least and most <= high):  # type: ignore[operator]
        return found, told.zoned and found.is_nan().any()
    return found.set(((found < low) | (found > high)).fill_null(False), math.nan), True


def _of_any_unit(unix: polars.Series) -> polars.Series:
    """Return Unix times in seconds, each in the unit that it is large enough for."""
    found, most = unix, unix.max()
    if most is None or most < UNITS[-1][0]:  # type: ignore[operator]
        return found
    for limit, unit in reversed(UNITS):
        larger = (unix >= limit).fill_null(False)
        if not larger.any():
            break
        found = found.zip_with(~larger, unix * unit)
    return found


def is_unix(value: float) -> bool:
    """Say whether a time is Unix time, in whatever unit, rather than seconds since training began."""
    return value >= LATEST_ELAPSED_SECONDS


def is_text(column: polars.Series, found: polars.Series | None = None) -> polars.Series:
    """Return which values of a column are text that is neither a number, nor ``found``, nor says that there is none."""
    text = column.str.strip_chars()
    told = text.is_not_null() & ~text.str.to_lowercase().is_in(list(UNTOLD))
    return told & (text.cast(polars.Float64, strict=False) if found is None else found).is_null()


def headers_among(data: polars.DataFrame) -> polars.Series | None:
    """Return which rows of a chunk are headers again: each column holds its own name. None where none can be."""
    if not data.width or any(column.dtype != polars.String for column in data):
        return None
    found: polars.Series | None = None
    for column in data:
        same = (column.str.strip_chars() == column.name).fill_null(False)
        found = same if found is None else found & same
        if not found.any():
            break
    return found


def _unix(text: str | None) -> tuple[float | None, bool]:
    """Return the Unix seconds of an ISO 8601 date, and whether it says no zone."""
    if text is None:
        return None, False
    try:
        date = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    except ValueError:
        return None, False
    if date.tzinfo is None and not text.strip().endswith(" UTC"):
        return date.replace(tzinfo=UTC).timestamp(), True
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp(), False
