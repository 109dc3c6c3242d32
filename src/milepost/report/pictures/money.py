"""Where the money went, adding up to the total."""

from collections.abc import Iterator, Sequence

import msgspec

from milepost.money.breakdown import PURPOSES, Spent, spending
from milepost.report.amounts import UNKNOWN, lasted, usd
from milepost.report.ledgers import is_assumed, is_priced, purpose, total_usd
from milepost.report.pictures.axes import from_zero, said, tooltip
from milepost.report.pictures.data import Datum, Quantity
from milepost.report.pictures.notes import count, untimed_note
from milepost.report.pictures.picture import Picture, Table
from milepost.report.pictures.rows import Rows
from milepost.runs.record import RunRecord

SPENT = Quantity("usd", "USD", "$,~f")


class Spending(msgspec.Struct, frozen=True):
    """What the money of several runs went for.

    Attributes:
        spent: By purpose, added up over the runs whose prices are known.
        total: USD of these together.
        unpriced: Ids of the runs whose dollars are not known.
        assumed: Whether any price was assumed.
    """

    spent: tuple[Spent, ...]
    total: float
    unpriced: tuple[str, ...]
    assumed: bool


def spending_of(every: Sequence[RunRecord]) -> Spending:
    """Return what the money of runs went for: what `spending` says of each, added up."""
    parts: dict[tuple[str, str | None], list[Spent]] = {}
    unpriced: list[str] = []
    assumed = False
    for record in every:
        here = record.ledger.here
        spent = () if here is None else spending(record.ledger, here)
        if total_usd(spent) is None or not (spent or is_priced(record.ledger)):
            unpriced.append(record.run.id)
            continue
        assumed |= is_assumed(record.ledger)
        for each in spent:
            parts.setdefault((each.purpose, each.name), []).append(each)
    together = [
        Spent(
            each[0].purpose,
            each[0].name,
            None if each[0].seconds is None else sum(part.seconds or 0.0 for part in each),
            total_usd(each),
        )
        for each in parts.values()
    ]
    together.sort(key=lambda each: (PURPOSES.index(each.purpose), each.name or ""))
    return Spending(tuple(together), total_usd(together) or 0.0, tuple(unpriced), assumed)


def money(every: Sequence[RunRecord]) -> Picture:
    """Return what the money was spent on."""
    spending = spending_of(every)
    rows, bars = Rows(), list[Datum]()
    for each in spending.spent:
        shown = usd(each.usd, assumed=spending.assumed)
        share = f" · {each.usd / spending.total:.1%}" if each.usd is not None and spending.total else ""
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
        f"Together {usd(spending.total, assumed=spending.assumed)}.",
        charts={(): rows.layer(bar.encode(y=rows.y(), tooltip=told))} if bars else {},
        data={"bars": bars, "labels": rows.labels} if bars else {},
        table=_table(spending),
        notes=tuple(_notes(every, spending)),
    )


def _table(spending: Spending) -> Table:
    rows = [
        (
            purpose(each),
            "" if each.seconds is None else lasted(each.seconds),
            usd(each.usd, assumed=spending.assumed),
            f"{each.usd / spending.total:.1%}" if each.usd is not None and spending.total else UNKNOWN,
        )
        for each in spending.spent
    ]
    if rows:
        whole = sum(each.seconds or 0.0 for each in spending.spent)
        rows.append(("total", lasted(whole), usd(spending.total, assumed=spending.assumed), ""))
    return Table(("for", "wall time of a node", "USD", "share"), tuple(rows), numbers=3)


def _notes(every: Sequence[RunRecord], spending: Spending) -> Iterator[str]:
    if spending.unpriced:
        shown = ", ".join(spending.unpriced[:5]) + (" …" if len(spending.unpriced) > 5 else "")
        yield f"{count(len(spending.unpriced), 'run')} without a known price: not in it ({shown})."
    yield from untimed_note(every)
