"""Text that a training printed: lines of ``key:value``, ``key=value``, ``key value``, with JSON in them or stamps before.

What a line tells is found out from a sample of lines: those of one shape begin alike, up to their first number under a
key. Three of one shape that carry a counter and another number are a log; then all lines of that shape are read. With
patterns of the user's, those alone say what a line tells.
"""

import math
import re
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import msgspec
import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.files import GZIP, stem
from milepost.histories.decoding.text_fields import GROUPED, NUMBER, SCALES, SECONDS, UNITS, seconds_of, shown
from milepost.histories.decoding.text_lines import FIRST_BYTES, chunk_at, chunks, cleaned, lines_of
from milepost.histories.decoding.text_pattern import Pattern, nearest_lines
from milepost.histories.decoding.text_sample import Sample, sample_of
from milepost.histories.decoding.text_shapes import Naming, Shape
from milepost.histories.decoding.text_stamps import DATED, Dateless, dated, is_day_first, stamp_of
from milepost.histories.decoding.text_values import PerIteration, apart, places_of, values_of
from milepost.histories.decoding.text_words import Words, read_words, words_of
from milepost.histories.history import History, Wanted
from milepost.histories.reader import File, Reader
from milepost.histories.tables.histories import histories_of
from milepost.histories.tables.names import counters, elapsed_clocks, is_aside
from milepost.histories.tables.table import Frame, Table

NO_LOGS = frozenset(
    "py pyi pyx ipynb md rst tex bib yaml yml toml ini cfg conf json xml html htm css js ts jsx tsx c cc cpp cxx h hpp cu cuh "
    "java go rs rb pl sh bash zsh ps1 bat sql lua r jl m swift kt scala diff patch svg lock csv tsv ics srt vtt po proto".split()
)
"""Suffixes of text that is known to be something else."""

BINARY = bytes(range(9)) + b"\x0e\x0f" + bytes(range(16, 27)) + bytes(range(28, 32))
"""Bytes that text has none of, but for NULs where a disk was full."""

FEW = re.compile(r"(?i)^(?:per|of|max|maximum|total|num|number|every|last|best|warmup|remaining|save|seconds|time)$")
"""Words that say that a step which follows is no place in a training: ``steps per epoch``."""

PER_ITERATION = re.compile(r"(?i)^elapsed time per iteration \((ms|s)\)$")
"""Megatron's, an average over the iterations since the line before."""

PLURAL = {"steps": "step", "updates": "num_updates", "iters": "iter"}
ELAPSED, WALL, SINCE_FIRST = "elapsed_seconds", "wall_time", "since_first_line"
ROW, COUNTS, STAMP, ITERATION, AVERAGE = "\0row", "\0counts", "\0stamp", "\0iteration", "\0average"
NO_STAMP = (None, None, 0.0, False)
NUMBERED = rf"^({GROUPED}|{NUMBER})({UNITS})?$"
MOST_NEAREST = 500
MOST_TOLD = 12
HAS_UNIT = re.compile(r"(?i)(?:^|[_./ (])(?:ms|millis|milliseconds|s|secs?|seconds|mins?|minutes|h|hrs?|hours)\)?$")


class TextReader(Reader):
    """Reads text that a training printed.

    Args:
        patterns: The user's, which alone say what a line tells; of a file that is named, whatever it looks like.
    """

    name: ClassVar[str] = "text"
    joins: ClassVar[bool] = False

    def __init__(self, patterns: Sequence[Pattern] = ()) -> None:
        self.patterns = tuple(patterns)

    def claims(self, file: File) -> str | None:
        """Say whether lines of a file are a log: three of one shape, with a counter and another number each."""
        suffix = file.name.lower().removesuffix(".gz").rpartition(".")[2]
        head = file.head.replace(b"\0", b"")
        if not head.strip() or head.startswith((GZIP, b"%PDF")) or len(head.translate(None, BINARY)) < len(head):
            return None
        if self.patterns:
            return stem(file.name) if any(_matching(lines, self.patterns).any() for lines in _first_lines(file.path)) else None
        start = cleaned(head).lstrip()
        if suffix in NO_LOGS or start[:2] in (b"{\n", b"[\n", b"#!", b"<?", b"<!"):
            return None
        return stem(file.name) if _sample_of(file.path, frozenset()) is not None else None

    def histories(self, files: Sequence[str], run: str, wanted: Wanted) -> Iterator[History]:
        """Yield the run of each file, or its runs.

        Raises:
            HistoryError: No line of it is one of a log, or it does not tell what is needed.
        """
        for file in files:
            table = PatternLog(file, self.patterns) if self.patterns else TextLog(file, wanted)
            for history in histories_of(table, run, wanted, notes=table.notes):
                yield msgspec.structs.replace(history, counts_from_first=table.counts_from_first)


