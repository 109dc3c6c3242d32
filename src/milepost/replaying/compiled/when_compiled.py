"""When compiled code is worth its while: the compiler takes half a second to load, which small work is done in."""

from milepost.histories.decoding import compiler
from milepost.replaying.row_by_row import Feed
from milepost.replaying.updates import Updates

WORTH_POINTS = 100_000
"""So many values are taken one after the other before the compiler is loaded."""

WORTH_RAW_POINTS = 20_000
"""So many of metrics that are not smoothed: they need NumPy alone, which is loaded in a tenth of a second."""

WORTH_AT_ONCE = 200
"""From then on, so many values at once are worth a call of compiled code."""


class _Seen:
    points = 0


def take(feed: Feed, updates: Updates) -> None:
    """Hand a tracker a chunk of a history: many rows at once by compiled code, where that is worth it."""
    for curve in feed.curves:
        curve.look_at(updates.metrics)
    every = feed.tracker.series
    least = min(WORTH_POINTS, WORTH_RAW_POINTS) if all(series.is_raw for series in every) else WORTH_POINTS
    if _is_worth_it(len(updates) * len(every), least) and updates.is_even:
        # By name: importing this file must not import NumPy.
        bulk = compiler.load("milepost.replaying.compiled.bulk")
        if bulk is not None:
            bulk.take_all(feed, updates)
            return
    feed.take_each(updates, 0, len(updates))


def _is_worth_it(points: int, least: int) -> bool:
    """Say whether compiled code is to take the next values, of all that this process replays."""
    _Seen.points += points
    return points >= WORTH_AT_ONCE and _Seen.points >= least
