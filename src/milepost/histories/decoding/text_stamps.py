"""Time stamps that stand before what a line of a log says, and what can be known from them."""

import re
from typing import NamedTuple

import polars

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(MONTHS)

KINDS = {
    "date": r"\d{4}[-/.]\d\d[-/.]\d\d[T_ ] ?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?",
    "slash": r"\d\d[/.]\d\d[/.]\d{4},?[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: [AP]M)?",  # transformers' examples
    "named": rf"(?:{_MONTH}) {{1,2}}\d{{1,2}} \d\d:\d\d:\d\d \d{{4}}",  # ctime, without its day of the week
    "absl": r"[IWEF]\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})?",
    "syslog": rf"(?:{_MONTH}) {{1,2}}\d{{1,2}} \d\d:\d\d:\d\d",
    "month": r"\d\d[-/]\d\d \d\d:\d\d:\d\d(?:[.,]\d{1,9})?",
    "clock": r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?",
    "unix": r"1\d{9}(?:\.\d{1,9})?",
}
"""Forms of stamps, those that tell the most first."""

DATED = frozenset({"date", "slash", "named", "unix"})
"""Those that tell the date. Of the others differences are known, and neither day nor year."""

MOST_BEFORE = 120
"""So many characters may stand before a stamp."""

DAY = 86400.0
YEAR = 365 * DAY
NEAR = 0.1
"""Times that fall by no more than this part of a day or a year are out of order; else midnight or New Year came."""

_KINDS = [
    (
        kind,
        re.compile(
            rf"(?<![\w.:/-]){pattern}(?![\w:/-]| ?[AP]M\b)" if kind != "unix" else rf"^[\[(]?{pattern}(?=[\])\s:|,])"
        ),
    )
    for kind, pattern in KINDS.items()
]
_DURATION = re.compile(r"(?i)(?:eta|elapsed|time|remaining|left|took|duration)[\s:=\[(]*$")


class Stamp(NamedTuple):
    """A time stamp in a line: of which form, and where."""

    kind: str
    start: int
    end: int


def stamp_of(line: str) -> Stamp | None:
    """Return the stamp before what a line says; None where there is none."""
    head = line[: MOST_BEFORE + 40]
    for kind, pattern in _KINDS:
        match = pattern.search(head)
        if match is None:
            continue
        start = match.start() + (kind == "unix" and not match[0][0].isdigit())
        if kind == "clock" and _DURATION.search(head[:start]):
            continue
        return Stamp(kind, start, match.end())
    return None


def is_day_first(stamps: list[str]) -> bool:
    """Say whether stamps of day and month name the day first: that goes beyond 12, or changes more often."""
    firsts, seconds = {int(stamp[:2]) for stamp in stamps}, {int(stamp[3:5]) for stamp in stamps}
    if max(firsts | seconds, default=0) > 12:
        return max(seconds) <= 12
    return any(stamp[2] == "." for stamp in stamps[:1]) or len(firsts) > len(seconds)


def dated(stamps: polars.Series, kind: str, *, day_first: bool = False) -> polars.Series:
    """Return stamps that tell their date as dates: without a zone where they tell none, else in UTC."""
    if kind == "slash":
        stamps = _year_first(stamps, day_first=day_first)
    if kind == "unix":
        seconds = stamps.cast(polars.Float64, strict=False)
        return (seconds * 1e6).cast(polars.Int64).cast(polars.Datetime("us", "UTC"))
    if kind == "named":
        return stamps.str.replace_all(r" +", " ").str.to_datetime("%b %e %H:%M:%S %Y", strict=False, time_unit="us")
    zone = stamps.str.extract(r" ?(Z|UTC|[+-]\d\d:?\d\d)$")
    days = stamps.str.slice(0, 10).str.replace_all(r"[/.]", "-")
    times = stamps.str.extract(r"(\d\d:\d\d:\d\d)")
    micros = stamps.str.extract(r":\d\d[.,](\d{1,6})").str.pad_end(6, "0").cast(polars.Int64, strict=False).fill_null(0)
    found = (days + "T" + times).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    found = found + micros.cast(polars.Duration("us"))
    if zone.null_count() == len(zone):
        return found
    hours = zone.str.extract(r"[+-](\d\d)").cast(polars.Int64).fill_null(0)
    minutes = zone.str.extract(r"[+-]\d\d:?(\d\d)").cast(polars.Int64).fill_null(0)
    sign = 1 - 2 * zone.str.starts_with("-").fill_null(False).cast(polars.Int64)
    found = found - (sign * (hours * 3600 + minutes * 60) * 1_000_000).cast(polars.Duration("us"))
    return found.set(zone.is_null(), None).dt.replace_time_zone("UTC")