@lru_cache(maxsize=8)
def _sample_of(path: str, metrics: frozenset[str]) -> Sample | None:
    return sample_of(path, naming, metrics)


def _first_lines(path: str) -> Iterator[polars.Series]:
    for chunk in chunks(path, least=FIRST_BYTES):
        yield lines_of(chunk.data)
        return


@lru_cache(maxsize=4096)
def naming(key: str) -> Naming:
    """Say what a key is called as a column, and whether that counts: where training stands has the name that tables know.

    ``Iter(train)`` is ``iter``, ``validation loss at iteration`` is ``iteration``, ``consumed samples`` is
    ``consumed_samples``; what bears a metric is called as the log calls it.
    """
    text = re.sub(r"\(train\)$", "", key)
    name = "_".join(re.split(r"[\s_-]+", text.lower())).strip("_")
    *before, last = name.split("_")
    is_place = before[-1:] == ["at"]
    if is_aside(f"{key.replace(' ', '/')}/x".replace("(", "/").replace(")", "")) and not is_place:
        return Naming(key, False)
    short = re.sub(r"^(?:train|training|current|trainer)_", "", name)
    ways = [text, name, *([] if elapsed_clocks([short]) else [short]), PLURAL.get(name, name)]
    if last in ("step", "iter", "iteration", "epoch", "update") and not any(map(FEW.match, before)) and "/" not in name:
        ways.append(last)
    for way in ways:
        if next(counters([way]), None) is not None:
            return Naming(way, "frame" not in way and "time/" not in way)
        if elapsed_clocks([way]):
            return Naming(way, False)
    return Naming(key, last in ("episode", "episodes", "round", "it"))


