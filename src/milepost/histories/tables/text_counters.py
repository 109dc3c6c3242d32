"""Counters of text that are one: nanoGPT's training says ``iter 100``, its evaluation there ``step 100``."""

from collections import Counter

import msgspec
import polars

from milepost.histories.decoding.text_sample import Sample
from milepost.histories.decoding.text_shapes import Shape
from milepost.histories.decoding.text_values import values_of
from milepost.histories.tables.names import counters


def with_one_counter(sample: Sample) -> Sample:
    """Return a sample whose lines call alike what counts the same: no line tells both, and they rise together."""
    lines = Counter[str]()
    for shape in sample.shapes:
        lines.update({name: shape.lines for name in shape.counters if _is_step(name)})
    shapes = sample.shapes
    (main, _), *others = lines.most_common() or [("", 0)]
    for other, _ in others:
        if not any({main, other} <= shape.columns.keys() for shape in shapes) and _rise_together(sample, main, other):
            shapes = tuple(_renamed(shape, other, main) for shape in shapes)
    return sample._replace(shapes=shapes)


def _is_step(name: str) -> bool:
    return any(unit == "steps" for _, unit in counters([name]))


def _rise_together(sample: Sample, *names: str) -> bool:
    """Say whether counters fall no more often together, in the order of their lines, than each of them does."""
    told = [_told(sample, name) for name in names]
    falls = [int((each["count"].diff() < 0).sum()) for each in told]
    both = polars.concat(told).sort("row", maintain_order=True)["count"]
    return int((both.diff() < 0).sum()) <= sum(falls)


def _told(sample: Sample, name: str) -> polars.DataFrame:
    """Return what a counter tells, with the number of each line."""
    frames = [polars.DataFrame(schema={"row": polars.Int64, "count": polars.Float64})]
    for shape in sample.shapes:
        if name in shape.counters:
            rows = sample.lines.str.contains(shape.pattern).arg_true().cast(polars.Int64)
            count = values_of(sample.lines[rows], shape.columns[name], in_seconds=False)
            frames.append(polars.DataFrame({"row": rows, "count": count.cast(polars.Float64, strict=False)}))
    return polars.concat(frames).drop_nulls().sort("row")


def _renamed(shape: Shape, old: str, new: str) -> Shape:
    if old not in shape.columns:
        return shape
    columns = {new if name == old else name: column for name, column in shape.columns.items()}
    return msgspec.structs.replace(
        shape, columns=columns, counters=tuple(new if name == old else name for name in shape.counters)
    )
