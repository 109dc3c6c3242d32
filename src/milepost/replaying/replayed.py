"""What came of a history that was replayed."""

from typing import NamedTuple

from milepost.histories.history import History
from milepost.money.ledger import Ledger
from milepost.runs.record import Curve
from milepost.tracking.crossing import Crossing
from milepost.tracking.result import ThresholdResult


class Replayed(NamedTuple):
    """What came of a history.

    Attributes:
        history: The history.
        results: What there is to say of each threshold, in their order.
        crossings: The crossings, by threshold name.
        ledger: What it ran on, as far as is known, with the marks that its log tells.
        curves: Its metrics, thinned, where they were asked for.
        fault: What is wrong with its log, where it broke off.
        skipped_rows: Rows that tell no position.
    """

    history: History
    results: tuple[ThresholdResult, ...]
    crossings: dict[str, Crossing]
    ledger: Ledger
    curves: tuple[Curve, ...]
    fault: str | None
    skipped_rows: int
