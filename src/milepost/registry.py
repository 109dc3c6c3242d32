"""Adapters by name: Milepost's own, and those that other packages add through an entry-point group."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from milepost.errors import ConfigError, nearest


class Plugin(NamedTuple):
    """A class that another package adds.

    Attributes:
        group: Its entry-point group.
        name: What it is asked for by.
        package: The distribution that it comes with, with its version.
        adapter: The class; None where it can't be loaded.
        fault: Why it can't.
    """

    group: str
    name: str
    package: str
    adapter: Callable[[], Any] | None = None
    fault: str | None = None


def plugins(group: str) -> dict[str, Plugin]:
    """Return what other packages add to a group, by name, in the order of names. Loads each; none of them can raise."""
    from importlib.metadata import entry_points

    found = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        package = "an unknown package" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
        known = Plugin(group, entry.name, package)
        try:
            found[entry.name] = known._replace(adapter=entry.load())
        except Exception as error:  # noqa: BLE001 - another package's code
            found[entry.name] = known._replace(fault=f"{type(error).__name__}: {error}")
    return found


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
