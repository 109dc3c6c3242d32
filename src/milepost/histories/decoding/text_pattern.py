"""Patterns that the user gives: regular expressions with named groups, each a column.

They are Rust's, as Polars has them: they take linear time on any line, and have no look-around and no back-references.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from milepost.errors import ConfigError

POSITIONS = {"step": "step", "samples": "samples", "epoch": "epoch", "elapsed": "elapsed", "time": "wall_time"}
"""What groups of these names are called as columns."""

GROUP = re.compile(r"\(\?P?<(?![=!])([^>]*)>")
NEAREST = 3
MOST_CHARACTERS = 2000


class Pattern(NamedTuple):
    """A pattern.

    Attributes:
        text: The expression.
        groups: Names of its groups.
    """

    text: str
    groups: tuple[str, ...]

    @property
    def columns(self) -> dict[str, str]:
        """The names of its groups by the name of their column."""
        return {POSITIONS.get(name, name): name for name in self.groups}


def checked(texts: Sequence[str]) -> tuple[Pattern, ...]:
    """Return patterns.

    Raises:
        ConfigError: One is no regular expression that Polars has, or has no group that is a column.
    """
    import polars

    found = []
    for text in texts:
        if len(text) > MOST_CHARACTERS:
            raise ConfigError(f"--pattern: found {len(text)} characters, expected {MOST_CHARACTERS} at most")
        try:
            polars.Series([""]).str.extract_groups(text)
        except polars.exceptions.PolarsError as error:
            said = " ".join(str(error).split()).removeprefix("regex error: ")
            raise ConfigError(
                f"--pattern: found '{text}', which is no regular expression as Rust has them (no look-around, no "
                f"back-references): {said}"
            ) from error
        groups = tuple(GROUP.findall(text))
        if not groups:
            raise ConfigError(
                f"--pattern: found no named group in '{text}', expected some, such as (?P<step>\\d+): "
                "step, samples, epoch, elapsed and time tell the position, any other name is a metric"
            )
        if not set(groups) - POSITIONS.keys() and len(texts) == 1:
            raise ConfigError(
                f"--pattern: found no metric among the groups of '{text}', expected one, as (?P<loss>\\S+)"
            )
        found.append(Pattern(text, groups))
    return tuple(found)


def nearest_lines(patterns: Sequence[Pattern], lines: Sequence[str]) -> list[str]:
    """Return the lines that look most like what patterns are to match: those that share most of their plain text."""
    plain = [re.sub(r"\(\?P?<[^>]*>|\\[a-zA-Z]|[\\()\[\]{}^$.*+?|]", " ", pattern.text) for pattern in patterns]

    def likeness(line: str) -> float:
        return max(SequenceMatcher(None, " ".join(text.split()), line[:200]).ratio() for text in plain)

    return sorted(lines, key=likeness, reverse=True)[:NEAREST]
