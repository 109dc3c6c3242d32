"""Asks for better prices while a run goes on, on a thread of its own, and hands them over."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from milepost.log import logger
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.money.segment import Segment
from milepost.pricing import Priced, Pricer
from milepost.providers import billing_rule
from milepost.runs.record import RunEvent
from milepost.tracked_run.part import Part

LEAD_SECONDS = 0.1
"""How long the first question waits, so that the start of training has the machine to itself."""

CLOSE_WAIT_SECONDS = 5.0
"""How long the end of a run waits for a price that is being asked for; a fifth of it where the run was cut short."""

STAND_INS = ("skypilot", "list", "fallback", "default")
"""Sources that answer where no live one does."""


class Question(NamedTuple):
    """What a price is asked for: the node, and Unix seconds (UTC) from when on the changes of its price are wanted."""

    instance: Instance
    since: float


class PriceWatch(Part):
    """Answers questions in the background, one after the other, and puts the prices into the run's ledger.

    The thread is started by a question, and ends when there is no other. What goes wrong on it is logged, and the price
    stays as it is.

    Args:
        ask: Returns the price of an instance since a moment; may take long.
        give_up: Makes ``ask`` return soon.
    """

    name = "price watch"

    def __init__(self, ask: Callable[[Instance, datetime], Priced], give_up: Callable[[], None] = lambda: None) -> None:
        self._ask = ask
        self._give_up = give_up
        self._answers: deque[tuple[Question, Priced]] = deque()
        self._questions: list[tuple[float, Question]] = []  # when each is due, by the monotonic clock
        self._asking = False
        self._is_over = False
        self._has_started = False
        self._hurried = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, question: Question, *, after_seconds: float = 0.0) -> None:
        """Have a question answered, now or after a while."""
        self._due(question, after_seconds)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="milepost-prices", daemon=True)
                self._thread.start()

    def take(self) -> list[tuple[Question, Priced]]:
        """Return the answers that came since the last call."""
        answers = []
        while self._answers:
            answers.append(self._answers.popleft())
        return answers

    def wait(self, seconds: float) -> None:
        """Wait until no question is due, for so many seconds at most."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._asking and self._until_due() > 0, seconds)

    def close(self) -> None:
        """Stop asking."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._give_up()

    def _open(self) -> None:
        self._soon("answer", self._restate)  # one may have come already

    def _event(self, event: RunEvent) -> None:
        if event.kind == "start":
            self._has_started = True
        elif event.kind == "resume" and self._has_started:
            self._ask_for_earlier_prices()
        elif event.kind == "stop":
            self.wait(CLOSE_WAIT_SECONDS if event.detail["why"] == "closed" else CLOSE_WAIT_SECONDS / 5)
            self._restate()
            self.close()

    def _restate(self) -> None:
        """Put the prices that came meanwhile into the ledger: every figure follows from it."""
        ledger = self.run.ledger
        for question, answer in self.take():
            ledger = restated(ledger, question, answer)
        self.run.restate(ledger)

    def _ask_for_earlier_prices(self) -> None:
        """Have the segments of earlier processes priced whose price was still under way when they ended."""
        for segment in self.run.ledger.segments[:-1]:
            unpriced = segment.quote is None and segment.unpriced_because != "prices: off"
            if unpriced or (segment.quote is not None and segment.quote.provisional):
                self.put(Question(segment.instance, segment.billed_from))

    # ── on the thread ────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._hurried or self._is_over, LEAD_SECONDS)
        while (question := self._next()) is not None:
            try:
                answer = self._ask(question.instance, datetime.fromtimestamp(question.since, UTC))
            except Exception:
                logger("prices").exception("asking for a price failed; training goes on")
                answer = None
            if answer is not None and answer.again_after_seconds is not None:
                self._due(question._replace(instance=answer.instance), answer.again_after_seconds)
            with self._changed:
                if answer is not None and not self._is_over:
                    self._answers.append((question, answer))
                    if self.is_open:
                        self._soon("answer", self._restate)
                self._asking = False
                self._changed.notify_all()

    def _due(self, question: Question, after_seconds: float) -> None:
        with self._changed:
            self._questions.append((time.monotonic() + after_seconds, question))
            self._questions.sort(key=lambda each: each[0])
            self._changed.notify_all()

    def _until_due(self) -> float:
        """Return the seconds until the next question is due."""
        return self._questions[0][0] - time.monotonic() if self._questions else math.inf

    def _next(self) -> Question | None:
        """Wait for the next question to be due; None when there is none, or it is over."""
        with self._changed:
            while self._questions and not self._is_over:
                wait = self._until_due()
                if wait <= 0:
                    self._asking = True
                    return self._questions.pop(0)[1]
                self._changed.wait(wait)
            self._thread = None
        return None


def watch_over(pricer: Pricer, ledger: Ledger) -> PriceWatch | None:
    """Return a watch over the price of the segment under way, which has something to do where it may change."""
    segment = ledger.current
    if pricer.book is None or segment is None:
        return None
    watch = PriceWatch(pricer.ask, pricer.book.close)
    question = Question(segment.instance, segment.billed_from)
    quote, again = segment.quote, pricer.again_after_seconds(segment.instance)
    may_be_known = segment.quote is None and pricer.book.live_source(segment.instance) is not None
    if pricer.to_probe or may_be_known or (quote is not None and quote.provisional):
        watch.put(question)
    elif again is not None:
        watch.put(question, after_seconds=again)
    return watch


def restated(ledger: Ledger, question: Question, answer: Priced) -> Ledger:
    """Return a ledger with an answer put in place of what stood in for it.

    It counts for every segment on that fleet, known from the same sources, since the moment asked about that has no
    price, a provisional one, or one of the same source; and where a lookup had failed, a stand-in gives way to a live
    price. A live price gives way to a newer one, and never to a stand-in.
    """
    # Those before the one asked about are of earlier processes, also where a clock that was put back dates them later.
    first = next((at for at, each in enumerate(ledger.segments) if each.billed_from == question.since), 0)
    for segment in ledger.segments[first:]:
        if _concerns(segment, question, answer.quote):
            billing = billing_rule(answer.instance)
            ledger = ledger.restated(
                segment.id, answer.quote, answer.because, instance=answer.instance, billing=billing
            )
    return ledger


def _concerns(segment: Segment, question: Question, quote: Quote | None) -> bool:
    if segment.billed_from < question.since or segment.instance != question.instance:
        return False  # what one process was told another may have assumed: `sources` tell them apart
    known = segment.quote
    if known is None or known.provisional:
        return True
    if quote is None:
        return False
    late = known.source in STAND_INS and quote.source not in (*STAND_INS, "user")  # an earlier lookup had failed
    return late or known.source == quote.source
