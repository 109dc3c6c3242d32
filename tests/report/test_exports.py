"""Results as text for other programs: what a name holds is text there, and nothing else."""

import csv
import io

import pytest
from rich.text import Text

from milepost.report.exports import as_text
from milepost.report.plain import as_plain
from milepost.report.terminal import open_console
from tests.store.test_store import result


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_begins_as_a_formula_is_none_in_a_spreadsheet(begins: str) -> None:
    name = f"{begins}cmd|' /C calc'!A0"
    found = next(csv.DictReader(io.StringIO(as_text([result(name, final_smoothed_value=-1.5)], "csv"))))
    assert found["threshold"].startswith("'")
    assert found["final_smoothed_value"] == "-1.5"


def test_characters_that_end_a_line_or_are_obeyed_end_none() -> None:
    lines = as_text([result("a\rb\x1b[2J\x0bc\x85d"), result("e")], "csv").splitlines()
    assert len(lines) == 3
    assert "a b [2J c d" in lines[1]


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "&lt;b&gt;", "a|b", "`x`", "[a](javascript:b)", "~~x~~"]
)
def test_markdown_shows_a_name_as_it_is(name: str) -> None:
    markdown = pytest.importorskip("markdown_it")
    shown = markdown.MarkdownIt("gfm-like", {"linkify": False}).render(as_text([result(name)], "markdown"))
    cell = shown.split("<tbody>")[1].split("</td>")
    assert any(Text(name).plain in _unescaped(each) for each in cell)
    assert "<img" not in shown
    assert "<a " not in shown


def _unescaped(shown: str) -> str:
    import html

    return html.unescape(shown.rpartition(">")[2] if "<td" in shown else shown)


def test_terminal_shows_what_would_reorder_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    open_console().print(Text("safe\u202egnp.exe\u2069"))
    assert capsys.readouterr().out == "safe\\u202egnp.exe\\u2069\n"
    assert as_plain("a\x1b[31mb\tc\n") == "a[31mbc\n"
