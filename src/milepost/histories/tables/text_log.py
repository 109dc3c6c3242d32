"""A text log whose lines are told by their shape."""

import math
import os
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.files import is_url, size_of
from milepost.histories.decoding.text_bars import Bars, bars_of, read_bars
from milepost.histories.decoding.text_fields import SECONDS, shown
from milepost.histories.decoding.text_sample import Sample, sample_of
from milepost.histories.decoding.text_shapes import Shape
from milepost.histories.decoding.text_stamps import DATED, Dateless, dated, is_day_first
from milepost.histories.decoding.text_values import PerIteration, apart, places_of, values_of
from milepost.histories.decoding.text_words import Words, read_words, words_of
from milepost.histories.history import Wanted
from milepost.histories.tables.names import counters, elapsed_clocks
from milepost.histories.tables.text_counters import with_one_counter
from milepost.histories.tables.text_names import naming
from milepost.histories.tables.text_table import ROW, WALL, Text

PER_ITERATION = re.compile(r"(?i)^elapsed time per iteration \((ms|s)\)$")
"""Megatron's, an average over the iterations since the line before."""

ELAPSED, SINCE_FIRST = "elapsed_seconds", "since_first_line"
COUNTS, STAMP, ITERATION, AVERAGE = "\0counts", "\0stamp", "\0iteration", "\0average"
NO_STAMP = (None, None, 0.0, False)
MOST_TOLD = 12
HAS_UNIT = re.compile(r"(?i)(?:^|[_./ (])(?:ms|millis|milliseconds|s|secs?|seconds|mins?|minutes|h|hrs?|hours)\)?$")


def sample_of_log(path: str, metrics: frozenset[str] = frozenset()) -> Sample | None:
    """Return the sample of a file's lines; None where they are no log. Kept from its claim to when it is read.

    Raises:
        HistoryError: It can't be read.
    """
    version = None if is_url(path) else (os.stat(path).st_mtime_ns, size_of(path))
    return _sample_of(path, metrics, version)


@lru_cache(maxsize=8)
def _sample_of(path: str, metrics: frozenset[str], version: object) -> Sample | None:
    return sample_of(path, naming, metrics)


