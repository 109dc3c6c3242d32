"""What the pictures show, against figures worked out by hand: their data, their notes and their tables."""

from typing import Any

import msgspec
import pytest

from milepost.money.breakdown import spending
from milepost.money.costs import cost_lines, costs_along
from milepost.money.extra_costs import Network, Storage
from milepost.money.instance import Instance
from milepost.money.ledger import Ledger
from milepost.money.position import Position
from milepost.money.quote import BillingRule
from milepost.report.amounts import usd
from milepost.report.cells import row
from milepost.report.figures import NAMES
from milepost.report.pictures import OF_ONE_RUN, PICTURES
from milepost.report.pictures.cost_performance import cost_performance
from milepost.report.pictures.curves import curves
from milepost.report.pictures.data import thinned
from milepost.report.pictures.efficiency import efficiency
from milepost.report.pictures.ledger import ledger as ledger_picture
from milepost.report.pictures.money import money
from milepost.report.pictures.picture import Picture
from milepost.report.pictures.targets import target_rows
from milepost.report.pictures.timeline import MOST_RUNS, timeline
from milepost.report.pictures.utilisation import utilisation
from milepost.runs.record import RunRecord
from milepost.tracking.result import ThresholdResult
from tests.helpers import START, ledger, quote, threshold
from tests.report.tracked import HOSTILE, copies


def rows_of(picture: Picture, data: str, **wanted: Any) -> list[dict[str, Any]]:
    return [row for row in picture.data[data] if all(row[key] == value for key, value in wanted.items())]


def test_timeline_has_crossings_brackets_open_ends_and_preemptions(every: list[RunRecord]) -> None:
    picture = timeline(every)
    (crossing,) = rows_of(picture, "crossings", run="seed-1", threshold="two")
    # The metric is 0.06 a second: 2 is reached at 34 s (340 samples), after 33 s; a second costs a dollar.
    assert (crossing["samples"], crossing["after_samples"]) == (340, 330)
    assert (crossing["minutes"], crossing["usd"]) == pytest.approx((34 / 60, 34.0))
    (stopped,) = rows_of(picture, "open", run="seed-2")
    assert (stopped["threshold"], stopped["samples"]) == ("five", 1200)
    (stop,) = picture.data["stops"]
    assert (stop["run"], stop["why"], stop["samples"], stop["usd"]) == (HOSTILE, "preempted", 600, pytest.approx(60.0))
    assert {row["run"] for row in rows_of(picture, "crossings", bound="≤")} == {"ready"}
    assert [choice for (choice,) in picture.charts] == ["samples", "minutes", "dollars"]
    results = [result for record in every for result in record.results]
    assert picture.table.rows == tuple(map(row, results))


def test_every_run_counts_in_what_a_threshold_took(every: list[RunRecord]) -> None:
    picture = efficiency(every)
    labels = [label["label"] for label in picture.data["labels"]]
    assert labels[labels.index("five · seeds") + 1] == "1 of 2 reached it"
    assert len(picture.data["reached"]) + len(picture.data["open"]) == sum(len(record.results) for record in every)
    (stopped,) = rows_of(picture, "open", group="seeds")
    assert (stopped["run"], stopped["samples"], stopped["usd"]) == ("seed-2", 1200, pytest.approx(120.0))
    assert "1 run with no known dollars: not drawn over dollars, yet counted in “k of n”." in picture.notes


def test_run_that_logged_nothing_is_drawn_where_it_stopped(every: list[RunRecord]) -> None:
    first = every[1].ledger.segments[0]
    book = msgspec.structs.replace(every[1].ledger, segments=(msgspec.structs.replace(first, marks=first.marks[:1]),))
    silent = msgspec.structs.replace(every[1], ledger=book, results=(_unreached(every[1]),))
    for part in (timeline([silent]).data["open"], efficiency([silent]).data["open"]):
        assert [(row["samples"], row["minutes"], row["usd"]) for row in part] == [(0, 0.0, 0.0)]
    replayed = msgspec.structs.replace(silent, run=msgspec.structs.replace(silent.run, status="replayed"))
    assert timeline([replayed]).data["open"][0]["samples"] is None  # a log may count none


def _unreached(record: RunRecord) -> ThresholdResult:
    (result,) = (result for result in record.results if not result.achieved)
    return result