class Text(Table):
    """Lines of text, those that tell anything as rows.

    Attributes:
        notes: What is said of how it was understood.
        counts_from_first: Whether its time is that since its first row, and no more is known of its start.
    """

    closed = False
    telling = ()
    notes: tuple[str, ...] = ()
    counts_from_first = False

    def __init__(self, path: str) -> None:
        self.where = path
        self.places: list[tuple[int, int, bool, int, Any]] = []

    def frames(self, columns: Collection[str] | None, only: Sequence[int] | None = None) -> Iterator[Frame]:
        """Yield the rows of chunks of lines."""
        if only is not None and self.places and only[-1] < len(self.places):
            for number in only:
                offset, length, whole, first_row, state = self.places[number]
                self._go_to(state)
                chunk = chunk_at(self.where, offset, length, whole=whole)
                yield Frame(number, first_row, self._of(chunk.data, columns, whole=whole))
            return
        first_row = 1
        self._go_to(None)
        for number, chunk in enumerate(chunks(self.where)):
            if number == len(self.places):
                self.places.append((chunk.offset, chunk.length, chunk.whole, first_row, self._state()))
            data = self._of(chunk.data, columns, whole=chunk.whole)
            if only is None or number in only:
                yield Frame(number, first_row, data)
            first_row += data.height

    def _of(self, data: bytes, columns: Collection[str] | None, *, whole: bool) -> polars.DataFrame:
        """Return the rows of a chunk."""
        return self._rows(self._whole_lines(data, whole=whole), columns)

    def _whole_lines(self, data: bytes, *, whole: bool) -> polars.Series:
        """Return lines without a last one that its writer did not finish."""
        lines = lines_of(data)
        if whole or not len(lines) or not self._is_cut(lines):
            return lines
        self.warn("%s: its last line is cut short; not read", self.where)
        return lines[:-1]

    def _is_cut(self, lines: polars.Series) -> bool:
        """Say whether a last line may go on: one that ends with a number which may have had more digits."""
        last = lines[-1]
        like = lines.tail(1000)[:-1].filter(lines.tail(1000)[:-1].str.replace_all(r"\d+", "#") == re.sub(r"\d+", "#", last))
        if not len(like):
            return True
        end = re.search(r"\d+$", last)
        return end is not None and len(end[0]) < len(re.search(r"\d+$", like[-1])[0])  # type: ignore[index]

    @abstractmethod
    def _rows(self, lines: polars.Series, columns: Collection[str] | None) -> polars.DataFrame:
        """Return the rows of lines."""

    def _state(self) -> Any:
        """Return what is carried from one chunk to the next."""
        return None

    def _go_to(self, state: Any) -> None:
        """Take up what was carried; None at the beginning."""


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
        sample = _sample_of(path, wanted.metrics or frozenset())
        if sample is None:
            raise HistoryError(
                f"{path}: found no three lines that begin alike and carry a counter (step, iteration, epoch) and another "
                "number under a key each; say what its lines look like with --pattern"
            )
        self.sample, self.wanted = sample, wanted
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
        if len(sample.shapes) == 1 and not (sample.repeats or self.is_set_back or self.per_iteration):
            self.words = words_of(main, sample.of(main))
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
                usual = steps.filter(steps > 0).mode().min() or 1
                self.per_iteration = name, SECONDS[told[1]], PerIteration(int(usual))  # type: ignore[call-overload]
                names[ELAPSED] = None
                notes.append(f"elapsed time is {name!r}, times the iterations since the line before, added up")
                return

    def _choose_stamps(self, names: dict[str, None], notes: list[str]) -> None:
        kinds = [shape.stamp[0] for shape in self.sample.shapes if shape.stamp is not None and shape.counts]
        self.stamp = next((kind for kind in kinds if kind in DATED), kinds[0] if kinds else None)
        self.dateless: Dateless | None = None
        if self.stamp is None:
            return
        if self.stamp in DATED:
            names.setdefault(WALL)
            return
        self.dateless = Dateless(self.stamp)
        if self.stamp == "month":
            shape = next(each for each in self.sample.shapes if each.stamp and each.stamp[0] == "month")
            assert shape.stamp is not None
            stamps = self.sample.of(shape).str.extract(shape.stamp[1]).drop_nulls().to_list()
            self.dateless = Dateless(self.stamp, day_first=is_day_first(stamps))
        names.setdefault(SINCE_FIRST)
        if not elapsed_clocks([name for name in names if name != SINCE_FIRST]):
            self.counts_from_first = True
            lacks = "day" if self.stamp == "clock" else "year"
            notes.append(f"its time stamps tell no {lacks}: time is that since the first line, and dates are not known")

    def _is_set_back(self, notes: list[str]) -> bool:
        """Say whether the program sets its timer back after its first steps, as modded-nanoGPT does: they are no training."""
        for shape in self.sample.shapes:
            if not {"train_time", "step_avg"} <= shape.columns.keys():
                continue
            lines = self.sample.of(shape)
            told, average = (values_of(lines, shape.columns[name], in_seconds=True) for name in ("train_time", "step_avg"))
            falls = (told.cast(polars.Float64, strict=False).diff() < 0).fill_null(False)
            warm = average.cast(polars.Float64, strict=False).is_nan().fill_null(False)
            if (falls & (warm | warm.shift(1, fill_value=False))).any():
                notes.append("'train_time' is set back to 0 after the first steps: lines without a 'step_avg' tell no time")
                return True
        return False

    def _of(self, data: bytes, columns: Collection[str] | None, *, whole: bool) -> polars.DataFrame:
        if self.words is not None and whole:
            shape = self.sample.shapes[0]
            if (found := read_words(data, self.words, shape, columns, self._is_clock)) is not None:
                return found
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

    def _of_shape(self, shape: Shape, lines: polars.Series, columns: Collection[str] | None) -> polars.DataFrame:
        """Return what lines of one shape tell, of the columns that are wanted."""
        found: dict[str, polars.Series] = {}
        for name, column in shape.columns.items():
            if columns is None or name in columns:
                found[name] = values_of(lines, column, in_seconds=self._is_clock(name))
        if "train_time" in found and self.is_set_back and "step_avg" in shape.columns:
            warm = lines.str.contains(r"step_avg\s?[:=]\s?nan")
            found["train_time"] = found["train_time"].cast(polars.Float64, strict=False).set(warm, math.nan)
        if shape.in_epoch and (columns is None or "step" in columns) and (steps := self._steps(shape, lines)) is not None:
            found["step"] = steps
        if self.stamp is not None and (columns is None or WALL in columns or SINCE_FIRST in columns):
            of_kind = shape.stamp is not None and shape.stamp[0] == self.stamp
            assert not of_kind or shape.stamp is not None
            found[STAMP] = lines.str.extract(shape.stamp[1]) if of_kind and shape.stamp else _nothing(len(lines))
        if self.per_iteration is not None and (columns is None or ELAPSED in columns):
            name, _, _ = self.per_iteration
            has_both = {name, "iteration"} <= shape.columns.keys()
            for hidden, of in ((ITERATION, "iteration"), (AVERAGE, name)):
                one = values_of(lines, shape.columns[of], in_seconds=False) if has_both else _nothing(len(lines))
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
        """Return what is counted over all epochs by lines that tell a place in one; None where they count otherwise too."""
        if shape.pattern not in self.bases:
            place = places_of(self.sample.of(shape))
            others = [name for name in shape.counters if next(counters([name]), ("", ""))[1] != "epochs"]
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
                data = data.with_columns(dated(data[STAMP], self.stamp).alias(WALL))
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


