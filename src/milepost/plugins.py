"""The public face for other packages: what a plug-in is made of, and who finds it.

    from milepost.plugins import File, History, Reader, Rows, Wanted    # a format of logs: group milepost.histories
    from milepost.plugins import Instance, PriceSource, Quote           # a price source: group milepost.prices
    from milepost.plugins import Figure, Sink                           # a sink: group milepost.sinks
    from milepost.plugins import Part                                   # whatever else hangs on a tracked run

A package names its classes in an entry-point group (``[project.entry-points."milepost.sinks"]``); ``docs/plugins.md``
shows one of each. ``milepost doctor --plugins`` lists what is installed. Each name is loaded when it is first used.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from milepost.errors import ConfigError, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from milepost.errors import (
        HistoryError as HistoryError,
        MissingExtra as MissingExtra,
        PriceUnavailable as PriceUnavailable,
    )
    from milepost.histories.history import History as History, Rows as Rows, Wanted as Wanted
    from milepost.histories.reader import File as File, NotRead as NotRead, Reader as Reader
    from milepost.money.instance import Instance as Instance
    from milepost.money.quote import PriceStep as PriceStep, Quote as Quote
    from milepost.prices.source import LivePriceSource as LivePriceSource, PriceSource as PriceSource
    from milepost.sinks.sink import Sink as Sink
    from milepost.tracked_run.part import Part as Part
    from milepost.tracking.keys import Figure as Figure

_HOMES = {
    "Figure": "tracking.keys",
    "File": "histories.reader",
    "History": "histories.history",
    "HistoryError": "errors",
    "Instance": "money.instance",
    "LivePriceSource": "prices.source",
    "MissingExtra": "errors",
    "NotRead": "histories.reader",
    "Part": "tracked_run.part",
    "PriceSource": "prices.source",
    "PriceStep": "money.quote",
    "PriceUnavailable": "errors",
    "Quote": "money.quote",
    "Reader": "histories.reader",
    "Rows": "histories.history",
    "Sink": "sinks.sink",
    "Wanted": "histories.history",
}

__all__ = sorted(_HOMES)

GROUPS = {
    "milepost.histories": ("Reader",),
    "milepost.prices": ("PriceSource", "LivePriceSource"),
    "milepost.sinks": ("Sink",),
}
"""Entry-point groups, with the classes of which a plug-in there is to be one."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"milepost.{_HOMES[name]}"), name)


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
    return {entry.name: _loaded(group, entry) for entry in _entries(group)}


def find_adapter(group: str, own: Mapping[str, str], name: str) -> Any:
    """Return the adapter class of this name.

    Args:
        group: Entry-point group, such as ``milepost.sinks``.
        own: Milepost's own adapters: ``module:Class`` by name. They win over those of other packages.
        name: What to look for.

    Raises:
        ConfigError: There is no such adapter, and which is nearest; or it can't be loaded, and why.
    """
    if name in own:
        module, _, attribute = own[name].partition(":")
        return getattr(import_module(module), attribute)
    entries = {entry.name: entry for entry in _entries(group)}
    if name not in entries:
        known = sorted({*own, *entries})
        hint = nearest(name, known, shown=repr)
        raise ConfigError(f"{group}: found {name!r}, expected one of {', '.join(known)}{hint}")
    found = _loaded(group, entries[name])
    if found.adapter is None:
        raise ConfigError(f"{group}: {name!r} of {found.package} can't be loaded: {found.fault}")
    return found.adapter


def _entries(group: str) -> "list[EntryPoint]":
    from importlib.metadata import entry_points

    return sorted(entry_points(group=group), key=lambda entry: entry.name)


def _loaded(group: str, entry: "EntryPoint") -> Plugin:
    """Load a plug-in: whatever goes wrong in another package's import is its fault, and stays there."""
    package = "an unknown package" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
    known = Plugin(group, entry.name, package)
    bases = GROUPS[group]
    try:
        adapter = entry.load()
    except Exception as error:  # noqa: BLE001 - another package's code
        return known._replace(fault=f"{type(error).__name__}: {error}")
    if not isinstance(adapter, type) or not issubclass(adapter, tuple(__getattr__(base) for base in bases)):
        return known._replace(fault=f"found {entry.value}, expected a subclass of {' or '.join(bases)}")
    if missing := sorted(getattr(adapter, "__abstractmethods__", ())):
        return known._replace(fault=f"{entry.value} does not define {', '.join(missing)}")
    return known._replace(adapter=adapter)
