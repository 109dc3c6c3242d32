"""What a run ran on, and at what price."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import altair as alt

from milepost.analysis.breakdown import has_wall_clock, segment_costs
from milepost.report.amounts import UNKNOWN, lasted, moment, usd
from milepost.report.ledgers import ended, fleet, price_notes, source
from milepost.report.pictures.axes import LEGEND, chart, layered, said, tooltip
from milepost.report.pictures.data import Datum
from milepost.report.pictures.picture import Picture, Table
from milepost.runs.record import RunRecord

SAYS = """\
Each block is time on one machine or fleet at one price: as wide as it lasted, as high as an hour cost, so that its area
is money. A step is a price change, a dashed line time without a known price; lines across say how a stretch ended."""


LABEL_WIDTH = 0.25
"""Of what is written beside an end: its part of a phone's width."""


def ledger(record: RunRecord) -> Picture:
    """Return what a run ran on: prices over time, whose area is money."""
    pieces, marks = list(_pieces(record)), list(_marks(record))
    timed = has_wall_clock(record.ledger)
    is_priced = any(piece["priced"] for piece in pieces)
    drawn = any(piece["end"] > piece["start"] for piece in pieces)
    return Picture(
        name="ledger",
        title="What it ran on, and at what price",
        says=SAYS,
        charts={(): _chart(_time_format(record) if timed else None, is_priced)} if drawn else {},
        data={"pieces": pieces, "ends": marks} if drawn else {},
        table=Table(
            ("from (UTC)", "machine", "price from", "ended", "wall time", "USD an hour", "USD"),
            tuple(_cells(record)),
            numbers=3,
        ),
        notes=(*price_notes(record.ledger), *_free_note(pieces)),
    )


def _free_note(pieces: Sequence[Datum]) -> Iterator[str]:
    if any(piece["free"] and piece["end"] > piece["start"] for piece in pieces):
        yield "Pale blocks were not billed: the provider took the machine back early."


def _pieces(record: RunRecord) -> Iterator[Datum]:
    """Yield the stretches of time at one price."""
    for use, cost in segment_costs(record.ledger):
        segment, quote = use.segment, use.segment.quote
        inside = [step.since for step in quote.steps if use.start < step.since < use.end] if quote else []
        for left, right in pairwise([use.start, *inside, use.end]):
            rate = 0.0 if quote is None else quote.usd_per_hour_at(left) * segment.instance.nodes_charged
            yield {
                "start": _shown(left, record),
                "end": _shown(right, record),
                "usd_per_hour": rate,
                "ground": 0,
                "fleet": fleet(segment),
                "source": source(segment),
                "priced": quote is not None,
                "free": cost == 0 < rate,
            }


def _marks(record: RunRecord) -> Iterator[Datum]:
    """Yield how stretches ended, each with the side on which its label stands: where there is no other, else none."""
    segments = record.ledger.segments
    start, end = segments[0].billed_from, segments[-1].marks[-1].wall_time
    taken: list[tuple[float, float]] = []
    for segment in segments:
        if (last := segment.end) is None or last.name in (None, "closed"):
            continue
        at = (last.wall_time - start) / ((end - start) or 1.0)
        sides = {"left": (at - LABEL_WIDTH, at), "right": (at, at + LABEL_WIDTH)}
        free = [
            side
            for side, (left, right) in sides.items()
            if left >= 0 and right <= 1 and all(right <= begin or left >= until for begin, until in taken)
        ]
        taken += [sides[side] for side in free[:1]]
        yield {"at": _shown(last.wall_time, record), "why": last.name, "side": free[0] if free else ""}


def _shown(wall_time: float, record: RunRecord) -> float:
    """Return a moment as the chart has it: milliseconds of UTC, or minutes where no clock tells the date."""
    if has_wall_clock(record.ledger):
        return wall_time * 1000
    return (wall_time - record.ledger.segments[0].billed_from) / 60


def _time_format(record: RunRecord) -> str:
    """Return how moments are told apart over the time that a run took, as d3-time-format has it."""
    segments = record.ledger.segments
    hours = (segments[-1].marks[-1].wall_time - segments[0].billed_from) / 3600
    return "%H:%M:%S" if hours < 0.2 else "%b %d, %H:%M" if hours < 72 else "%b %d"


@cache
def _chart(time_format: str | None, is_priced: bool) -> alt.LayerChart:
    few = alt.ExprRef("max(2, min(6, width / 110))")
    if time_format:
        axis = alt.Axis(tickCount=few, labelOverlap=True, labelFlush=40, format=time_format)
        x = alt.X("start:T", title="time (UTC)", axis=axis, scale=alt.Scale(type="utc"))
    else:
        x = alt.X("start:Q", title="training time (minutes)", axis=alt.Axis(tickCount=few))
    kind = "T" if time_format else "Q"
    dollars = alt.Axis(format="$,~f", tickCount=4) if is_priced else None
    y = alt.Y("usd_per_hour:Q", title="USD an hour, all nodes", axis=dollars)
    legend = alt.Legend(**LEGEND, columns=1, labelLimit=320, symbolType="square") if is_priced else None
    hues = alt.Color("fleet:N", title=None, legend=legend, sort=None)  # in the order of use
    told = tooltip(("fleet", "machine", ""), ("usd_per_hour", "USD an hour", "$,.4~f"), ("source", "price from", ""))
    pale = alt.condition("datum.free", alt.value(0.25), alt.value(0.75))
    pieces = chart("pieces")
    ends = chart("ends").encode(x=alt.X(f"at:{kind}"), y=alt.value(0), text=alt.Text("why:N"))
    text: dict[str, Any] = {"style": "target-label", "aria": False, "baseline": "top", "dy": 2}
    return layered(
        pieces.transform_filter("datum.priced")
        .mark_rect(description=said("fleet", "usd_per_hour:$,.4~f", "source"))
        .encode(x=x, x2=alt.X2("end"), y=y, y2=alt.Y2("ground"), color=hues, opacity=pale, tooltip=told),
        pieces.transform_filter("!datum.priced")
        .mark_rect(style="unpriced", aria=False)
        .encode(x=x, x2=alt.X2("end"), y=alt.Y("ground:Q", axis=dollars), y2=alt.Y2("ground"), tooltip=told),
        chart("ends").mark_rule(style="stop", description=said("why")).encode(x=alt.X(f"at:{kind}")),
        ends.transform_filter("datum.side == 'left'").mark_text(**text, align="right", dx=-4),
        ends.transform_filter("datum.side == 'right'").mark_text(**text, align="left", dx=4),
        height=170 if is_priced else 60,
    )


def _cells(record: RunRecord) -> Iterator[tuple[str, ...]]:
    for use, cost in segment_costs(record.ledger):
        segment, quote = use.segment, use.segment.quote
        rate = None if quote is None else quote.mean_usd_per_hour(use.start, use.end) * segment.instance.nodes_charged
        assumed = quote is not None and quote.assumed
        yield (
            moment(use.start) if segment.has_wall_clock else UNKNOWN,
            *(fleet(segment), source(segment), ended(segment), lasted(use.end - use.start)),
            *(usd(each, assumed=assumed) for each in (rate, cost)),
        )
