"""Results in a terminal: the console that shows them, their tables, and the price that they are reckoned with."""

from collections.abc import Iterable, Iterator

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment as Piece
from rich.table import Table
from rich.text import Text

from milepost.analysis.members import target_of
from milepost.money.segment import Segment
from milepost.report.amounts import UNKNOWN, usd
from milepost.report.cells import dollars, figures, head_of, number, status
from milepost.report.footnotes import footnotes
from milepost.report.ledgers import price_note
from milepost.report.plain import as_plain
from milepost.report.table_style import AIRY, add_figures, add_texts, assumed_note
from milepost.tracked_run.run import TrackedRun
from milepost.tracking.result import ThresholdResult

WIDE = 120
"""Columns where there is no terminal to ask."""


class _Plain(Console):
    """A console that shows text as text: names of runs and metrics are anybody's, and a terminal obeys what is in them.

    Its own colours and movements are no text, and stay.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Piece]:
        for piece in super().render(renderable, options):
            yield piece if piece.control else piece._replace(text=as_plain(piece.text))


def open_console() -> Console:
    """Return a console on standard output; wide where it is no terminal, so that a file or pipe gets nothing cut."""
    console = _Plain()
    return console if console.is_terminal else _Plain(width=WIDE)


def results_table(results: Iterable[ThresholdResult], *, ends: bool = False) -> RenderableType:
    """Return a table of one run's results, with what is to be said of them below: what each threshold took.

    ``≤`` marks figures that are upper bounds, ``≥`` lower ones.

    Args:
        results: The results.
        ends: Whether figures of the whole run are shown as well, elsewhere.
    """
    results = list(results)
    head = head_of(results)
    note = assumed_note(result.price_assumed for result in results)
    table = Table(title="What it took", title_justify="left", caption=note, caption_justify="left")
    add_texts(table, "threshold", "target", "status")
    add_figures(table, head, *FIGURES)
    for result in results:
        table.add_row(Text(result.threshold), Text(str(target_of(result))), _status(result), *_figures(result, head))
    return with_footnotes(table, results, ends=ends)


def runs_results_table(results: Iterable[ThresholdResult]) -> RenderableType:
    """Return a table of the results of several runs, a row each; figures that none of them has are left out."""
    results = list(results)
    head = head_of(results)
    rows = [(result, [*_figures(result, head), number(result.run_minutes, ",.2f")]) for result in results]
    names = (head, *FIGURES, "run min")
    known = [at for at in range(len(names)) if any(shown[at] != UNKNOWN for _, shown in rows)]
    groups = any(result.group is not None for result in results)
    table = Table(**AIRY, caption=assumed_note(result.price_assumed for result in results))
    add_texts(table, "run", *(["group"] if groups else []), "threshold")
    table.add_column("status", no_wrap=True)
    add_figures(table, *(names[at] for at in known))
    for result, shown in rows:
        named = (result.run, result.group, result.threshold) if groups else (result.run, result.threshold)
        table.add_row(*(Text(name or UNKNOWN) for name in named), _status(result), *(shown[at] for at in known))
    return with_footnotes(table, results)


FIGURES = ("minutes", "USD", "USD billed", "final value")
"""What stands beside the samples, or whatever else is counted."""


def with_footnotes(table: Table, results: Iterable[ThresholdResult], *, ends: bool = False) -> RenderableType:
    """Return a table with what `footnotes` says of its results below it."""
    return Group(table, *(Text(line, "dim") for line in footnotes(results, ends=ends)))


def _status(result: ThresholdResult) -> Text:
    shown = Text(status(result), "green" if result.achieved else "yellow")
    return shown.append(", not retained", "yellow") if result.retained is False else shown


def _figures(result: ThresholdResult, head: str) -> list[str]:
    """Return what a result shows, in the order of `FIGURES`, below such a head of its samples."""
    billed = dollars(result, result.billed_cost_to_threshold)
    return [*figures(result, head=head), billed, number(result.final_smoothed_value, ",.3f")]


def print_results(tracked_run: TrackedRun, console: Console | None = None) -> None:
    """Print what each threshold took, and the price that this is reckoned with; nothing where nothing is tracked."""
    if tracked_run.here is None:
        return
    console = console or open_console()
    console.print(results_table(tracked_run.get_results().values()))
    console.print(price_line(tracked_run.ledger.current), soft_wrap=True)
    lines = tracked_run.get_cost_lines()
    if len(lines) > 1:
        console.print(f"so far: {', '.join(f'{name} {usd(value)}' for name, value in lines.items())}", soft_wrap=True)


def price_line(segment: Segment | None) -> Text:
    """Say in a line what an hour costs, who says so, and whether that is assumed."""
    note = price_note(segment)
    if segment is None or (quote := segment.quote) is None:
        return Text(note or "", "yellow")
    instance = segment.instance
    nodes = instance.num_nodes or 1
    fleet = f" × {nodes} node{'s' * (nodes != 1)}"
    share = "" if instance.share in (None, 1) else f" × {instance.share:g} of each"
    what = " ".join(filter(None, (quote.instance_type, (quote.market or "").replace("_", "-"), quote.region)))
    now = quote.usd_per_hour_at(segment.marks[-1].wall_time)
    since = f", as of {quote.as_of}{', cached' if quote.cached else ''}" if quote.as_of else ""
    line = Text(f"${now:,.4g}/h{fleet}{share}  {what}  (source: {quote.source}{since})")
    if note is not None:
        line.append(f"\n{note}", "yellow")
    if quote.provisional:
        line.append("\nprovisional: a live price was asked for and is not there yet", "yellow")
    return line
