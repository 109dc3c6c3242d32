"""What commands print in one way: a JSON object a line, and a table of whatever cells there are."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from milepost.report.amounts import UNKNOWN


def print_json(found: Any) -> None:
    """Print a JSON object on a line of its own."""
    typer.echo(msgspec.json.encode(found).decode())


def plain_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> Table:
    """Return a table whose long cells run on, with a dash for what is None."""
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(UNKNOWN if cell is None else str(cell)) for cell in row))
    return table
