"""Which numbers are Unix times of a training run, and in which unit: rule 4 of positions."""

EARLIEST = 631_152_000.0
"""Unix seconds of 1990: no run was logged before."""

LATEST = 4_102_444_800.0
"""Unix seconds of 2100: none was after."""

LATEST_ELAPSED_SECONDS = 5e8
"""Sixteen years: what is told as elapsed time and is more is Unix time."""

UNITS = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3))
"""Unix time from the first number on is in this unit of seconds: nanoseconds, microseconds, milliseconds."""


def in_seconds(unix: float) -> float:
    """Return a Unix time in seconds, from the unit that it is large enough for."""
    return next((unix * unit for least, unit in UNITS if least <= unix), unix)
