"""The command line: one file per command. It parses, calls and prints."""

import gc
import signal
import sys
from collections.abc import Collection
from importlib import import_module

import typer

from milepost import __version__, log
from milepost.cli import interrupts
from milepost.cli.quick import QuickCommand, QuickGroup
from milepost.cli.streams import write_anywhere
from milepost.errors import MilepostError

COMMANDS = ("init", "replay", "results", "reprice", "report", "launch", "price", "detect", "doctor", "wandb-board")
"""In the order in which they are shown: each is a function of its file, or a group of commands."""


def build_app(names: Collection[str] = COMMANDS) -> typer.Typer:
    """Return the command line with some of its commands: what the others import costs more than most of them do."""
    app = typer.Typer(
        name="milepost",
        cls=QuickGroup,
        help="Say what a training run took to reach a target: samples, minutes, dollars.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_options)
    for name in names:
        function = name.replace("-", "_")
        command = getattr(import_module(f"milepost.cli.{function}"), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, cls=QuickCommand)(command)
    return app


def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        typer.echo(f"milepost {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 no, 2 wrong call or input, 3 can't tell yet, 4 Milepost failed."""
    gc.set_threshold(100_000)  # imports leave nothing to collect
    write_anywhere()
    log.show_warnings()
    interrupts.watch()
    called = sys.argv[1:2]
    try:
        build_app(called if called and called[0] in COMMANDS else COMMANDS)()
    except MilepostError as error:
        from milepost.report.plain import CONTROL

        typer.echo(f"milepost: {CONTROL.sub('', str(error))}", err=True)
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the last border: exit status 4 says that Milepost failed
        if interrupts.were_seen():
            sys.exit(128 + signal.SIGINT)
        import traceback

        traceback.print_exception(error)
        typer.echo("milepost: this is a fault of Milepost's own; please report it with the lines above", err=True)
        sys.exit(4)
