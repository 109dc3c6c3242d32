"""``milepost replay``: results from the logs of runs that are over."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from milepost.errors import ConfigError
from milepost.replay import Results
from milepost.replay import replay as replay_logs
from milepost.replay.engine import Replayed
from milepost.replay.runs import Progress as Come
from milepost.replay.spread import Engine
from milepost.report.formats import FORMATS, Format, as_json, as_text
from milepost.report.terminal import open_console, runs_results_table

SKIPPED_SHOWN = 10
"""So many of what was skipped are named with their reasons; the rest are counted."""


def replay(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Logs: files, folders, globs, addresses.")],
    threshold: Annotated[
        list[str] | None, typer.Option(metavar="EXPR", help="Such as 'top5Accuracy >= 93' or 'loss <= 0.4 @ 0.1'.")
    ] = None,
    config: Annotated[str | None, typer.Option(help="Thresholds file, or the name of an environment.")] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="csv, markdown or latex of the results; any other name is the logs' format."),
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="Format of the logs, where content does not tell.")] = None,
    match: Annotated[str | None, typer.Option(metavar="GLOB", help="Only runs whose id matches.")] = None,
    group: Annotated[str | None, typer.Option(help="Group of the runs.")] = None,
    group_by: Annotated[
        str | None, typer.Option(metavar="KEY", help="Group by a piece of the path (0, 1 …) or a setting.")
    ] = None,
    samples_column: Annotated[str | None, typer.Option(help="Column that counts samples.")] = None,
    time_column: Annotated[str | None, typer.Option(help="Column that tells time.")] = None,
    time_unit: Annotated[Literal["s", "min", "h"] | None, typer.Option(help="Its unit.")] = None,
    run_column: Annotated[str | None, typer.Option(help="Column that tells runs in one file apart.")] = None,
    instance: Annotated[str | None, typer.Option(help="Type of each node that they ran on.")] = None,
    nodes: Annotated[int | None, typer.Option(help="How many.", min=1)] = None,
    spot: Annotated[bool | None, typer.Option("--spot/--on-demand", help="How they were paid for.")] = None,
    region: Annotated[str | None, typer.Option(help="The provider's region.")] = None,
    provider: Annotated[str | None, typer.Option(help="aws, gcp, azure, lambda …")] = None,
    source: Annotated[str | None, typer.Option(help="Ask this price source alone.")] = None,
    price_per_hour: Annotated[float | None, typer.Option(help="USD an hour of one node.", min=0.0)] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the runs in the store.")] = False,
    store: Annotated[str | None, typer.Option(help="Path or URL of the store, for --save.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first log that can't be read.")] = False,
    final: Annotated[
        bool,
        typer.Option(
            "--final/--no-final",
            help="Whether it matters how runs ended. If not, final values and counts are left out, and less is read.",
        ),
    ] = True,
    engine: Annotated[
        Engine, typer.Option(help="Where the logs are read; auto: in processes, where there is enough to read.")
    ] = "auto",
    workers: Annotated[int | None, typer.Option(help="How many processes; one a core if not given.", min=1)] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What they may take together, such as 4GB: fewer, if need be.")
    ] = None,
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line: one result each.")] = False,
) -> None:
    """Say of runs that are over what it took to reach thresholds chosen today, from logs of any known format."""
    shown_as, log_format = _formats(formats or [], log_format)
    if as_json_lines and shown_as is not None:
        raise ConfigError("replay: expected either --json or --format csv, markdown or latex")
    if config is None and not threshold:
        raise ConfigError("replay: found no threshold, expected --threshold 'METRIC >= VALUE' or --config FILE")
    given = {
        "provider": provider,
        "instance_type": instance,
        "num_nodes": nodes,
        "region": region,
        "market": None if spot is None else "spot" if spot else "on_demand",
    }
    with _progress() as on_progress:
        results = replay_logs(
            paths,
            thresholds=threshold or None,
            config=config,
            format=log_format,
            match=match,
            group=group,
            group_by=group_by,
            samples_column=samples_column,
            time_column=time_column,
            time_unit=time_unit,
            run_column=run_column,
            instance={name: value for name, value in given.items() if value is not None},
            price_per_hour=price_per_hour,
            source=source,
            save=save,
            store=store,
            strict=strict,
            final=final,
            engine=engine,
            workers=workers,
            memory_bytes=None if memory is None else _bytes_of(memory),
            on_progress=on_progress,
            on_result=_print_json if as_json_lines else None,
        )
    if shown_as is not None:
        typer.echo(as_text(results, shown_as), nl=False)
    elif not as_json_lines:
        open_console().print(runs_results_table(results))
    _summarise(results, saved=save)


def _bytes_of(size: str) -> int:
    """Return the bytes of a size such as ``512MB``, ``4GB`` or ``4GiB``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", size.strip(), re.IGNORECASE)
    if found is None:
        raise ConfigError(f"--memory: found {size!r}, expected a size such as 512MB or 4GB")
    number, prefix, binary = found.groups()
    base = 1024 if binary else 1000
    return int(float(number) * base ** " KMGT".index(prefix.upper() or " "))


def _formats(named: list[str], log_format: str | None) -> tuple[Format | None, str | None]:
    """Tell the format of the results from that of the logs: a table for a paper is no log."""
    of_results = [each for each in named if each in FORMATS]
    of_logs = [each for each in (*named, log_format) if each is not None and each not in of_results]
    if len(of_results) > 1 or len(of_logs) > 1:
        raise ConfigError(f"--format: found {', '.join(named)}, expected one of the results, one of the logs, or both")
    return next(iter(of_results), None), of_logs[0] if of_logs else None


def _print_json(done: Replayed) -> None:
    for result in done.results:
        typer.echo(as_json(result))


@contextmanager
def _progress() -> Iterator[Callable[[Come], None]]:
    """Show how far it has come, where somebody looks."""
    columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("reading …")

        def on_progress(come: Come) -> None:
            skipped = f", {come.skipped:,} skipped" if come.skipped else ""
            bar.update(task, description=f"{come.runs:,} runs read{skipped}  {come.run}".replace("[", r"\["))

        yield on_progress


def _summarise(results: Results, *, saved: bool) -> None:
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
