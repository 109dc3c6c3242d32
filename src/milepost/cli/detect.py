"""``milepost detect``: what this machine is taken for, field by field, and why."""

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from milepost.instance import FIELDS
from milepost.instances.detect import detect as find_out
from milepost.report.amounts import UNKNOWN
from milepost.report.terminal import open_console


def detect(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object.")] = False,
) -> None:
    """Say what this machine is taken for, field by field, where each is known from, and what each probe answered."""
    with Console(stderr=True).status("asking metadata services …"):
        found = find_out(probe=True)
    fields: dict[str, Any] = {
        name: {"value": getattr(found.instance, name), "source": found.instance.sources.get(name)} for name in FIELDS
    }
    fields["rank"] = {"value": found.rank, "source": found.rank_source}
    probes = {each.name: each.reason or "answered" for each in found.probed}
    if as_json:
        typer.echo(msgspec.json.encode(fields | {"probes": probes}).decode())
        return
    console = open_console()
    console.print(_table(("field", "value", "source"), [[name, *field.values()] for name, field in fields.items()]))
    if probes:
        console.print(_table(("probe", "answer"), [list(probe) for probe in probes.items()]))
    metadata = [each for each in found.probed if each.name != "gpus"]
    if metadata and not any(each.instance for each in metadata):
        console.print("not on a known cloud")
    for warning in (found.misfit, found.assumed_because and f"assumed: {found.assumed_because}"):
        if warning:
            console.print(Text(warning, "yellow"))


def _table(columns: tuple[str, ...], rows: list[list[Any]]) -> Table:
    table = Table()
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(UNKNOWN if cell is None else str(cell)) for cell in row))
    return table
