"""Tables whose rows are at hand."""

from collections.abc import Iterator, Sequence
from typing import Any

from milepost.histories.tables.row_table import RowTable


class LoggedRows(RowTable):
    """Rows that were read before.

    Args:
        where: What messages call them.
        logged: The rows.
    """

    closed = True

    def __init__(self, where: str, logged: Sequence[dict[str, Any]]) -> None:
        self.where, self.logged = where, logged
        self.columns = tuple(dict.fromkeys(name for row in logged for name in row))

    def rows(self, wanted: frozenset[str] | None) -> Iterator[dict[str, Any]]:
        """Yield the rows."""
        for row in self.logged:
            yield {name: value for name, value in row.items() if wanted is None or name in wanted}
