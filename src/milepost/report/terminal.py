"""Results and live progress in a terminal."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.segment import Segment as Piece
from rich.table import Table
from rich.text import Text

from milepost.analysis.members import target_of
from milepost.money.segment import Segment
from milepost.report.amounts import UNKNOWN, usd
from milepost.report.cells import dollars, figures, number, status
from milepost.report.live_curves import Trail
from milepost.tracked_run import TrackedRun
from milepost.tracking.result import ThresholdResult

PLAIN_EVERY_SECONDS = 10.0
"""How often a line is printed where there is no terminal."""

SPARE_LINES = 2
"""Lines that the panel leaves free on a terminal."""

WIDE = 120
"""Columns where there is no terminal to ask."""


CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""Characters that a terminal obeys, but for the end of a line."""


class _Plain(Console):
    """A console that shows text as text: names of runs and metrics are anybody's, and a terminal obeys what is in them.

    Its own colours and movements are no text, and stay.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Piece]:
        for piece in super().render(renderable, options):
            yield piece if piece.control else piece._replace(text=CONTROL.sub("", piece.text))


def open_console() -> Console:
    """Return a console on standard output; wide where it is no terminal, so that a file or pipe gets nothing cut."""
    console = _Plain()
    return console if console.is_terminal else _Plain(width=WIDE)


def results_table(results: Iterable[ThresholdResult]) -> Table:
    """Return a table of one run's results: what each threshold took. ``≤`` marks figures that are upper bounds."""
    results = list(results)
    table = Table(title="What it took", title_justify="left", caption_justify="left")
    table.add_column("threshold", overflow="fold")
    table.add_column("target", overflow="fold")
    table.add_column("status", overflow="fold")
    for name in FIGURES:
        table.add_column(name, justify="right", no_wrap=True)  # a figure that is cut is a wrong one
    for result in results:
        table.add_row(Text(result.threshold), Text(str(target_of(result))), _status(result), *_figures(result))
    if any(result.price_assumed for result in results):
        table.caption = "* at an assumed price"
    return table


def runs_results_table(results: Iterable[ThresholdResult]) -> Table:
    """Return a table of the results of several runs, a row each; figures that none of them has are left out."""
    results = list(results)
    rows = [(result, [*_figures(result), number(result.run_minutes, ",.2f")]) for result in results]
    names = (*FIGURES, "run min")
    known = [at for at in range(len(names)) if any(shown[at] != UNKNOWN for _, shown in rows)]
    groups = any(result.group is not None for result in results)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left")
    table.add_column("run", overflow="fold")
    if groups:
        table.add_column("group", overflow="fold")
    table.add_column("threshold", overflow="fold")
    table.add_column("status", no_wrap=True)
    for at in known:
        table.add_column(names[at], justify="right", no_wrap=True)
    for result, shown in rows:
        named = (result.run, result.group, result.threshold) if groups else (result.run, result.threshold)
        table.add_row(*(Text(name or UNKNOWN) for name in named), _status(result), *(shown[at] for at in known))
    if any(result.price_assumed for result in results):
        table.caption = "* at an assumed price"
    return table


FIGURES = ("samples", "minutes", "USD", "USD billed", "final value")


def _status(result: ThresholdResult) -> Text:
    shown = Text(status(result), "green" if result.achieved else "yellow")
    return shown.append(", not retained", "yellow") if result.retained is False else shown


def _figures(result: ThresholdResult) -> list[str]:
    """Return what a result shows, in the order of `FIGURES`."""
    billed = dollars(result, result.billed_cost_to_threshold)
    return [*figures(result), billed, number(result.final_smoothed_value, ",.3f")]


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
    quote = segment.quote if segment else None
    if segment is None or quote is None:
        why = segment.unpriced_because if segment else None
        return Text(f"price unknown: {why or 'there is no quote'}", "yellow")
    instance = segment.instance
    nodes = instance.num_nodes or 1
    fleet = f" × {nodes} node{'s' * (nodes != 1)}"
    share = "" if instance.share in (None, 1) else f" × {instance.share:g} of each"
    what = " ".join(filter(None, (quote.instance_type, (quote.market or "").replace("_", "-"), quote.region)))
    now = quote.usd_per_hour_at(segment.marks[-1].wall_time)
    since = f", as of {quote.as_of}{', cached' if quote.cached else ''}" if quote.as_of else ""
    line = Text(f"${now:,.4g}/h{fleet}{share}  {what}  (source: {quote.source}{since})")
    if quote.assumed:
        line.append(f"\n* assumed price: {quote.assumed_because or 'substituted'}", "yellow")
    if quote.provisional:
        line.append("\nprovisional: a live price was asked for and is not there yet", "yellow")
    return line


