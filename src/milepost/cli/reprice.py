"""``milepost reprice``: kept runs at corrected prices."""

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from milepost.analysis.breakdown import is_assumed
from milepost.analysis.what_if import reprice as at_other_prices
from milepost.cli.options import PricePerHour
from milepost.cli.stores import StoreOption, find_runs, open_store
from milepost.errors import ConfigError
from milepost.money.costs import billed_cost
from milepost.money.ledger import Ledger
from milepost.money.segment import Segment
from milepost.report.amounts import UNKNOWN
from milepost.report.cells import dollars
from milepost.report.exports import as_json
from milepost.report.runs import spent_on
from milepost.report.terminal import open_console
from milepost.runs.record import RunRecord


def reprice(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, or beginnings of them.")],
    price_per_hour: PricePerHour = None,
    source: Annotated[str | None, typer.Option(help="Ask this source alone, such as aws, skypilot or list.")] = None,
    region: Annotated[str | None, typer.Option(help="The region that the runs were in.")] = None,
    as_json_lines: Annotated[
        bool, typer.Option("--json", help="The restated results, one JSON object a line.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Restate runs at other prices: keeps what was, and says what changed. Without a flag, asks every source anew."""
    if price_per_hour is not None and (source is not None or region is not None):
        raise ConfigError("reprice: expected either --price-per-hour, or --source and --region")
    opened = open_store(store)
    found = find_runs(opened, runs)
    with Console(stderr=True).status("asking for prices …"):
        restated = [
            at_other_prices(record, price_per_hour=price_per_hour, source=source, region=region) for record in found
        ]
    for record in restated:
        opened.write(record)
    if as_json_lines:
        for record in restated:
            for result in record.results:
                typer.echo(as_json(result))
        return
    console = open_console()
    for before, after in zip(found, restated, strict=True):
        console.print(_changes(before, after))


def _changes(before: RunRecord, after: RunRecord) -> Table:
    table = Table(title=after.run.id, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, caption_justify="left")
    table.add_column("", overflow="fold")
    for name in ("was", "is"):
        table.add_column(name, justify="right", overflow="fold")
    for number, (old, new) in enumerate(zip(before.ledger.segments, after.ledger.segments, strict=True), 1):
        prices = [_price(each) for each in (old, new)]
        table.add_row(Text(f"segment {number}, {new.instance.instance_type or 'unknown'}"), *prices)
    for was, now in zip(before.results, after.results, strict=True):
        if now.achieved:
            figures = [dollars(each, each.cost_to_threshold) for each in (was, now)]
            table.add_row(Text(f"{now.threshold}, USD"), *figures)
    whole = [spent_on(record, _billed(record.ledger)) for record in (before, after)]
    table.add_row("whole run as billed, USD", *whole)
    if is_assumed(before.ledger) or is_assumed(after.ledger):
        table.caption = "* at an assumed price"
    return table


def _price(segment: Segment) -> str:
    quote = segment.quote
    if quote is None:
        return UNKNOWN
    mean = quote.mean_usd_per_hour(segment.billed_from, segment.marks[-1].wall_time)
    return f"${mean:,.4g}/h ({quote.source}){'*' if quote.assumed else ''}"


def _billed(ledger: Ledger) -> float | None:
    return billed_cost(ledger, ledger.here) if ledger.here else None
