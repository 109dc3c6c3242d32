"""Keeps what was replayed in a store, where it is a run like any other."""

from pathlib import Path

from milepost.errors import HistoryError
from milepost.runs.record import REPLAYED, RunRecord
from milepost.store.store import Store


class Saver:
    """Writes replayed runs to a store, each whole or not at all.

    Args:
        where: Path or URL of the store.

    Raises:
        StoreError: It can't be opened.
    """

    def __init__(self, where: str | Path) -> None:
        self._store = Store(where)

    def save(self, record: RunRecord) -> None:
        """Write a run, in place of what an earlier replay of it left.

        Raises:
            HistoryError: A run of this id was tracked live: what is known of that is more than its log.
            StoreError: It can't be written.
        """
        known = self._store.runs([record.run.id])
        if known and known[0].status != REPLAYED:
            raise HistoryError(
                f"{record.run.id}: the store has a run of this id that was tracked live; it is left as it is "
                "(milepost results --delete removes it)"
            )
        self._store.replace(record)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()
