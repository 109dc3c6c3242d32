"""What keeping a run costs it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import milepost
from benchmarks.timing import Ratio, Work, side_by_side
from benchmarks.tracker import CALLS, METRICS, thresholds


def of_updates_that_are_kept() -> Iterator[Ratio]:
    """An update of a tracked run that is kept in a store against one that is kept nowhere."""
    with tempfile.TemporaryDirectory() as folder:
        kept, _ = works = [_updates(str(Path(folder) / "milepost.db")), _updates("off")]
        for _ in range(200):  # until their curves are thinned as those of a run of some length are
            kept()
        name = "`update()` of a tracked run, 20 thresholds on 5 metrics, kept in a store, against one that is not"
        yield side_by_side(name, *works, bound=1.5, rounds=400, calls=(CALLS, CALLS))


def _updates(store: str) -> Work:
    run = milepost.track(thresholds=thresholds(20), store=store, price_per_hour=1.0, sinks=[])
    samples = 0

    def work() -> None:
        nonlocal samples
        update = run.update
        for at in range(samples, samples + CALLS):
            update(METRICS, at)
        samples += CALLS

    return work
