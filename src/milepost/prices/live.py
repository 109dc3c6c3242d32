"""Answers for live sources: out of what was kept of them, or asked for anew."""

from collections.abc import Callable
from datetime import datetime

from milepost.errors import PriceUnavailable
from milepost.log import logger
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.cache import Question, QuoteCache
from milepost.prices.source import LivePriceSource


class LiveAnswers:
    """What live sources say: a fresh answer first, then a new one, then a stale one, which beats none.

    Args:
        cache: Where answers are kept.
        look_up: Asks the source of a name; the source itself is asked, in this process, where not given.
        at_once: Ask nobody.

    Attributes:
        waiting: Names of the sources that are yet to be asked.
    """

    def __init__(
        self,
        cache: QuoteCache,
        look_up: Callable[[str, Instance, datetime | None], Quote] | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        self.waiting: list[str] = []
        self._cache, self._look_up, self._at_once = cache, look_up, at_once

    def quote(self, source: LivePriceSource, instance: Instance, since: datetime | None) -> Quote:
        """Return the best answer there is, which may take seconds; `PriceUnavailable` where there is none."""
        question = Question.of(source.name, instance)
        kept = self._cache.find(question, since)
        if kept and kept[1]:
            return kept[0]
        try:
            if reason := source.why_not():
                raise PriceUnavailable(reason)
            if self._at_once:
                self.waiting.append(source.name)
                raise PriceUnavailable("it is yet to be asked")
            return self._ask(source, question, instance, since)
        except PriceUnavailable:
            if kept is None:
                raise
            return kept[0]

    def _ask(self, source: LivePriceSource, question: Question, instance: Instance, since: datetime | None) -> Quote:
        """Ask, each question once for all processes of this user."""
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
