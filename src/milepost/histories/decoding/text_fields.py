"""Numbers in a line of text, each with the key that it stands under: how one line of a log is understood."""

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST_LINE = 2**16
"""Of what is looked at to tell the shape of lines. What is longer is read by patterns, which take linear time."""

SHORT = 40
"""Characters of a line that stand for it in a message, before and after its middle."""

NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[nN]a[nN]|NAN|[iI]nf(?:inity)?|INF)"
GROUPED = r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"
SPELLED = r"(?:\d+d ?)?(?:\d+h ?\d+m(?: ?\d+(?:\.\d+)?s)?|\d+m ?\d+(?:\.\d+)?s)"
DURATION = rf"(?:(?:\d+ days?, )?\d+(?::\d\d){{1,2}}(?:\.\d+)?|{SPELLED})"

SCALES: dict[str, float] = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
SECONDS: dict[str, float] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("ms", "msec", "millis"), 1e-3),
    **dict.fromkeys(("us", "µs", "μs"), 1e-6),
    "ns": 1e-9,
}
SPOKEN = ("ms", "s", "sec", "secs", "seconds", "min", "mins", "minutes", "h", "hours", "%")
"""Units that may stand a space after their number."""

OTHERS = (
    "%",
    "[KMGT]i?B",
    "x",
    r"[a-zA-Z]{1,12}/(?:s|sec|second|it|step|GPU|gpu)",
    "it",
    "°C?",
    "W",
    "Hz",
    "GFLOPS",
    "TFLOPS",
)
UNIT = "|".join([*sorted((*SECONDS, *SCALES), key=len, reverse=True), *OTHERS])
UNITS = rf"(?:{UNIT}| (?:{'|'.join(sorted(SPOKEN, key=len, reverse=True))}))"

END = r"(?:[\s;|()\[\]{}\"'/<>*]|,(?:\D|$)|:(?:\D|$)|\.(?:\s|$)|$)"
"""What stands after a number that is whole."""

WRAPPER = r"(?:[\"']|[A-Za-z_][\w.]{0,20}\()?"
"""Before the number: ``"9.2"``, ``tensor(9.2)``, ``np.float64(9.2)``."""

WORD = r"[^\W\d][\w./@%+\-]{0,60}(?:'s)?(?:\[[\w:]{1,20}\])?(?:\([\w\-]{1,20}\))?"
KEY = rf"{WORD}(?: {WORD}){{0,7}}(?: \([^()]{{1,24}}\))?"
SEPARATORS = {
    "ratio": r":\s{0,20}\d+\s?/\s?\d+\s\(\s{0,3}",
    "sign": r"\s{0,4}[:=]\s{0,20}",
    "space": r"\s{1,20}",
    "bracket": r"\s{0,4}[:=]?\s{0,4}\[\s{0,10}",
}
SEPARATOR = "(?<=acc|Acc|acy)" + "|".join(rf"(?P<{name}>{text})" for name, text in SEPARATORS.items())
"""``Accuracy: 9400/10000 (94%)``, as PyTorch's examples print, is the percentage; no other key tells a ``ratio``."""

_FIELD = re.compile(
    rf"""(?P<open>\{{)|(?P<close>\}})
    |(?P<quote>["'])(?P<quoted>[^"'\\]{{1,120}})(?P=quote)\s?:\s?(?:(?P<inner>\{{)|{WRAPPER}(?P<quoted_value>{NUMBER})(?={END}))
    |(?<![\w./@%+\-"'])(?P<key>{KEY.replace(" ", "[ ]")})(?:{SEPARATOR}){WRAPPER}
     (?:(?P<value>{GROUPED}|{NUMBER})(?P<unit>{UNITS.replace(" ", "[ ]")})?(?P<total>\s{{0,10}}/\s{{0,10}}\d+)?(?={END})
       |(?P<duration>{DURATION.replace(" ", "[ ]")})(?=[\s,;|)\]]|$))""",
    re.VERBOSE,
)

_SPELLED = re.compile(r"(\d+(?:\.\d+)?)([dhms])")

SOURCES = re.compile(r"\.(?:py|cc|cpp|cu|c|h|hpp|rs|go|java|js|ts|ipynb|sh)$")
"""How the names of files end that a logger puts before what it says: ``train.py:408``."""


