"""The page, opened in Debian's Chromium as a file, without a network."""

import html
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from playwright.sync_api import Browser, Page

from milepost.cli import main
from milepost.report.page import page as write_page
from milepost.runs.record import Curve, CurvePoint, RunRecord
from tests.report.tracked import HOSTILE, copies

SECONDS = 60_000.0
"""What a chart may take to be drawn, on a machine that does much else; milliseconds."""


class Opened(NamedTuple):
    """A page in a browser, and what it did that it should not have."""

    page: Page
    faults: list[str]

    def chart(self, name: str) -> Any:
        return self.page.locator(f"figure[data-picture='{name}']")

    def marks(self, name: str, kind: str) -> int:
        """Count the drawn marks of a kind that have a place of their own."""
        return int(self.chart(name).locator(f".mark-{kind}.role-mark > path, .mark-{kind}.role-mark > line").count())

    def texts(self, name: str) -> list[str]:
        return [text for text in self.chart(name).locator("svg text").all_text_contents() if text]


@pytest.fixture(scope="module")
def file(every: list[RunRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of seeds with a failure, a preempted run of a hostile name, one without a price, one already there."""
    return write(tmp_path_factory.mktemp("page") / "report.html", every)


def write(file: Path, every: list[RunRecord]) -> Path:
    file.write_text(write_page(every, 0.0), encoding="utf-8")
    return file


@contextmanager
def opened(browser: Browser, file: Path, **context: Any) -> Iterator[Opened]:
    """Open a page offline; nothing that it does but draw may pass unseen, and all its first charts are drawn."""
    with browser.new_context(offline=True, **context) as tab:
        page = tab.new_page()
        faults: list[str] = []
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: faults.extend({f"asked: {asked.url}"} - {f"asked: {file.as_uri()}"}))
        page.goto(file.as_uri())
        wait_for_charts(page)
        yield Opened(page, faults)
        assert faults == []


def wait_for_charts(page: Page) -> None:
    """Wait until every chart that can be seen is drawn."""
    drawn = """() => [...document.querySelectorAll('figure:has(.chart)')]
        .filter((figure) => figure.checkVisibility()).every((figure) => figure.dataset.drawn !== undefined)"""
    page.wait_for_function(drawn, timeout=SECONDS)


def test_charts_are_drawn_with_a_mark_for_each_thing(browser: Browser, file: Path, every: list[RunRecord]) -> None:
    results = [result for record in every for result in record.results]
    with opened(browser, file) as report:
        assert report.marks("timeline", "symbol") == len(results)
        brackets = sum(result.achieved and not result.already_met for result in results)
        assert report.marks("timeline", "rule") == len(results) + brackets + 1  # ways, brackets, one preemption
        assert report.marks("efficiency", "symbol") == len(results)
        assert report.marks("cost_performance", "line") == 4 + 1  # a line a run that has a price, and the frontier
        assert report.marks("money", "rule") == 4
        assert report.marks("utilisation", "rule") == 2
        assert report.marks("run-0-ledger", "rect") == 1
        for name in ("timeline", "cost_performance", "efficiency", "utilisation", "money", "run-0-curves"):
            assert any("(" in text or "USD" in text or text == "samples" for text in report.texts(name)), name
        assert "1 of 2 reached it" in report.texts("efficiency")
        assert "≤" in report.texts("timeline")


def test_switches_work_from_the_keyboard(browser: Browser, file: Path) -> None:
    with opened(browser, file) as report:
        chart = report.chart("timeline")
        assert "samples" in report.texts("timeline")
        chart.get_by_label("samples", exact=True).focus()
        report.page.keyboard.press("ArrowRight")
        report.page.keyboard.press("ArrowRight")
        report.page.wait_for_function("document.querySelector('[data-picture=timeline]').dataset.drawn === '2'")
        assert "cost of training time (USD)" in report.texts("timeline")
        # The run without a price is not on the way over dollars: its two lanes are empty.
        assert report.marks("timeline", "symbol") == 8
        report.page.locator("#run").focus()
        report.page.keyboard.press("ArrowDown")
        wait_for_charts(report.page)
        assert report.page.locator("article:not([hidden])").get_attribute("aria-label") == "unpriced"
        assert report.page.locator("article:not([hidden]) figure[data-drawn]").count() == 2


def test_last_choice_wins_however_fast_it_is_made(browser: Browser, file: Path) -> None:
    with opened(browser, file) as report:
        chart = report.chart("efficiency")
        chart.get_by_label("minutes", exact=True).focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):  # round, and back to the last
            report.page.keyboard.press(key)
        report.page.wait_for_function("document.querySelector('[data-picture=efficiency]').dataset.drawn === '0'")
        assert "samples" in report.texts("efficiency")


def test_what_runs_are_called_stays_text(browser: Browser, file: Path) -> None:
    with opened(browser, file) as report:
        assert report.page.locator("img, figure b, table b, option b").count() == 0
        assert f"{HOSTILE} · <b>bold</b>" in report.texts("timeline")
        assert HOSTILE in report.page.locator("#run option").all_text_contents()
        report.page.locator("#run").select_option(label=HOSTILE)
        wait_for_charts(report.page)
        symbol = report.chart("timeline").locator(".mark-symbol.role-mark > path").nth(4)
        symbol.hover(force=True)
        tip = report.page.locator("#vg-tooltip-element.visible")
        tip.wait_for(timeout=SECONDS)
        assert HOSTILE in tip.inner_text()


def test_page_allows_no_script_but_its_own(browser: Browser, file: Path, tmp_path: Path) -> None:
    meddled = tmp_path / "meddled.html"
    script = "<script>document.title = 'taken over'</script><img src='http://127.0.0.1:9/x' onerror='alert(1)'>"
    meddled.write_text(file.read_text(encoding="utf-8").replace("<main>", f"<main>{script}"), encoding="utf-8")
    with browser.new_context(offline=True) as tab:
        page = tab.new_page()
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text))
        page.on("dialog", lambda dialog: pytest.fail(f"ran: {dialog.message}"))
        page.goto(meddled.as_uri())
        wait_for_charts(page)
        assert "taken over" not in page.title()
        assert sum("Content Security Policy" in text for text in refused) >= 2


def test_sums_are_those_of_results_to_the_cent(
    browser: Browser,
    file: Path,
    store: Path,
    every: list[RunRecord],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    def milepost(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["milepost", *arguments, "--store", str(store)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        return capsys.readouterr().out

    with opened(browser, file) as report:
        report.chart("money").locator("summary").click()
        rows = [cells(row) for row in report.chart("money").locator("tbody tr").all()]
        spent = {row[0]: dollars(row[2]) for row in rows}
        labels = [
            label.get_attribute("aria-label") or ""
            for label in report.chart("money").locator(".mark-rule.role-mark > line").all()
        ]
        drawn = [dollars(found[1]) for label in labels if (found := re.search(r", \$([\d,.]+)$", label))]
        timeline = [cells(row) for row in report.chart("timeline").locator("tbody tr").all()]
    totals: dict[str, float] = {}
    for record in every:
        if record.run.id == "unpriced":
            continue
        shown = milepost("results", record.run.id).partition("Where the money went")[2]
        for name, amount in re.findall(r"^ ?(\S.*?)  .*?\$([\d,.]+)", shown, re.MULTILINE):
            totals[name.strip()] = totals.get(name.strip(), 0.0) + dollars(amount)
    assert spent == {name: pytest.approx(total, abs=0.005) for name, total in totals.items()}
    assert sum(drawn) == pytest.approx(spent["total"], abs=0.005)
    markdown = milepost("results", "--format", "markdown").splitlines()[2:]
    kept_rows = [
        [html.unescape(re.sub(r"\\(.)", r"\1", cell.strip())) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in markdown
    ]
    assert timeline == kept_rows


def cells(row: Any) -> list[str]:
    return [text.strip() for text in row.locator("td").all_text_contents()]


def dollars(text: str) -> float:
    return float(text.strip("$*").replace(",", ""))


def test_page_fits_a_phone_follows_the_dark_and_prints(browser: Browser, file: Path) -> None:
    phone = {"width": 400, "height": 800}
    with opened(browser, file, viewport=phone, color_scheme="light") as report:
        assert report.page.evaluate("document.documentElement.scrollWidth") <= 400
        widest = "Math.max(...[...document.querySelectorAll('svg')].map((svg) => svg.getBoundingClientRect().right))"
        assert report.page.evaluate(widest) <= 400
        colour = "getComputedStyle(document.querySelector('.mark-text.role-mark text')).fill"
        light = report.page.evaluate(colour)
        report.page.emulate_media(color_scheme="dark")
        assert report.page.evaluate(colour) != light
        report.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        report.page.emulate_media(media="print")
        assert report.page.evaluate(colour) == "rgb(0, 0, 0)"
        assert report.chart("money").locator("table").is_visible()
        assert not report.page.locator("#run").is_visible()


def test_page_can_be_used_without_seeing_it(browser: Browser, file: Path) -> None:
    with opened(browser, file) as report:
        for figure in report.page.locator("figure:visible").all():
            title = figure.locator("h2, h3").inner_text()
            assert figure.locator(".chart").get_attribute("aria-label") == title
            assert figure.get_attribute("aria-labelledby") == figure.locator("h2, h3").get_attribute("id")
            assert figure.locator("details table tbody tr").count() > 0
        for field in report.page.locator("input, select").all():
            assert field.evaluate("(field) => field.labels.length") == 1


def test_without_scripts_the_tables_say_the_same(browser: Browser, file: Path) -> None:
    with browser.new_context(java_script_enabled=False) as tab:
        page = tab.new_page()
        page.goto(file.as_uri())
        page.locator("figure[data-picture='money'] summary").click()
        assert "lost work" in page.locator("figure[data-picture='money'] table").inner_text()


def test_no_run_one_run_and_a_run_without_anything(browser: Browser, every: list[RunRecord], tmp_path: Path) -> None:
    bare = msgspec.structs.replace(every[0], results=(), thresholds=(), curves=(), crossings={})
    cases: tuple[tuple[list[RunRecord], str], ...]
    cases = (([], "No runs as yet"), (every[:1], "seed-1"), (every[3:4], "price unknown"), ([bare], "no metric"))
    for runs, says in cases:
        with opened(browser, write(tmp_path / "report.html", runs)) as report:
            assert says in report.page.locator("body").inner_text()
            assert report.page.locator(".chart:empty").count() == 0


def test_runs_of_many_metrics_are_looked_at_one_by_one_as_far_as_the_page_stays_small(every: list[RunRecord]) -> None:
    curves = tuple(msgspec.structs.replace(every[0].curves[0], metric=f"m{at}") for at in range(5))
    html = write_page(copies(msgspec.structs.replace(every[0], curves=curves), 50), 0.0)
    assert html.count("<article ") == 20
    assert "The 20 runs that started last can be looked at here" in html


@pytest.mark.parametrize(("number", "length"), [(50, 2000), (1000, 100)])
def test_many_runs_make_a_page_that_is_still_small(
    browser: Browser, every: list[RunRecord], tmp_path: Path, number: int, length: int
) -> None:
    points = tuple(CurvePoint(at, at * 4096, at * 1.7, at / 377.0, at / 399.7) for at in range(length))
    curves = tuple(Curve(metric, every[0].curves[0].smoothing, 1, points) for metric in ("m", "loss"))
    runs = copies(msgspec.structs.replace(every[0], curves=curves), number)
    file = write(tmp_path / "report.html", runs)
    if number == 50:
        assert file.stat().st_size < 2_000_000
    with opened(browser, file) as report:
        assert report.marks("efficiency", "symbol") == 2 * number
        assert report.marks("timeline", "symbol") == 2 * min(number, 100)
        assert report.page.locator("#run option").count() == 50
