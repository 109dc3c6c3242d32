"""When compiled code is worth its while: the compiler takes half a second to load, which small work is done in."""

from milepost.histories.decoding import compiler

WORTH_POINTS = 100_000
"""So many values are taken one after the other before the compiler is loaded."""

WORTH_AT_ONCE = 200
"""From then on, so many values at once are worth a call of compiled code."""


class _Seen:
    points = 0


def is_worth_it(points: int) -> bool:
    """Say whether compiled code is to take the next values, of all that this process replays.

    Args:
        points: How many they are.
    """
    _Seen.points += points
    if points < WORTH_AT_ONCE or _Seen.points < WORTH_POINTS:
        return False
    return compiler.load("milepost.replaying.compiled.bulk") is not None
