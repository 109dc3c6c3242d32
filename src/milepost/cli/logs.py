"""Replays logs for a command: shows how far that has come, and says what was read and what was not."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from milepost.cli import interrupts
from milepost.cli.log_options import LogOptions
from milepost.log import gathered
from milepost.replaying.left_out import line_of
from milepost.replaying.replay import ReplayProgress, replay
from milepost.replaying.results import Results
from milepost.report.plain import as_plain

SKIPPED_SHOWN = 10
"""So many reasons are given why something was skipped, each with the first that has it; the rest are counted."""


def replay_shown(paths: Sequence[str], logs: LogOptions, **more: Any) -> Results:
    """Replay logs as a command's options say, and show how far that has come, where somebody looks.

    Args:
        paths: The logs.
        logs: The options.
        more: Further keywords of `replay`.
    """
    with _progress() as show, gathered():

        def on_progress(so_far: ReplayProgress) -> None:
            interrupts.check()
            skipped = f", {so_far.skipped:,} skipped" if so_far.skipped else ""
            show(f"{so_far.runs:,} runs read{skipped}  {so_far.run}")

        return replay(paths, **logs.keywords(), **more, on_progress=on_progress)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Give what shows how far something has come. Where nobody looks, Rich, which draws it, is not imported."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading …")
        yield lambda text: bar.update(task, description=text.replace("[", r"\["))


def summarise(results: Results, *, saved: bool = False) -> None:
    """Say on standard error how much was read, and what was not."""
    broken = [skipped for skipped in results.skipped if not skipped.wholly]
    wholly = [skipped for skipped in results.skipped if skipped.wholly]
    parts = [f"{results.runs:,} run{'s' * (results.runs != 1)} read"]
    if wholly:
        parts.append(f"{len(wholly):,} skipped")
    if broken:
        parts.append(f"{len(broken):,} read in part")
    _say(", ".join(parts) + (", kept in the store" if saved else ""))
    causes = Counter(skipped.cause for skipped in results.skipped)
    firsts = {skipped.cause: skipped for skipped in reversed(results.skipped)}
    for cause, count in list(causes.items())[:SKIPPED_SHOWN]:
        more = f" (likewise {count - 1:,} more)" if count > 1 else ""
        _say(f"  {firsts[cause].shown}{more}", typer.colors.YELLOW)
    if (rest := sum(list(causes.values())[SKIPPED_SHOWN:])) > 0:
        _say(f"  and {rest:,} more", typer.colors.YELLOW)
    if line := line_of(results.left_out):
        _say(line, typer.colors.YELLOW if any(each.is_log for each in results.left_out) else None)


def _say(text: str, colour: str | None = None) -> None:
    typer.secho(as_plain(text), fg=colour, err=True)
