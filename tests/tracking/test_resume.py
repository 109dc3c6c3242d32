"""A trainer that pauses, saves, goes back and is killed, held against plain bookkeeping second by second."""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from milepost.money.breakdown import spending
from milepost.money.costs import cost
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.helpers import FakeClock, quote, threshold


@dataclass
class Books:
    """What the tracker should know: one entry for every second that it was told of."""

    elapsed: float = 0.0
    samples: int = 0
    lineage: list[float] = field(default_factory=list)  # USD of each second of training that led here
    spent: dict[int, float] = field(default_factory=dict)  # USD of training, by process
    billed: dict[int, float] = field(default_factory=dict)  # USD of wall time, by process

    def learn(self, other: "Books") -> None:
        """Take over what other books know of any process."""
        for ours, theirs in ((self.spent, other.spent), (self.billed, other.billed)):
            for process, usd in theirs.items():
                ours[process] = max(usd, ours.get(process, 0.0))


class Trainer:
    def __init__(self, price: float, *, times_itself: bool = False) -> None:
        self.times_itself = times_itself  # gives the tracker its own elapsed seconds
        self.clock = FakeClock()
        self.books = Books()
        self.saved: list[tuple[str, Books]] = []
        self.process = 0
        self.begin(price)

    def begin(self, price: float) -> None:
        """Start a process on a machine at this price."""
        self.usd_per_second = price / 3600
        self.process += 1
        self.books.spent[self.process] = self.books.billed[self.process] = 0.0
        self.quote: Quote = quote(price)
        book = Ledger().opened(Instance(), self.quote, wall_time=self.clock.now())
        self.tracker = PerformanceThresholdTracker([threshold(1e9)], ledger=book, clock=self.clock)

    def wait(self, seconds: int, *, training: bool) -> None:
        self.clock.advance(seconds)
        self.books.billed[self.process] += seconds * self.usd_per_second
        if training:
            self.books.elapsed += seconds
            self.books.spent[self.process] += seconds * self.usd_per_second
            self.books.lineage += [self.usd_per_second] * seconds

    def train(self, seconds: int) -> None:
        self.wait(seconds, training=True)
        self.books.samples += 10 * seconds
        self.tracker.update({"m": 1.0}, self.books.samples, self.books.elapsed if self.times_itself else None)

    def evaluate(self, seconds: int) -> None:
        self.tracker.pause("evaluation")
        self.wait(seconds, training=False)
        self.tracker.resume()

    def save(self) -> None:
        self.saved.append((json.dumps(self.tracker.state_dict()), copy.deepcopy(self.books)))

    def go_back(self, index: int) -> None:
        """Load a checkpoint in this process: what came after it is lost, and paid for."""
        state, books = self.saved[index % len(self.saved)]
        now = self.books
        self.tracker.load_state_dict(json.loads(state))
        self.books = copy.deepcopy(books)
        self.books.learn(now)

    def die(self, index: int, price: float, gap: int, setup: int) -> None:
        """Be killed, and go on elsewhere from a checkpoint: it alone knows what was before."""
        state, books = self.saved[index % len(self.saved)]
        self.clock.advance(gap)
        self.books = copy.deepcopy(books)
        self.begin(price)
        self.wait(setup, training=not self.times_itself)  # the tracker's own timer runs from its start
        self.tracker.load_state_dict(json.loads(state))
        self.train(1)

    def check(self) -> None:
        here = self.tracker.here
        assert here.elapsed_seconds == pytest.approx(self.books.elapsed, abs=1e-5)
        assert cost(self.tracker.ledger, here) == pytest.approx(sum(self.books.lineage), rel=1e-6, abs=1e-9)
        assert self.tracker.calculate_total_cost() == pytest.approx(sum(self.books.spent.values()), rel=1e-6, abs=1e-9)
        billed = sum(self.books.billed.values())
        assert self.tracker.calculate_total_cost(billed=True) == pytest.approx(billed, rel=1e-6, abs=1e-9)
        went: dict[str, float] = {}
        for spent in spending(self.tracker.ledger, here):
            assert spent.usd is not None
            went[spent.purpose] = went.get(spent.purpose, 0.0) + spent.usd
        lost = sum(self.books.spent.values()) - sum(self.books.lineage)
        assert went.get("training", 0.0) == pytest.approx(sum(self.books.lineage), rel=1e-6, abs=1e-9)
        assert went.get("lost", 0.0) == pytest.approx(lost, rel=1e-6, abs=1e-6)
        assert sum(went.values()) == pytest.approx(billed, rel=1e-6, abs=1e-9)


prices = st.sampled_from([0.9, 3.6, 36.0])
seconds = st.integers(0, 40)
actions = st.one_of(
    st.tuples(st.just("train"), seconds),
    st.tuples(st.just("train"), seconds),
    st.tuples(st.just("evaluate"), seconds),
    st.tuples(st.just("save")),
    st.tuples(st.just("go_back"), st.integers(0, 5)),
    st.tuples(st.just("die"), st.integers(0, 5), prices, seconds, st.integers(0, 5)),
)


@settings(max_examples=300)
@given(prices, st.booleans(), st.lists(actions, max_size=25))
def test_ledger_agrees_with_plain_bookkeeping_whatever_happens(
    price: float, times_itself: bool, history: list[tuple[Any, ...]]
) -> None:
    trainer = Trainer(price, times_itself=times_itself)
    trainer.save()
    for name, *arguments in history:
        getattr(trainer, name)(*arguments)
        trainer.check()


def test_three_preemptions_by_hand() -> None:
    """Two hours at 3.6 USD/h, an hour of it lost; one at 7.2, half of it lost; then two at 0.9."""
    trainer = Trainer(3.6)
    trainer.train(3600)
    trainer.save()
    trainer.train(3600)
    trainer.save()
    trainer.die(0, 7.2, gap=600, setup=0)
    trainer.train(1800)
    trainer.save()
    trainer.die(2, 0.9, gap=60, setup=0)
    trainer.train(7200)
    here = trainer.tracker.here
    # `die` trains for a second on each new machine, before anything else.
    assert here.elapsed_seconds == pytest.approx(3600 + 1801 + 7201, abs=1e-5)
    assert cost(trainer.tracker.ledger, here) == pytest.approx(3.6 + 7.2 * 1801 / 3600 + 0.9 * 7201 / 3600)
    trainer.check()