class LivePanel:
    """Shows a tracked run while it goes on: a panel on a terminal, a line now and then elsewhere.

    Used around the training loop, with `refresh` called once an iteration; it draws four times a second at most, and
    nothing on a process that does not track.

    Args:
        tracked_run: What to show.
        total_samples: Where training ends, in samples, if that is known.
        console: Where to draw; standard output where not given.
    """

    def __init__(
        self, tracked_run: TrackedRun, *, total_samples: int | None = None, console: Console | None = None
    ) -> None:
        self._run = tracked_run
        self._total_samples = total_samples
        self._console = console or open_console()
        self._live = Live(console=self._console, refresh_per_second=4, auto_refresh=False, transient=True)
        self._metrics: Mapping[str, Any] = {}
        self._drawn = 0.0
        self._trail = Trail()

    def __enter__(self) -> "LivePanel":
        if self._console.is_terminal:
            self._live.start()
        elif self._run.here is not None:
            self._console.print(price_line(self._run.ledger.current), soft_wrap=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def refresh(self, metrics: Mapping[str, Any] | None = None) -> None:
        """Show where the run is.

        Args:
            metrics: Other figures to show, by name.
        """
        self._metrics = metrics or {}
        now = time.monotonic()
        if self._run.here is None or now - self._drawn < (0.25 if self._console.is_terminal else PLAIN_EVERY_SECONDS):
            return
        self._drawn = now
        self._trail.add(self._run)
        if self._console.is_terminal:
            self._live.update(self.panel(), refresh=True)
        else:
            self._console.print(self.line(), highlight=False, soft_wrap=True)

    def panel(self) -> RenderableType:
        """Return the panel as it stands now."""
        table = Table(box=None, pad_edge=False)
        for name, justify in (("threshold", "left"), ("target", "left"), ("smoothed", "right"), ("", "left")):
            table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
        results: list[ThresholdResult] = list(self._run.get_results().values())
        for result in results:
            named = (Text(result.threshold), Text(str(target_of(result))))
            table.add_row(*named, number(result.final_smoothed_value, ".3f"), self._progress(result))
        others = "  ".join(f"{name} {value:.4g}" for name, value in self._metrics.items() if isinstance(value, float))
        above = Group(Text(self._where(), "bold"), price_line(self._run.ledger.current), table)
        below = Text(others, "dim", overflow="fold")
        lines = len(self._console.render_lines(Group(above, below)))  # in a narrow terminal some are folded
        plot = self._trail.plot(self._run, self._console.width, self._console.height - lines - SPARE_LINES)
        return Group(above, *([] if plot is None else [plot]), below)

    def line(self) -> str:
        """Return the same in one line, for logs."""
        values = [
            f"{result.threshold}: "
            + (
                "achieved"
                if result.achieved
                else f"{number(result.final_smoothed_value, ',.3f')} of {result.target_value:g}"
            )
            for result in self._run.get_results().values()
        ]
        return escape("  ".join([self._where(), *values]))

    def _where(self) -> str:
        here = self._run.here
        assert here is not None
        segment = self._run.ledger.current
        assumed = bool(segment and segment.quote and segment.quote.assumed)
        total = f" of {self._total_samples:,}" if self._total_samples else ""
        minutes, seconds = divmod(int(here.elapsed_seconds), 60)
        spent = usd(self._run.calculate_total_cost(), assumed=assumed)
        return f"{here.samples:,}{total} samples  {minutes}:{seconds:02d} elapsed  {spent} so far"

    def _progress(self, result: ThresholdResult) -> RenderableType:
        if result.achieved:
            return Text(
                f"achieved at {result.samples_to_threshold:,} samples, {result.minutes_to_threshold:.2f} min, "
                f"{usd(result.cost_to_threshold, assumed=result.price_assumed)}",
                "green",
            )
        value = result.final_smoothed_value
        if value is None or result.comparison not in (">=", ">") or result.target_value <= 0:
            return Text("")
        return ProgressBar(total=result.target_value, completed=max(0.0, min(value, result.target_value)), width=30)
