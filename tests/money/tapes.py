"""Trainings on a ledger, with plain bookkeeping beside it."""

from hypothesis import strategies as st

from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.quote import Quote
from milepost.money.segment import MarkKind
from tests.helpers import START, quote


class Tape:
    """Runs a training on a ledger, and beside it adds up every wall-clock second at the price of that second."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.now = START
        self.elapsed = 0.0
        self.path: list[tuple[float, float]] = []  # of the lineage: elapsed at a slice's end, USD of the slice
        self.spent = 0.0
        self.billed = 0.0

    def open(self, price: Quote, instance: Instance, elapsed: float) -> None:
        self.elapsed = elapsed
        self.path = [piece for piece in self.path if piece[0] <= elapsed]
        self.ledger = self.ledger.opened(instance, price, wall_time=self.now, elapsed_seconds=elapsed)

    def run(self, seconds: int, pace: float) -> None:
        """Let wall time pass, the training timer advancing at ``pace``: 0 is a stall."""
        segment = self.ledger.current
        assert segment is not None
        assert segment.quote is not None
        for _ in range(seconds):
            usd = segment.quote.usd_per_hour_at(self.now) * segment.instance.nodes_charged / 3600
            self.now += 1
            self.billed += usd
            if pace:
                self.elapsed += pace
                self.spent += usd * pace
                self.path.append((self.elapsed, usd * pace))
        self.mark("heartbeat")

    def go_back(self, elapsed: float) -> None:
        self.elapsed = elapsed
        self.path = [piece for piece in self.path if piece[0] <= elapsed]
        self.mark("rewind")

    def mark(self, kind: MarkKind) -> None:
        self.ledger = self.ledger.marked(kind, self.here)

    @property
    def here(self) -> Position:
        segment = self.ledger.current
        assert segment is not None
        return Position(0, self.elapsed, self.now, segment.id, len(segment.marks))


prices = st.sampled_from([0.9, 3.6, 36.0])


price_steps = st.lists(st.tuples(st.integers(0, 300), prices), max_size=4, unique_by=lambda step: step[0]).map(sorted)


fleets = st.builds(Instance, num_nodes=st.integers(1, 8), share=st.sampled_from([None, 0.25, 1.0]))


@st.composite
def tapes(draw: st.DrawFn) -> Tape:
    tape = Tape()
    for _ in range(draw(st.integers(1, 4))):
        boundaries = [0.0, *(elapsed for elapsed, _ in tape.path)]
        start = draw(st.sampled_from(boundaries))  # a resume from some checkpoint of before
        tape.open(quote(draw(prices), *draw(price_steps)), draw(fleets), start)
        for _ in range(draw(st.integers(0, 5))):
            if draw(st.booleans()):
                tape.run(draw(st.integers(0, 60)), draw(st.sampled_from([0.0, 0.5, 1.0])))
            else:
                tape.go_back(draw(st.sampled_from([0.0, *(elapsed for elapsed, _ in tape.path)])))
        tape.mark("end")
        tape.now += draw(st.integers(0, 100))  # nothing runs in between
    return tape