def test_what_is_not_drawn_or_assumed_is_said(every: list[RunRecord]) -> None:
    assert timeline(every).notes == ("1 run with no known dollars: not drawn over dollars.",)
    (segment,) = every[1].ledger.segments
    assert segment.quote is not None
    assumed = msgspec.structs.replace(segment, quote=msgspec.structs.replace(segment.quote, assumed=True))
    one = msgspec.structs.replace(every[1], ledger=msgspec.structs.replace(every[1].ledger, segments=(assumed,)))
    for draw in (timeline, cost_performance, efficiency):
        assert "Dollars of 1 run are at an assumed price (*)." in draw([one]).notes


def test_thresholds_of_one_name_and_two_targets_are_two(every: list[RunRecord]) -> None:
    other = tuple(msgspec.structs.replace(result, target_value=7.0) for result in every[1].results[1:])
    picture = efficiency([every[0], msgspec.structs.replace(every[1], results=other)])
    shown = [label["label"] for label in picture.data["labels"]]
    assert shown[2:] == [
        *("five (m >= 5) · seeds", "1 of 1 reached it"),
        *("five (m >= 7) · seeds", "0 of 1 reached it"),
    ]


def test_thresholds_that_were_met_from_the_start_bear_a_mark_in_every_picture(every: list[RunRecord]) -> None:
    ready = every[4]
    parts = (
        *(timeline([ready]).data["crossings"], efficiency([ready]).data["reached"]),
        *(cost_performance([ready]).data["crossings0"], curves(ready).data["crossings0"]),
    )
    assert [{row["bound"] for row in part} for part in parts] == [{"≤"}] * 4
    assert {row["bound"] for row in curves(every[0]).data["crossings0"]} == {""}


def test_frontier_is_the_cheapest_way_to_each_level(every: list[RunRecord]) -> None:
    picture = cost_performance(every[:2])
    frontier = picture.data["frontier0"]
    spent, values = ([step[key] for step in frontier] for key in ("usd", "value"))
    assert spent == sorted(spent)
    assert values == sorted(values)
    # seed-1 is the better one for every dollar up to its end at 100; nothing that seed-2 does beats its 6.
    assert (values[-2], spent[-1], values[-1]) == (6.0, pytest.approx(120.0), 6.0)
    (crossing,) = rows_of(picture, "crossings0", run="seed-1", threshold="five")
    assert (crossing["usd"], crossing["value"]) == pytest.approx((84.0, 5.04))
    assert {line["group"] for line in picture.data["lines0"]} == {"seeds"}


def test_lines_stand_where_the_dollars_of_results_are(every: list[RunRecord]) -> None:
    record = every[2]  # resumed: its lineage has two prices
    here = record.ledger.here
    assert here is not None
    for result in record.results:
        assert result.minutes_to_threshold is not None
        along = costs_along(record.ledger, here, [result.minutes_to_threshold * 60])
        assert along == [pytest.approx(result.cost_to_threshold, rel=1e-9)]


def test_dollars_along_a_run_follow_price_steps_and_stop_where_no_price_is_known() -> None:
    book = ledger(3600.0, (10.0, 7200.0))
    book = book.marked("end", msgspec.structs.replace(_here(book), elapsed_seconds=20.0, wall_time=START + 20))
    assert costs_along(book, _here(book), [0.0, 5.0, 15.0, 99.0]) == pytest.approx([0.0, 5.0, 20.0, 30.0])
    unpriced = book.opened(wall_time=START + 20, elapsed_seconds=20.0)
    unpriced = unpriced.marked("end", msgspec.structs.replace(_here(unpriced), elapsed_seconds=30.0))
    assert costs_along(unpriced, _here(unpriced), [20.0, 21.0]) == [pytest.approx(30.0), None]


def _here(book: Any) -> Any:
    assert book.here is not None
    return book.here


def test_money_adds_up_to_what_each_run_spent(every: list[RunRecord]) -> None:
    picture = money(every)
    priced = [record for record in every if record.run.id != "unpriced"]
    parts = [spent.usd or 0.0 for record in priced for spent in spending(record.ledger, _here(record.ledger))]
    assert sum(bar["usd"] for bar in picture.data["bars"]) == pytest.approx(sum(parts), abs=0.005)
    assert picture.table.rows[-1][2] == usd(sum(parts))
    bars = {bar["purpose"]: bar["usd"] for bar in picture.data["bars"]}
    assert bars["lost work"] == pytest.approx(20.0)  # 60 s less the 40 that were saved, at a dollar a second
    assert bars["phase evaluation"] == pytest.approx(10.0)
    assert picture.notes == ("1 run without a known price: not in it (unpriced).",)


