"""Keeps what was replayed in a store, where it is a run like any other."""

from milepost.errors import HistoryError
from milepost.runs.record import REPLAYED, RunRecord
from milepost.store.store import Store


def save_to(store: Store, record: RunRecord) -> None:
    """Write a run whole or not at all, in place of what an earlier replay of it left.

    Raises:
        HistoryError: A run of this id was tracked live: what is known of that is more than its log.
        StoreError: It can't be written.
    """
    known = store.runs([record.run.id])
    if known and known[0].status != REPLAYED:
        raise HistoryError(
            f"{record.run.id}: the store has a run of this id that was tracked live; it is left as it is "
            "(milepost results --delete removes it)"
        )
    store.replace(record)
