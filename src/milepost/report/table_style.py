"""Tables in a terminal: what text may do, and what figures must not."""

from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

AIRY: dict[str, Any] = {"box": SIMPLE_HEAD, "pad_edge": False, "padding": (0, 1, 0, 0), "caption_justify": "left"}
"""A table without lines between its columns."""


def assumed_note(are_assumed: Iterable[bool | None]) -> str | None:
    """Return what stands below a table of prices some of which are assumed, None where none is."""
    return "* at an assumed price" if any(are_assumed) else None


def add_texts(table: Table, *names: str) -> None:
    """Add columns of text, which is folded where there is little room."""
    for name in names:
        table.add_column(name, overflow="fold")


def add_figures(table: Table, *names: str) -> None:
    """Add columns of figures, which are never cut: a figure that is cut is a wrong one."""
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
