"""Steps that count within epochs, or epochs under a step's name, as MMDetection and MMEngine write them.

MMDetection 2 (mmcv 1.7) writes ``"epoch": 2, "iter": 50`` in each epoch anew, and the batches of a validation as the
``iter`` of its row. MMEngine (0.10) writes ``step`` beside an equal ``iter`` in rows of training, and the epoch as the
``step`` of a validation that has no ``iter``.
"""

from collections.abc import Sequence
from itertools import pairwise

from milepost.histories.tables.first_rows import FirstRows
from milepost.histories.tables.names import counters


def why_no_step(name: str, columns: Sequence[str], rows: FirstRows) -> str | None:
    """Say why a step does not count over the whole training; None where it may.

    Args:
        name: The step's column.
        columns: Names of all columns.
        rows: Their first rows.
    """
    steps = rows.numbers(name)
    for other, unit in counters(columns):
        if other == name or not rows.tells(other):
            continue
        if unit == "epochs" and _begins_anew(steps, rows.numbers(other)):
            return f"{name!r} begins anew with each {other!r}"
        if unit == "steps" and _falls_alone(steps, rows.numbers(other)):
            return f"{name!r} falls in rows that do not tell {other!r}"
    return None


def _begins_anew(steps: Sequence[float | None], epochs: Sequence[float | None]) -> bool:
    """Say whether steps fall wherever epochs rise, and are the epoch's number nowhere."""
    both = [(step, epoch) for step, epoch in zip(steps, epochs, strict=True) if step is not None and epoch is not None]
    rises = [(step, last) for (last, before), (step, epoch) in pairwise(both) if epoch > before]
    return bool(rises) and all(step < last for step, last in rises)


def _falls_alone(steps: Sequence[float | None], others: Sequence[float | None]) -> bool:
    """Say whether steps are another counter's where that is told, and fall in each row where it is not."""
    pairs = list(zip(steps, others, strict=True))
    told = [(step, other) for step, other in pairs if step is not None and other is not None]
    if len(told) < 2 or any(step != other for step, other in told):
        return False
    last: float | None = None
    alone = 0
    for step, other in pairs:
        if other is not None:
            last = other
        elif step is not None and last is not None:
            if step >= last:
                return False
            alone += 1
    return alone > 0
