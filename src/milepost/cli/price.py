"""``milepost price``: one quote, or all of them."""

from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from milepost.errors import ConfigError
from milepost.instance import Instance
from milepost.prices.book import PriceBook
from milepost.quote import Quote
from milepost.report.terminal import open_console

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
    console = open_console()
    console.print(_table(quotes))
    for quote in () if every else quotes:
        if quote.assumed:
            console.print(Text(f"* assumed: {quote.assumed_because}", "yellow"))


def _table(quotes: list[Quote]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left")
    table.add_column("type", overflow="fold")
    for name in ("provider", "region", "market", "GPUs"):
        table.add_column(name, no_wrap=True)
    for name in ("USD/h", "USD/GPU-h"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("source", no_wrap=True)
    for quote in quotes:
        mark = "*" if quote.assumed else ""
        table.add_row(
            *(Text(each or "–") for each in (quote.instance_type, quote.provider, quote.region)),
            (quote.market or "–").replace("_", "-"),
            f"{quote.gpus} {quote.gpu}" if quote.gpus else "–",
            f"{quote.usd_per_hour:,.4f}{mark}",
            f"{quote.usd_per_hour / quote.gpus:,.4f}{mark}" if quote.gpus else "–",
            " ".join(filter(None, (quote.source, quote.as_of))),
        )
    if any(quote.assumed for quote in quotes):
        table.caption = "* assumed"
    return table
