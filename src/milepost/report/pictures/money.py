"""Where the money went, adding up to the total."""

from collections.abc import Iterator, Sequence

from milepost.analysis.breakdown import Breakdown, breakdown
from milepost.report.amounts import UNKNOWN, usd
from milepost.report.ledgers import spending_rows
from milepost.report.pictures.axes import from_zero, said, tooltip
from milepost.report.pictures.data import Datum, Quantity
from milepost.report.pictures.labelled_rows import LabelledRows
from milepost.report.pictures.notes import count, lower_note, untimed_note
from milepost.report.pictures.picture import Picture, Table
from milepost.runs.record import RunRecord

SPENT = Quantity("usd", "USD", "$,~f")


def money(every: Sequence[RunRecord]) -> Picture:
    """Return what the money was spent on."""
    spending = breakdown(every)
    cells = spending_rows(spending.spent, spending.total_usd, assumed=spending.assumed)
    rows, bars = LabelledRows(), list[Datum]()
    for each, (what, _, shown, share) in zip(spending.spent, cells, strict=False):  # the last says the total
        (y,) = rows.add(" · ".join((what, shown, share) if share != UNKNOWN else (what, shown)))
        bars.append({"purpose": what, "usd": each.usd, "zero": 0, "y": y})
    told = tooltip(("purpose", "for", ""), ("usd", SPENT.title, "$,.4~f"))
    bar = from_zero("bars", SPENT, style="bar", description=said("purpose", "usd:$,.4f"))
    return Picture(
        name="money",
        title="Where the money went",
        says="Every dollar, by what it was for: training that led somewhere, work that was lost to preemption or "
        "going back, start-up, phases such as evaluation, stalls, what billing adds, storage and network. "
        f"Together {usd(spending.total_usd, assumed=spending.assumed)}.",
        charts={(): rows.layer(bar.encode(y=rows.y(), tooltip=told))} if bars else {},
        data={"bars": bars, "labels": rows.labels} if bars else {},
        table=Table(("for", "wall time of a node", "USD", "share"), tuple(cells) if bars else (), numbers=3),
        notes=tuple(_notes(every, spending)),
    )


def _notes(every: Sequence[RunRecord], spending: Breakdown) -> Iterator[str]:
    if spending.unpriced:
        shown = ", ".join(spending.unpriced[:5]) + (" …" if len(spending.unpriced) > 5 else "")
        yield f"{count(len(spending.unpriced), 'run')} without a known price: not in it ({shown})."
    yield from untimed_note(every)
    yield from lower_note(every)
