"""The roster of price sources: Milepost's own and those of other packages, in the order in which they are asked."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property

from milepost.errors import ConfigError, nearest
from milepost.money.instance import Instance
from milepost.money.quote import PriceStep, Quote
from milepost.prices.added import added_sources
from milepost.prices.source import LivePriceSource, PriceSource
from milepost.providers import every_provider, find_provider, load

Source = PriceSource | LivePriceSource

FIRST, LAST = "user", ("skypilot", "list", "fallback", "default")
"""Sources that answer at once: before and after those that are asked live."""


def source_names() -> tuple[str, ...]:
    """Return the names of Milepost's own sources, in the order in which they are asked."""
    return (FIRST, *(provider.name for provider in every_provider() if provider.prices is not None), *LAST)


class Roster:
    """Sources, in order.

    Args:
        own: Milepost's own that answer at once.
        named: Names of the sources to ask; where not given, Milepost's own in their usual order, and those of other
            packages before the ones that know prices of all providers. What the user gave comes first in any case.

    Raises:
        ConfigError: There is no source of a name.
    """

    def __init__(self, own: Sequence[PriceSource], named: Sequence[str] | None = None) -> None:
        self._are_named = named is not None
        self._named = tuple(named or ())
        names = list(source_names() if named is None else named)
        names = names if FIRST in names else [FIRST, *names]
        at_once = {source.name: source for source in own}
        self._sources: list[Source] = [at_once.get(name) or find_source(name) for name in names]

    def asked_about(self, instance: Instance) -> Iterator[Source]:
        """Yield the sources to ask about an instance. Others' are looked for when it is their turn."""
        for source in self._sources:
            if source.name == LAST[0] and not self._are_named:
                yield from (each for each in _others() if each.provider in (None, instance.provider))
            yield source

    def is_named(self, name: str) -> bool:
        """Say whether somebody asked for a source by its name."""
        return name in self._named

    def left_out(self, instance: Instance) -> list[str]:
        """Return the sources of other packages that know an instance's provider, and are not among those named."""
        if not self._are_named or instance.provider is None:
            return []
        return [each.name for each in _others() if each.provider == instance.provider and each.name not in self._named]

    def at_once(self) -> Iterator[PriceSource]:
        """Yield every source that answers at once."""
        sources = [*self._sources[:1], *(() if self._are_named else _others()), *self._sources[1:]]
        yield from (source for source in sources if isinstance(source, PriceSource))

    def every_quote(self) -> Iterator[Quote]:
        """Yield all that is known without being asked about a type, each type and market from the first that knows."""
        yield from _first_of_each(source.every_quote() for source in self.at_once())

    def quotes_in(self, region: str) -> Iterator[Quote]:
        """Yield what of that is of a region or a zone, or holds in all."""
        yield from _first_of_each(source.quotes_in(region) for source in self.at_once())

    def why_not(self, source: Source, instance: Instance) -> str | None:
        """Say why a source has nothing to say of an instance, without asking it; None where it may have."""
        if isinstance(source, LivePriceSource) and instance.instance_type is None:
            return "no instance type is known"
        if source.provider in (None, instance.provider):
            return None
        may_be = source.name in self._named or find_provider(source.provider).may_have(instance.instance_type or "")
        if instance.provider is None and may_be:
            return None
        return f"it knows {source.provider}'s prices, not those of {instance.provider or 'an unknown provider'}"


def _first_of_each(by_source: Iterable[Iterable[Quote]]) -> Iterator[Quote]:
    known: set[tuple[str | None, ...]] = set()
    for quotes in by_source:
        found = list(quotes)
        kinds = [(each.provider, each.instance_type, each.market) for each in found]
        yield from (each for each, kind in zip(found, kinds, strict=True) if kind not in known)
        known.update(kinds)


def find_source(name: str) -> Source:
    """Return a live source of Milepost's own, or one of another package's.

    Raises:
        ConfigError: There is none.
    """
    if find_provider(name).prices is not None:
        return _OwnLive(name)
    others = {source.name: source for source in _others()}
    if name not in others:
        known = (*source_names(), *others)
        hint = nearest(name, known, shown=repr)
        raise ConfigError(f"sources: found {name!r}, expected one of {', '.join(known)}{hint}")
    return others[name]


def _others() -> list[Source]:
    """Return the sources of other packages; one that is called as one of Milepost's own gives way to it."""
    return [source for name, source in added_sources().items() if name not in source_names()]


class _OwnLive(LivePriceSource):
    """A live source of Milepost's own, which bears the name of its provider; imported when it is first asked."""

    def __init__(self, name: str) -> None:
        self.name = self.provider = name

    @cached_property
    def _source(self) -> LivePriceSource:
        return load(find_provider(self.name).prices or "")()  # type: ignore[no-any-return]

    def why_not(self) -> str | None:
        return self._source.why_not()

    def quote(self, instance: Instance, since: datetime | None = None) -> Quote:
        return self._source.quote(instance, since)

    def history(self, instance: Instance, since: datetime) -> dict[str, tuple[PriceStep, ...]]:
        return self._source.history(instance, since)
