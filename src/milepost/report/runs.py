"""Kept runs in a terminal: what they took, what they ran on, and where the money went."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from milepost.analysis.breakdown import has_wall_clock, is_assumed, segment_costs, total_usd
from milepost.analysis.reach import is_lower_bound
from milepost.analysis.units import unit_of
from milepost.money.breakdown import spending
from milepost.money.costs import cost_lines
from milepost.money.ledger import Ledger
from milepost.report.amounts import UNKNOWN, lasted, moment, usd
from milepost.report.cells import figures, head_of, status
from milepost.report.ledgers import ended, fleet, price_notes, source, spending_rows
from milepost.report.table_style import AIRY, add_figures, add_texts, assumed_note
from milepost.report.terminal import WIDE, results_table, with_footnotes
from milepost.runs.record import Run, RunRecord
from milepost.tracking.counting import SamplesUnit

STATUS_STYLES = {"running": "cyan", "closed": "green", "failed": "red"}


def runs_table(every: Iterable[RunRecord]) -> RenderableType:
    """Return a table of runs with what each of their thresholds took, a row each, and what is to be said of these."""
    every = list(every)
    results = [result for each in every for result in each.results]
    head = head_of(results)
    table = Table(**AIRY, caption=assumed_note(is_assumed(each.ledger) for each in every))
    groups = any(each.run.group for each in every)
    add_texts(table, "run", *(["group"] if groups else []), "started (UTC)", "status")
    add_figures(table, head, "USD\nbilled")
    add_texts(table, "threshold")
    add_figures(table, f"at\n{head}", "minutes", "USD")
    for each in every:
        run, here = each.run, each.ledger.here
        spent = cost_lines(each.ledger, here)["compute"] if here else None
        unit = unit_of(each.results)
        started = moment(run.started_at) if has_wall_clock(each.ledger) else UNKNOWN
        row: list[RenderableType] = [
            *(Text(run.id), *([Text(run.group or UNKNOWN)] if groups else []), Text(started), _status(run)),
            UNKNOWN if here is None or unit is None else f"{here.samples:,}{'' if unit == head else f' {unit}'}",
            spent_on(each, spent),
        ]
        if not each.results:
            table.add_row(*row, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
        for result in each.results:
            samples, minutes, dollars = figures(result, head=head)
            reached: RenderableType = samples if samples != UNKNOWN else Text(status(result), "yellow")
            table.add_row(*row, Text(result.threshold), reached, minutes, dollars)
            row = [""] * len(row)
    return with_footnotes(table, results, ends=True)


def spent_on(record: RunRecord, spent: float | None) -> str:
    """Return dollars of a whole run: with ``≥`` where it is not known when it began, or went on."""
    bound = "≥ " if spent is not None and is_lower_bound(record) else ""
    return bound + usd(spent, assumed=is_assumed(record.ledger))


def run_view(record: RunRecord, width: int = WIDE) -> RenderableType:
    """Return all that there is to say of one run, in so many columns: results, ledger, and where the money went."""
    ledger = record.ledger
    return Group(
        _head(record),
        results_table(record.results, ends=True),
        ledger_table(ledger, width, unit_of(record.results)),
        *(Text(note, "yellow") for note in price_notes(ledger)),
        money_table(record),
    )


def ledger_table(ledger: Ledger, width: int = WIDE, unit: SamplesUnit | None = "samples") -> Table:
    """Return a table of what a run ran on, a row a segment: where there is little room, its fleet in its first column.

    Args:
        ledger: The run's ledger.
        width: Columns that there are.
        unit: What its samples count; None where that is not one thing.
    """
    narrow = width < WIDE - 10
    table = Table(title="What it ran on", title_justify="left", **AIRY)
    table.add_column("from (UTC)", no_wrap=not narrow, overflow="fold")
    add_figures(table, "wall", "elapsed", unit or "samples")
    if not narrow:
        add_texts(table, "fleet")
        add_figures(table, "USD/node-h")
        add_texts(table, "price from")
    add_figures(table, "USD")
    add_texts(table, "ended")
    for use, cost in segment_costs(ledger):
        segment = use.segment
        first, last = segment.marks[0], segment.marks[-1]
        quote = segment.quote
        since = moment(segment.billed_from) if segment.has_wall_clock else UNKNOWN
        price = UNKNOWN if quote is None else f"{quote.mean_usd_per_hour(segment.billed_from, last.wall_time):,.4g}"
        machines, named_by = fleet(segment), source(segment)
        begun = f"{since}\n{machines}\n{price} USD/node-h: {named_by}" if narrow else since
        table.add_row(
            Text(begun),
            lasted(use.end - use.start),
            f"{lasted(first.elapsed_seconds)}–{lasted(last.elapsed_seconds)}",
            UNKNOWN if unit is None else f"{first.samples:,}–{last.samples:,}",
            *(() if narrow else (Text(machines), price, Text(named_by))),
            usd(cost, assumed=quote is not None and quote.assumed),
            Text(ended(segment)),
        )
    return table


def money_table(record: RunRecord) -> Table:
    """Return a table of where the money of a run went, which adds up to the total."""
    ledger = record.ledger
    table = Table(title="Where the money went", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("for")
    for name in ("wall", "USD", "share"):
        table.add_column(name, justify="right")
    spent = () if ledger.here is None else spending(ledger, ledger.here)
    *parts, total = spending_rows(spent, total_usd(spent), assumed=is_assumed(ledger))
    for what, *cells in parts:
        table.add_row(Text(what), *cells)
    table.add_section()
    what, wall, _, share = total
    table.add_row(what, wall, spent_on(record, total_usd(spent)), share)
    return table


def _head(record: RunRecord) -> Text:
    run = record.run
    head = Text(run.id, "bold")
    if run.name and run.name != run.id:
        head.append(f"  {run.name}", "bold")
    head.append("  ").append_text(_status(run))
    facts = {
        "group": run.group,
        "tags": ", ".join(run.tags),
        "started": f"{moment(run.started_at)} UTC" if has_wall_clock(record.ledger) else None,
        "host": run.host,
        "commit": run.git_commit and run.git_commit[:12],
        "seed": run.seed,
        "processes": len(record.processes) if len(record.processes) > 1 else None,
    }
    said = "  ".join(f"{name} {value}" for name, value in facts.items() if value not in (None, ""))
    return head.append(f"\n{said}", "dim")


def _status(run: Run) -> Text:
    return Text(run.status, STATUS_STYLES.get(run.status, "yellow"))
