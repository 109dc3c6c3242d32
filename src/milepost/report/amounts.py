"""How amounts are shown, wherever they are: dollars, lengths of time, moments."""

from datetime import UTC, datetime

UNKNOWN = "–"


def usd(value: float | None, *, assumed: bool | None = False) -> str:
    """Show dollars: to the cent, or to two digits that say something; ``*`` where the price is assumed."""
    if value is None:
        return UNKNOWN
    mark = "*" if assumed else ""
    if 0 < value < 0.0001:
        return f"<$0.0001{mark}"
    digits = 2 if value >= 1 or value == 0 else 4
    return f"${value:,.{digits}f}{mark}"


def moment(unix_seconds: float) -> str:
    """Show a moment in UTC, to the second."""
    return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%d %H:%M:%S}"


def lasted(seconds: float) -> str:
    """Show a length of time: ``1:02:03``, ``2:03``, or ``3.4s`` where it is short."""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
