"""Shapes of lines: what stands before the first number, and which numbers follow, told from a sample of lines."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import polars

from milepost.histories.decoding.text_fields import (
    LONGEST_LINE,
    SEPARATORS,
    Field,
    duration_pattern_of,
    exact_pattern_of,
    fields_of,
    pattern_of,
    start_of,
)
from milepost.histories.decoding.text_stamps import KINDS, MOST_BEFORE, stamp_of

LEAST_LINES = 3
"""So many lines of one shape, each with a counter and another number, are a log."""

EXAMPLES = 3
"""So many lines that differ in their digits alone are looked at."""

MOST_KINDS = 2000
MOST_FIELDS = 500

EVALUATION = re.compile(r"(?i)(?<![a-z])(eval|evaluation|val|valid|validation|test|testing)(?![a-z])")
ENDS_AS_CODE = re.compile(r";\s*$")
"""Without a stamp: OpenNMT ends its lines so too."""
REFUSED = re.compile(r"\s*(?:[#<>\"'$]|//|--|[-+] |%)")
CODE = re.compile(r"\bprint\w*\(|\bdef \w+\(|\breturn\b|\bimport\b|[{\[(]\s*$|[=+!<>]=|[}\]]\s*,\s*$|^\s*[}\]]")
RANK = re.compile(
    r"^\s*(?:\[?(?:[rR]ank|RANK|default)[ _:=]?(?P<a>\d+)\]?(?=[\]:\s|,])|(?P<b>\d{1,4}): |\[\d+,(?P<c>\d+)\]<\w+>:)"
)
"""What torchrun, Slurm and MPI put before a process's lines."""

IN_EPOCH = (
    r"(?:[eE]poch|EPOCH|Train)\s*(?:\(train\))?\s*[:=#]?\s*\[?\s*(\d+)\s*(?:/\s*\d+\s*)?\]?[\s:,|\-]*(?:\d+%\|[^|]*\|\s*)?"
    r"\[?(?:(?:[sS]tep|[bB]atch|[iI]ter|[iI]teration|[iI]t)\s*[:=]?\s*)?[\[(]?\s*(\d+)\s*/\s*(\d+)(?:[\]\s(:,|<)]|$)"
)
"""``Epoch [1/10], Step [100/600]``, ``Epoch(train) [1][ 100/1000]``, ``epoch 001: 100 / 2000``: a place in an epoch."""

LLM_C = {"tel", "trl"}
"""The test's and the training's loss in logs of llm.c, where ``s`` is the step."""

BAR = r"%\|[^|]*\|"
METER = r"\[[\d:]+<[\d:?]+,\s+\S+"
"""What tqdm draws, and how far it had come, which differ from line to line."""

_PIECE = re.compile(rf"(?P<bar>{BAR})|(?P<meter>{METER})|\x00+|\d+|\s+|.", re.DOTALL)
_DIGITS = r"[-+]?[\d.,]*\d(?:[eE][-+]?\d+)?"


class Column(msgspec.Struct, frozen=True):
    """A number of a shape, as a column.

    Attributes:
        key: What the log calls it.
        style: As `Field` has it.
        unit: What is written after it in the first line.
        is_tight: Whether its key ends another one.
        is_duration: Whether it is written as ``h:mm:ss``.
    """

    key: str
    style: str
    unit: str = ""
    is_tight: bool = False
    is_duration: bool = False

    @property
    def exact(self) -> str:
        """The quicker pattern of its number."""
        return exact_pattern_of(self.key, self.style, self.unit, is_tight=self.is_tight)

    @property
    def any(self) -> str:
        """The pattern of its number with any unit."""
        return pattern_of(self.key, self.style, is_tight=self.is_tight)

    @property
    def duration(self) -> str:
        """The pattern of its duration."""
        return duration_pattern_of(self.key, self.style, is_tight=self.is_tight)

    @property
    def start(self) -> str:
        """The pattern of what stands before it."""
        return start_of(self.key, self.style, is_tight=self.is_tight)


