"""``milepost price``: one quote, or all of them."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from milepost.errors import ConfigError
from milepost.instance import Instance
from milepost.prices.book import PriceBook
from milepost.quote import Quote

KEYS = (
    *("instance_type", "provider", "region", "zone", "market", "usd_per_hour"),
    *("source", "as_of", "cached", "assumed", "gpus", "gpu"),
)


def price(
    instance_type: Annotated[str | None, typer.Argument(metavar="TYPE", help="Such as g5.4xlarge.")] = None,
    spot: Annotated[bool, typer.Option("--spot", help="The spot price.")] = False,
    region: Annotated[str | None, typer.Option(help="The provider's region.")] = None,
    provider: Annotated[str | None, typer.Option(help="aws, gcp, azure, lambda …")] = None,
    source: Annotated[str | None, typer.Option(help="Ask this source alone.")] = None,
    every: Annotated[bool, typer.Option("--list", help="All that is known, the cheapest GPU-hour first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say what an hour of an instance costs, and who says so."""
    if (instance_type is None) is not every:
        raise ConfigError("price: expected either an instance TYPE or --list")
    book = PriceBook(sources=[source] if source else None)
    if every:
        quotes = [
            quote
            for quote in book.every_quote()
            if (provider in (None, quote.provider))
            and (region in (None, quote.region))
            and (not spot or quote.market == "spot")
        ]
        quotes.sort(key=lambda quote: quote.usd_per_hour / (quote.gpus or 1))
    else:
        market = "spot" if spot else "on_demand"
        asked = Instance.known("argument", provider=provider, instance_type=instance_type, region=region, market=market)
        quotes = [book.quote(asked)]
    if as_json:
        for quote in quotes:
            typer.echo(msgspec.json.encode({key: getattr(quote, key) for key in KEYS}).decode())
        return
    console = Console()
    console.print(_table(quotes))
    for quote in quotes if not every else ():
        if quote.assumed:
            console.print(Text(f"assumed: {quote.assumed_because}", "yellow"))


def _table(quotes: list[Quote]) -> Table:
    table = Table()
    for name in ("type", "provider", "region", "market", "GPUs"):
        table.add_column(name, overflow="fold")
    for name in ("USD/h", "USD/GPU-h"):
        table.add_column(name, justify="right")
    for name in ("source", "as of", "assumed"):
        table.add_column(name)
    for quote in quotes:
        gpus = f"{quote.gpus} × {quote.gpu}" if quote.gpus else "–"
        table.add_row(
            *(Text(each or "–") for each in (quote.instance_type, quote.provider, quote.region)),
            (quote.market or "–").replace("_", "-"),
            gpus,
            f"{quote.usd_per_hour:,.4f}",
            f"{quote.usd_per_hour / quote.gpus:,.4f}" if quote.gpus else "–",
            quote.source,
            quote.as_of or "–",
            "yes" if quote.assumed else "no",
        )
    return table
