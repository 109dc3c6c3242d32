"""What hangs on a tracked run: when it is called, in what order, and what becomes of it when it fails."""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from milepost.errors import ConfigError
from milepost.runs.record import RunEvent
from milepost.store.store import Store
from milepost.tracked_run.loop import MOST_AT_ONCE
from milepost.tracked_run.opening import track
from milepost.tracked_run.part import Part
from milepost.tracked_run.run import TrackedRun
from tests.helpers import START, FakeClock, quote, threshold
from tests.tracked_run.helpers import tracked

PLAIN: dict[str, Any] = {"price_per_hour": 3600.0, "instance": {"provider": "own"}, "sinks": []}


class Diary(Part):
    """Writes down what it is called for."""

    def __init__(self, name: str = "diary", pages: list[str] | None = None) -> None:
        self.name = name
        self.pages = [] if pages is None else pages

    def _open(self) -> None:
        self.pages.append(f"{self.name} open")

    def _updated(self, metrics: Mapping[str, Any]) -> None:
        self.pages.append(f"{self.name} updated {self.run.last.samples}")

    def _heartbeat(self) -> None:
        self.pages.append(f"{self.name} heartbeat {self.run.last.samples}")

    def _event(self, event: RunEvent) -> None:
        self.pages.append(f"{self.name} {event.kind}")

    def _announced(self, event: RunEvent) -> None:
        self.pages.append(f"{self.name} announced {event.kind}")

    def _closed(self, why: str) -> None:
        self.pages.append(f"{self.name} closed {why}")


def train(run: TrackedRun, clock: FakeClock, seconds: int, first: int = 1) -> None:
    """Update a run every second, whose samples are the seconds and whose metric likewise."""
    for samples in range(first, first + seconds):
        clock.advance(1.0)
        run.update({"m": float(samples)}, samples)


