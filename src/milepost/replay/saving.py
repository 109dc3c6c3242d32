"""Keeps what was replayed: with its curves in memory, or in a store, where it is a run like any other."""

from collections.abc import Mapping
from pathlib import Path

from milepost.crossing import Position
from milepost.errors import HistoryError
from milepost.replay.engine import Replayed, Watch
from milepost.replay.pricing import stable_id
from milepost.store.snapshot import Kept, Run, RunEvent, Snapshot
from milepost.store.store import Store
from milepost.thresholds import PerformanceThreshold
from milepost.tracked_run.curves import Curves
from milepost.tracked_run.identity import flat_config
from milepost.tracker import PerformanceThresholdTracker

STATUS = "replayed"
"""Status of a run that was read from its log: another replay of it takes its place."""


class CurveKeeper:
    """Keeps the curves of the run that is replayed, thinned as those of a tracked run are."""

    def __init__(self) -> None:
        self._curves: Curves | None = None

    def watch(self, tracker: PerformanceThresholdTracker) -> Watch:
        """Begin the curves of a run."""
        curves = self._curves = Curves(tracker.channels)
        until_sample = 1

        def each_row(tracker: PerformanceThresholdTracker, metrics: Mapping[str, float]) -> None:
            nonlocal until_sample
            until_sample -= 1
            if curves.rare:
                curves.sample_rare(metrics, tracker.last)
            if until_sample == 0:
                until_sample = curves.sample(metrics, tracker.last)

        return each_row

    def kept(self, replayed: Replayed, thresholds: tuple[PerformanceThreshold, ...]) -> Kept:
        """Return all that is known of the run that was watched last, as a store would tell it."""
        history, ledger = replayed.history, replayed.ledger
        here = ledger.here
        assert here is not None
        run = Run(
            id=history.run,
            group=replayed.results[0].group if replayed.results else history.group,
            config=flat_config(history.config),
            seed=history.seed,
            status=STATUS,
            started_at=ledger.segments[0].marks[0].wall_time,
            alive_at=here.wall_time,
        )
        by_position: dict[Position, list[str]] = {}
        for name, crossing in replayed.crossings.items():
            by_position.setdefault(crossing.position, []).append(name)
        events = [
            RunEvent(
                id=stable_id(history.run, "crossing", *names),
                kind="crossing",
                position=at,
                detail={"thresholds": names},
            )
            for at, names in by_position.items()
        ]
        return Kept(
            run=run,
            processes=(),
            thresholds=thresholds,
            results=replayed.results,
            crossings=replayed.crossings,
            ledger=ledger,
            opened_by={},
            curves=self._curves.take() if self._curves else (),
            events=tuple(events),
        )


class Saver:
    """Writes replayed runs to a store, each whole or not at all.

    Args:
        where: Path or URL of the store.

    Raises:
        StoreError: It can't be opened.
    """

    def __init__(self, where: str | Path) -> None:
        self._store = Store(where)

    def save(self, kept: Kept) -> None:
        """Write a run, in place of what an earlier replay of it left.

        Raises:
            HistoryError: A run of this id was tracked live: what is known of that is more than its log.
            StoreError: It can't be written.
        """
        known = self._store.runs([kept.run.id])
        if known and known[0].status != STATUS:
            raise HistoryError(
                f"{kept.run.id}: the store has a run of this id that was tracked live; it is left as it is "
                "(milepost results --delete removes it)"
            )
        shared = {name: getattr(kept, name) for name in Snapshot.__struct_fields__ if name != "process"}
        self._store.replace(Snapshot(**shared))

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()
