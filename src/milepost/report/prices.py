"""Prices in a terminal: a table of quotes, and how spot prices moved."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from rich.table import Table
from rich.text import Text

from milepost.money.quote import PriceStep, Quote
from milepost.report.amounts import UNKNOWN
from milepost.report.plots import PLOT_HEIGHT, open_plot, ticks_between
from milepost.report.table_style import AIRY, add_figures, add_texts


def quotes_table(quotes: Sequence[Quote], savings: Sequence[float | None] | None = None) -> Table:
    """Return a table of quotes, in their order; ``*`` marks assumed prices.

    Args:
        quotes: The prices.
        savings: What each saves against the on-demand price, as a part of it; None where that is not known.
    """
    table = Table(**AIRY, caption="* assumed" if any(quote.assumed for quote in quotes) else None)
    add_texts(table, "type")
    for name in ("provider", "region", "market", "GPUs"):
        table.add_column(name, no_wrap=True)
    add_figures(table, "USD/h", "USD/GPU-h", *(() if savings is None else ("saving",)))
    table.add_column("source", no_wrap=True)
    for at, quote in enumerate(quotes):
        saving = [] if savings is None else [UNKNOWN if (part := savings[at]) is None else f"{part:.0%}"]
        mark = "*" if quote.assumed else ""
        as_of = quote.as_of and quote.as_of.replace("T", " ").replace("+00:00", " UTC")
        table.add_row(
            *(Text(each or UNKNOWN) for each in (quote.instance_type, quote.provider, quote.zone or quote.region)),
            (quote.market or UNKNOWN).replace("_", "-"),
            f"{quote.gpus} {quote.gpu}" if quote.gpus else UNKNOWN,
            f"{quote.usd_per_hour:,.4f}{mark}",
            f"{quote.usd_per_hour / quote.gpus:,.4f}{mark}" if quote.gpus else UNKNOWN,
            *saving,
            " ".join(filter(None, (quote.source, quote.rate, as_of, _age(quote), "(cached)" if quote.cached else ""))),
        )
    return table


def _age(quote: Quote) -> str:
    """Say how many days ago a price was true, where its day is known; of one of today, nothing."""
    try:
        days = (datetime.now(UTC).date() - date.fromisoformat((quote.as_of or "")[:10])).days
    except ValueError:
        return ""
    return f"({days:,} d ago)" if days > 0 else ""


def spot_table(history: Mapping[str, Sequence[PriceStep]], since: float, until: float) -> Table:
    """Return by zone the lowest, mean, highest and last spot price between two moments (Unix seconds)."""
    table = Table(**AIRY)
    table.add_column("zone")
    for name in ("lowest", "mean", "highest", "now", "changes"):
        table.add_column(name, justify="right")
    for zone, steps in sorted(history.items()):
        quote = Quote(usd_per_hour=steps[0].usd_per_hour, source="", steps=tuple(steps))
        prices = [step.usd_per_hour for step in steps]
        mean = quote.mean_usd_per_hour(since, until)
        figures = (min(prices), mean, max(prices), prices[-1])
        table.add_row(Text(zone), *(f"{usd:,.4f}" for usd in figures), str(len(steps) - 1))
    return table


def spot_plot(history: Mapping[str, Sequence[PriceStep]], since: float, until: float, width: int) -> Text:
    """Return a plot of spot prices between two moments (Unix seconds): a line of steps for each zone.

    Raises:
        MissingExtra: plotext is not installed.
    """
    plot = open_plot(width, PLOT_HEIGHT)
    for zone, steps in sorted(history.items()):
        times, prices = [since], [steps[0].usd_per_hour]
        for step in steps[1:]:
            times += [step.since, step.since]
            prices += [prices[-1], step.usd_per_hour]
        plot.plot([*times, until], [*prices, prices[-1]], label=zone, marker="braille")
    ticks = ticks_between(since, until)
    plot.xticks(ticks, [f"{datetime.fromtimestamp(tick, UTC):%m-%d %H:%M}" for tick in ticks])
    plot.title("USD an hour, times in UTC")
    return Text.from_ansi(plot.build())
