"""What machines cost an hour, by type, market and region."""

from collections.abc import Sequence

import altair as alt

from milepost.analysis.breakdown import MachineUse, machine_uses
from milepost.report.amounts import lasted, usd
from milepost.report.ledgers import price_notes
from milepost.report.pictures.axes import from_zero, said, tooltip
from milepost.report.pictures.data import Datum, Quantity
from milepost.report.pictures.labelled_rows import LabelledRows
from milepost.report.pictures.notes import lower_note, untimed_note
from milepost.report.pictures.picture import Picture, Table
from milepost.runs.record import RunRecord

SAYS = """\
A bar is a kind of machine: what an hour of one node of it cost, at the prices of the time that it was used. Above it
is what was billed, with billing minimum and without what was free; storage and network are not in it."""

PER_HOUR = Quantity("usd_per_hour", "USD an hour, of one node", "$,~f")


def utilisation(every: Sequence[RunRecord]) -> Picture:
    """Return what each kind of machine cost an hour, and how long it was used."""
    used = machine_uses(every)
    rows, bars = LabelledRows(), list[Datum]()
    for name, each in used.items():
        (y,) = rows.add(name, _detail(each))
        bars.append({"machine": name, "usd_per_hour": each.usd_per_hour, "usd": each.billed_usd, "zero": 0, "y": y})
    drawn = any(bar["usd_per_hour"] is not None for bar in bars)
    return Picture(
        name="utilisation",
        title="What machines cost an hour",
        says=SAYS,
        charts={(): _chart(rows)} if drawn else {},
        data={"bars": bars, "labels": rows.labels} if drawn else {},
        table=Table(
            ("machine", "runs", "node-hours", "USD a node-hour", "USD billed"),
            tuple(_cells(name, each) for name, each in used.items()),
            numbers=4,
        ),
        notes=(*untimed_note(every), *lower_note(every), *price_notes(*(record.ledger for record in every))),
    )


def _chart(rows: LabelledRows) -> alt.LayerChart:
    told = tooltip(("machine", "machine", ""), ("usd_per_hour", PER_HOUR.title, "$,.4~f"), ("usd", "billed", "$,.4~f"))
    bars = from_zero("bars", PER_HOUR, style="bar", description=said("machine", "usd_per_hour:$,.4f"))
    return rows.layer(bars.encode(y=rows.y(), tooltip=told))


def _detail(used: MachineUse) -> str:
    if used.usd_per_hour is None:
        return f"no known price × {lasted(used.unpriced_seconds)}"
    rate, billed = (usd(each, assumed=used.assumed) for each in (used.usd_per_hour, used.billed_usd))
    more = f" (and {lasted(used.unpriced_seconds)} without a price)" if used.unpriced_seconds else ""
    return f"{rate} an hour × {lasted(used.node_seconds)}, billed {billed}{more}"


def _cells(name: str, used: MachineUse) -> tuple[str, ...]:
    rate = used.usd_per_hour
    return (
        *(name, f"{len(used.runs):,}", f"{(used.node_seconds + used.unpriced_seconds) / 3600:,.3f}"),
        *(usd(each, assumed=used.assumed) for each in (rate, None if rate is None else used.billed_usd)),
    )
