"""All that is known of a run that was replayed, as a store would tell it."""

from milepost.money.position import Position
from milepost.replaying.pricing import stable_id
from milepost.replaying.replayed import Replayed
from milepost.runs.record import REPLAYED, Run, RunEvent, RunRecord
from milepost.runs.settings import flat_config
from milepost.tracking.thresholds import PerformanceThreshold


def record_of(replayed: Replayed, thresholds: tuple[PerformanceThreshold, ...]) -> RunRecord:
    """Return all that is known of a run, with its curves where they were asked for."""
    history, ledger = replayed.history, replayed.ledger
    here = ledger.here
    assert here is not None
    run = Run(
        id=history.run,
        group=replayed.results[0].group if replayed.results else history.group,
        config=flat_config(history.config),
        seed=history.seed,
        status=REPLAYED,
        started_at=ledger.segments[0].marks[0].wall_time,
        alive_at=here.wall_time,
    )
    by_position: dict[Position, list[str]] = {}
    for name, crossing in replayed.crossings.items():
        by_position.setdefault(crossing.position, []).append(name)
    events = [
        RunEvent(
            id=stable_id(history.run, "crossing", *names), kind="crossing", position=at, detail={"thresholds": names}
        )
        for at, names in by_position.items()
    ]
    return RunRecord(
        run=run,
        thresholds=thresholds,
        results=replayed.results,
        crossings=replayed.crossings,
        ledger=ledger,
        curves=replayed.curves,
        events=tuple(events),
    )
