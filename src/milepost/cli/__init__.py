"""The command line: one file per command. It parses, calls and prints."""

import sys

import typer

from milepost import __version__, log
from milepost.cli.detect import detect
from milepost.cli.doctor import doctor
from milepost.cli.init import init
from milepost.cli.launch import launch
from milepost.cli.price import price
from milepost.cli.replay import replay
from milepost.cli.reprice import reprice
from milepost.cli.results import results
from milepost.errors import MilepostError

app = typer.Typer(
    name="milepost",
    help="Say what a training run took to reach a target: samples, minutes, dollars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (init, replay, results, reprice, price, detect, doctor):
    app.command()(command)
app.add_typer(launch)


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        typer.echo(f"milepost {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. Exit status: 0 done, 1 no, 2 wrong call or input, 3 can't tell yet, 4 Milepost failed."""
    log.show_warnings()
    try:
        app()
    except MilepostError as error:
        typer.echo(f"milepost: {error}", err=True)
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the last border: exit status 4 says that Milepost failed
        import traceback

        traceback.print_exception(error)
        typer.echo("milepost: this is a fault of Milepost's own; please report it with the lines above", err=True)
        sys.exit(4)