def _year_first(stamps: polars.Series, *, day_first: bool) -> polars.Series:
    """Return stamps such as ``05/31/2024 11:50:00 PM`` with the year first, and of 24 hours."""
    first, second = (stamps.str.slice(at, 2) for at in (0, 3))
    month, day = (second, first) if day_first else (first, second)
    hour = stamps.str.extract(r"(\d\d):\d\d:").cast(polars.Int64)
    half = stamps.str.extract(r" ([AP])M$")
    hour = (hour % 12 + 12 * (half == "P").cast(polars.Int64)).zip_with(half.is_not_null(), hour)
    rest = stamps.str.extract(r"\d\d(:\d\d:\d\d(?:[.,]\d{1,9})?)")
    return stamps.str.slice(6, 4) + "-" + month + "-" + day + "T" + hour.cast(polars.String).str.zfill(2) + rest


class Dateless:
    """Seconds since the first of stamps that don't tell their date, over all chunks: midnight and New Year are bridged.

    Args:
        kind: Their form.
        day_first: Whether day and month stand in this order.
    """

    def __init__(self, kind: str, *, day_first: bool = False) -> None:
        self.kind, self.day_first = kind, day_first
        self.period = DAY if kind == "clock" else YEAR
        self.first: float | None = None
        self.last: float | None = None
        self.offset = 0.0
        self.is_leap = False

    def state(self) -> tuple[float | None, float | None, float, bool]:
        """Return what is carried from one chunk to the next."""
        return self.first, self.last, self.offset, self.is_leap

    def go_to(self, state: tuple[float | None, float | None, float, bool]) -> None:
        """Take up what was carried."""
        self.first, self.last, self.offset, self.is_leap = state

    def since_first(self, stamps: polars.Series) -> polars.Series:
        """Return seconds since the first stamp of all."""
        raw = self._seconds(stamps)
        told = raw.drop_nulls()
        if not len(told):
            return raw
        before = told.shift(1).fill_null(told[0] if self.last is None else self.last)
        step = told - before
        far = (1 - NEAR) * self.period
        turns = (step < -NEAR * self.period).cast(polars.Int64) - (step > far).cast(polars.Int64)
        whole = told + self.period * turns.cum_sum() + self.offset
        self.first = float(whole[0]) if self.first is None else self.first
        self.offset += self.period * float(turns.sum())
        self.last = float(told[-1])
        return raw.scatter(raw.is_not_null().arg_true(), whole - self.first)

    def _seconds(self, stamps: polars.Series) -> polars.Series:
        """Return seconds since the year or the day began."""
        number = stamps.str.extract
        clock = (
            number(r"(\d\d):\d\d:\d\d").cast(polars.Float64) * 3600
            + number(r"\d\d:(\d\d):\d\d").cast(polars.Float64) * 60
            + number(r"\d\d:\d\d:(\d\d(?:[.,]\d+)?)").str.replace(",", ".", literal=True).cast(polars.Float64)
        )
        if self.kind == "clock":
            return clock
        if self.kind == "syslog":
            month = stamps.str.slice(0, 3).replace_strict(list(MONTHS), list(range(1, 13)), default=None)
            day = number(r"^\w+ +(\d+)").cast(polars.Int64)
        else:
            at = 1 if self.kind == "absl" else 0
            two = [stamps.str.slice(each, 2).cast(polars.Int64, strict=False) for each in (at, at + (3 - at))]
            month, day = reversed(two) if self.day_first else two
        month = month.cast(polars.Int64)
        self.is_leap = self.is_leap or bool(((month == 2) & (day == 29)).any())
        days = (
            polars.DataFrame({"m": month, "d": day})
            .select(polars.date(2000 if self.is_leap else 2001, "m", "d"))
            .to_series()
            .dt.ordinal_day()
        )
        return clock + days.cast(polars.Float64) * DAY
