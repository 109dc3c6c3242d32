"""A run whose metrics are counted along axes of their own: each axis is replayed by itself, and all are one run."""

from collections.abc import Callable, Sequence

import msgspec

from milepost.histories.history import History
from milepost.money.ledger import Ledger
from milepost.replaying.replayed import Replayed
from milepost.tracking.crossing import Crossing
from milepost.tracking.thresholds import PerformanceThreshold


def replay_axes(
    history: History, thresholds: Sequence[PerformanceThreshold], replay: Callable[..., Replayed]
) -> Replayed:
    """Return what came of a history, as each of its axes tells of the metrics that lie on it.

    A threshold on a metric that lies on none is looked for on the first. The ledger is that of the axis which goes on
    for longest; crossings of the others stand in it by their wall times.

    Args:
        history: The run.
        thresholds: What is to be reached.
        replay: Replays the history of one axis, with the thresholds on it.
    """
    placed: list[list[PerformanceThreshold]] = [[] for _ in history.axes]
    for threshold in thresholds:
        axis = next((at for at, each in enumerate(history.axes) if threshold.metric in (each.metrics or ())), 0)
        placed[axis].append(threshold)
    done = [replay(each, on_it) for each, on_it in zip(history.axes, placed, strict=True) if on_it]
    ledger = max((each.ledger for each in done), key=lambda book: book.segments[-1].marks[-1].wall_time)
    results = {result.threshold: result for each in done for result in each.results}
    crossings = {name: _moved(found, ledger) for each in done for name, found in each.crossings.items()}
    return Replayed(
        history=history,
        results=tuple(results[threshold.name] for threshold in thresholds),
        crossings=crossings,
        ledger=ledger,
        curves=tuple(curve for each in done for curve in each.curves),
        fault=next((each.fault for each in done if each.fault is not None), None),
        skipped_rows=sum(each.skipped_rows for each in done),
    )


def _moved(crossing: Crossing, ledger: Ledger) -> Crossing:
    """Return a crossing as the ledger of another axis has it: after the marks that were made by then."""
    at = crossing.position
    begun = [each for each in ledger.segments if each.marks[0].wall_time <= at.wall_time] or [ledger.segments[0]]
    segment = begun[-1]
    marks = max(1, sum(mark.wall_time <= at.wall_time for mark in segment.marks))
    return msgspec.structs.replace(crossing, position=msgspec.structs.replace(at, segment=segment.id, marks=marks))
