"""A tracked run in a terminal while it goes on."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from milepost.analysis.members import target_of
from milepost.analysis.units import unit_of
from milepost.report.amounts import usd
from milepost.report.cells import figures, number
from milepost.report.live_curves import Trail
from milepost.report.terminal import open_console, price_line
from milepost.tracked_run.run import TrackedRun
from milepost.tracking.result import ThresholdResult

PLAIN_EVERY_SECONDS = 10.0
"""How often a line is printed where there is no terminal."""

SPARE_LINES = 2
"""Lines that the panel leaves free on a terminal."""


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
        shown = [self._where()]
        for each in self._run.get_results().values():
            value = f"{number(each.final_smoothed_value, ',.3f')} of {each.target_value:g}"
            shown.append(f"{each.threshold}: {'achieved' if each.achieved else value}")
        return escape("  ".join(shown))

    def _where(self) -> str:
        here = self._run.here
        assert here is not None
        segment = self._run.ledger.current
        assumed = bool(segment and segment.quote and segment.quote.assumed)
        total = f" of {self._total_samples:,}" if self._total_samples else ""
        minutes, seconds = divmod(int(here.elapsed_seconds), 60)
        spent = usd(self._run.calculate_total_cost(), assumed=assumed)
        unit = unit_of(self._run.get_results().values()) or "samples"
        return f"{here.samples:,}{total} {unit}  {minutes}:{seconds:02d} elapsed  {spent} so far"

    def _progress(self, result: ThresholdResult) -> RenderableType:
        if result.achieved:
            samples, minutes, spent = figures(result, head="")
            return Text(f"achieved at {samples}, {minutes} min, {spent}", "green")
        value = result.final_smoothed_value
        if value is None or result.comparison not in (">=", ">") or result.target_value <= 0:
            return Text("")
        return ProgressBar(total=result.target_value, completed=max(0.0, min(value, result.target_value)), width=30)