def on_another_thread(do: Callable[[], object]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_parts_are_called_in_their_order_and_closed_in_the_reverse() -> None:
    clock = FakeClock()
    pages: list[str] = []
    run = tracked(
        *(Diary("a", pages), Diary("b", pages)), thresholds=(threshold(3.0),), clock=clock, heartbeat_seconds=4.0
    )
    train(run, clock, 6)
    for samples in (2, 3, 4):  # two updates after it say that it is no late observation
        run.update({"m": 0.0}, samples)
    run.close()
    assert pages == [
        *("a open", "b open"),
        *("a start", "b start"),
        *("a heartbeat 1", "b heartbeat 1"),  # with the first update
        *("a crossing", "b crossing"),
        *("a heartbeat 5", "b heartbeat 5"),  # 4 s on
        *("a rewind", "b rewind"),
        *("a stop", "b stop"),
        *("b closed closed", "a closed closed"),
    ]
    run.close()
    run.update({"m": 9.0}, 9)
    assert len(pages) == 16


def test_run_that_is_told_to_begin_says_at_once_that_it_lives() -> None:
    pages: list[str] = []
    clock = FakeClock()
    run = tracked(Diary("a", pages), thresholds=(threshold(3.0),), clock=clock, heartbeat_seconds=4.0)
    train(run, clock, 1)
    run.begin()
    run.begin()
    assert [page for page in pages if "heartbeat" in page] == ["a heartbeat 1"] * 3


def test_crossing_that_falls_on_a_heartbeat_is_heard_of_once_both_are_marked() -> None:
    clock = FakeClock()
    marks: list[list[str]] = []

    class Reader(Part):
        def _event(self, event: RunEvent) -> None:
            if event.kind == "crossing":
                marks.append([mark.kind for mark in self.run.ledger.segments[-1].marks])

    run = tracked(Reader(), thresholds=(threshold(5.0),), clock=clock, heartbeat_seconds=4.0)
    train(run, clock, 5)
    assert marks == [["start", "crossing", "heartbeat"]]


class Sampled(Diary):
    def __init__(self, **books: Any) -> None:
        super().__init__("s")
        for name, value in books.items():
            setattr(self, name, value)

    def _updated(self, metrics: Mapping[str, Any]) -> None:
        self.pages.append(f"{self.run.last.samples}{'' if self.is_due else ' wanted'}")


@pytest.mark.parametrize(
    ("books", "updated"),
    [
        ({}, []),
        ({"every_updates": 1}, [str(at) for at in range(1, 13)]),
        ({"every_updates": 5}, ["1", "6", "11"]),
        ({"every_seconds": 4.0}, ["1", "5", "9"]),
        ({"every_updates": 5, "every_seconds": 4.0}, ["1", "5", "9"]),  # whichever comes first; both begin anew then
        ({"wanted": ("rare",)}, ["6 wanted", "12 wanted"]),
        ({"wanted": ("rare", "never"), "every_updates": 11}, ["1", "6 wanted", "12"]),
        ({"wanted": ("rare",), "every_seconds": 5.0}, ["1", "6", "11", "12 wanted"]),
    ],
)
def test_part_looks_at_the_updates_that_are_due_or_bear_what_it_wants(
    books: dict[str, Any], updated: list[str]
) -> None:
    """An update a second, and a heartbeat every 1,000; two parts that are due otherwise change nothing."""
    clock = FakeClock()
    part = Sampled(**books)
    others = Sampled(every_updates=2), Sampled(wanted=("m",), every_seconds=3.0)
    run = tracked(others[0], part, others[1], clock=clock, heartbeat_seconds=1000.0)
    for samples in range(1, 13):
        clock.advance(1.0)
        run.update({"m": 1.0, "rare": 2.0} if samples % 6 == 0 else {"m": 1.0}, samples)
    assert [page for page in part.pages if page[0].isdigit()] == updated
    assert [page for page in others[0].pages if page[0].isdigit()] == ["1", "3", "5", "7", "9", "11"]
    due = ("1", "4", "7", "10")
    expected = [str(at) if str(at) in due else f"{at} wanted" for at in range(1, 13)]
    assert [page for page in others[1].pages if page[0].isdigit()] == expected


def test_part_may_change_when_it_is_due_next() -> None:
    class Doubling(Sampled):
        every_updates = 1

        def _updated(self, metrics: Mapping[str, Any]) -> None:
            super()._updated(metrics)
            self.every_updates *= 2

    clock = FakeClock()
    part = Doubling()
    train(tracked(part, clock=clock), clock, 20)
    assert [page for page in part.pages if page[0].isdigit()] == ["1", "3", "7", "15"]


METHODS = ("open", "updated", "heartbeat", "event", "announced", "closed")


@pytest.mark.parametrize("method", METHODS)
def test_part_that_fails_is_named_once_and_stops_nothing_else(method: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail(self: Part, *arguments: object) -> None:
        raise ValueError(f"broken in {method}")

    clock = FakeClock()
    before, after = Diary("before"), Diary("after")
    broken = type("Broken", (Diary,), {f"_{method}": fail})("broken")
    for part in (before, broken, after):
        part.every_updates = 1
    run = tracked(before, broken, after, thresholds=(threshold(2.0),), clock=clock, heartbeat_seconds=1.0)
    achieved = []
    for samples in (1, 2, 3):
        clock.advance(1.0)
        achieved.append([result.threshold for result in run.update({"m": float(samples)}, samples)])
        before.run.announce("news")
    with run.phase("evaluation"):
        assert run.state_dict()
    run.close()
    assert achieved == [[], ["t"], []]
    (said,) = caplog.records
    assert said.getMessage() == (f"{method} of the part broken failed; training goes on, and this is said once")
    assert said.exc_info is not None
    assert f"broken in {method}" in str(said.exc_info[1])
    assert [page.removeprefix("before ") for page in before.pages] == [
        *("open", "start", "updated 1", "heartbeat 1", "announced news", "news", "updated 2", "crossing"),
        *("heartbeat 2", "announced news", "news", "updated 3", "heartbeat 3", "announced news", "news"),
        *("stop", "closed closed"),
    ]
    assert [page.replace("after", "before") for page in after.pages] == before.pages
    left = [] if method == "open" else [page for page in before.pages if method != kind_of(page)]
    assert [page.replace("broken", "before") for page in broken.pages] == left


def kind_of(page: str) -> str:
    """The method that wrote a page of a diary."""
    kind = page.split()[1]
    return kind if kind in METHODS else "event"


def test_each_thing_that_fails_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Nameless(Part):
        def _heartbeat(self) -> None:
            raise ValueError

        def _closed(self, why: str) -> None:
            raise ValueError

    clock = FakeClock()
    run = tracked(Nameless(), clock=clock, heartbeat_seconds=1.0)
    train(run, clock, 3)
    run.close()
    assert [record.getMessage().partition(" failed")[0] for record in caplog.records] == [
        "heartbeat of the part Nameless",
        "closed of the part Nameless",
    ]


def test_what_ends_the_program_is_not_held_back() -> None:
    class Quitter(Part):
        def _heartbeat(self) -> None:
            raise SystemExit(3)

    clock = FakeClock()
    run = tracked(Quitter(), clock=clock)
    with pytest.raises(SystemExit):
        run.update({"m": 1.0}, 1)


def test_part_of_the_users_sees_the_run(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    class Watch(Part):
        def _event(self, event: RunEvent) -> None:
            run = self.run
            if event.kind == "crossing":
                seen["detail"] = event.detail
                seen["result"] = run.results()["t"]
                seen["crossing"] = run.crossings["t"].position.samples
                seen["costs"] = run.cost(), run.cost(billed=True)
                seen["figures"] = {(figure.threshold, figure.key): figure.value for figure in run.figures()}
                seen["at"] = (run.last.samples, run.here.samples, run.updates)

        def _closed(self, why: str) -> None:
            run = self.run
            seen["run"] = (run.described.id, run.described.group, run.store, run.settings.heartbeat_seconds, why)
            seen["thresholds"] = run.thresholds
            seen["ledger"] = run.ledger
            seen["known"] = run.known

    store = tmp_path / "a.db"
    for _ in range(2):
        with track(thresholds=[threshold()], run="r", group="g", store=store, parts=[Watch()], **PLAIN) as run:
            (result,) = run.update({"m": 3.0}, 7, elapsed_seconds=60.0) or (None,)
            if result is not None:
                first = result
    assert seen["detail"] == {"thresholds": ["t"]}
    assert (seen["result"], seen["crossing"], seen["at"]) == (first, 7, (7, 7, 1))
    assert seen["costs"][0] == pytest.approx(60.0)
    assert seen["costs"][1] > 0
    assert seen["figures"]["t", "cost_to_threshold"] == pytest.approx(60.0)
    assert seen["figures"][None, "usd_per_hour"] == 3600.0
    assert seen["run"] == ("r", "g", str(store), 15.0, "closed")
    assert (seen["thresholds"], seen["ledger"]) == ((threshold(),), run.ledger)
    assert seen["known"].crossings["t"].position.samples == 7


def test_what_is_no_part_is_refused_and_other_ranks_open_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"parts: found .*Diary.*, expected a Part"):
        track(thresholds=[], parts=[Diary], **PLAIN)  # type: ignore[list-item]
    monkeypatch.setenv("RANK", "1")
    diary = Diary()
    with track(thresholds=[], parts=[diary], **PLAIN) as run:
        run.update({"m": 1.0}, 1)
    assert diary.pages == []


def test_what_a_part_tells_is_kept_whatever_it_holds(tmp_path: Path) -> None:
    class Teller(Part):
        def _heartbeat(self) -> None:
            detail: dict[Any, Any] = {"since": 3.5, 7: {"odd": object}, "range": (1, 2)}
            self.run.tell("idle", detail)

    with track(thresholds=[], run="r", store=tmp_path / "a.db", parts=[Teller()], **PLAIN) as run:
        run.update({"m": 1.0}, 5)
    store = Store(tmp_path / "a.db")
    record = store.load("r")
    store.close()
    assert record is not None
    assert [(event.kind, event.position.samples, event.detail) for event in record.events] == [
        ("idle", 5, {"since": 3.5, "7": {"odd": "<class 'object'>"}, "range": [1, 2]}),
        ("stop", 5, {"why": "closed"}),
    ]


def test_heartbeat_that_is_asked_for_comes_with_the_next_update() -> None:
    clock = FakeClock()
    diary = Diary()
    run = tracked(diary, clock=clock)
    train(run, clock, 3)
    on_another_thread(diary.run.beat_soon)
    train(run, clock, 2, first=4)
    on_another_thread(lambda: diary.run.beat_soon(every_seconds=2.0))
    train(run, clock, 5, first=6)
    beats = [int(page.split()[-1]) for page in diary.pages if "heartbeat" in page]
    assert beats == [1, 4, 6, 8, 10]


def test_heartbeat_that_is_asked_for_in_one_is_another() -> None:
    class Eager(Diary):
        def _heartbeat(self) -> None:
            super()._heartbeat()
            if self.run.last.samples < 3:
                self.run.beat_soon()

    clock = FakeClock()
    eager = Eager()
    train(tracked(eager, clock=clock), clock, 6)
    assert [page for page in eager.pages if "heartbeat" in page] == [f"diary heartbeat {at}" for at in (1, 2, 3)]


def test_what_a_thread_hands_over_is_done_where_training_is_before_its_next_call() -> None:
    class Threaded(Part):
        def __init__(self) -> None:
            self.done: list[tuple[int, int]] = []

        def _take(self, value: int) -> None:
            assert threading.current_thread() is threading.main_thread()
            self.done.append((value, self.run.updates))

        def find(self) -> None:
            self._soon("finding", self._take, 1)
            self._soon("failing", int, "x")
            self._soon("finding", self._take, 2)

    clock = FakeClock()
    part = Threaded()
    run = tracked(part, clock=clock)
    train(run, clock, 3)
    on_another_thread(part.find)
    assert part.done == []
    train(run, clock, 1, first=4)
    assert part.done == [(1, 3), (2, 3)]
    on_another_thread(part.find)
    run.get_results()
    assert part.done[2:] == [(1, 4), (2, 4)]


def test_what_a_thread_announces_is_heard_there_at_once_and_told_later() -> None:
    class Listener(Diary):
        def _announced(self, event: RunEvent) -> None:
            assert threading.current_thread() is not threading.main_thread()
            self.pages.append(f"announced at {event.position.samples}")

        def _event(self, event: RunEvent) -> None:
            assert threading.current_thread() is threading.main_thread()
            if event.kind == "hung":
                self.pages.append(f"told at {event.position.samples} of {event.detail}")

    clock = FakeClock()
    listener = Listener()
    run = tracked(listener, clock=clock, heartbeat_seconds=4.0)
    train(run, clock, 7)
    on_another_thread(lambda: listener.run.announce("hung", {"seconds": 60}))
    assert listener.pages[-1] == "announced at 5"  # the last mark
    run.calculate_total_cost()
    assert listener.pages[-1] == "told at 5 of {'seconds': 60}"


def test_end_is_called_what_a_part_asked_for() -> None:
    clock = FakeClock()
    diary = Diary()
    run = tracked(diary, clock=clock, heartbeat_seconds=100.0)
    train(run, clock, 2)
    diary.run.ask_to_stop("over budget")
    train(run, clock, 2, first=3)
    run.close()
    assert diary.pages[-4:] == ["diary heartbeat 1", "diary heartbeat 3", "diary stop", "diary closed over budget"]
    assert run.ledger.segments[-1].marks[-1].name == "over budget"


def test_part_may_end_the_run_in_the_middle_of_a_heartbeat() -> None:
    class Ender(Diary):
        def _heartbeat(self) -> None:
            self.run.end("terminated")

    clock = FakeClock()
    pages: list[str] = []
    run = tracked(Diary("a", pages), Ender("b", pages), Diary("c", pages), clock=clock)
    train(run, clock, 2)
    run.close()
    assert pages[6:] == [
        *("a heartbeat 1", "a stop", "b stop", "c stop"),
        *("c closed terminated", "b closed terminated", "a closed terminated"),
    ]


def test_price_that_a_part_puts_in_restates_every_figure_and_is_told_once() -> None:
    class Prices(Diary):
        def _updated(self, metrics: Mapping[str, Any]) -> None:
            ledger = self.run.ledger
            self.run.restate(ledger)
            self.run.restate(ledger.restated(ledger.segments[0].id, quote(36.0), None))

    clock = FakeClock()
    prices = Prices()
    prices.every_updates = 60
    run = tracked(prices, thresholds=(threshold(),), clock=clock)
    train(run, clock, 10)
    assert [page for page in prices.pages if "price" in page] == ["diary price"]
    assert run.calculate_total_cost() == pytest.approx(10 * 36.0 / 3600)
    assert run.get_results()["t"].cost_to_threshold == pytest.approx(2 * 36.0 / 3600)


def test_parts_that_answer_each_other_without_end_hold_training_up_for_a_while_only() -> None:
    class Echo(Part):
        heard = 0

        def _event(self, event: RunEvent) -> None:
            self.heard += 1
            self.run.tell("echo")

    clock = FakeClock()
    echo = Echo()
    run = tracked(echo, clock=clock)
    assert echo.heard == MOST_AT_ONCE
    assert run.update({"m": 1.0}, 1) == ()
    run.close()


def test_state_that_is_loaded_is_told() -> None:
    clock = FakeClock()
    first, second = Diary(), Diary()
    run = tracked(first, clock=clock)
    train(run, clock, 5)
    state = run.state_dict()
    other = tracked(second, clock=clock)
    other.load_state_dict(state)
    assert second.pages[-1] == "diary resume"
    assert other.here is not None
    assert (other.here.samples, other.here.wall_time) == (5, START + 5)


def test_run_is_taken_up_by_its_record_and_parts_hear_of_it(tmp_path: Path) -> None:
    diary = Diary()
    with track(thresholds=[threshold()], run="r", store=tmp_path / "a.db", **PLAIN) as run:
        run.update({"m": 1.0}, 5)
    with track(thresholds=[threshold()], run="r", store=tmp_path / "a.db", parts=[diary], **PLAIN):
        known = diary.run.known
        assert known is not None
        assert known.ledger == msgspec.structs.replace(run.ledger)
        assert diary.pages == ["diary open", "diary resume", "diary start"]


def test_clock_that_jumps_is_told(caplog: pytest.LogCaptureFixture) -> None:
    jumps: list[float] = []

    class Reader(Part):
        def _event(self, event: RunEvent) -> None:
            if event.kind == "clock_jump":
                jumps.append(event.detail["seconds"])

    clock = FakeClock()
    run = tracked(Reader(), clock=clock, heartbeat_seconds=2.0)
    with caplog.at_level(logging.ERROR):
        train(run, clock, 3)
        clock.jumped = -60.0
        train(run, clock, 4, first=4)
    assert jumps == [pytest.approx(-60.0)]
