"""Columns of loose names, such as ``time`` and ``frame``: taken only where all of their log shows what they are.

In Spinning Up ``Time`` is seconds since the start, in MMEngine and detectron2 ``time`` is those of an iteration.
"""

from collections.abc import Sequence
from typing import Any

import numpy

from milepost.errors import HistoryError
from milepost.histories.tables import values
from milepost.histories.tables.table import Table

Array = numpy.ndarray[Any, Any]


class Proof:
    """Whether a column never falls between process boundaries, as far as it was read.

    Attributes:
        fall: The first row at which it does, counting from 1; None where none does.
    """

    def __init__(self) -> None:
        self.fall: int | None = None
        self._last: float | None = None
        self._may_fall = False

    def take(self, told: Array, may_fall: Array, first_row: int = 1) -> None:
        """Take note of the next rows.

        Args:
            told: Their values; NaN where a row tells none.
            may_fall: Whether another process may begin with a row.
            first_row: Which row the first one is.
        """
        boundaries = numpy.cumsum(may_fall) + int(self._may_fall)
        rows = numpy.flatnonzero(~numpy.isnan(told))
        if not len(rows):
            self._may_fall |= bool(may_fall.any())
            return
        own = told[rows]
        before = numpy.concatenate([[own[0] if self._last is None else self._last], own[:-1]])
        since = numpy.concatenate([[0], boundaries[rows][:-1]])
        falls = (own < before) & (boundaries[rows] == since)
        if self.fall is None and falls.any():
            self.fall = first_row + int(rows[falls.argmax()])
        self._last, self._may_fall = float(own[-1]), bool(may_fall[rows[-1] + 1 :].any())


def fall_in(table: Table, name: str, others: Sequence[str], run: str | None) -> int | None:
    """Return the first row of a table at which a column falls otherwise than with a process; None where none does.

    Args:
        table: The table.
        name: The column.
        others: What counts: where one of them falls as well, another process may begin.
        run: The column that tells runs apart, where there is one.
    """
    proof = Proof()
    last: dict[str, float] = {}
    last_run: str | None = None
    try:
        for _, first_row, data in table.frames((name, *others, *(() if run is None else (run,)))):
            if name not in data.columns:
                continue
            told = _floats(data[name])
            may_fall = (
                (data[name] == name).fill_null(False).to_numpy().copy()
                if data[name].dtype == values.TEXT
                else numpy.zeros(len(told), bool)
            )
            for other in others:
                if other in data.columns:
                    counts = data[other].cast(values.FLOAT, strict=False).fill_nan(None).fill_null(strategy="forward")
                    before = counts.shift(1, fill_value=last.get(other))
                    may_fall |= (counts < before).fill_null(False).to_numpy()
                    last[other] = counts[-1] if counts[-1] is not None else last.get(other)  # type: ignore[assignment]
            if run is not None and run in data.columns:
                runs = data[run].cast(values.TEXT)
                may_fall |= (runs != runs.shift(1, fill_value=last_run)).fill_null(True).to_numpy()
                last_run = runs[-1]
            proof.take(told, may_fall, first_row)
            if proof.fall is not None:
                break
    except HistoryError:
        pass  # it is said where the table is read
    return proof.fall


def _floats(column: Any) -> Array:
    told: Array = values.times(column).values.to_numpy()
    return told
