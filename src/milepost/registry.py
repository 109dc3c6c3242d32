"""Adapters by name: Milepost's own, and those that other packages add through an entry-point group."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from milepost.errors import ConfigError


def find_adapter(group: str, own: Mapping[str, str], name: str) -> Any:
    """Return the adapter class of this name.

    Args:
        group: Entry-point group, such as ``milepost.sinks``.
        own: Milepost's own adapters: ``module:Class`` by name.
        name: What to look for.

    Raises:
        ConfigError: No such adapter; names the nearest.
    """
    if name in own:
        module, _, attribute = own[name].partition(":")
        return getattr(import_module(module), attribute)
    from importlib.metadata import entry_points

    added = {entry.name: entry for entry in entry_points(group=group)}
    if name in added:
        return added[name].load()
    known = sorted({*own, *added})
    nearest = get_close_matches(name, known, n=1)
    hint = f"; nearest: {nearest[0]!r}" if nearest else ""
    raise ConfigError(f"{group}: found {name!r}, expected one of {', '.join(known)}{hint}")
