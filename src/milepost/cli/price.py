"""``milepost price``: one quote, all of them, how a spot price moved, or fresh catalogs."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.text import Text

from milepost.cli.options import Provider, Region
from milepost.cli.printing import print_json
from milepost.errors import ConfigError
from milepost.money.instance import Instance, Market, same_gpus
from milepost.money.quote import PriceStep, Quote
from milepost.prices.book import FetchProgress, PriceBook, fetch_catalogs
from milepost.providers.gpu_names import is_called
from milepost.report.explanations import chain_of, chain_table
from milepost.report.price_order import Sort, sorted_by, spot_savings
from milepost.report.prices import quotes_table, spot_plot, spot_table
from milepost.report.terminal import open_console

KEYS = (
    *("instance_type", "provider", "region", "zone", "market", "usd_per_hour"),
    *("source", "as_of", "cached", "assumed", "gpus", "gpu"),
)


def price(
    instance_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="Such as g5.4xlarge; or GPUs, such as A10G:1.")
    ] = None,
    spot: Annotated[bool, typer.Option("--spot", help="The spot price.")] = False,
    region: Region = None,
    zone: Annotated[str | None, typer.Option(help="The provider's zone, which spot prices differ by.")] = None,
    provider: Provider = None,
    source: Annotated[str | None, typer.Option(help="Ask this source alone.")] = None,
    every: Annotated[bool, typer.Option("--list", help="All that is known, the cheapest GPU-hour first.")] = False,
    gpu: Annotated[str | None, typer.Option(help="With --list: those with this GPU, such as A100 or A100:8.")] = None,
    max_usd: Annotated[float | None, typer.Option(help="With --list: up to so many USD an hour.")] = None,
    sort: Annotated[
        Sort,
        typer.Option(help="With --list: by USD per GPU-hour, hour or GB of GPU memory, or by what spot saves."),
    ] = "gpu-hour",
    history: Annotated[bool, typer.Option("--history", help="How the spot price moved, by zone.")] = False,
    days: Annotated[float, typer.Option(help="With --history: how far back.", min=0.01, max=90.0)] = 7.0,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch SkyPilot's public catalogs first; --provider names one.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Who was asked, what each said, what stands in.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say what an hour of an instance costs, and who says so."""
    if instance_type is not None and not instance_type.strip():
        raise ConfigError("price: found an empty TYPE, expected one such as g5.4xlarge")
    if every and instance_type is not None:
        raise ConfigError("price: expected either an instance TYPE or --list")
    if not (every or refresh) and instance_type is None:
        raise ConfigError("price: expected an instance TYPE, --list or --refresh")
    if history and instance_type is None:
        raise ConfigError("price: expected an instance TYPE with --history")
    if not every and (gpu is not None or max_usd is not None):
        raise ConfigError("price: expected --list beside --gpu and --max-usd")
    if sort != "gpu-hour" and not every:
        raise ConfigError("price: expected --list beside --sort")
    if sort == "spot-saving":
        spot = True
    if refresh:
        _refresh(provider)
    book = PriceBook(sources=[source] if source else None)
    market: Market = "spot" if spot or history else "on_demand"
    where = Instance(provider=provider, region=region, zone=zone, market=market)
    if every or (instance_type is not None and ":" in instance_type):
        wanted = gpu if every else instance_type
        book.require_names(Instance(provider=provider, region=region))
        known = list(book.every_quote() if region is None else book.quotes_in(region))
        quotes = [each for each in known if _fits(each, where, wanted, max_usd)]
        if not quotes:
            book.require_names(Instance(provider=provider, gpu=(wanted or "").partition(":")[0] or None))
        quotes = sorted_by(sort, quotes, known)
        _show(quotes, as_json, reasons=explain, on_demand=known if sort == "spot-saving" else ())
    elif instance_type is not None:
        instance = msgspec.structs.replace(where, instance_type=instance_type)
        with Console(stderr=True).status("asking for prices …"):
            since = datetime.now(UTC) - timedelta(days=days)
            answer = book.history(instance, since) if history else book.ask(instance)
        if isinstance(answer, Quote):
            _show([answer], as_json, explain=explain)
        else:
            _show_history(answer, since, as_json)


def _fits(quote: Quote, where: Instance, gpu: str | None, max_usd: float | None) -> bool:
    """Say whether a quote is one of those asked for, of whichever region; one of no zone holds in all."""
    model, _, count = (gpu or "").partition(":")
    number = math.nan
    with suppress(ValueError):
        number = float(count)
    return (
        quote.market == where.market
        and (where.provider or quote.provider or "").casefold() == (quote.provider or "").casefold()
        and (where.zone or quote.zone or "").casefold() == (quote.zone or where.zone or "").casefold()
        and (not model or is_called(quote.provider, quote.gpu or "", model.strip()))
        and (not count or same_gpus(number, quote.gpus))
        and (max_usd is None or quote.usd_per_hour <= max_usd)
    )


def _show(
    quotes: list[Quote],
    as_json: bool,
    *,
    reasons: bool = True,
    explain: bool = False,
    on_demand: Sequence[Quote] = (),
) -> None:
    savings = spot_savings(quotes, on_demand)
    if as_json:
        for quote, saving in zip(quotes, savings, strict=True):
            asked = [{"source": name, "said": said} for name, said in chain_of(quote)]
            why = {"asked": asked, "assumed_because": quote.assumed_because} if explain else {}
            told = {"spot_saving": saving} if on_demand else {}
            print_json({key: getattr(quote, key) for key in KEYS} | told | why)
        return
    if explain:
        open_console().print(*map(chain_table, quotes))
        return
    console = open_console()
    shown = quotes_table(quotes, savings if on_demand else None)
    console.print(shown if quotes else "nothing is known that fits")
    for quote in quotes if reasons else ():
        if quote.assumed:
            console.print(Text(f"* assumed: {quote.assumed_because}", "yellow"))


def _show_history(history: Mapping[str, Sequence[PriceStep]], since: datetime, as_json: bool) -> None:
    if as_json:
        for zone, steps in sorted(history.items()):
            for step in steps:
                when = datetime.fromtimestamp(step.since, UTC).isoformat()
                print_json({"zone": zone, "since": when, "usd_per_hour": step.usd_per_hour})
        return
    console = open_console()
    moments = (since.timestamp(), datetime.now(UTC).timestamp())
    console.print(spot_plot(history, *moments, width=console.width))
    console.print(spot_table(history, *moments))


def _refresh(provider: str | None) -> None:
    """Fetch the catalogs, with a bar for each."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[fault]}"))
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def on_progress(progress: FetchProgress) -> None:
            if progress.cloud not in tasks:
                tasks[progress.cloud] = bars.add_task(progress.cloud, fault="")
            total = progress.done_bytes if progress.finished else progress.expected_bytes
            bars.update(
                tasks[progress.cloud], completed=progress.done_bytes, total=total, fault=escape(progress.fault or "")
            )

        fetch_catalogs(None if provider is None else [provider], on_progress=on_progress)
