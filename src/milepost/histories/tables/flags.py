"""What flags say of a log whose format tells by itself what counts and what the time is."""

from collections.abc import Sequence

from milepost.errors import HistoryError, nearest
from milepost.histories.history import Wanted

SHOWN = 30
"""How many columns a message names."""


def shown(columns: Sequence[str]) -> str:
    """Return names of columns as a message shows them."""
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    return (", ".join(repr(name) for name in columns[:SHOWN]) or "no column") + more


def flagged(where: str, columns: Sequence[str], name: str | None, flag: str) -> str | None:
    """Return the column that a flag names.

    Raises:
        HistoryError: It is not there; names the nearest.
    """
    if name is None or name in columns:
        return name
    raise not_there(where, columns, name, flag)


def not_there(where: str, columns: Sequence[str], name: str, flag: str) -> HistoryError:
    """Return what is wrong where a flag names a column that is not there: the nearest are named."""
    hint = nearest(name, columns, shown=repr)
    return HistoryError(f"{where}: {flag} names {name!r}, found {shown(columns)}{hint}")


def refuse_others(where: str, wanted: Wanted, *, samples: str | None, time: str | None) -> None:
    """Raise where a flag names something else than what a format counts and times by.

    Args:
        where: What messages call the log.
        wanted: What the flags say.
        samples: What counts; None where nothing does.
        time: What tells time; None where nothing does.

    Raises:
        HistoryError: It does.
    """
    flagged(where, () if samples is None else (samples,), wanted.samples_column, "--samples-column")
    flagged(where, () if time is None else (time,), wanted.time_column, "--time-column")


def passed_over(wanted: Wanted, samples: str | None) -> tuple[str, ...]:
    """Return what is to be said where the user says how many samples a step is, and the log tells samples.

    Args:
        wanted: What the flags say.
        samples: What counts samples in the log; None where nothing does.
    """
    if wanted.samples_per_step is None or samples is None:
        return ()
    return (f"--samples-per-step {wanted.samples_per_step} is passed over: {samples!r} counts samples",)
