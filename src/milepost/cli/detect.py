"""``milepost detect``: what this machine is taken for, field by field, and why."""

from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from milepost.instance import FIELDS
from milepost.instances.detect import detect as find_out
from milepost.report.terminal import open_console


def detect(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object.")] = False,
) -> None:
    """Say what this machine is taken for, field by field, and where each is known from."""
    found = find_out()
    fields = {
        name: {"value": getattr(found.instance, name), "source": found.instance.sources.get(name)} for name in FIELDS
    }
    fields["rank"] = {"value": found.rank, "source": found.rank_source}
    if as_json:
        typer.echo(msgspec.json.encode(fields).decode())
        return
    table = Table()
    for name in ("field", "value", "source"):
        table.add_column(name, overflow="fold")
    for name, field in fields.items():
        table.add_row(name, *(Text("–" if each is None else str(each)) for each in field.values()))
    console = open_console()
    console.print(table)
    if found.assumed_because:
        console.print(Text(f"assumed: {found.assumed_because}", "yellow"))
