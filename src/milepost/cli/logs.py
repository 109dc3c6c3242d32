"""Replays logs for a command: shows how far that has come, and says what was read and what was not."""

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from milepost.cli import interrupts
from milepost.cli.log_options import LogOptions
from milepost.log import gathered
from milepost.replaying.left_out import line_of
from milepost.replaying.replay import ReplayProgress, replay
from milepost.replaying.results import Results

SKIPPED_SHOWN = 10
"""So many reasons are given why something was skipped, each with the first that has it; the rest are counted."""


def replay_shown(paths: Sequence[str], logs: LogOptions, **more: Any) -> Results:
    """Replay logs as a command's options say, and show how far that has come, where somebody looks.

    Args:
        paths: The logs.
        logs: The options.
        more: Further keywords of `replay`.
    """
    columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("reading …")

        def on_progress(so_far: ReplayProgress) -> None:
            interrupts.check()
            skipped = f", {so_far.skipped:,} skipped" if so_far.skipped else ""
            bar.update(task, description=f"{so_far.runs:,} runs read{skipped}  {so_far.run}".replace("[", r"\["))

        with gathered():
            return replay(paths, **logs.keywords(), **more, on_progress=on_progress)


def summarise(results: Results, *, saved: bool = False) -> None:
    """Say on standard error how much was read, and what was not."""
    console = Console(stderr=True)
    broken = [skipped for skipped in results.skipped if not skipped.wholly]
    wholly = [skipped for skipped in results.skipped if skipped.wholly]
    parts = [f"{results.runs:,} run{'s' * (results.runs != 1)} read"]
    if wholly:
        parts.append(f"{len(wholly):,} skipped")
    if broken:
        parts.append(f"{len(broken):,} read in part")
    console.print(Text(", ".join(parts) + (", kept in the store" if saved else "")))
    causes = Counter(skipped.cause for skipped in results.skipped)
    firsts = {skipped.cause: skipped for skipped in reversed(results.skipped)}
    for cause, count in list(causes.items())[:SKIPPED_SHOWN]:
        more = f" (likewise {count - 1:,} more)" if count > 1 else ""
        console.print(Text(f"  {firsts[cause].shown}{more}", "yellow"), soft_wrap=True)
    if (rest := sum(list(causes.values())[SKIPPED_SHOWN:])) > 0:
        console.print(Text(f"  and {rest:,} more", "yellow"))
    if line := line_of(results.left_out):
        console.print(Text(line, "yellow" if any(each.is_log for each in results.left_out) else ""), soft_wrap=True)