class PatternLog(Text):
    """Text whose lines are told by the user's patterns: of each line, by the first that matches it.

    Args:
        path: The file.
        patterns: The patterns.

    Raises:
        HistoryError: None matches any line of it; shows those that look most like them.
    """

    closed = True

    def __init__(self, path: str, patterns: Sequence[Pattern]) -> None:
        super().__init__(path)
        self.patterns = patterns
        self.columns = tuple(dict.fromkeys(column for pattern in patterns for column in pattern.columns))
        counts = [0] * len(patterns)
        first: list[str] = []
        for chunk in chunks(path):
            lines = lines_of(chunk.data)
            first = first or lines.filter(lines.str.contains(r"\d")).head(MOST_NEAREST).to_list()
            counts = [count + self._matching_one(lines, at) for at, count in enumerate(counts)]
            if all(counts):
                break
        for pattern, count in zip(patterns, counts, strict=True):
            if not count:
                near = "; ".join(repr(shown(line)) for line in nearest_lines([pattern], first)) or "no line with a number"
                reason = f"--pattern '{pattern.text}' matches no line of it; nearest: {near}"
                if not any(counts):
                    raise HistoryError(f"{path}: {reason}")
                self.warn("%s: %s", path, reason)

    def _matching_one(self, lines: polars.Series, at: int) -> int:
        return int(lines.str.contains(self.patterns[at].text).sum())

    def _rows(self, lines: polars.Series, columns: Collection[str] | None) -> polars.DataFrame:
        frames = []
        rest = polars.DataFrame({"line": lines}).with_row_index("row")
        for pattern in self.patterns:
            is_of_it = rest["line"].str.contains(pattern.text)
            taken, rest = rest.filter(is_of_it), rest.filter(~is_of_it)
            groups = taken["line"].str.extract_groups(pattern.text).struct.unnest()
            names = [column for column in pattern.columns if columns is None or column in columns]
            found = [_read(groups[pattern.columns[column]], column) for column in names]
            frames.append(polars.DataFrame([taken["row"].alias(ROW), *found]))
        return polars.concat(frames, how="diagonal_relaxed").sort(ROW).drop(ROW)


def _matching(lines: polars.Series, patterns: Sequence[Pattern]) -> polars.Series:
    """Return which lines any pattern matches."""
    found = polars.repeat(False, len(lines), eager=True)
    for pattern in patterns:
        found = found | lines.str.contains(pattern.text)
    return found


def _read(written: polars.Series, column: str) -> polars.Series:
    """Return what a group matched as a column: dates and durations as such, numbers with their unit, else as it is."""
    values = written.str.strip_chars().str.strip_chars("\"'").alias(column)
    if column == WALL:
        return _as_dates(values)
    number = values.str.extract(NUMBERED, 1).str.replace_all(",", "", literal=True)
    unit = values.str.extract(NUMBERED, 2).str.strip_chars()
    units = set(unit.drop_nulls().unique().to_list())
    is_duration = values.str.contains(r"^(?:\d+ days?, )?\d+(?::\d\d){1,2}(?:\.\d+)?$").fill_null(False)
    if column == "elapsed" and is_duration.any():
        seconds = [seconds_of(each) if is_it else None for each, is_it in zip(values, is_duration, strict=True)]
        return polars.Series(column, seconds, polars.Float64)
    factors = {each: SCALES.get(each) or (SECONDS.get(each, 1.0) if column == "elapsed" else 1.0) for each in units}
    if not units and number.null_count() == values.null_count():
        return number.alias(column)
    found = number.cast(polars.Float64, strict=False)
    for each, factor in factors.items():
        if factor != 1.0:
            scaled = found * factor if factor > 1 else found / round(1 / factor)
            found = found.zip_with((unit != each).fill_null(True), scaled)
    return found.alias(column)


def _as_dates(written: polars.Series) -> polars.Series:
    """Return what a group called ``time`` matched: Unix times as numbers, dates as dates, other text as it is."""
    first = next(iter(written.drop_nulls().head(1).to_list()), "")
    stamp = stamp_of(first)
    if stamp is None or stamp.kind not in ("date", "named"):
        return written
    return dated(written, stamp.kind).alias(written.name)


def _told(sample: Sample) -> list[str]:
    """Return the names of columns, with their units, as a message shows them."""
    units = {name: column.unit for shape in reversed(sample.shapes) for name, column in shape.columns.items()}
    names = [f"{name!r} ({units[name]})" if units[name] else repr(name) for name in sample.columns]
    return names if len(names) <= MOST_TOLD else [*names[:MOST_TOLD], f"{len(names) - MOST_TOLD} more"]


def _nothing(height: int) -> polars.Series:
    return polars.Series(values=[None], dtype=polars.String).new_from_index(0, height)
