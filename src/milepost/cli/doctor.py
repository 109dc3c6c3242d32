"""``milepost doctor``: checks a setup before it costs money."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from milepost.cli.options import ConfigName
from milepost.cli.printing import print_json
from milepost.config import load_performance_thresholds
from milepost.doctor.examine import examine
from milepost.doctor.finding import Finding
from milepost.doctor.plugins import every_plugin
from milepost.errors import ConfigError
from milepost.plugins import GROUPS
from milepost.report.terminal import open_console

COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def doctor(
    config: ConfigName = None,
    checkpoints: Annotated[Path | None, typer.Option(help="Folder that the trainer saves its checkpoints in.")] = None,
    logs: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Logs of earlier runs, to hold the thresholds against.")
    ] = None,
    pattern: Annotated[
        list[str] | None, typer.Option(metavar="REGEX", help="Reads lines of text among the --logs, as for replay.")
    ] = None,
    plugins: Annotated[
        bool, typer.Option("--plugins", help="List what other packages add, and what of it can't be used; no more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Check a setup before it costs money. Exit status 1 if anything is an error."""
    if plugins:
        raise typer.Exit(_show_plugins(as_json=as_json))
    if logs and config is None:
        raise ConfigError("doctor: expected --config beside --logs: its thresholds are held against them")
    if pattern and not logs:
        raise ConfigError("doctor: expected --logs beside --pattern, which reads their lines")
    settings = None if config is None else load_performance_thresholds(config, strict=True)
    with Console(stderr=True).status("looking …"):
        findings = examine(settings, checkpoints=checkpoints, logs=logs or (), patterns=pattern or ())
    if as_json:
        for finding in findings:
            print_json(finding)
    else:
        console = open_console()
        print_findings(findings, console)
        if not findings:
            console.print("nothing to worry about")
    raise typer.Exit(int(any(finding.severity == "error" for finding in findings)))


def _show_plugins(*, as_json: bool) -> int:
    """List what other packages add; return 1 if any of it can't be used."""
    every = list(every_plugin())
    for plugin in every if as_json else ():
        print_json({name: getattr(plugin, name) for name in ("group", "name", "package", "fault")})
    if not as_json:
        console = open_console()
        for plugin in every:
            line = Text(f"{plugin.group}: {plugin.name} ({plugin.package})")
            console.print(line if plugin.fault is None else line.append(f": {plugin.fault}", COLOURS["error"]))
        if not every:
            console.print(f"no other package adds to Milepost (entry points {', '.join(GROUPS)})")
    return int(any(plugin.fault is not None for plugin in every))


def print_findings(findings: Iterable[Finding], console: Console) -> None:
    """Print findings for people."""
    for finding in findings:
        console.print(
            Text(f"{finding.severity}: {finding.check}: ", COLOURS[finding.severity]).append(finding.what, "")
        )
        console.print(Text(f"    {finding.do}"))