def test_parts_add_up_where_a_machine_was_taken_back_for_free(every: list[RunRecord]) -> None:
    """At 3,600 USD an hour a second costs a dollar: 50 free ones, 10 that are billed as 60, a disk and a network."""
    book = Ledger(storage=Storage(gb=730.0, usd_per_gb_month=60.0), network=Network(egress_gb=2.0, usd_per_gb=1.5))
    rule = BillingRule(minimum_seconds=60.0, free_if_reclaimed_within_seconds=3600.0)
    for boot, began, lasted, why in (("a", 0.0, 50.0, "preempted"), ("b", 60.0, 10.0, "closed")):
        spot = Instance(instance_type="own.8x", market="spot", zone=boot)
        book = book.opened(spot, quote(3600.0), wall_time=START + began, instance_start=boot, billing=rule)
        book = book.marked("end", Position(0, 0.0, START + began + lasted, book.segments[-1].id, 1), why)
    record = msgspec.structs.replace(every[0], ledger=book)
    lines = cost_lines(book, _here(book))
    assert lines == {"compute": pytest.approx(60.0), "storage": pytest.approx(1.0), "network": pytest.approx(3.0)}
    bars = money([record]).data["bars"]
    assert {bar["purpose"]: bar["usd"] for bar in bars} == {
        "stalled": pytest.approx(10.0),
        "billing minimum and rounding": pytest.approx(50.0),
        "storage": pytest.approx(1.0),
        "network": pytest.approx(3.0),
    }
    assert money([record]).table.rows[-1][2] == "$64.00"
    billed = {bar["machine"]: bar["usd"] for bar in utilisation([record]).data["bars"]}
    assert billed == {"own.8x spot a": 0.0, "own.8x spot b": pytest.approx(60.0)}
    strip = ledger_picture(record)
    assert [row[-1] for row in strip.table.rows] == ["$0.00", "$10.00"]
    assert [piece["free"] for piece in strip.data["pieces"]] == [True, False]
    assert strip.notes == ("Pale blocks were not billed: the provider took the machine back early.",)


def test_machines_cost_their_price_and_what_is_billed_is_beside_it(every: list[RunRecord]) -> None:
    picture = utilisation(every[:4])
    assert picture.data["labels"][1]["label"] == "$1,800.00 an hour × 12:40, billed $380.00 (and 2:40 without a price)"
    bars = {bar["machine"]: bar for bar in picture.data["bars"]}
    assert {name: bar["usd_per_hour"] for name, bar in bars.items()} == {
        "own.8x on-demand here": pytest.approx(1800.0),
        "own.16x on-demand here": pytest.approx(1800.0),
    }
    billed = [spent.usd or 0.0 for record in every[:3] for spent in spending(record.ledger, _here(record.ledger))]
    assert sum(bar["usd"] for bar in bars.values()) == pytest.approx(sum(billed))
    # What was rented as something else meanwhile is told apart, also within one start of the machine.
    book = ledger(3.6, instance_type="own.8x", market="spot", num_nodes=1)
    book = book.marked("end", msgspec.structs.replace(_here(book), wall_time=START + 1800))
    moved = book.opened(Instance(instance_type="own.8x", market="on_demand"), quote(7.2), wall_time=START + 1800)
    here = msgspec.structs.replace(_here(moved), wall_time=START + 3600)
    two = msgspec.structs.replace(every[0], ledger=moved.marked("end", here))
    assert [(bar["machine"], bar["usd_per_hour"], bar["usd"]) for bar in utilisation([two]).data["bars"]] == [
        ("own.8x on-demand", pytest.approx(7.2), pytest.approx(3.6)),
        ("own.8x spot", pytest.approx(3.6), pytest.approx(1.8)),
    ]
    unpriced = utilisation(every[3:4])
    assert (unpriced.charts, unpriced.notes) == ({}, ("price unknown: prices: off",))


