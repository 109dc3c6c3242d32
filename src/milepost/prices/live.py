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


class LiveAnswers:
    """What live sources say: a fresh answer first, then a new one, then a stale one, which beats none.

    Args:
        cache: Where answers are kept.
        look_up: Asks the source of a name; the source itself is asked, in this process, where not given.

    Attributes:
        waiting: Names of the sources that are yet to be asked.
    """

    def __init__(
        self, cache: QuoteCache, look_up: Callable[[str, Instance, datetime | None], Quote] | None = None
    ) -> None:
        self.waiting: list[str] = []
        self._cache = cache
        self._look_up = look_up

    def at_once(self, source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
        """Return what was kept, and ask nobody; an `Answer`."""
        return self._kept_or(self._wait_for, source, instance, since)

    def new(self, source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
        """Return the best answer there is, which may take seconds; an `Answer`."""
        return self._kept_or(self._ask, source, instance, since)

    def _kept_or(self, find: Answer, source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
        kept = self._cache.find(Question.of(source.name, instance), since)
        if kept and kept[1]:
            return kept[0]
        try:
            if reason := source.why_not():
                raise PriceUnavailable(reason)
            return find(source, instance, since)
        except PriceUnavailable:
            if kept is None:
                raise
            return kept[0]

    def _wait_for(self, source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
        self.waiting.append(source.name)
        raise PriceUnavailable("it is yet to be asked")

    def _ask(self, source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
        """Ask, each question once for all processes of this user."""
        question = Question.of(source.name, instance)
        with self._cache.asking(question):
            kept = self._cache.find(question, since)
            if kept and kept[1]:  # another process has asked meanwhile
                return kept[0]
            try:
                if self._look_up is None:
                    quote = source.quote(instance, since)
                else:
                    quote = self._look_up(source.name, instance, since)
            except PriceUnavailable as error:
                logger(f"prices.{source.name}").debug("%s", error)
                raise
            self._cache.keep(question, quote, since)
        return quote
