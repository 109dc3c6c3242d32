"""Keeps what was replayed in a store, where it is a run like any other."""

from pathlib import Path

from milepost.crossing import Position
from milepost.errors import HistoryError
from milepost.replay.engine import Replayed
from milepost.replay.pricing import stable_id
from milepost.store.snapshot import Run, RunEvent, Snapshot
from milepost.store.store import Store
from milepost.thresholds import PerformanceThreshold
from milepost.tracked_run.identity import flat_config

STATUS = "replayed"
"""Status of a run that was read from its log: another replay of it takes its place."""


class Saver:
    """Writes replayed runs to a store, each whole or not at all.

    Args:
        where: Path or URL of the store.

    Raises:
        StoreError: It can't be opened.
    """

    def __init__(self, where: str | Path) -> None:
        self._store = Store(where)

    def save(self, replayed: Replayed, thresholds: tuple[PerformanceThreshold, ...]) -> None:
        """Write a run, in place of what an earlier replay of it left.

        Raises:
            HistoryError: A run of this id was tracked live: what is known of that is more than its log.
            StoreError: It can't be written.
        """
        history, ledger = replayed.history, replayed.ledger
        here = ledger.here
        assert here is not None
        known = self._store.runs([history.run])
        if known and known[0].status != STATUS:
            raise HistoryError(
                f"{history.run}: the store has a run of this id that was tracked live; it is left as it is "
                "(milepost results --delete removes it)"
            )
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
        self._store.replace(
            Snapshot(
                run=run,
                thresholds=thresholds,
                results=replayed.results,
                crossings=replayed.crossings,
                ledger=ledger,
                events=tuple(events),
                curves=replayed.curves,
            )
        )

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()
