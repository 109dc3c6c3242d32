"""Answers for live sources: out of what was kept of them, or asked for anew."""

from collections.abc import Callable
from datetime import datetime

from milepost.errors import PriceUnavailable
from milepost.log import logger
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.cache import Question, QuoteCache
from milepost.prices.source import LivePriceSource

Answer = Callable[[LivePriceSource, Instance, datetime | None], Quote]
"""Returns what a live source says of an instance; raises `PriceUnavailable` where it says nothing."""


class KeptAnswers:
    """Answers at once, with what was kept.

    Args:
        cache: Where answers are kept.

    Attributes:
        waiting: Names of the sources that are yet to be asked.
    """

    def __init__(self, cache: QuoteCache) -> None:
        self.waiting: list[str] = []
        self._cache = cache

    def of(self, source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
        """Return what was kept; an `Answer`."""
        kept = self._cache.find(Question.of(source.name, instance), since)
        if kept and kept[1]:
            return kept[0]
        if reason := source.why_not():
            return _stale(kept, reason)
        self.waiting.append(source.name)
        return _stale(kept, "it is yet to be asked")


class NewAnswers:
    """Asks where no fresh answer was kept, each question once for all processes of this user. Takes seconds.

    Args:
        cache: Where answers are kept.
        look_up: Asks the source of a name; the source itself is asked in this process where not given.
    """

    def __init__(
        self, cache: QuoteCache, look_up: Callable[[str, Instance, datetime | None], Quote] | None = None
    ) -> None:
        self._cache = cache
        self._look_up = look_up

    def of(self, source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
        """Return what is fresh, else a new answer, else what is stale; an `Answer`."""
        question = Question.of(source.name, instance)
        kept = self._cache.find(question, since)
        if kept and kept[1]:
            return kept[0]
        if reason := source.why_not():
            return _stale(kept, reason)
        with self._cache.asking(question):
            kept = self._cache.find(question, since)  # another process may have asked meanwhile
            if kept and kept[1]:
                return kept[0]
            try:
                if self._look_up is None:
                    quote = source.quote(instance, since)
                else:
                    quote = self._look_up(source.name, instance, since)
            except PriceUnavailable as error:
                logger(f"prices.{source.name}").debug("%s", error)
                return _stale(kept, str(error))
            self._cache.keep(question, quote, since)
        return quote


def _stale(kept: tuple[Quote, bool] | None, reason: str) -> Quote:
    """Return an answer of earlier: a stale one beats none."""
    if kept is None:
        raise PriceUnavailable(reason)
    return kept[0]
