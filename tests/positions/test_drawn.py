"""Trainings that are drawn: formats tell what is right of each, and so does the live tracker that is fed its rows."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings, strategies as st

from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.quote import Quote
from milepost.replaying.replay import replay
from milepost.tracking.result import ThresholdResult
from milepost.tracking.thresholds import parse_threshold
from milepost.tracking.timer import Clock
from milepost.tracking.tracker import PerformanceThresholdTracker
from tests.positions.agreeing import expected, told
from tests.positions.oracle import Tells, right
from tests.positions.tables import TABLES
from tests.positions.trackers import TRACKERS
from tests.positions.training import Training

LEAST_ROWS = 4
"""Of each process: the first row of another shows that its timer began anew."""

SEVERAL = 2
"""So many rows show that a counter goes on from where it fell to."""

values = st.integers(0, 9).map(float)


@st.composite
def trainings(draw: st.DrawFn) -> Training:
    """A training of one to four processes, each of which may go on below where the last one had come.

    Some rows lack the reward, some checkpoints are evaluated, each after those before it, and all of it ends with both.
    """
    training = Training(is_anew=draw(st.booleans()))
    seconds = draw(st.sampled_from([7.5, 30.0, 60.0]))
    lineage: list[int] = []
    last_evaluated = top = started = 0
    processes, has_hole = draw(st.integers(1, 4)), draw(st.booleans())
    for number in range(processes):
        if number:
            checkpoint = draw(st.sampled_from(lineage[started + SEVERAL :]))
            lineage = lineage[: lineage.index(checkpoint) + 1]
            training.resume(checkpoint, after=draw(st.sampled_from([3000.0, 7200.0, 90_000.0])))
            last_evaluated = max((each for each in evaluated_of(training) if each <= checkpoint), default=0)
        step, started = 1024 >> number, len(lineage)
        rows = draw(st.integers(LEAST_ROWS, 12))
        while rows > 0 or (number == processes - 1 and lineage[-1] <= top):
            rows -= 1
            is_last = rows <= 0 and (lineage[-1] + step > top)
            is_first = number > 0 and len(lineage) == started  # what it crosses is billed for the hole before it
            reward = draw(values) if is_last or (draw(st.integers(0, 3)) and not is_first) else None
            training.train([reward], step=step, seconds=seconds)
            lineage.append(training.rows[-1].count)
            top = max(top, lineage[-1]) if not is_last else top
            later = [count for count in lineage[1:] if count > last_evaluated]
            is_under_way = len(lineage) - started > SEVERAL  # else a counter that goes back looks like no counter
            if later and rows > 0 and is_under_way and draw(st.integers(0, 4)) == 0:
                last_evaluated = draw(st.sampled_from(later))
                training.evaluate(last_evaluated, draw(values))
            if rows > 0 and has_hole and len(lineage) > SEVERAL + 1 and draw(st.integers(0, 9)) == 0:
                training.hole(5000.0)
                has_hole = False
        top = max(top, lineage[-1])
    return training.evaluate(lineage[-1], draw(values))


def evaluated_of(training: Training) -> list[int]:
    return [row.count for row in training.rows if "eval" in row.values]


def hold(training: Training, tells: Tells, result_of: Callable[[str, int], ThresholdResult]) -> None:
    """Hold what is said of each target against what is right."""
    for metric in ("reward", "eval"):
        for target in (5, 8):
            answer = right(training, tells, metric, target)
            assert told(result_of(metric, target)) == expected(answer, tells), (metric, target)


DRAWN = ("csv", "csv_wall", "csv_timer", "jsonl", "jsonl_wall", "events")


@pytest.mark.parametrize("format", DRAWN)
@settings(max_examples=25)
@given(training=trainings())
def test_logs(format: str, tmp_path_factory: pytest.TempPathFactory, training: Training) -> None:
    written = (TABLES | TRACKERS)[format]
    path = written.write(tmp_path_factory.mktemp("log"), training)

    def result_of(metric: str, target: int) -> ThresholdResult:
        (result,) = replay(path, thresholds=[f"{metric} >= {target}"], price_per_hour=6.0)
        return result

    hold(training, written.tells, result_of)


class Fed(NamedTuple):
    """What a live tracker is told of a training."""

    tells: Tells

    def __call__(self, training: Training, *thresholds: str) -> list[ThresholdResult]:
        """Return what it says."""
        start = training.starts[0]
        book = Ledger().opened(Instance(), Quote(usd_per_hour=6.0, source="user"), wall_time=start)
        clock = Clock(monotonic=lambda: 0.0, utc=lambda: start)
        tracker = PerformanceThresholdTracker(map(parse_threshold, thresholds), ledger=book, clock=clock)
        process = 0
        for row in training.rows:
            if row.process != process:
                process = row.process
                tracker.begin_process(training.starts[process])
            tracker.update(row.values, row.count, row.timer if self.tells.timer else None, wall_time=row.wall)
        tracker.close()
        return list(tracker.get_results().values())


@pytest.mark.parametrize("has_timer", [True, False])
@settings(max_examples=60)
@given(training=trainings())
def test_live_tracker(has_timer: bool, training: Training) -> None:
    feed = Fed(Tells(timer=has_timer, starts="all", boundaries=True))
    hold(training, feed.tells, lambda metric, target: feed(training, f"{metric} >= {target}")[0])
    together = feed(training, "reward >= 5", "eval >= 5", "eval >= 8")
    assert [told(result) for result in together[1:]] == [
        told(feed(training, f"eval >= {target}")[0]) for target in (5, 8)
    ]
