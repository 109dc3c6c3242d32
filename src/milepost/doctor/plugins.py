"""What other packages add to Milepost, and what of it can't be used."""

from collections.abc import Collection, Iterator, Mapping

from milepost.histories import OWN as READERS
from milepost.plugins import GROUPS, Plugin, plugins
from milepost.prices.book import SOURCES
from milepost.sinks import OWN as SINKS

TAKEN: Mapping[str, Collection[str]] = {
    "milepost.histories": READERS,
    "milepost.prices": SOURCES,
    "milepost.sinks": SINKS,
}
"""Names of Milepost's own, by group: a plug-in of such a name is never asked for."""


def every_plugin() -> Iterator[Plugin]:
    """Yield what is installed, group by group; what can't be used says why."""
    for group in GROUPS:
        for plugin in plugins(group).values():
            is_hidden = plugin.fault is None and plugin.name in TAKEN[group]
            yield plugin._replace(fault="Milepost has one of this name, which wins") if is_hidden else plugin