class Field(NamedTuple):
    """A number in a line.

    Attributes:
        name: The key that it stands under, with that of the objects around it: ``outer.inner``.
        value: As it is written.
        unit: What is written after it; ``""`` for nothing.
        style: What stands between the key and it: ``quoted`` of JSON, ``sign``, ``ratio``, ``space`` or ``bracket``.
        start: Where its key starts in the line.
        at: Where it starts itself.
        is_duration: Whether it is written as ``h:mm:ss`` or ``2m30s``.
        is_of: Whether it is written as ``n/N``.
    """

    name: str
    value: str
    unit: str
    style: str
    start: int
    at: int
    is_duration: bool = False
    is_of: bool = False

    @property
    def number(self) -> float:
        """Its value without its unit; of a duration, seconds."""
        return seconds_of(self.value) if self.is_duration else float(self.value.replace(",", ""))


def fields_of(line: str) -> list[Field]:
    """Return the numbers of a line that stand under a key, the first of each key, in their order."""
    found: dict[str, Field] = {}
    for field in _every(line[:LONGEST_LINE]):
        found.setdefault(field.name, field)
    return list(found.values())


def _every(line: str) -> Iterator[Field]:
    path: list[str] = []
    for match in _FIELD.finditer(line):
        if match["open"] or match["inner"]:
            path.append(match["quoted"] if match["inner"] else "")
        elif match["close"]:
            del path[-1:]
        elif match["quoted"]:
            name = ".".join([*filter(None, path), match["quoted"]])
            yield Field(name, match["quoted_value"], "", "quoted", match.start(), match.start("quoted_value"))
        elif not SOURCES.search(match["key"]) and not (match["unit"] == "%" and line[match.end() :][:1] == "|"):
            style = next(name for name in SEPARATORS if match[name] is not None)
            value, unit = match["value"] or match["duration"], (match["unit"] or "").strip()
            is_duration = match["duration"] is not None
            at = match.start("duration" if is_duration else "value")
            yield Field(
                match["key"], value, unit, style, match.start("key"), at, is_duration, match["total"] is not None
            )


def seconds_of(duration: str) -> float:
    """Return the seconds of ``h:mm:ss``, ``mm:ss``, ``2 days, 9:23:39`` or ``1h02m03s``."""
    if ":" not in duration:
        return sum(float(number) * SECONDS.get(unit, 86400.0) for number, unit in _SPELLED.findall(duration))
    days, _, clock = duration.rpartition(", ")
    seconds = 86400.0 * float(days.split()[0]) if days else 0.0
    *larger, last = clock.split(":")
    for at, part in enumerate(reversed(larger), 1):
        seconds += float(part) * 60**at
    return seconds + float(last)


def pattern_of(name: str, style: str, *, is_tight: bool) -> str:
    """Return the pattern of a field in Rust's syntax: its first group is the number, its second the unit.

    Args:
        name: As `Field` has it; of the style ``bare`` the pattern of all before the number.
        style: As `Field` has it.
        is_tight: Whether its key is the end of another one's, and so has to be the first word since what is before.
    """
    return rf"{start_of(name, style, is_tight=is_tight)}({GROUPED}|{NUMBER})({UNITS})?(?:\s*/\s*\d+)?{END}"


def exact_pattern_of(name: str, style: str, unit: str, *, is_tight: bool) -> str:
    """Return a quicker pattern of a field, which takes it with this unit alone, and without commas."""
    return rf"{start_of(name, style, is_tight=is_tight)}({NUMBER}){re.escape(unit)}{END}"


def duration_pattern_of(name: str, style: str, *, is_tight: bool) -> str:
    """Return the pattern of a field that is written as ``h:mm:ss`` or ``2m30s``, and where it is short as ``30s``."""
    return rf"{start_of(name, style, is_tight=is_tight)}({DURATION}|\d+(?:\.\d+)?[smh])(?:[\s,;|)\]]|$)"


def start_of(name: str, style: str, *, is_tight: bool) -> str:
    """Return the pattern of what stands before a field's number."""
    if style == "bare":
        return name
    if style == "quoted":
        *outer, last = map(re.escape, name.split("."))
        inner = "".join(rf"[\"']{each}[\"']\s?:\s?\{{[^{{}}]*" for each in outer) + rf"[\"']{last}"
        either = rf"(?:[\"']{re.escape(name)}|{inner})" if outer else inner
        return rf"{either}[\"']\s?:\s?{WRAPPER}"
    before = r"(?:^|[,;|({\[\])}>:\t]|\s[-\s]|\d[%\w.]*\s)\s*" if is_tight else r"(?:^|[\s,;|({\[\])}>:])"
    return before + re.escape(name) + SEPARATORS[style] + WRAPPER


def shown(line: str) -> str:
    """Return a line as a message shows it."""
    line = " ".join(line.split())
    return line if len(line) <= 3 * SHORT else f"{line[: 2 * SHORT]} … {line[-SHORT:]}"
