"""The quick way through lines of fields between bars, as Megatron prints them: each number has a field of its own.

Where a block may hold anything that the sample does not, nothing of it is read so: the patterns read whole lines.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

import polars

from milepost.histories.decoding.text_shapes import Shape

BAR = "|"
MOST_LINES = 1000
MOST_FIELDS = 100


class Place(NamedTuple):
    """Where a column's number stands.

    Attributes:
        field: In which field of a line.
        before: What that field begins with.
        after: What stands after the number, spaces aside.
        mentions: How often a line holds the column's key, within others' too.
    """

    field: int
    before: str
    after: str
    mentions: int


class Bars(NamedTuple):
    """How lines of one shape are made up of fields.

    Attributes:
        width: How many fields a line has.
        places: Where each column stands.
    """

    width: int
    places: dict[str, Place]


def bars_of(shape: Shape, lines: polars.Series) -> Bars | None:
    """Return how lines of a shape are made up of fields; None where they are not alike but for their numbers.

    Args:
        shape: The shape.
        lines: Lines of it.
    """
    lines = lines.head(MOST_LINES)
    alike = {re.sub(r"[\d.+\-eE\s]+", "", line) for line in lines.to_list()}
    width = lines[0].count(BAR) + 1 if len(lines) else 0
    if len(alike) != 1 or not 1 < width <= MOST_FIELDS or shape.in_epoch:
        return None
    table = lines.str.split_exact(BAR, width - 1).struct.unnest()
    if not table[:, 0].str.contains(shape.pattern).all():
        return None
    if shape.stamp is not None and not table[:, 0].str.contains(shape.stamp[1]).all():
        return None
    places: dict[str, Place] = {}
    for name, column in shape.columns.items():
        at = next((at for at, field in enumerate(table) if field.str.contains(column.start).any()), None)
        if at is None or column.is_duration or column.unit:
            return None
        numbers = [re.search(column.exact, text) for text in table[:, at].to_list()]
        around = {
            match and (match.string[: match.start(1)].rstrip(" "), match.string[match.end(1) :].strip(" "))
            for match in numbers
        }
        if len(around) != 1 or (text := around.pop()) is None:
            return None
        places[name] = Place(at, *text, lines[0].count(column.key))
    return Bars(width, places)


def read_bars(data: bytes, bars: Bars, shape: Shape, names: Collection[str]) -> dict[str, polars.Series] | None:
    """Return the numbers of some columns of a block's lines, and under ``""`` the field with which lines begin.

    None where the block may hold other lines.

    Args:
        data: The block.
        bars: How its lines are made up.
        shape: Their shape.
        names: The columns.
    """
    places = {name: bars.places[name] for name in names}
    needed = sorted({0, *(place.field for place in places.values())})
    titles = [f"column_{at + 1}" for at in range(bars.width)]
    try:
        table = polars.read_csv(
            data,
            has_header=False,
            separator=BAR,
            quote_char=None,
            truncate_ragged_lines=True,
            raise_if_empty=False,
            schema=dict.fromkeys(titles, polars.String),
            columns=[titles[at] for at in needed],
        )
    except polars.exceptions.PolarsError:
        return None
    first = table[titles[0]]
    if first.null_count() or data.count(BAR.encode()) != (bars.width - 1) * table.height:
        return None
    found = {"": first}
    for name, place in places.items():
        if data.count(shape.columns[name].key.encode()) != place.mentions * table.height:
            return None
        written = table[titles[place.field]].str.strip_prefix(place.before).str.strip_chars(" ")
        if place.after:
            written = written.str.strip_suffix(place.after).str.strip_chars(" ")
        kind = polars.Int64 if name in shape.counters else polars.Float64
        found[name] = written.cast(kind, strict=False)
        if found[name].null_count():
            return None
    return found if first.str.contains(shape.pattern).all() else None
