"""JSON that is one value: an array of rows, or columns that are equally long, of one run or of several."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from milepost.histories.decoding.json_rows import MAX_DEPTH, SPECIAL, flatten

Value = dict[str, Any]

XS, YS = "xs", "ys"
"""DreamerV3's scores: environment steps, and the score."""

DOWNLOADED = ("wall_time", "step", "value")
"""What TensorBoard's download of a scalar as JSON holds, a list of three a point."""

FEWEST = 3
"""Rows that show that they are a log."""

_DECODER = json.JSONDecoder()
_NEXT = re.compile(r"[\s,]*")


class Series(NamedTuple):
    """What JSON tells of one run.

    Attributes:
        rows: An update each; None where it tells columns.
        columns: Values by name, equally many; None where it tells rows.
        facts: What else it says of the run: its task, its seed.
    """

    rows: list[Value] | None
    columns: dict[str, list[Any]] | None
    facts: Value


def decoded(text: str) -> Any:
    """Return the JSON that a text holds; of an array that is cut short, its whole elements; None for others."""
    try:
        return json.loads(text)
    except RecursionError:
        return None
    except ValueError:
        return list(_elements(text)) if text.lstrip().startswith("[") else None


def _elements(text: str) -> Iterator[Any]:
    """Yield the elements of an array as far as they are whole."""
    at = text.index("[") + 1
    while True:
        found = _NEXT.match(text, at)
        try:
            element, at = _DECODER.raw_decode(text, at if found is None else found.end())
        except (ValueError, RecursionError):
            return
        yield element


def series_of(value: Any) -> list[Series]:
    """Return what JSON tells of runs; none where it is neither rows nor columns."""
    if isinstance(value, dict):
        found = _columns(value)
        return [] if found is None else [found]
    if not isinstance(value, list) or not value:
        return []
    if all(isinstance(each, list) and len(each) == len(DOWNLOADED) and all(map(_is_number, each)) for each in value):
        return [Series([dict(zip(DOWNLOADED, each, strict=True)) for each in value], None, {})]
    if not all(isinstance(each, dict) for each in value):
        return []
    several = [found for each in value if (found := _columns(each)) is not None and _are_several(found)]
    if len(several) == len(value):
        return several
    rows = []
    for each in value:
        row: Value = {}
        flatten(each, "", row, None, MAX_DEPTH)
        rows.append(row)
    return [Series(each, None, {}) for each in _apart(rows)]


def _columns(value: Value) -> Series | None:
    """Return the columns of an object; None where it holds none, or such as are not equally long."""
    columns: dict[str, list[Any]] = {}
    facts: Value = {}
    for name, each in value.items():
        if isinstance(each, dict) and each and list(each) == [str(at) for at in range(len(each))]:
            each = list(each.values())  # as pandas writes a column
        if isinstance(each, list):
            if not each or not all(each is None or _is_number(each) or isinstance(each, str) for each in each):
                return None
            columns[name] = each
        elif isinstance(each, dict):
            return None
        else:
            facts[name] = each
    if not any(any(map(_is_number, each)) for each in columns.values()) or len({*map(len, columns.values())}) != 1:
        return None
    return Series(None, columns, facts)


def _are_several(found: Series) -> bool:
    """Say whether an object holds columns, and is no row with a list or two in it."""
    columns = found.columns or {}
    return len(columns) > 1 and len(next(iter(columns.values()))) >= FEWEST


def _apart(rows: list[Value]) -> Iterator[list[Value]]:
    """Yield the rows of each run: text that changes in blocks tells them apart, if a count begins anew."""
    names = [name for name in _texts(rows) if all(isinstance(row.get(name), str) for row in rows)]
    blocks: dict[tuple[str, ...], list[Value]] = {}
    before: tuple[str, ...] | None = None
    for row in rows:
        key = tuple(row[name] for name in names)
        if key != before and key in blocks:
            yield rows
            return
        blocks.setdefault(key, []).append(row)
        before = key
    if len(blocks) * FEWEST <= len(rows) and _begin_anew(list(blocks.values())):
        yield from blocks.values()
    else:
        yield rows


def _begin_anew(blocks: Sequence[list[Value]]) -> bool:
    """Say whether something rises in each block, and begins anew with the next."""
    for name in dict.fromkeys(name for rows in blocks for name in rows[0]):
        values: list[list[Any]] = [[row.get(name) for row in rows] for rows in blocks]
        if all(map(_rises, values)) and all(later[0] < earlier[-1] for earlier, later in pairwise(values)):
            return True
    return False


