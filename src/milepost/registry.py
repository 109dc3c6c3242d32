"""Adapters by name: Milepost's own, and those that other packages add through an entry-point group."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from milepost.errors import ConfigError, nearest


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
    hint = nearest(name, known, shown=repr)
    raise ConfigError(f"{group}: found {name!r}, expected one of {', '.join(known)}{hint}")