def test_one_run_shows_each_price_step(every: list[RunRecord]) -> None:
    book = ledger(3.6, (60.0, 7.2), num_nodes=2)
    book = book.marked("end", msgspec.structs.replace(_here(book), wall_time=START + 120), "preempted")
    picture = ledger_picture(msgspec.structs.replace(every[0], ledger=book))
    pieces = [(piece["start"] / 1000 - START, piece["end"] / 1000 - START) for piece in picture.data["pieces"]]
    assert pieces == [(0.0, 60.0), (60.0, 120.0)]
    assert [piece["usd_per_hour"] for piece in picture.data["pieces"]] == [7.2, 14.4]
    assert [end["why"] for end in picture.data["ends"]] == ["preempted"]
    assert [row[3] for row in picture.table.rows] == ["preempted"]


def test_ends_that_are_near_one_another_have_one_label(every: list[RunRecord]) -> None:
    book = ledger(3.6)
    for at in range(1, 13):
        here = msgspec.structs.replace(_here(book), wall_time=START + 60 * at)
        book = book.marked("end", here, "preempted").opened(Instance(), quote(3.6), wall_time=START + 60 * at)
    ends = ledger_picture(msgspec.structs.replace(every[0], ledger=book)).data["ends"]
    labelled = [end["side"] for end in ends if end["side"]]
    assert (len(ends), len(labelled)) == (12, 3)
    assert ledger_picture(every[3]).charts[()].to_dict()["height"] == 60  # no price: a line without an axis


def test_resumed_run_has_its_lost_work_apart(every: list[RunRecord]) -> None:
    picture = curves(every[2])
    led = [point["samples"] for point in picture.data["led0"]]
    assert led == sorted(set(led))
    assert {point["samples"] for point in picture.data["lost0"]} == set(range(400, 601, 10))


def test_runs_without_anything_to_draw_say_so(every: list[RunRecord]) -> None:
    bare = [msgspec.structs.replace(every[0], results=(), thresholds=(), curves=(), crossings={})]
    notes = [note for name in ("timeline", "cost_performance") for note in PICTURES[name](bare).notes]
    assert notes == [
        "No run has a threshold: there is nothing to reach.",
        "No run has logged a metric that a threshold watches: there is nothing to draw over dollars.",
    ]
    assert cost_performance(every[3:4]).notes == ("Without a price or a clock, and not drawn over dollars: unpriced.",)
    assert curves(bare[0]).notes == ("This run has logged no metric that a threshold watches.",)


def test_run_without_a_clock_is_not_drawn_over_time(every: list[RunRecord]) -> None:
    results = tuple(msgspec.structs.replace(result, elapsed_source=None) for result in every[1].results)
    replayed = msgspec.structs.replace(every[1].run, status="replayed")
    untimed = msgspec.structs.replace(every[1], run=replayed, results=results)
    assert [switch.options for switch in curves(untimed).switches] == [("m (raw)",), ("samples",)]
    assert timeline([untimed]).data["open"][0]["minutes"] is None


def test_many_runs_are_thinned_and_counted(every: list[RunRecord]) -> None:
    many = copies(every[0], 400)
    assert len({crossing["run"] for crossing in timeline(many).data["crossings"]}) == MOST_RUNS
    assert timeline(many).notes == ("The 100 runs that started last are drawn; the table has all 400.",)
    assert len(timeline(many).table.rows) == 800
    assert len(cost_performance(many).data["lines0"]) <= 400 * 24
    assert thinned(range(1000), 3) == [0, 500, 999]


def test_labels_of_targets_stand_clear_of_one_another_and_of_the_lines() -> None:
    targets = [threshold(value, name=f"t{value:g}") for value in (1.0, 1.01, 1.02, 9.0)]
    crowded_on_the_left = [(x / 100, 9.1) for x in range(40)]
    rows = target_rows(targets, [(0.0, 0.0), (1.0, 10.0), *crowded_on_the_left])
    assert [row["side"] for row in rows] == ["left", "right", "", "right"]
    assert rows[0]["label"] == "t1: >= 1"


def test_pictures_are_named_without_altair_as_they_are_with_it() -> None:
    assert (*PICTURES, *OF_ONE_RUN) == NAMES


@pytest.mark.parametrize("name", [*PICTURES, *OF_ONE_RUN])
def test_charts_are_what_vega_lite_expects(name: str, every: list[RunRecord]) -> None:
    picture = PICTURES[name](every) if name in PICTURES else OF_ONE_RUN[name](every[2])
    assert picture.charts
    for chart in picture.charts.values():
        specification = chart.to_dict(validate=True)
        named = {layer["data"]["name"] for layer in specification["layer"]}
        assert named <= set(picture.data)
