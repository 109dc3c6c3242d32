"""A store that can't be kept in, or that is lost with its machine."""

from collections.abc import Iterator

from milepost.doctor.finding import Case, Finding
from milepost.errors import StoreError
from milepost.store.where import store_of


def check(case: Case) -> Iterator[Finding]:
    """Look at where a run here would be kept."""
    where = store_of(None, case.settings.store, case.environ)
    if where == "off":
        yield Finding("note", "store", "the store is off: nothing of the run outlives its process.", "Remove `off`.")
        return
    from milepost.store.store import check_store

    try:
        network = check_store(where)
    except StoreError as error:
        yield Finding(
            "error", "store", f"the run can't be kept: {error}.", "Name another store (store:, MILEPOST_STORE)."
        )
        return
    if network:
        what = (
            f"the store is on a network file system ({network}): it is kept without a write-ahead log, which is slower."
        )
        yield Finding("note", "store", what, "Name a store on a local disk, where that outlives the machine.")
    else:
        yield from check_elsewhere(case)


def check_elsewhere(case: Case) -> Iterator[Finding]:
    """Look at whether the store outlives its machine, without opening it."""
    where = store_of(None, case.settings.store, case.environ)
    if case.detection.instance.market == "spot" and "://" not in where and where != "off":
        yield Finding(
            "warning",
            "store",
            f"this is a spot machine, and the store {where} is lost with its disk: after a preemption, only the state "
            "in the trainer's checkpoint knows the run.",
            "Save run.state_dict() in the checkpoint, and keep the store on a disk that outlives the machine, or in a "
            "database (MILEPOST_STORE).",
        )
