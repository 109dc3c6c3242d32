"""Pictures of runs that count in several units, or whose start is not known: no axis has two units."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser

from milepost.report.pictures.cost_performance import cost_performance
from milepost.report.pictures.curves import curves
from milepost.report.pictures.efficiency import efficiency
from milepost.report.pictures.money import money
from milepost.report.pictures.picture import Picture
from milepost.report.pictures.timeline import timeline
from milepost.report.pictures.utilisation import utilisation
from milepost.report.plots import curve_plots
from milepost.runs.record import RunRecord
from tests.analysis.records import with_results
from tests.report.test_page import opened, wait_for_charts, write


def steps_of(record: RunRecord, **fields: Any) -> RunRecord:
    return with_results(record, samples_unit="steps", samples_source="_step", **fields)


def titles_of(picture: Picture) -> dict[tuple[str, ...], set[str]]:
    """Return the titles of the x axes of each chart of a picture."""
    return {key: titles_in(chart.to_dict(validate=False)["layer"]) for key, chart in picture.charts.items()}


def titles_in(layers: Sequence[dict[str, Any]]) -> set[str]:
    return {layer["encoding"]["x"]["title"] for layer in layers if "title" in layer["encoding"].get("x", {})}


@pytest.mark.parametrize("draw", [timeline, efficiency])
def test_axis_is_named_after_what_is_counted(draw: Any, every: list[RunRecord]) -> None:
    picture = draw([steps_of(record) for record in every])
    assert [choice for (choice,) in picture.charts] == ["steps", "minutes", "dollars"]
    assert titles_of(picture)["steps",] == {"steps"}
    assert "steps" in picture.table.columns
    assert "samples" not in picture.table.columns


@pytest.mark.parametrize("draw", [timeline, efficiency])
def test_no_axis_has_two_units(draw: Any, every: list[RunRecord]) -> None:
    first, second = every[0], steps_of(every[1])
    picture = draw([first, second])
    assert [choice for (choice,) in picture.charts] == ["samples", "steps", "minutes", "dollars"]
    assert [titles_of(picture)[name,] for name in ("samples", "steps")] == [{"samples"}, {"steps"}]
    dots = [row for name in ("crossings", "reached", "open") for row in picture.data.get(name, ())]
    assert {row["run"] for row in dots if row.get("samples") is not None} == {"seed-1"}
    assert {row["run"] for row in dots if row.get("steps") is not None} == {"seed-2"}
    said = "What is counted differs, and has an axis for each unit: samples (1 run), steps (1 run)"
    assert any(note.startswith(said) for note in picture.notes)
    at = picture.table.columns.index("count")
    assert {row[at].split()[-1] for row in picture.table.rows if row[at] != "–"} == {"samples", "steps"}


def test_runs_that_count_nothing_are_not_drawn_over_samples(every: list[RunRecord]) -> None:
    uncounted = with_results(every[0], samples_unit=None, samples_to_threshold=None)
    picture = timeline([uncounted, every[1]])
    assert {row["run"] for row in picture.data["extents"] if row.get("samples") is not None} == {"seed-2"}
    assert "1 run with no known samples: not drawn over samples." in picture.notes
    assert [choice for (choice,) in timeline([uncounted]).charts] == ["minutes", "dollars"]


def test_lower_bounds_are_marked_over_time_and_exact_over_samples(every: list[RunRecord]) -> None:
    late = with_results(every[0], start_known=False, bound="lower")
    for data in (timeline([late]).data["crossings"], efficiency([late]).data["reached"]):
        assert {(row["bound"], row["bound_of_samples"]) for row in data} == {("≥", "")}
    for data in (cost_performance([late]).data["crossings0"], curves(late).data["crossings0"]):
        assert {row["bound"] for row in data} == {"≥"}
    said = "Minutes and dollars of 1 run are lower bounds (≥): when they began, or went on, is not known."
    for picture in (efficiency([late]), cost_performance([late]), curves(late), money([late]), utilisation([late])):
        assert said in picture.notes
    assert any(note.startswith("≥ lower bounds: when the run began") for note in timeline([late]).notes)
    # 0.06 a second: 2 is met at 34 s, at a dollar a second.
    near, *_ = timeline([late]).table.rows
    assert near[5:9] == ("340", "≥ 0.57", "≥ 34.0000", "≥ 64.0000")
    assert cost_performance([late]).table.rows[0][-1] == "≥ $100.00"
    assert curves(late).table.rows[-1][1:4] == ("1,000", "≥ 1.67", "≥ $100.00")


def test_reasons_stand_below_the_timeline(every: list[RunRecord]) -> None:
    steps = steps_of(every[0], uncounted_because="tokens is no counter: it falls")
    assert any("steps (_step), not samples: tokens is no counter: it falls" in note for note in timeline([steps]).notes)


def test_curves_are_over_what_their_metric_counts(every: list[RunRecord]) -> None:
    record = every[0]
    loss = msgspec.structs.replace(record.curves[0], metric="loss")
    watched = msgspec.structs.replace(record.thresholds[0], name="loss", metric="loss")
    result = msgspec.structs.replace(record.results[0], threshold="loss", metric="loss", samples_unit="epochs")
    both = msgspec.structs.replace(
        record,
        thresholds=(*record.thresholds, watched),
        results=(*record.results, result),
        curves=(*record.curves, loss),
    )
    picture = curves(both)
    assert [switch.options for switch in picture.switches] == [
        ("m (raw)", "loss (raw)"),
        ("samples", "minutes", "dollars", "epochs"),
    ]
    assert ("loss (raw)", "samples") not in picture.charts
    assert picture.choose(metric="loss (raw)") == ("loss (raw)", "epochs")
    assert picture.choose() == ("m (raw)", "samples")
    assert titles_of(picture)["loss (raw)", "epochs"] == {"epochs"}
    assert {row[1].split()[-1] for row in picture.table.rows} == {"samples", "epochs"}
    plots = [plot.plain for plot in curve_plots(both, 80)]
    assert ["over samples" in plots[0], "over epochs" in plots[1]] == [True, True]


def test_page_has_an_axis_for_each_unit_and_marks_lower_bounds(
    browser: Browser, every: list[RunRecord], tmp_path: Path
) -> None:
    runs = [every[0], steps_of(every[1], start_known=False, bound="lower")]
    with opened(browser, write(tmp_path / "report.html", runs)) as report:
        chart = report.chart("timeline")
        assert "samples" in report.texts("timeline")
        assert report.marks("timeline", "symbol") == 2  # seed-1 alone
        assert "≥" not in report.texts("timeline")
        chart.get_by_label("steps", exact=True).check()
        report.page.wait_for_function("document.querySelector('[data-picture=timeline]').dataset.drawn === '1'")
        wait_for_charts(report.page)
        assert "steps" in report.texts("timeline")
        assert report.marks("timeline", "symbol") == 2  # seed-2 alone: two is met, five is not
        assert "≥" not in report.texts("timeline")
        chart.get_by_label("minutes", exact=True).check()
        report.page.wait_for_function("document.querySelector('[data-picture=timeline]').dataset.drawn === '2'")
        assert report.marks("timeline", "symbol") == 4
        assert report.texts("timeline").count("≥") == 1
        summary = report.page.locator("main table").first.inner_text()
        # seed-2 climbs 0.03 a second: it meets 2 after 67 s or more; seed-1 after 34 s.
        assert "0.57 min (seed-1)" in summary
        assert "≥" not in summary
        cells = report.page.locator("figure[data-picture='timeline'] table td").all_text_contents()
        assert {"340 samples", "670 steps", "≥ 1.12"} <= {cell.strip() for cell in cells}
