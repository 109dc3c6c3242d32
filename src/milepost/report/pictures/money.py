"""Where the money went, adding up to the total."""

from collections.abc import Iterator, Sequence

from milepost.analysis.breakdown import Breakdown, breakdown
from milepost.report.amounts import UNKNOWN, lasted, usd
from milepost.report.ledgers import purpose
from milepost.report.pictures.axes import from_zero, said, tooltip
from milepost.report.pictures.data import Datum, Quantity
from milepost.report.pictures.notes import count, untimed_note
from milepost.report.pictures.picture import Picture, Table
from milepost.report.pictures.rows import Rows
from milepost.runs.record import RunRecord

SPENT = Quantity("usd", "USD", "$,~f")


def money(every: Sequence[RunRecord]) -> Picture:
    """Return what the money was spent on."""
    spending = breakdown(every)
    rows, bars = Rows(), list[Datum]()
    for each in spending.spent:
        shown = usd(each.usd, assumed=spending.assumed)
        share = f" · {each.usd / spending.total_usd:.1%}" if each.usd is not None and spending.total_usd else ""
        (y,) = rows.add(f"{purpose(each)} · {shown}{share}")
        bars.append({"purpose": purpose(each), "usd": each.usd, "zero": 0, "y": y})
    told = tooltip(("purpose", "for", ""), ("usd", SPENT.title, "$,.4~f"))
    bar = from_zero("bars", SPENT, style="bar", description=said("purpose", "usd:$,.4f")).encode(
        y=rows.y(), tooltip=told
    )
    return Picture(
        name="money",
        title="Where the money went",
        says="Every dollar, by what it was for: training that led somewhere, work that was lost to preemption or "
        "going back, start-up, phases such as evaluation, stalls, what billing adds, storage and network. "
        f"Together {usd(spending.total_usd, assumed=spending.assumed)}.",
        charts={(): rows.layer(bar.encode(y=rows.y(), tooltip=told))} if bars else {},
        data={"bars": bars, "labels": rows.labels} if bars else {},
        table=_table(spending),
        notes=tuple(_notes(every, spending)),
    )


def _table(spending: Breakdown) -> Table:
    rows = [
        (
            purpose(each),
            "" if each.seconds is None else lasted(each.seconds),
            usd(each.usd, assumed=spending.assumed),
            f"{each.usd / spending.total_usd:.1%}" if each.usd is not None and spending.total_usd else UNKNOWN,
        )
        for each in spending.spent
    ]
    if rows:
        whole = sum(each.seconds or 0.0 for each in spending.spent)
        rows.append(("total", lasted(whole), usd(spending.total_usd, assumed=spending.assumed), ""))
    return Table(("for", "wall time of a node", "USD", "share"), tuple(rows), numbers=3)


def _notes(every: Sequence[RunRecord], spending: Breakdown) -> Iterator[str]:
    if spending.unpriced:
        shown = ", ".join(spending.unpriced[:5]) + (" …" if len(spending.unpriced) > 5 else "")
        yield f"{count(len(spending.unpriced), 'run')} without a known price: not in it ({shown})."
    yield from untimed_note(every)
