"""What the pictures' charts are made of: axes, scales and legends that fit a phone as well as a page."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from milepost.report.pictures.data import Quantity

DASHES: tuple[Sequence[float], ...] = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
"""Of lines whose colour is used a second, third or fourth time."""

COLOURS = 7
"""How many colours a theme has."""


def chart(data: str) -> alt.Chart:
    """Return a chart over a named data set."""
    return alt.Chart(alt.NamedData(name=data))


def layered(*layers: alt.Chart, height: float) -> alt.LayerChart:
    """Return layers as one chart, as wide as what holds it and so many pixels high."""
    together = alt.layer(*layers)
    assert isinstance(together, alt.LayerChart)
    return together.properties(width="container", height=height)


def known(layer: alt.Chart, *fields: str) -> alt.Chart:
    """Return a layer without the rows that lack one of these fields."""
    return layer.transform_filter(" && ".join(f"isValid(datum.{field})" for field in fields))


def along(quantity: Quantity, *, field: str | None = None) -> alt.X:
    """Return an x channel over counts, minutes or dollars; of another field where that is named."""
    axis = alt.Axis(
        labelExpr=f"format(datum.value, '{quantity.format}')",  # each label by itself: 0, 500k, 1M
        tickCount=alt.ExprRef("max(2, min(8, width / 90))"),
        labelFlush=14,  # pixels: a label that near an end stands inside the chart, where nothing cuts it
    )
    scale = alt.Scale(zero=True, nice=False, padding=6)
    return alt.X(f"{field or quantity.field}:Q", title=quantity.title, scale=scale, axis=axis)


def from_zero(data: str, quantity: Quantity, *, style: str, description: Any = alt.Undefined) -> alt.Chart:
    """Return a layer of level lines from zero to a quantity, for rows that bear a ``zero``."""
    layer: alt.Chart = known(chart(data), quantity.field).mark_rule(
        style=style, description=description, aria=description is not alt.Undefined
    )
    return layer.encode(x=along(quantity, field="zero"), x2=alt.X2(f"{quantity.field}:Q"))


def bounds(crossings: alt.Chart, quantity: Quantity, x: alt.X, y: alt.Y) -> alt.Chart:
    """Return the layer that marks the crossings whose quantity is a bound."""
    text: alt.Chart = crossings.transform_filter(f"datum.{quantity.bound} != ''").mark_text(
        style="bound", aria=False, dx=-11, baseline="middle"
    )
    return text.encode(x=x, y=y, text=alt.Text(f"{quantity.bound}:N"))


LEGEND: dict[str, Any] = {"title": None, "orient": "top", "offset": 4, "symbolOpacity": 1}


def legend(names: Sequence[str]) -> alt.Legend | None:
    """Return a legend above a chart, in so many columns as a phone is wide; none for a single name."""
    if len(names) < 2:
        return None
    size: dict[str, Any] = {"columns": 1, "labelLimit": 260} if len(names) <= 8 else {"columns": 2, "labelLimit": 140}
    return alt.Legend(**LEGEND, **size, symbolLimit=24)


def colour(field: str, names: Sequence[str], *, has_legend: bool = True) -> alt.Color:
    """Return a colour channel: by names in their order, so that the same one has the same colour everywhere."""
    shown = legend(names) if has_legend else None
    return alt.Color(f"{field}:N", title=None, scale=alt.Scale(domain=list(names)), legend=shown)


def shape(field: str, names: Sequence[str]) -> alt.Shape:
    """Return a shape channel, which says the same as the colour to those who see none."""
    return alt.Shape(f"{field}:N", title=None, scale=alt.Scale(domain=list(names)), legend=legend(names))


def dash(field: str, names: Sequence[str]) -> alt.StrokeDash:
    """Return a dash channel, which tells apart what has to share a colour."""
    dashes = [DASHES[at // COLOURS % len(DASHES)] for at in range(len(names))]
    scale = alt.Scale(domain=list(names), range=dashes)
    return alt.StrokeDash(f"{field}:N", title=None, scale=scale, legend=legend(names))


def said(*fields: str) -> alt.ExprRef:
    """Return what is read out of a mark: fields, each with its number format after a colon, if it has one."""
    parts = [field.partition(":") for field in fields]
    texts = [f"format(datum.{name}, '{form}')" if form else f"datum.{name}" for name, _, form in parts]
    return alt.ExprRef(" + ', ' + ".join(texts))


def tooltip(*fields: tuple[str, str, str]) -> list[alt.Tooltip]:
    """Return tooltips of fields: each with its name, its title and its number format, empty for text."""
    return [
        alt.Tooltip(f"{name}:Q", title=title, format=form) if form else alt.Tooltip(f"{name}:N", title=title)
        for name, title, form in fields
    ]
