"""Data sets of pictures: what they are drawn over, the rows that charts name, and how these are kept few."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from milepost.analysis.reach import Reach

T = TypeVar("T")

Datum = dict[str, Any]
"""A row of a data set, by field."""


class Quantity(msgspec.Struct, frozen=True):
    """Something that a run takes.

    Attributes:
        field: Its name in a data set.
        title: Title of its axis, with the unit.
        format: How its axis shows numbers, as d3-format has it.
    """

    field: str
    title: str
    format: str


QUANTITIES: dict[str, Quantity] = {
    "samples": Quantity("samples", "samples", "~s"),
    "minutes": Quantity("minutes", "training time (minutes)", ",~f"),
    "dollars": Quantity("usd", "cost of training time (USD)", "$,~f"),
}
"""By what a switch calls them."""


def fields_of(reach: Reach, prefix: str = "") -> dict[str, float | None]:
    """Return how far a run had come as fields of a data set."""
    return {prefix + name: getattr(reach, name) for name in reach.__struct_fields__}


def short(value: float | None) -> float | None:
    """Return a value to six digits: a line is no more exact than its pixels, and a page with many is to be small."""
    return None if value is None else float(f"{value:.6g}")


def thinned(points: Sequence[T], most: int) -> list[T]:
    """Return so many of the points at most, spread evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    step = (len(points) - 1) / (most - 1)
    return [points[round(at * step)] for at in range(most)]
