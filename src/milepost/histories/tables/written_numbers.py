"""Numbers as people and spreadsheets write them: ``1,234.5``, ``1.234,5``, ``0,91``, ``93 %``.

What a comma is, and a point, is told by what all of a column holds, else by what all of its file does. Where that
leaves a doubt (``1,234`` and nothing else) nothing is read, and that is said.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import polars

GROUPED = r"[ '_\x{a0}\x{202f}\x{2009}]"
"""What only ever sets thousands apart."""

SIGNED = r"^[+-]?"
COMMA_IS_DECIMAL = (
    SIGNED + r"(\d*|\d{1,3}(\.\d{3})+|\d{1,3}(" + GROUPED + r"\d{3})+),(\d{1,2}|\d{4,})([eE][+-]?\d+)?$",
    SIGNED + r"(0|\d{4,}|\d{1,3}(\.\d{3})+|\d{1,3}(" + GROUPED + r"\d{3})+),\d{3}$",
    SIGNED + r"[1-9]\d{0,2}(\.\d{3}){2,}$",
)
POINT_IS_DECIMAL = (
    SIGNED + r"\d*\.(\d{1,2}|\d{4,})?$",
    SIGNED + r"(0|\d{4,})?\.\d{3}$",
    SIGNED + r"\d*\.\d+[eE][+-]?\d+$",
    SIGNED + r"\d{1,3}(,\d{3})+\.\d*$",
    SIGNED + r"[1-9]\d{0,2}(,\d{3}){2,}$",
)
EITHER_COMMA = SIGNED + r"[1-9]\d{0,2},\d{3}$"
EITHER_POINT = SIGNED + r"[1-9]\d{0,2}\.\d{3}$"
OF_GROUPS = SIGNED + r"\d{1,3}(" + GROUPED + r"\d{3})+([.,]\d*)?$"
PERCENT = r"\s*%$"
PLAIN = SIGNED + r"\.?\d[\d.,eE+-]*$"

VALID = {
    ",": SIGNED + r"(\d*|\d{1,3}(\.\d{3})+|\d{1,3}(" + GROUPED + r"\d{3})+)(,\d*)?([eE][+-]?\d+)?$",
    ".": SIGNED + r"(\d*|\d{1,3}(,\d{3})+|\d{1,3}(" + GROUPED + r"\d{3})+)(\.\d*)?([eE][+-]?\d+)?$",
}
MARKS = re.compile(rb"\d[,'_]\d|\d\.\d{3}\.\d|\d \d{3}|\d(?:\xc2\xa0|\xe2\x80[\xaf\x89])\d|\d\s*%")
QUOTED_MARKS = re.compile(
    rb'"[^"\n]{0,30}?\d(?:,\d|\.\d{3}\.)|\d[\'_]\d{3}|\d \d{3}|\d(?:\xc2\xa0|\xe2\x80[\xaf\x89])\d|\d\s*%'
)


class Seen(NamedTuple):
    """How the numbers of a column are written, as far as it was read.

    Attributes:
        comma: Whether any shows that a comma sets decimals apart.
        point: Whether any shows that a point does.
        either: One of which it can't be told what its comma is; None where there is none.
        either_point: Whether there is one of which it can't be told what its point is.
        percent: Whether any has a percent sign.
        plain: Whether any has none.
        grouped: Whether any has thousands set apart otherwise.
    """

    comma: bool = False
    point: bool = False
    either: str | None = None
    either_point: bool = False
    percent: bool = False
    plain: bool = False
    grouped: bool = False

    def with_more(self, column: polars.Series) -> "Seen":
        """Return it with what a further part of the column shows."""
        text = column.drop_nulls().str.strip_chars()
        is_percent = text.str.contains(PERCENT)
        bare = text.str.replace(PERCENT, "")
        return Seen(
            self.comma or any(bare.str.contains(each).any() for each in COMMA_IS_DECIMAL),
            self.point or any(bare.str.contains(each).any() for each in POINT_IS_DECIMAL),
            self.either or bare.filter(bare.str.contains(EITHER_COMMA)).first(),  # type: ignore[arg-type]
            self.either_point or bool(bare.str.contains(EITHER_POINT).any()),
            self.percent or bool((is_percent & bare.str.contains(PLAIN)).any()),
            self.plain or bool((~is_percent & bare.str.contains(PLAIN)).any()),
            self.grouped or bool(bare.str.contains(OF_GROUPS).any()),
        )


class Style(NamedTuple):
    """How the numbers of a column are written.

    Attributes:
        decimal: What sets decimals apart; None where they are as Python writes them.
        is_percent: Whether all have a percent sign.
    """

    decimal: str | None
    is_percent: bool = False

    def plain(self, column: polars.Series) -> polars.Series:
        """Return a column with its numbers as Python writes them; any other text stays as it is."""
        text = column.str.strip_chars()
        if self.is_percent:
            text = text.str.replace(PERCENT, "")
        decimal = self.decimal or "."
        is_valid = text.str.contains(VALID[decimal]) & text.str.contains(r"\d")
        plain = text.str.replace_all(GROUPED if decimal == "." else rf"\.|{GROUPED}", "")
        plain = plain.str.replace_all(",", "" if decimal == "." else ".", literal=True)
        return column.zip_with(~is_valid.fill_null(False), plain)


def styles(seen: Mapping[str, Seen]) -> tuple[dict[str, Style], dict[str, list[str]]]:
    """Return how the numbers of columns are written that are not as Python writes them, and what is to be said of them.

    Args:
        seen: What all of each column showed.
    """
    comma = any(each.comma and not each.point for each in seen.values())
    point = any(each.point and not each.comma for each in seen.values())
    found: dict[str, Style] = {}
    notes: dict[str, list[str]] = {name: [] for name in seen}
    for name, each in seen.items():
        decimal: str | None = None
        doubtful = each.either is not None or (each.either_point and comma)
        if each.comma and each.point:
            notes[name].append(f"{name!r} has commas and points before decimals: what has a comma is not read")
        elif each.comma:
            decimal = ","
        elif each.point:
            decimal = "."
        elif doubtful and comma != point:
            decimal = "," if comma else "."
        elif each.either is not None:
            notes[name].append(
                f"{name!r} holds {each.either!r}, and nothing in the file tells whether its comma sets thousands or "
                f"decimals apart: not read"
            )
        is_percent = each.percent and not each.plain
        if each.percent:
            notes[name].append(
                f"{name!r} is written with percent signs: 93% is read as 93"
                if is_percent
                else f"{name!r} is written with and without percent signs: what has one is not read"
            )
        if decimal is not None or is_percent or each.grouped:
            found[name] = Style(decimal, is_percent)
    return found, notes
