"""Why a figure is what it is: which sources were asked for a price, what stands in for what, and the sums."""

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from milepost.analysis.breakdown import has_wall_clock, is_assumed
from milepost.analysis.sums import Term, billed, total, trained
from milepost.money.costs import cost_lines
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.report.amounts import UNKNOWN, moment, usd
from milepost.report.ledgers import fleet, source
from milepost.report.table_style import AIRY, add_figures, add_texts, assumed_note
from milepost.runs.record import RunRecord


def chain_of(quote: Quote | None, because: str | None = None) -> list[tuple[str, str]]:
    """Return the sources that were asked for a price, in order, and what each said; the last answered.

    Args:
        quote: The price.
        because: Why there is none.
    """
    if quote is None:
        return [("none", because or "there is no quote")]
    tried = [line.partition(": ") for line in quote.tried.splitlines()]
    as_of = f", as of {quote.as_of}" if quote.as_of else ""
    changes = f", with {len(quote.steps)} changes" if quote.steps else ""
    marks = changes + "".join(f", {name}" for name in ("cached", "provisional", "assumed") if getattr(quote, name))
    what = " ".join(
        filter(
            None,
            (quote.provider, quote.instance_type, quote.zone or quote.region, (quote.market or "").replace("_", "-")),
        )
    )
    answer = f"{quote.usd_per_hour:.6g} USD/h{f' for {what}' if what else ''}{as_of}{marks}"
    return [*((name, said) for name, _, said in tried), (quote.source, answer)]


def chain_table(quote: Quote | None, because: str | None = None, title: str | None = None) -> RenderableType:
    """Return a table of `chain_of`, and what stands in for what below it."""
    table = Table(title=title, title_justify="left", **AIRY)
    add_texts(table, "asked", "said")
    for name, said in chain_of(quote, because):
        table.add_row(Text(name), Text(said))
    assumed = quote is not None and quote.assumed
    note = f"* assumed: {quote.assumed_because or 'substituted'}" if quote is not None and assumed else None
    return Group(table, *([Text(note, "yellow")] if note else []))


def run_explanation(record: RunRecord) -> RenderableType:
    """Return how each price of a run was found, and of what each of its amounts is the sum."""
    ledger = record.ledger
    parts: list[RenderableType] = []
    for which, chain in _chains(ledger).items():
        parts.append(chain_table(*chain, title=f"Price of {which}"))
    for name, crossing in record.crossings.items():
        terms = trained(ledger, crossing.position)
        parts.append(sum_table(ledger, terms, f"USD to {name}: training time that led there"))
    if ledger.here is not None and has_wall_clock(ledger):
        parts.append(sum_table(ledger, billed(ledger, ledger.here), "USD billed: all wall-clock time"))
        lines = cost_lines(ledger, ledger.here)
        parts += [Text(f"beside it, {name}: {usd(value)}") for name, value in lines.items() if name != "compute"]
    return Group(*parts)


def sum_table(ledger: Ledger, terms: Sequence[Term], title: str) -> Table:
    """Return a table of terms, a row each, and what they come to."""
    table = Table(title=title, title_justify="left", **AIRY, caption=assumed_note([is_assumed(ledger)]))
    add_texts(table, "from (UTC)", "on")
    add_figures(table, "hours", "× USD/node-h", "× nodes", "× share", "= USD")
    add_texts(table, "price from")
    for term in terms:
        segment = next(each for each in ledger.segments if each.id == term.segment)
        since = moment(segment.billed_from) if segment.has_wall_clock else UNKNOWN
        if term.what is not None:
            table.add_row("", Text(term.what), "", "", "", "", _exactly(term.usd), "")
            continue
        rate = UNKNOWN if term.usd_per_hour is None else f"{term.usd_per_hour:.6g}"
        figures = (f"{term.hours:.6g}", rate, str(term.nodes), f"{term.share:g}", _exactly(term.usd))
        table.add_row(Text(since), Text(fleet(segment)), *figures, Text(source(segment)))
    table.add_section()
    table.add_row("", "total", "", "", "", "", _exactly(total(terms)), "")
    return table


def explained(record: RunRecord) -> dict[str, Any]:
    """Return `run_explanation` as plain data."""
    ledger = record.ledger
    sums = {name: trained(ledger, crossing.position) for name, crossing in record.crossings.items()}
    of_all = billed(ledger, ledger.here) if ledger.here is not None and has_wall_clock(ledger) else None
    return {
        "run": record.run.id,
        "prices": [
            {
                "what": which,
                "asked": [{"source": name, "said": said} for name, said in chain_of(quote, because)],
                "assumed_because": None if quote is None else quote.assumed_because,
            }
            for which, (quote, because) in _chains(ledger).items()
        ],
        "to_threshold": {name: _plain(terms) for name, terms in sums.items()},
        "billed": None if of_all is None else _plain(of_all),
    }


def _chains(ledger: Ledger) -> dict[str, tuple[Quote | None, str | None]]:
    """Return the price of each segment, or why it has none, under what it is of: the same is told once."""
    chains: dict[str, tuple[Quote | None, str | None]] = {}
    for segment in ledger.segments:
        which, chain = fleet(segment), (segment.quote, segment.unpriced_because)
        while which in chains and chain_of(*chains[which]) != chain_of(*chain):
            which += ", later"
        chains.setdefault(which, chain)
    return chains


def _plain(terms: Sequence[Term]) -> dict[str, Any]:
    return {"usd": total(terms), "terms": msgspec.to_builtins(terms)}


def _exactly(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.6f}"
