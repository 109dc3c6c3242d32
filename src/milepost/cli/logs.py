"""Options of commands that read logs, how far they have come, and what came of it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from milepost.cli import interrupts
from milepost.replaying.replay import Progress as Come
from milepost.replaying.results import Results

SKIPPED_SHOWN = 10
"""So many of what was skipped are named with their reasons; the rest are counted."""

Thresholds = Annotated[
    list[str] | None, typer.Option(metavar="EXPR", help="Such as 'top5Accuracy >= 93' or 'loss <= 0.4 @ 0.1'.")
]
ConfigName = Annotated[str | None, typer.Option(help="Thresholds file, or the name of an environment.")]
LogFormat = Annotated[str | None, typer.Option(help="Format of the logs, where content does not tell.")]
Match = Annotated[str | None, typer.Option(metavar="GLOB", help="Only runs whose id matches.")]
GroupBy = Annotated[str | None, typer.Option(metavar="KEY", help="Group by a piece of the path (0, 1 …) or a setting.")]
SamplesColumn = Annotated[str | None, typer.Option(help="Column that counts samples.")]
TimeColumn = Annotated[str | None, typer.Option(help="Column that tells time.")]
TimeUnitName = Annotated[Literal["s", "min", "h"] | None, typer.Option(help="Its unit.")]
RunColumn = Annotated[str | None, typer.Option(help="Column that tells runs in one file apart.")]
InstanceType = Annotated[str | None, typer.Option(help="Type of each node that they ran on.")]
Nodes = Annotated[int | None, typer.Option(help="How many.", min=1)]
Spot = Annotated[bool | None, typer.Option("--spot/--on-demand", help="How they were paid for.")]
Region = Annotated[str | None, typer.Option(help="The provider's region.")]
Provider = Annotated[str | None, typer.Option(help="aws, gcp, azure, lambda …")]
Source = Annotated[str | None, typer.Option(help="Ask this price source alone.")]
PricePerHour = Annotated[float | None, typer.Option(help="USD an hour of one node.", min=0.0)]


def given_instance(
    provider: str | None, instance_type: str | None, num_nodes: int | None, region: str | None, spot: bool | None
) -> dict[str, Any]:
    """Return what was given of an instance, as the configuration's ``instance`` has it."""
    given = {
        "provider": provider,
        "instance_type": instance_type,
        "num_nodes": num_nodes,
        "region": region,
        "market": None if spot is None else "spot" if spot else "on_demand",
    }
    return {name: value for name, value in given.items() if value is not None}


@contextmanager
def log_progress() -> Iterator[Callable[[Come], None]]:
    """Show how far it has come, where somebody looks."""
    columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("reading …")

        def on_progress(come: Come) -> None:
            interrupts.check()
            skipped = f", {come.skipped:,} skipped" if come.skipped else ""
            bar.update(task, description=f"{come.runs:,} runs read{skipped}  {come.run}".replace("[", r"\["))

        yield on_progress


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
    for skipped in results.skipped[:SKIPPED_SHOWN]:
        console.print(Text(f"  {skipped.shown}", "yellow"), soft_wrap=True)
    if (more := len(results.skipped) - SKIPPED_SHOWN) > 0:
        console.print(Text(f"  and {more:,} more", "yellow"))