def _texts(rows: Sequence[Value]) -> list[str]:
    """Return the columns that hold text, and neither numbers nor dates."""
    found = dict.fromkeys(name for row in rows for name, value in row.items() if _is_text(value))
    return list(found)


def _is_text(value: object) -> bool:
    """Say whether a value is text, and no number, date or duration."""
    if not isinstance(value, str) or value in SPECIAL or not value:
        return False
    if value[0].isdigit():
        try:
            datetime.fromisoformat(value.replace("_", " "))
        except ValueError:
            return not all(each.isdigit() or each in ":., days-_+TZ" for each in value)
        return False
    return True


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value in SPECIAL
    return isinstance(value, (int, float)) and not isinstance(value, bool)


METRICS = frozenset(
    (
        *("loss", "losses", "reward", "rewards", "rew", "return", "returns", "ret", "score", "scores", "acc"),
        *("accuracy", "top1", "top5", "error", "err", "mae", "mse", "rmse", "nll", "auc", "f1", "ppl", "perplexity"),
        *("bleu", "wer", "cer", "map", "iou", "miou", "dice", "psnr", "ssim", "fid", "kl", "entropy", "success"),
        *("elbo", "precision"),
    )
)
"""Words of which one stands in the name of a metric of nearly every log of training."""

VALUE = "value"
PIECES = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")
MOST_TEXT = 200
"""A text that is longer is one of a data set, and of no log."""

RISES = 3
"""At one of so many rows at least, a counter rises: several rows may tell of one count."""

BACK = 4
"""At one of so many rows at most, it goes back; at one where there are `SOME`."""

SOME = 5


def is_log(each: Series, counters: Sequence[str]) -> bool:
    """Say whether what JSON tells surely is a log: it counts, or is Keras' history, and bears a metric.

    Args:
        each: What it tells.
        counters: Which of its names are those of a counter.
    """
    if each.columns is not None:
        height = len(next(iter(each.columns.values())))
        rows: list[Value] = [
            {name: column[at] for name, column in each.columns.items()} for at in range(min(height, 10_000))
        ]
        if XS in each.columns and YS in each.columns:
            return _rises([row[XS] for row in rows])
        if is_history(each.columns):
            return True
    else:
        rows = each.rows or []
    names = dict.fromkeys(name for row in rows for name in row)
    if len(rows) < FEWEST or not any(_rises([row.get(name) for row in rows]) for name in counters):
        return False
    told = [name for name in names if name not in counters and any(_is_number(row.get(name)) for row in rows)]
    if not any(_is_metric(name) or name.lower() == VALUE for name in told):
        return False
    for name in _texts(rows):
        values = [value for row in rows if isinstance(value := row.get(name), str)]
        if len({*values}) * 2 > len(rows) or max(map(len, values)) > MOST_TEXT:
            return False
    return True


def is_history(columns: Mapping[str, Sequence[Any]]) -> bool:
    """Say whether columns are what Keras' ``History.history`` holds: a loss, beside values of validation or alone."""
    if not all(_is_number(value) or value is None for column in columns.values() for value in column):
        return False
    twins = any(f"val_{name}" in columns or f"val_{name.removeprefix('train_')}" in columns for name in columns)
    return "loss" in columns or (twins and any(map(_is_metric, columns)))


def _is_metric(name: str) -> bool:
    return not METRICS.isdisjoint(piece.lower() for piece in PIECES.findall(name))


def _rises(values: Sequence[Any]) -> bool:
    """Say whether numbers rise as a counter does, that may begin anew, and seldom goes back."""
    if not values or not all(_is_number(value) and not isinstance(value, str) and value >= 0 for value in values):
        return False
    pairs = list(pairwise(values))
    rises = sum(one < other for one, other in pairs)
    back = sum(values[0] < other < one for one, other in pairs)
    return bool(rises > len(pairs) // RISES and back <= max(len(pairs) // BACK, len(pairs) >= SOME))


def whole_counts(values: Sequence[Any]) -> list[int | None]:
    """Return counts as whole numbers: those of bins may stand between two."""
    return [round(value) if isinstance(value, (int, float)) and math.isfinite(value) else None for value in values]
