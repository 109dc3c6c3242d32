"""Charts of labelled rows. Labels stand above their row, inside the chart: a phone's whole width is for the data."""

from typing import Any

import altair as alt

from milepost.report.pictures.axes import chart, layered, said
from milepost.report.pictures.data import Datum

LABEL = 18
LANE = 14
GAP = 10


class LabelledRows:
    """Rows from top to bottom, measured in pixels: a line or two of label each, and lanes below it.

    Attributes:
        height: Of all rows, pixels.
        labels: Data set of the labels.
    """

    def __init__(self) -> None:
        self.height = 0.0
        self.labels: list[Datum] = []

    def add(self, label: str, detail: str = "", *, lanes: int = 1) -> list[float]:
        """Add a row, and return where the middle of each of its lanes is."""
        top = self.height + GAP
        self.labels.append({"label": label, "y": top + LABEL / 2, "is_detail": False})
        top += LABEL
        if detail:
            self.labels.append({"label": detail, "y": top + LABEL / 2 - 2, "is_detail": True})
            top += LABEL - 2
        self.height = top + lanes * LANE
        return [top + (lane + 0.5) * LANE for lane in range(lanes)]

    def y(self, field: str = "y") -> alt.Y:
        """Return the y channel."""
        height = self.height + GAP / 2
        return alt.Y(f"{field}:Q", axis=None, scale=alt.Scale(domain=[0, height], range=[0, height], nice=False))

    def layer(self, *layers: Any) -> alt.LayerChart:
        """Return layers with the labels, as one chart as wide as what holds it."""
        text = chart("labels").encode(x=alt.value(0), y=self.y(), text=alt.Text("label:N"))
        marked: dict[str, Any] = {"align": "left", "limit": alt.ExprRef("width"), "description": said("label")}
        return layered(
            *layers,
            text.transform_filter("!datum.is_detail").mark_text(style="row-label", **marked),
            text.transform_filter("datum.is_detail").mark_text(style="row-detail", **marked),
            height=self.height + GAP / 2,
        )