class Shape(msgspec.Struct, frozen=True):
    """Lines that begin alike.

    Attributes:
        pattern: What they match, in Rust's syntax.
        first: Their first key, with what stands after it.
        example: The first of them.
        columns: Their numbers by the name of their column.
        counters: Which columns count.
        lines: How many of the sample are of it.
        stamp: Form of their time stamps, and the pattern whose first group is one; None where there are none.
        in_epoch: Whether they tell a place in an epoch.
        evaluation: The word by which they say that they are of an evaluation; None where they don't.
    """

    pattern: str
    first: str
    example: str
    columns: dict[str, Column]
    counters: tuple[str, ...]
    lines: int
    stamp: tuple[str, str] | None = None
    in_epoch: bool = False
    evaluation: str | None = None

    @property
    def counts(self) -> bool:
        """Whether its lines say how far training had come."""
        return bool(self.counters) or self.in_epoch


class Naming(NamedTuple):
    """What a key is called as a column, whether that counts, and whether it may tell a position at all."""

    column: str
    is_counter: bool
    is_position: bool = False


class _Lines:
    """Lines of one shape, while they are collected."""

    def __init__(self, line: str) -> None:
        self.example = line
        self.fields: dict[str, list[Field]] = {}
        self.lines = 0
        self.with_other: Counter[str] = Counter()
        self.stamp: tuple[str, str] | None = None
        self.in_epoch = 0
        self.rank: int | None = None


