"""``milepost replay``: results from the logs of runs that are over."""

import re
from typing import Annotated

import typer

from milepost.cli.logs import (
    ConfigName,
    GroupBy,
    InstanceType,
    LogFormat,
    Match,
    Nodes,
    PricePerHour,
    Provider,
    Region,
    RunColumn,
    SamplesColumn,
    Source,
    Spot,
    Thresholds,
    TimeColumn,
    TimeUnitName,
    given_instance,
    log_progress,
    summarise,
)
from milepost.errors import ConfigError
from milepost.replaying.engine import Replayed
from milepost.replaying.replay import replay as replay_logs
from milepost.replaying.workers.scheduling import Engine
from milepost.report.exports import FORMATS, Format, as_json, as_text
from milepost.report.terminal import open_console, runs_results_table


def replay(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Logs: files, folders, globs, addresses.")],
    threshold: Thresholds = None,
    config: ConfigName = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="csv, markdown or latex of the results; any other name is the logs' format."),
    ] = None,
    log_format: LogFormat = None,
    match: Match = None,
    group: Annotated[str | None, typer.Option(help="Group of the runs.")] = None,
    group_by: GroupBy = None,
    samples_column: SamplesColumn = None,
    time_column: TimeColumn = None,
    time_unit: TimeUnitName = None,
    run_column: RunColumn = None,
    instance: InstanceType = None,
    nodes: Nodes = None,
    spot: Spot = None,
    region: Region = None,
    provider: Provider = None,
    source: Source = None,
    price_per_hour: PricePerHour = None,
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
    with log_progress() as on_progress:
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
            instance=given_instance(provider, instance, nodes, region, spot),
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
    summarise(results, saved=save)


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
