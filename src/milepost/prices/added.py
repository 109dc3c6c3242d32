"""Price sources that other packages add. What goes wrong in one is said, and is never more than a price it lacks."""

import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import msgspec

from milepost.errors import PriceUnavailable
from milepost.log import logger
from milepost.money.instance import Instance
from milepost.money.quote import PriceStep, Quote
from milepost.plugins import Plugin, plugins
from milepost.prices.source import LivePriceSource, PriceSource

GROUP = "milepost.prices"
"""The entry-point group to which other packages add their sources: a `PriceSource` or a `LivePriceSource` each."""

_failed: set[str] = set()


def added_sources() -> dict[str, PriceSource | LivePriceSource]:
    """Return the sources that other packages add, by name, in the order of names; what can't be loaded says why."""
    return _added_on(tuple(sys.path))


@lru_cache(maxsize=1)
def _added_on(path: tuple[str, ...]) -> dict[str, PriceSource | LivePriceSource]:
    return {name: _careful(plugin) for name, plugin in plugins(GROUP).items()} if _may_be_any(path) else {}


def _may_be_any(path: Iterable[str]) -> bool:
    """Say whether a package on the path may add a source, by a glance at its files.

    Where there is none, a run need not import and call `importlib.metadata` at its start, which takes 20 times as long.
    """
    for folder in path:
        if os.path.isfile(folder):  # a zip file
            return True
        for file in Path(folder or ".").glob("*.*-info/entry_points.txt"):
            with suppress(OSError):
                if GROUP.encode() in file.read_bytes():
                    return True
    return False


def _careful(plugin: Plugin) -> PriceSource | LivePriceSource:
    """Return a plug-in's source behind what keeps its faults to itself; one that only says why, where it has none."""
    fault = plugin.fault
    if plugin.adapter is not None:
        try:
            source = plugin.adapter()
            return (_AddedLive if isinstance(source, LivePriceSource) else _Added)(plugin.name, source)
        except Exception as error:  # noqa: BLE001 - another package's code
            fault = f"{type(error).__name__}: {error}"
    logger("prices").warning("the price source %r of %s can't be loaded: %s", plugin.name, plugin.package, fault)
    return _Broken(plugin.name, fault or "")


class _Broken(PriceSource):
    """A source that can't be loaded."""

    def __init__(self, name: str, fault: str) -> None:
        self.name = name
        self._fault = fault

    def quote(self, instance: Instance) -> Quote:
        raise PriceUnavailable(f"it can't be loaded: {self._fault}")


class _Added(PriceSource):
    """A source that answers at once."""

    def __init__(self, name: str, source: PriceSource) -> None:
        self.name = name
        self.provider = source.provider and source.provider.lower()
        self._source = source

    def quote(self, instance: Instance) -> Quote:
        with _kept_to_itself(self.name):
            return _checked(self._source.quote(instance), self.name)

    def every_quote(self) -> Iterable[Quote]:
        try:
            with _kept_to_itself(self.name):
                return [_checked(quote, self.name) for quote in self._source.every_quote()]
        except PriceUnavailable:
            return ()


class _AddedLive(LivePriceSource):
    """A source that is asked over the network."""

    def __init__(self, name: str, source: LivePriceSource) -> None:
        self.name = name
        self.provider = source.provider.lower()
        self._source = source

    def why_not(self) -> str | None:
        try:
            with _kept_to_itself(self.name):
                return self._source.why_not()
        except PriceUnavailable as error:
            return str(error)

    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        with _kept_to_itself(self.name):
            return _checked(self._source.quote(instance, since), self.name)

    def history(self, instance: Instance, since: datetime) -> dict[str, tuple[PriceStep, ...]]:
        with _kept_to_itself(self.name):
            return self._source.history(instance, since)


@contextmanager
def _kept_to_itself(name: str) -> Iterator[None]:
    """Turn whatever goes wrong in a source into a price that it lacks, and log it once."""
    try:
        yield
    except PriceUnavailable:
        raise
    except Exception as error:
        if name not in _failed:
            _failed.add(name)
            logger("prices").warning("the price source %r failed", name, exc_info=True)
        raise PriceUnavailable(f"it failed: {type(error).__name__}: {error}") from error


def _checked(quote: Quote, name: str) -> Quote:
    """Return a source's answer under the source's name; `PriceUnavailable` where it is no price."""
    usd = (quote.usd_per_hour, *(step.usd_per_hour for step in quote.steps))
    if not all(0 <= each < math.inf for each in usd):
        raise PriceUnavailable(f"it answers with {quote.usd_per_hour!r} USD an hour, which is no price")
    return msgspec.structs.replace(quote, source=name)
