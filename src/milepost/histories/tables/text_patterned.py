"""Text whose lines are told by the user's patterns."""

from collections.abc import Collection, Sequence

import polars

from milepost.errors import HistoryError
from milepost.histories.decoding.text_fields import GROUPED, NUMBER, SCALES, SECONDS, UNITS, seconds_of, shown
from milepost.histories.decoding.text_lines import chunks, lines_of
from milepost.histories.decoding.text_pattern import Pattern, nearest_lines
from milepost.histories.decoding.text_stamps import dated, is_day_first, stamp_of
from milepost.histories.tables.text_table import ROW, WALL, Text

NUMBERED = rf"^({GROUPED}|{NUMBER})({UNITS})?$"
MOST_NEAREST = 500


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
                near = (
                    "; ".join(repr(shown(line)) for line in nearest_lines([pattern], first)) or "no line with a number"
                )
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


def matching(lines: polars.Series, patterns: Sequence[Pattern]) -> polars.Series:
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
    if stamp is None or stamp.kind not in ("date", "slash", "named"):
        return written
    day_first = stamp.kind == "slash" and is_day_first(written.drop_nulls().to_list())
    return dated(written, stamp.kind, day_first=day_first).alias(written.name)
