"""Results as text for other programs and for papers: JSON lines, CSV, Markdown, LaTeX."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from milepost.report.cells import NUMBERS, table
from milepost.tracking.result import SCHEMA_VERSION, ThresholdResult

Format = Literal["csv", "markdown", "latex"]
FORMATS: tuple[Format, ...] = ("csv", "markdown", "latex")

KEYS: tuple[str, ...] = ("schema_version", *ThresholdResult.__struct_fields__)

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Ends of lines, and whatever else a terminal obeys."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of one."""

LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
}


def as_json(result: ThresholdResult, **more: Any) -> str:
    """Return a result as one line of JSON, with what else is to be told."""
    return msgspec.json.encode(_keyed(result) | more).decode()


def as_text(results: Iterable[ThresholdResult], format: Format) -> str:
    """Return results in a format, a row each."""
    if format == "csv":
        return _csv(results)
    columns, rows = table(list(results))
    return _markdown(columns, rows) if format == "markdown" else _latex(columns, rows)


def _keyed(result: ThresholdResult) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION} | msgspec.structs.asdict(result)


def _csv(results: Iterable[ThresholdResult]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, KEYS, lineterminator="\n")
    writer.writeheader()
    for result in results:
        keyed = _keyed(result)
        writer.writerow({key: _in_csv(value) for key, value in keyed.items()})
    return text.getvalue()


def _in_csv(value: object) -> object:
    """Return a cell that a spreadsheet takes for what it is: text that begins as a formula does gets a ``'`` before it.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    plain = CONTROL.sub(" ", value)
    return f"'{plain}" if value.startswith(FORMULA) else plain


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = " | ".join(["---"] * (len(columns) - NUMBERS) + ["---:"] * NUMBERS)
    body = "".join(f"| {' | '.join(_in_markdown(cell) for cell in row)} |\n" for row in rows)
    return f"| {' | '.join(columns)} |\n| {rule} |\n{body}"


def _in_markdown(cell: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]#|~$!])", r"\\\1", CONTROL.sub(" ", cell))
    return re.sub(r"&(?=#|\w+;)", "&amp;", escaped).replace("<", "&lt;")  # not every reader takes \< for a <


def _latex(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [r"\begin{tabular}{lllllrrrrr}", r"\toprule", f"{' & '.join(columns)} \\\\", r"\midrule"]
    lines += [f"{' & '.join(_in_latex(cell) for cell in row)} \\\\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _in_latex(cell: str) -> str:
    return "".join(LATEX.get(character, character) for character in CONTROL.sub(" ", cell))
