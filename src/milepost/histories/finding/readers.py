"""Which readers there are: Milepost's own, and those of other packages."""

from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec

from milepost.errors import MissingExtra
from milepost.histories import GENERIC, OWN
from milepost.histories.reader import Reader
from milepost.registry import find_adapter

GROUP = "milepost.histories"
"""The entry-point group to which other packages add their readers."""


def load_readers(format: str | None = None) -> list[Reader]:
    """Return all readers, the most specific first, or the one of this name.

    Raises:
        ConfigError: No reader has this name; names the nearest.
        MissingExtra: Polars is not installed.
    """
    if not find_spec("polars"):
        raise MissingExtra("polars", "replay", "reading logs")
    if format is not None:
        return [find_adapter(GROUP, OWN, format)()]
    names = [*(name for name in OWN if name not in GENERIC), *_added(), *(name for name in OWN if name in GENERIC)]
    return [find_adapter(GROUP, OWN, name)() for name in names]


@cache
def _added() -> tuple[str, ...]:
    """Return the names of other packages' readers."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)} - OWN.keys()))
