"""Tables of a key and a value a line, as trainers draw them on a console, one an update.

Stable-Baselines3 (2.9, ``common/logger.py``, ``HumanOutputFormat``), OpenAI's baselines (``logger.py``) and Spinning Up
(``logx.py``) rule them off with dashes above and below, as long as a line. Stable-Baselines3 writes ``rollout/`` on a
line of its own and indents the keys below it; keys beyond 36 characters (30 or 23 in baselines) end in ``...``.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from milepost.histories.decoding.console_lines import Segment, value_of

RULE = re.compile(r"-{10,4000}")
BETWEEN = " | "
INDENT = "   "
CUT = "..."
MAX_LINES = 2000
"""Of one table: what has more is none."""


class Drawn(NamedTuple):
    """A table that was drawn.

    Attributes:
        row: What it tells, by key.
        tagged: Whether keys stand below tags, as Stable-Baselines3 draws them.
    """

    row: dict[str, Any]
    tagged: bool


def drawn_tables(segments: Iterable[Segment], wanted: frozenset[str] | None = None) -> Iterator[Drawn]:
    """Yield the tables that are whole, in their order, with those keys that are wanted; all where None."""
    width, lines = 0, list[str]()
    for text, is_line in segments:
        if width and text[:2] == "| ":
            text = text.rstrip()
            if len(text) == width and text[-2:] == " |" and len(lines) < MAX_LINES:
                lines.append(text[2:-2])
                continue
        elif not text and not is_line:
            continue
        elif RULE.fullmatch(text := text.rstrip()):
            if lines and len(text) == width and (found := _table(lines, wanted)) is not None:
                yield found
            width, lines = len(text), []
            continue
        width, lines = 0, []


def _table(lines: list[str], wanted: frozenset[str] | None) -> Drawn | None:
    """Return the table that lines hold; None where they are in no two columns, or one has more than one."""
    first = lines[0]
    at = first.find(BETWEEN)
    while at >= 0 and not all(line.startswith(BETWEEN, at) for line in lines):
        at = first.find(BETWEEN, at + 1)
    if at < 0:
        return None
    pairs = [(line[:at], line[at + len(BETWEEN) :].strip()) for line in lines]
    tagged = any(_is_tag(*pair) for pair in pairs)
    tag, row, keys = "", dict[str, Any](), set[str]()
    for key, value in pairs:
        if tagged and _is_tag(key, value):
            tag = key.strip().removesuffix("/") + "/"
            continue
        name = tag + key.strip() if tagged and key.startswith(INDENT) else key.strip()
        if not name or name in keys:
            return None
        keys.add(name)
        if value and (wanted is None or name in wanted):
            row[name] = value_of(value)
    return Drawn(row, tagged)


def _is_tag(key: str, value: str) -> bool:
    """Say whether a line is that of a tag, below which keys stand: it has no value."""
    key = key.rstrip()
    return not value and key[:1] != " " and key.endswith(("/", CUT))