class TextLog(Text):
    """A log whose lines are told by their shape.

    Args:
        path: The file.
        wanted: What is wanted of it.

    Raises:
        HistoryError: No lines of one shape carry a counter and another number, or it can't be read.
    """

    def __init__(self, path: str, wanted: Wanted) -> None:
        super().__init__(path)
        sample = sample_of_log(path, wanted.metrics or frozenset())
        if sample is None:
            raise HistoryError(
                f"{path}: found no three lines that begin alike and carry a counter (step, epoch …) and another "
                "number under a key each; say what its lines look like with --pattern"
            )
        sample = with_one_counter(sample)
        self.sample, self.wanted = sample, wanted
        self.has_begun, self.last_line = False, None  # type: bool, str | None
        self.bases: dict[str, int | None] = {}
        names = dict.fromkeys(sample.columns)
        main = next(shape for shape in sample.shapes if shape.counts)
        notes = [f"text: lines like {shown(main.example)!r} are read, for {', '.join(_told(sample))}"]
        self.per_iteration: tuple[str, float, PerIteration] | None = None
        if any(shape.in_epoch for shape in sample.shapes):
            names = {"step": None, **names}
        self._choose_per_iteration(names, notes)
        self._choose_stamps(names, notes)
        self.is_set_back = self._is_set_back(notes)
        self.words: Words | None = None
        self.bars: Bars | None = None
        if len(sample.shapes) == 1 and not sample.repeats:
            self.words = None if self.per_iteration else words_of(main, sample.of(main))
            self.bars = None if self.is_set_back else bars_of(main, sample.of(main))
        self.columns = tuple(names)
        self.notes = tuple(notes)
        self._go_to(None)

    def head(self, columns: Collection[str], height: int) -> polars.DataFrame | None:
        """Return the first rows, of the sample."""
        self._go_to(None)
        return self._rows(self.sample.lines, columns).head(height)

    def _choose_per_iteration(self, names: dict[str, None], notes: list[str]) -> None:
        for shape in self.sample.shapes:
            for name in shape.columns:
                told = PER_ITERATION.match(name)
                if told is None or "iteration" not in shape.columns or ELAPSED in names:
                    continue
                iterations = values_of(self.sample.of(shape), shape.columns["iteration"], in_seconds=False)
                steps = iterations.cast(polars.Int64, strict=False).diff().drop_nulls()
                usual: Any = steps.filter(steps > 0).mode().min() or 1
                self.per_iteration = name, SECONDS[told[1]], PerIteration(usual)
                names[ELAPSED] = None
                notes.append(f"elapsed time is {name!r}, times the iterations since the line before, added up")
                return

    def _choose_stamps(self, names: dict[str, None], notes: list[str]) -> None:
        kinds = [shape.stamp[0] for shape in self.sample.shapes if shape.stamp is not None and shape.counts]
        self.stamp = next((kind for kind in kinds if kind in DATED), kinds[0] if kinds else None)
        self.dateless: Dateless | None = None
        self.day_first = False
        if self.stamp is None:
            return
        if self.stamp in ("month", "slash"):
            shape = next(each for each in self.sample.shapes if each.stamp and each.stamp[0] == self.stamp)
            assert shape.stamp is not None
            self.day_first = is_day_first(self.sample.of(shape).str.extract(shape.stamp[1]).drop_nulls().to_list())
        if self.stamp in DATED:
            names.setdefault(WALL)
            return
        self.dateless = Dateless(self.stamp, day_first=self.day_first)
        names.setdefault(SINCE_FIRST)
        if not elapsed_clocks([name for name in names if name != SINCE_FIRST]):
            self.counts_from_first = True
            lacks = "day" if self.stamp == "clock" else "year"
            notes.append(f"its time stamps tell no {lacks}: time is that since the first line, and dates are not known")

    def _is_set_back(self, notes: list[str]) -> bool:
        """Say whether the program sets its timer back after its first steps, as modded-nanoGPT does."""
        for shape in self.sample.shapes:
            if not {"train_time", "step_avg"} <= shape.columns.keys():
                continue
            lines = self.sample.of(shape)
            told, average = (
                values_of(lines, shape.columns[name], in_seconds=True) for name in ("train_time", "step_avg")
            )
            falls = (told.cast(polars.Float64, strict=False).diff() < 0).fill_null(False)
            warm = average.cast(polars.Float64, strict=False).is_nan().fill_null(False)
            if (falls & (warm | warm.shift(1, fill_value=False))).any():
                notes.append(
                    "'train_time' is set back to 0 after the first steps: lines without a 'step_avg' tell no time"
                )
                return True
        return False

    def _of(self, data: bytes, columns: Collection[str] | None, *, whole: bool) -> polars.DataFrame:
        shape = self.sample.shapes[0]
        if self.words is not None and whole and not (self.is_set_back and b"nan" in data):
            if (found := read_words(data, self.words, shape, columns, self._is_clock)) is not None:
                return found
        elif self.bars is not None and whole:
            names = {name for name in shape.columns if columns is None or name in columns}
            if self.per_iteration is not None and (columns is None or ELAPSED in columns):
                names |= {self.per_iteration[0], "iteration"}
            if (numbers := read_bars(data, self.bars, shape, names)) is not None:
                return self._finished(self._of_shape(shape, numbers[""], columns, numbers), columns)
        return super()._of(data, columns, whole=whole)

    def _rows(self, lines: polars.Series, columns: Collection[str] | None) -> polars.DataFrame:
        if self.sample.repeats and len(lines):
            before, self.last_line = self.last_line, lines[-1]
            lines = lines.filter((lines != lines.shift(1, fill_value=before)).fill_null(True))
        for shape in self.sample.shapes:
            lines = apart(lines, shape)
        frames = []
        rest = polars.DataFrame({"line": lines}).with_row_index("row") if len(self.sample.shapes) > 1 else None
        for shape in self.sample.shapes:
            if rest is None:
                of_it, rows = lines.filter(lines.str.contains(shape.pattern)), None
            else:
                is_of_it = rest["line"].str.contains(shape.pattern)
                taken = rest.filter(is_of_it)
                rest, of_it, rows = rest.filter(~is_of_it), taken["line"], taken["row"]
            if not len(of_it):
                continue
            data = self._of_shape(shape, of_it, columns)
            if rows is not None:
                data = data.with_columns(rows.alias(ROW), polars.lit(shape.counts).alias(COUNTS))
            frames.append(data)
        if not frames:
            return polars.DataFrame()
        if rest is None:
            return self._finished(frames[0], columns)
        data = polars.concat(frames, how="diagonal_relaxed").sort(ROW) if len(frames) > 1 else frames[0]
        if not self.has_begun:
            first = data[COUNTS].arg_max() if data[COUNTS].any() else data.height
            data = data[first:]
            self.has_begun = data.height > 0
        return self._finished(data.drop(ROW, COUNTS), columns)

    def _of_shape(
        self,
        shape: Shape,
        lines: polars.Series,
        columns: Collection[str] | None,
        numbers: Mapping[str, polars.Series] = {},
    ) -> polars.DataFrame:
        """Return what lines of one shape tell, of the columns that are wanted; some numbers may be known."""
        found: dict[str, polars.Series] = {}
        for name, column in shape.columns.items():
            if columns is None or name in columns:
                in_seconds = self._is_clock(name)
                found[name] = numbers[name] if name in numbers else values_of(lines, column, in_seconds=in_seconds)
        if "train_time" in found and self.is_set_back and "step_avg" in shape.columns:
            warm = lines.str.contains(r"step_avg\s?[:=]\s?nan")
            found["train_time"] = found["train_time"].cast(polars.Float64, strict=False).set(warm, math.nan)
        if (
            shape.in_epoch
            and (columns is None or "step" in columns)
            and (steps := self._steps(shape, lines)) is not None
        ):
            found["step"] = steps
        if self.stamp is not None and (columns is None or WALL in columns or SINCE_FIRST in columns):
            of_kind = shape.stamp is not None and shape.stamp[0] == self.stamp
            assert not of_kind or shape.stamp is not None
            found[STAMP] = lines.str.extract(shape.stamp[1]) if of_kind and shape.stamp else _nothing(len(lines))
        if self.per_iteration is not None and (columns is None or ELAPSED in columns):
            name, _, _ = self.per_iteration
            has_both = {name, "iteration"} <= shape.columns.keys()
            for hidden, of in ((ITERATION, "iteration"), (AVERAGE, name)):
                if not has_both:
                    one = _nothing(len(lines))
                elif of in numbers or (of in found and not self._is_clock(of)):
                    one = numbers[of] if of in numbers else found[of]
                else:
                    one = values_of(lines, shape.columns[of], in_seconds=False)
                found[hidden] = one.cast(polars.Float64, strict=False)
        if not found:
            return polars.DataFrame({STAMP: _nothing(len(lines))})
        return polars.DataFrame([values.alias(name) for name, values in found.items()])

    def _is_clock(self, name: str) -> bool:
        """Say whether durations of a column are wanted in seconds: not where its name or a flag says their unit."""
        if self.wanted.time_unit is not None or HAS_UNIT.search(name):
            return False
        return name == self.wanted.time_column or bool(elapsed_clocks([name]))

    def _steps(self, shape: Shape, lines: polars.Series) -> polars.Series | None:
        """Return what is counted over all epochs; None where its lines count otherwise too."""
        if shape.pattern not in self.bases:
            place = places_of(self.sample.of(shape))
            others = [name for name in shape.counters if not _is_epoch(name)]
            told = (values_of(self.sample.of(shape), shape.columns[name], in_seconds=False) for name in others)
            is_counted = any(not (each.cast(polars.Int64, strict=False) == place.number).all() for each in told)
            least: Any = place.epoch.min()
            self.bases[shape.pattern] = None if is_counted or least is None else min(1, least)
        base = self.bases[shape.pattern]
        if base is None:
            return None
        place = places_of(lines)
        return (place.epoch - base) * place.of + place.number if self.sample.begins_epochs_anew else place.number

    def _finished(self, data: polars.DataFrame, columns: Collection[str] | None) -> polars.DataFrame:
        """Return rows with what follows from those before: times that add up, stamps without a date."""
        if STAMP in data.columns and self.stamp is not None and data[STAMP].dtype == polars.String:
            if self.dateless is not None:
                data = data.with_columns(self.dateless.since_first(data[STAMP]).alias(SINCE_FIRST))
            else:
                data = data.with_columns(dated(data[STAMP], self.stamp, day_first=self.day_first).alias(WALL))
        if AVERAGE in data.columns and self.per_iteration is not None:
            _, unit, adding = self.per_iteration
            data = data.with_columns(adding.elapsed(data[ITERATION], data[AVERAGE] * unit).alias(ELAPSED))
        return data.drop(STAMP, ITERATION, AVERAGE, strict=False)

    def _state(self) -> Any:
        adding = self.per_iteration and self.per_iteration[2]
        return self.has_begun, self.last_line, self.dateless and self.dateless.state(), adding and adding.state()

    def _go_to(self, state: Any) -> None:
        self.has_begun, self.last_line, dateless, adding = state or (False, None, None, None)
        if self.dateless is not None:
            self.dateless.go_to(dateless or NO_STAMP)
        if self.per_iteration is not None:
            self.per_iteration[2].go_to(adding or (None, 0.0))


def _told(sample: Sample) -> list[str]:
    """Return the names of columns, with their units, as a message shows them."""
    units = {name: column.unit for shape in reversed(sample.shapes) for name, column in shape.columns.items()}
    names = [f"{name!r} ({units[name]})" if units[name] else repr(name) for name in sample.columns]
    return names if len(names) <= MOST_TOLD else [*names[:MOST_TOLD], f"{len(names) - MOST_TOLD} more"]


def _nothing(height: int) -> polars.Series:
    return polars.Series(values=[None], dtype=polars.String).new_from_index(0, height)


def _is_epoch(name: str) -> bool:
    return any(unit == "epochs" for _, unit in counters([name]))
