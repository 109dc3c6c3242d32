"""Which readers there are: Milepost's own, and those of other packages."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

from milepost.errors import MissingExtra
from milepost.histories import GENERIC, OWN
from milepost.histories.reader import Reader
from milepost.log import logger
from milepost.plugins import find_adapter, plugins

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
    specific, generic = (
        [find_adapter(GROUP, OWN, name) for name in OWN if (name in GENERIC) is is_generic]
        for is_generic in (False, True)
    )
    return [reader() for reader in (*specific, *_added(), *generic)]


@cache
def _added() -> tuple[Callable[[], Reader], ...]:
    """Return other packages' readers; of one that can't be loaded that is said, and its logs are of no known format."""
    added = [each for each in plugins(GROUP).values() if each.name not in OWN]
    for each in added:
        if each.fault is not None:
            logger("histories").warning(
                "the reader %r of %s is left out: it can't be loaded: %s", each.name, each.package, each.fault
            )
    return tuple(each.adapter for each in added if each.adapter is not None)
