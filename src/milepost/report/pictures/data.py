"""Data sets of pictures: what they are drawn over, the rows that charts name, and how these are kept few."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, get_args

import msgspec

from milepost.analysis.reach import Reach
from milepost.tracking.counting import SamplesUnit

T = TypeVar("T")

Datum = dict[str, Any]
"""A row of a data set, by field."""


class Quantity(msgspec.Struct, frozen=True):
    """Something that a run takes.

    Attributes:
        field: Its name in a data set.
        title: Title of its axis, with the unit.
        format: How its axis shows numbers, as d3-format has it.
        bound: Field that marks what is a bound of it.
    """

    field: str
    title: str
    format: str
    bound: str = "bound"


UNITS: tuple[SamplesUnit, ...] = get_args(SamplesUnit)
"""What runs count in: each has a field and an axis of its own, so that no axis has two."""

COUNTS: dict[str, Quantity] = {unit: Quantity(unit, unit, "~s", "bound_of_samples") for unit in UNITS}

QUANTITIES: dict[str, Quantity] = COUNTS | {
    "minutes": Quantity("minutes", "training time (minutes)", ",~f"),
    "dollars": Quantity("usd", "cost of training time (USD)", "$,~f"),
}
"""By what a switch calls them."""


def fields_of(reach: Reach, unit: SamplesUnit | None, prefix: str = "") -> dict[str, float | None]:
    """Return how far a run had come as fields of a data set.

    Args:
        reach: How far.
        unit: What its samples count.
        prefix: Of the fields' names.
    """
    return {
        f"{prefix}{unit or 'samples'}": None if unit is None else reach.samples,
        f"{prefix}minutes": reach.minutes,
        f"{prefix}usd": reach.usd,
    }


def has(rows: Iterable[Datum], quantity: Quantity) -> bool:
    """Say whether a quantity is known of any of the rows."""
    return any(row.get(quantity.field) is not None for row in rows)


def short(value: float | None) -> float | None:
    """Return a value to six digits: a line is no more exact than its pixels, and a page with many is to be small."""
    return None if value is None else float(f"{value:.6g}")


def thinned(points: Sequence[T], most: int) -> list[T]:
    """Return so many of the points at most, spread evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(at * step)] for at in range(most)]
