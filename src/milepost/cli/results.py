"""``milepost results``: what the store knows of runs."""

from typing import Annotated, Literal

import typer
from rich.text import Text

from milepost.cli.printing import print_json
from milepost.cli.stores import StoreOption, find_ids, find_runs, open_store
from milepost.errors import ConfigError
from milepost.report.explanations import explained, run_explanation
from milepost.report.exports import as_json, as_text
from milepost.report.plots import curve_plots
from milepost.report.runs import run_view, runs_table
from milepost.report.terminal import open_console

NARROWEST = 80
"""Columns that a table needs: where there are fewer, its lines run on, and nothing is cut."""


def results(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids, or beginnings of them.")] = None,
    group: Annotated[str | None, typer.Option(help="Runs of this group.")] = None,
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line: one result each.")] = False,
    format: Annotated[
        Literal["csv", "markdown", "latex"] | None, typer.Option(help="A table for other programs, or for a paper.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="With RUNs: who was asked for each price, and of what dollars are the sum."),
    ] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the metrics and their targets.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Remove the runs from the store; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --delete: don't ask.")] = False,
    store: StoreOption = None,
) -> None:
    """Say what runs took. One run: also what it ran on, at what price, and where the money went."""
    if as_json_lines and format is not None:
        raise ConfigError("results: expected either --json or --format")
    if plot and (as_json_lines or format is not None or delete):
        raise ConfigError("results: expected --plot without --json, --format or --delete")
    if explain and not (runs or group):
        raise ConfigError("results: expected RUNs, or a --group, to --explain")
    if explain and (format is not None or plot or delete):
        raise ConfigError("results: expected --explain without --format, --plot or --delete")
    if delete and not runs:
        raise ConfigError("results: expected the RUNs to --delete")
    opened = open_store(store)
    if delete:
        for run in dict.fromkeys(find_ids(runs or [], opened.ids())):
            if yes or typer.confirm(f"Remove run {run!r} and all that is known of it?"):
                opened.delete(run)
                typer.echo(f"removed {run!r}", err=True)
        return
    found = find_runs(opened, runs or [], group, curves=plot)
    console = open_console()
    width = max(console.width, NARROWEST)
    if explain:
        for record in found:
            if as_json_lines:
                print_json(explained(record))
                continue
            console.print(Text(record.run.id, "bold"))
            console.print(run_explanation(record), width=width, crop=False)
        return
    every = [result for record in found for result in record.results]
    if as_json_lines:
        for result in every:
            typer.echo(as_json(result))
    elif format is not None:
        typer.echo(as_text(every, format), nl=False)
    elif not found:
        console.print("no runs as yet")
    elif len(found) == 1 and runs:
        console.print(run_view(found[0], width), width=width, crop=False)
    else:
        console.print(runs_table(found), width=width, crop=False)
    for record in found if plot else ():
        if len(found) > 1:
            console.print(Text(record.run.id, "bold"))
        plots = curve_plots(record, console.width)
        for plot_of_metric in plots or [Text("nothing to plot: no metric that a threshold watches was logged twice")]:
            console.print(plot_of_metric)
