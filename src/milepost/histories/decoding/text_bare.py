"""Counts that stand under no key before what a line tells: ``[12] train-rmse:0.5`` of XGBoost, LightGBM and CLU.

CatBoost writes ``12: learn: 0.5``, torchtune ``1|12|Loss: 0.5``. Many lines begin with a number that counts nothing:
they are a log only where it rises from nearly every line to the next, and where a key names a metric of training.
"""

import re

import msgspec
import polars

from milepost.histories.decoding.json_series import METRICS, PIECES
from milepost.histories.decoding.text_shapes import LEAST_LINES, Column, Shape
from milepost.histories.decoding.text_values import values_of

STEP = "step"
BARE = "bare"
"""The style of a number whose key is the pattern of all that stands before it."""

WORDS = METRICS | {"logloss", "mlogloss", "l1", "l2", "merror", "mape", "ndcg", "learn", "train", "val"}
RISING = 0.9
DIGITS = r"\d+"
_COUNT = re.compile(r"(?:\\\[|\|(?:\\s[+*])?|^\^?(?:\\s\*)?)(?=\\d\+(?:\\\]|:|\\\||/\\d\+\\s\+\\\[|\\s[+*]))")
"""Where in the pattern of what begins a line a count may stand: in brackets, after a bar, or at its very begin."""


def with_bare_count(shape: Shape, lines: polars.Series) -> Shape | None:
    """Return a shape with the count before its keys; None where there is none.

    Args:
        shape: The shape.
        lines: Lines of a text, some of them of the shape.
    """
    places = list(_COUNT.finditer(shape.pattern))
    if shape.lines < LEAST_LINES or STEP in shape.columns or not places:
        return None
    if not any(not WORDS.isdisjoint(piece.lower() for piece in PIECES.findall(name)) for name in shape.columns):
        return None
    lines = lines.filter(lines.str.contains(shape.pattern))
    for match in reversed(places):
        column = Column(shape.pattern[: match.end()], BARE)
        told = values_of(lines, column, in_seconds=False).cast(polars.Float64, strict=False)
        steps = told.diff().drop_nulls()
        if told.null_count() == 0 and len(told) >= LEAST_LINES and int((steps > 0).sum()) >= RISING * len(steps):
            return msgspec.structs.replace(shape, columns={STEP: column, **shape.columns}, counters=(STEP,))
    return None
