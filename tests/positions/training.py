"""Trainings, whose truth is known: what the formats tell of them, or leave out."""

from collections.abc import Sequence
from typing import NamedTuple

BEGAN = 1_700_000_000.0
"""Unix seconds at which the first process of each training starts."""

STEP = 1000
"""What is counted from one row to the next."""

MINUTE = 60.0
ABSENCE = 7200.0
"""Seconds without a machine, or of a hole of which nobody says what it was."""


class Row(NamedTuple):
    """What was logged at once.

    Attributes:
        count: What had been counted: of a late observation, by the checkpoint that it tells of.
        seconds: How long its lineage had been trained for at that count.
        wall: When it was written, Unix seconds.
        timer: What the trainer's own timer told then.
        process: Which of the training's processes wrote it.
        values: By metric.
        is_late: Whether it tells of an earlier checkpoint.
    """

    count: int  # type: ignore[assignment]
    seconds: float
    wall: float
    timer: float
    process: int
    values: dict[str, float]
    is_late: bool = False


class Training:
    """A training that is drawn row by row.

    Args:
        is_anew: Whether the trainer's own timer begins anew in each process; else its checkpoints hold it.

    Attributes:
        rows: Its rows, in the order in which they were written.
        starts: When each of its processes started, Unix seconds.
        is_anew: As given.
    """

    def __init__(self, *, is_anew: bool = False) -> None:
        self.rows: list[Row] = []
        self.is_anew = is_anew
        self.starts = [BEGAN]
        self._count, self._seconds, self._wall, self._timer = 0, 0.0, BEGAN, 0.0

    def __repr__(self) -> str:
        """Return its rows, for what Hypothesis reports: process, minutes since it began, count, values."""
        rows = [f"{row.process} {(row.wall - BEGAN) / 60:g} {row.count} {row.values}" for row in self.rows]
        return "\n".join([f"Training(is_anew={self.is_anew})", *rows])

    def train(self, rewards: Sequence[float | None] | int, *, step: int = STEP, seconds: float = MINUTE) -> "Training":
        """Go on for some rows: each has a loss, and these rewards, or a thousandth of the count for so many rows."""
        counts = [self._count + step * (number + 1) for number in range(rewards)] if isinstance(rewards, int) else []
        for reward in [count / 1000 for count in counts] if isinstance(rewards, int) else rewards:
            self._count += step
            self._pass(seconds)
            told = {"loss": 1.0} | ({} if reward is None else {"reward": reward})
            self.rows.append(Row(self._count, self._seconds, self._wall, self._timer, len(self.starts) - 1, told))
        return self

    def evaluate(self, count: int, value: float | None = None) -> "Training":
        """Log an evaluation of what had been trained at a count, which was logged."""
        then = next(row for row in reversed(self.rows) if row.count == count and not row.is_late)
        told = {"eval": count / 1000 if value is None else value}
        process = len(self.starts) - 1
        is_late = count < self._count
        self.rows.append(Row(count, then.seconds, self._wall, self._timer, process, told, is_late))
        return self

    def hole(self, seconds: float = ABSENCE) -> "Training":
        """Take long for what comes next, without a sign of why."""
        self._pass(seconds)
        return self

    def resume(self, count: int | None = None, *, after: float = ABSENCE) -> "Training":
        """Go on in another process, which starts so many seconds later, from a checkpoint of a count; of the last."""
        if count is not None:
            then = next(row for row in reversed(self.rows) if row.count == count and not row.is_late)
            self._count, self._seconds = then.count, then.seconds
        self._wall += after
        self._timer = 0.0 if self.is_anew else self._seconds
        self.starts.append(self._wall)
        return self

    def _pass(self, seconds: float) -> None:
        self._seconds += seconds
        self._wall += seconds
        self._timer += seconds


def evaluated(rows: int, every: int, lag: int) -> Training:
    """Return a training whose every so manieth row is evaluated so many rows later, the last ones after its end."""
    training = Training()
    for row in range(1, rows + 1):
        training.train(1)
        if row > lag and (row - lag) % every == 0:
            training.evaluate((row - lag) * STEP)
    for row in range(rows - lag + 1, rows + 1):
        if row % every == 0:
            training.hole(MINUTE / 2).evaluate(row * STEP)
    return training


SCENARIOS = {
    "plain": Training().train(40),
    "resumed": Training().train(25).resume(20 * STEP).train(20),
    "resumed_with_new_timer": Training(is_anew=True).train(25).resume(20 * STEP).train(20),
    "resumed_twice": Training().train(15).resume(10 * STEP).train(15).resume(20 * STEP).train(20),
    "resumed_just_before": Training(is_anew=True).train(25).resume(24 * STEP).train(20),
    "late_evaluation": evaluated(40, every=5, lag=3),
    "hole": Training().train(20).hole().train(20),
    "hole_left_out": Training().train(20).hole().train(20),
    "timer_restart": Training(is_anew=True).train(20).resume().train(20),
}
"""Of each of them ``reward`` comes to 30 at 30,000, and ``eval`` likewise, where it is evaluated."""

GAPS = {"hole_left_out": 600.0}
"""Seconds from which on a hole is left out, where any is."""
