"""Targets across a chart, with labels that stand clear of one another."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from milepost.report.pictures.axes import chart, said
from milepost.report.pictures.data import Datum
from milepost.tracking.thresholds import PerformanceThreshold

HEIGHT = 340
"""Of charts that have targets, pixels."""

LABEL_HEIGHT = 15


Point = tuple[float | None, float | None]


def target_rows(thresholds: Sequence[PerformanceThreshold], points: Sequence[Point]) -> list[Datum]:
    """Return the data set of targets, each with the side on which its label stands.

    That is where the fewest points lie behind it, and no other label; where both sides are taken, it has none.

    Args:
        thresholds: The targets.
        points: What else is drawn: x and y.
    """
    known = [(x, y) for x, y in points if x is not None and y is not None]
    heights = [*(y for _, y in known), *(each.target_value for each in thresholds)]
    lowest, highest = min(heights, default=0.0), max(heights, default=1.0)
    width = max((x for x, _ in known), default=1.0) or 1.0
    pixels = HEIGHT / ((highest - lowest) or 1.0)
    taken: dict[str, list[float]] = {"left": [], "right": []}
    rows: list[Datum] = []
    for threshold in sorted(thresholds, key=lambda each: each.target_value):
        target = threshold.target_value
        behind = [x / width for x, y in known if 0 <= (y - target) * pixels <= LABEL_HEIGHT]
        crowds = {"left": sum(x < 0.4 for x in behind), "right": sum(x > 0.6 for x in behind)}
        free = [side for side in taken if all(abs(target - at) * pixels >= LABEL_HEIGHT for at in taken[side])]
        side = min(free, key=lambda each: crowds[each], default="")
        if side:
            taken[side].append(target)
        label = f"{threshold.name}: {threshold.comparison} {target:g}"
        rows.append({"target": target, "label": label, "side": side})
    return rows


def values(field: str, title: str) -> alt.Y:
    """Return a y channel over the values of a metric, with room above for the label of a target."""
    scale = alt.Scale(zero=False, nice=False, padding=18)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(tickCount=6, format=",.4~g"))


def target_lines(data: str, title: str) -> alt.Chart:
    """Return the layer that draws a data set of targets: lines across."""
    lines: alt.Chart = chart(data).mark_rule(style="target", description=said("label"))
    return lines.encode(y=values("target", title), tooltip=[alt.Tooltip("label:N", title="target")])


def target_labels(data: str, title: str) -> list[alt.Chart]:
    """Return the layers with their labels, on a ground of their own: they lie over whatever else is there."""
    return [layer for style in ("halo", "target-label") for layer in _labels(data, title, style)]


def _labels(data: str, title: str, style: str) -> list[alt.Chart]:
    y, limit = values("target", title), alt.ExprRef("width * 0.6")
    text = chart(data).encode(y=y, text=alt.Text("label:N"))
    marked: dict[str, Any] = {"style": style, "aria": False, "baseline": "bottom", "dy": -2, "limit": limit}
    return [
        text.transform_filter(f"datum.side == '{side}'")
        .mark_text(**marked | {"align": side, "dx": inwards})
        .encode(x=alt.value(edge))
        for side, inwards, edge in (("left", 4, 0), ("right", -4, "width"))
    ]