def sampled(lines: polars.Series) -> list[tuple[str, int]]:
    """Return lines that may tell a number under a key: of those alike but for digits the first few, and how many."""
    may = lines.filter(lines.str.contains(r"[^\W\d].*[\d]|[nN]a[nN]") & (lines.str.len_bytes() < LONGEST_LINE))
    if not len(may):
        return []
    kinds = polars.DataFrame({"line": may, "kind": may.str.replace_all(_DIGITS, "#").str.replace_all(r"\s+", " ")})
    every = kinds.group_by("kind", maintain_order=True).agg(
        polars.col("line").head(EXAMPLES), polars.len().alias("count")
    )
    counting = every["kind"].str.contains(r"(?i)step|iter|epoch|update|sample|token|episode|round|batch|\bs:#|\bit\b")
    kept = polars.concat([every.filter(counting).head(MOST_KINDS), every.filter(~counting).head(MOST_KINDS // 4)])
    found = []
    for _, examples, count in kept.iter_rows():
        found += [(line, count // len(examples) + (at < count % len(examples))) for at, line in enumerate(examples)]
    return found


def shapes_of(lines: Iterable[tuple[str, int]], naming: Callable[[str], Naming]) -> list[Shape]:
    """Return the shapes of lines, those first that have the most lines.

    Args:
        lines: Lines, and of how many each is an example.
        naming: Says what a key is called as a column.
    """
    found: dict[tuple[str, str, str], _Lines] = {}
    for line, count in lines:
        _add(found, line, count, naming)
    first_ranks: dict[str, int] = {}
    for (leader, *_), each in found.items():
        if each.rank is not None:
            rest = _without_rank(leader)
            first_ranks[rest] = min(each.rank, first_ranks.get(rest, each.rank))
    shapes = []
    for (leader, _, _), each in found.items():
        if each.rank is None or each.rank == first_ranks[_without_rank(leader)]:
            shapes.append(_shape(leader, each, naming))
    return sorted(shapes, key=lambda shape: -shape.lines)


def _add(found: dict[tuple[str, str, str], _Lines], line: str, count: int, naming: Callable[[str], Naming]) -> None:
    if REFUSED.match(line) or CODE.search(line):
        return
    stamp = stamp_of(line)
    if stamp is None and ENDS_AS_CODE.search(line):
        return
    masked = line if stamp is None else line[: stamp.start] + "\0" * (stamp.end - stamp.start) + line[stamp.end :]
    fields = fields_of(masked)
    if not fields or fields[0].start > MOST_BEFORE + 40:
        return
    if stamp is not None and stamp.start > fields[0].start:
        stamp = None
        fields = fields_of(line)
    rank = RANK.match(line)
    first = fields[0]
    leader = _generalised(masked[: first.start], 0 if rank is None else rank.end(), stamp and KINDS[stamp.kind])
    lines = found.setdefault((leader, first.name, first.style), _Lines(line))
    lines.lines += count
    if rank is not None:
        lines.rank = int(next(filter(None, rank.groups())))
    if stamp is not None:
        before = _generalised(masked[: stamp.start], 0 if rank is None else rank.end(), None)
        lines.stamp = stamp.kind, f"^{before}({KINDS[stamp.kind]})"
    lines.in_epoch += count * (re.search(IN_EPOCH, masked) is not None)
    counters = {field.name for field in fields if naming(field.name).is_counter}
    for field in fields:
        if field.name in lines.fields or len(lines.fields) < MOST_FIELDS:
            lines.fields.setdefault(field.name, []).append(field)
            if counters - {field.name} or lines.in_epoch:
                lines.with_other[field.name] += count


def _shape(leader: str, lines: _Lines, naming: Callable[[str], Naming]) -> Shape:
    columns: dict[str, Column] = {}
    counters = []
    names = list(lines.fields)
    for name, fields in lines.fields.items():
        column, is_counter, _ = naming(name)
        first = fields[0]
        columns.setdefault(
            column,
            Column(
                name,
                first.style,
                first.unit,
                any(other.endswith(f" {name}") for other in names),
                any(field.is_duration for field in fields),
            ),
        )
        if is_counter:
            counters.append(column)
    common = not lines.example.lstrip().startswith("* ") and any(
        lines.with_other[name] >= LEAST_LINES for name in names
    )
    if LLM_C & columns.keys() and "s" in columns and lines.lines >= LEAST_LINES:
        columns = {"step" if name == "s" else name: column for name, column in columns.items()}
        common = True
        counters.append("step")
    first = next(iter(lines.fields.values()))[0]
    start = r"[\"']" if first.style == "quoted" else ""
    separator = r"[\"']\s?:" if first.style == "quoted" else SEPARATORS[first.style]
    evaluation = EVALUATION.search(lines.example[: first.start] + first.name.partition("(")[0] + " ")
    in_val = re.match(r"\w+\((val|test)\)", first.name)
    word = in_val[1] if in_val else evaluation[1].lower() if evaluation and not counters_at(first.name) else None
    return Shape(
        pattern=f"^{leader}{start}{re.escape(first.name)}{separator}",
        first=lines.example[first.start : first.at].rstrip() + " " * (first.style == "space"),
        example=lines.example,
        columns=columns,
        counters=tuple(counters) if common else (),
        lines=lines.lines,
        stamp=lines.stamp,
        in_epoch=common and lines.in_epoch >= LEAST_LINES and 2 * lines.in_epoch >= lines.lines,
        evaluation=word,
    )


def counters_at(name: str) -> bool:
    """Say whether a key names where training stands: ``validation loss at iteration``."""
    return re.search(r"(?i) at (?:step|iter|iteration|epoch|update)$", name) is not None


def _generalised(text: str, literal: int, stamp: str | None) -> str:
    """Return the pattern of what stands before a line's first key: any digits, any spaces, and a stamp of a form.

    Args:
        text: What stands there.
        literal: How many of its characters are to be as they are.
        stamp: The pattern of its stamp, which is masked by NULs.
    """
    parts = []
    at = 0
    for match in _PIECE.finditer(text):
        piece, at = match[0], match.start()
        if piece[0] == "\0":
            parts.append(stamp or "")
        elif match["bar"] or match["meter"]:
            parts.append(BAR if match["bar"] else METER)
        elif piece.isdigit() and at >= literal:
            parts.append(r"\d+")
        elif piece.isspace():
            parts.append(r"\s*" if match.end() == len(text) or at == 0 else r"\s+")
        else:
            parts.append(re.escape(piece))
    return "".join(parts)


def _without_rank(leader: str) -> str:
    return re.sub(r"\d+", "", leader, count=1)
