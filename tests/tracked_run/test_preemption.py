"""Runs that are killed, taken back and gone on with elsewhere, against what was worked out by hand."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from milepost.config import Config
from milepost.money.breakdown import spending
from milepost.money.instance import Market
from milepost.runs.record import RunRecord
from milepost.store.store import Store
from milepost.tracked_run import notice_watch, opening, store_writer
from milepost.tracked_run.opening import track
from milepost.tracked_run.run import TrackedRun
from milepost.tracking.thresholds import PerformanceThreshold
from tests.helpers import FakeClock
from tests.instances import metadata_server
from tests.instances.metadata_server import NOTHING, Answer, Answering, Asked
from tests.tracked_run.helpers import kill

THRESHOLD = PerformanceThreshold("t", "m", 1400.0, smoothing_factor=1.0)
SAMPLES_A_SECOND = 10


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of every process, none of which outlives the next."""
    clock = FakeClock()
    monkeypatch.setattr(opening, "SYSTEM_CLOCK", clock)
    monkeypatch.setattr(opening, "process_age_seconds", lambda: None)
    for module in (store_writer, opening):
        monkeypatch.setattr(module, "is_alive", lambda process: False)
    starts = iter(range(100))
    monkeypatch.setattr(opening, "machine_start_id", lambda: f"machine {next(starts)}")
    return clock


class Trainer:
    """Trains 10 samples a second; its metric is its samples."""

    def __init__(
        self,
        clock: FakeClock,
        store: Path,
        usd_per_second: float,
        kind: str,
        market: Market,
        state: str | None = None,
        run: str = "r",
    ) -> None:
        self.clock = clock
        self.samples = 0
        self.run = track(
            Config(thresholds=(THRESHOLD,)),
            run=run,
            store=store,
            sinks=[],
            price_per_hour=usd_per_second * 3600,
            instance={"provider": "own", "instance_type": kind, "market": market, "num_nodes": 1},
        )
        if state is not None:
            saved = json.loads(state)
            self.samples = saved["samples"]
            self.run.load_state_dict(saved["run"])

    def train(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.samples += SAMPLES_A_SECOND
            self.run.update({"m": float(self.samples)}, self.samples)

    def save(self) -> str:
        return json.dumps({"samples": self.samples, "run": self.run.state_dict()})

    def kill(self) -> None:
        """End it as SIGKILL does, once what it has put is written."""
        kill(self.run)


def kept_in(path: Path, run: str = "r") -> RunRecord:
    store = Store(path)
    record = store.load(run)
    store.close()
    assert record is not None
    return record


@pytest.mark.parametrize(
    ("is_store_lost", "billed", "lost"),
    [
        # Marks are made at 1, 16, 31 … seconds of each process (a heartbeat every 15 s), and where a state is saved.
        # On a, at 1 USD/s: marked up to 91 of its 100 s. On b, at 2: up to 31 of its 40. On b by spot, at 0.5: up to 20
        # of its 30. On a again: 30 s to the crossing.
        (False, 91 + 31 * 2 + 20 * 0.5 + 30, (91 - 60) + (31 - 30) * 2),
        # What the last checkpoint knows ends where that was saved: at 60, 30 and 20 s.
        (True, 60 + 30 * 2 + 20 * 0.5 + 30, 0.0),
    ],
)
def test_three_preemptions_cost_what_was_worked_out_by_hand(
    clock: FakeClock, tmp_path: Path, is_store_lost: bool, billed: float, lost: float
) -> None:
    stores = [tmp_path / f"{index if is_store_lost else 0}.db" for index in range(4)]
    state: str | None = None
    machines: list[tuple[float, str, Market, int, int]] = [
        (1.0, "a", "on_demand", 60, 100),
        (2.0, "b", "on_demand", 30, 40),
        (0.5, "b", "spot", 20, 30),
    ]
    for store, (usd, kind, market, saved_at, killed_at) in zip(stores[:3], machines, strict=True):
        trainer = Trainer(clock, store, usd, kind, market, state)
        trainer.train(saved_at)
        state = trainer.save()
        trainer.train(killed_at - saved_at)
        trainer.kill()
        clock.advance(50)
    last = Trainer(clock, stores[3], 1.0, "a", "on_demand", state)
    assert last.samples == 1100
    last.train(40)
    result = last.run.get_results()["t"]
    assert result.samples_to_threshold == 1400
    assert result.minutes_to_threshold == pytest.approx((60 + 30 + 20 + 30) / 60)
    assert result.cost_to_threshold == pytest.approx(60 + 30 * 2 + 20 * 0.5 + 30)
    assert result.billed_cost_to_threshold == pytest.approx(billed)
    last.run.close()
    record = kept_in(stores[3])
    assert record.results == (last.run.get_results()["t"],)
    assert record.ledger == last.run.ledger
    assert [segment.instance.instance_type for segment in record.ledger.segments] == ["a", "b", "b", "a"]
    assert [segment.instance.market for segment in record.ledger.segments] == [
        "on_demand",
        "on_demand",
        "spot",
        "on_demand",
    ]
    assert record.ledger.here is not None
    went = {spent.purpose: spent.usd for spent in spending(record.ledger, record.ledger.here)}
    assert went.get("lost", 0.0) == pytest.approx(lost)
    if not is_store_lost:
        names = [segment.marks[-1].name for segment in record.ledger.segments]
        assert names == ["interrupted", "interrupted", "interrupted", "closed"]
        assert len(record.processes) == 4


def test_state_gone_on_from_under_another_id_brings_its_story_along(clock: FakeClock, tmp_path: Path) -> None:
    """Where no job names the run, every start is a new one."""
    first = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand")
    first.train(60)
    state = first.save()
    first.train(10)
    first.run.close()
    second = Trainer(clock, tmp_path / "a.db", 2.0, "b", "on_demand", state, run="other")
    second.train(90)
    second.run.close()
    (result,) = kept_in(tmp_path / "a.db", "other").results
    assert result == second.run.get_results()["t"]
    assert result.minutes_to_threshold == pytest.approx((60 + 80) / 60)
    assert result.cost_to_threshold == pytest.approx(60 + 80 * 2)
    assert result.billed_cost_to_threshold == pytest.approx(60 + 80 * 2)
    (segment,) = kept_in(tmp_path / "a.db").ledger.segments
    assert segment.marks[-1].elapsed_seconds == pytest.approx(70)


def test_without_a_state_the_position_is_what_the_caller_says(clock: FakeClock, tmp_path: Path) -> None:
    first = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand")
    first.train(46)
    first.kill()
    clock.advance(100)
    second = Trainer(clock, tmp_path / "a.db", 2.0, "b", "on_demand")
    here = second.run.here
    assert here is not None
    assert here.samples == 460  # where it was last seen
    assert here.elapsed_seconds == pytest.approx(46)
    second.samples = 300  # the trainer's own checkpoint knows nothing of Milepost
    second.train(110)
    result = second.run.get_results()["t"]
    assert result.samples_to_threshold == 1400
    # A mark has the 310 samples that it told first, 31 s in: it is not known that it trained the last second again.
    assert result.minutes_to_threshold == pytest.approx((31 + 109) / 60)
    assert result.cost_to_threshold == pytest.approx(31 + 109 * 2)
    assert result.bound is None
    assert result.billed_cost_to_threshold == pytest.approx(46 + 110 * 2)
    second.run.close()
    assert [event.kind for event in kept_in(tmp_path / "a.db").events] == ["resume", "rewind", "crossing", "stop"]


def test_what_was_achieved_stays_achieved_without_any_state(clock: FakeClock, tmp_path: Path) -> None:
    first = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand")
    first.train(150)
    achieved = first.run.get_results()["t"]
    first.kill()
    second = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand")
    second.train(5)
    again = second.run.get_results()["t"]
    assert achieved.achieved
    assert (again.samples_to_threshold, again.minutes_to_threshold, again.cost_to_threshold) == (
        *(achieved.samples_to_threshold, achieved.minutes_to_threshold),
        achieved.cost_to_threshold,
    )
    assert again.observations == 140 + 5  # known up to the crossing, which was the last that was put
    second.run.close()


@pytest.mark.parametrize("is_rebooted", [False, True])
@pytest.mark.parametrize("has_state", [False, True])
def test_clock_that_was_put_back_between_two_processes_moves_no_dollar(
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_rebooted: bool,
    has_state: bool,
) -> None:
    if not is_rebooted:
        monkeypatch.setattr(opening, "machine_start_id", lambda: "machine")
    first = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand")
    first.train(46)
    state = first.save() if has_state else None
    first.kill()
    clock.offset -= 3600
    second = Trainer(clock, tmp_path / "a.db", 2.0, "a", "on_demand", state)
    assert "was last seen 3600 s from now" in caplog.text
    second.samples = 460
    second.train(100)
    second.run.close()
    for result in (second.run.get_results()["t"], *kept_in(tmp_path / "a.db").results):
        assert result.minutes_to_threshold == pytest.approx((46 + 94) / 60)
        assert result.cost_to_threshold == pytest.approx(46 + 94 * 2)
        assert result.billed_cost_to_threshold == pytest.approx(46 + 94 * 2)
    assert kept_in(tmp_path / "a.db").ledger == second.run.ledger


def test_what_was_lost_is_billed_before_what_came_after_whatever_the_clocks_say(
    clock: FakeClock, tmp_path: Path
) -> None:
    first = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand")
    first.train(60)
    state = first.save()
    first.run.close()
    lost = Trainer(clock, tmp_path / "a.db", 2.0, "b", "on_demand", state)
    lost.train(40)  # known up to 31 s
    lost.kill()
    clock.offset -= 7200
    last = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand", state)
    last.train(90)
    last.run.close()
    for result in (last.run.get_results()["t"], *kept_in(tmp_path / "a.db").results):
        assert result.cost_to_threshold == pytest.approx(60 + 80)
        assert result.billed_cost_to_threshold == pytest.approx(60 + 31 * 2 + 80)
    assert kept_in(tmp_path / "a.db").ledger == last.run.ledger


def test_curve_goes_on_where_the_process_before_left_it(clock: FakeClock, tmp_path: Path) -> None:
    first = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand")
    first.train(61)
    first.kill()
    second = Trainer(clock, tmp_path / "a.db", 1.0, "a", "on_demand")
    second.train(20)
    second.run.close()
    (curve,) = kept_in(tmp_path / "a.db").curves
    assert [point.position for point in curve.points] == list(range(81))
    assert curve.points[61].samples == 10


def noticed(run: TrackedRun) -> bool:
    """Wait until a notice was taken."""
    waiting = threading.Event()
    assert run._loop is not None
    for _ in range(400):
        if run._loop.notice is not None:
            return True
        waiting.wait(0.05)
    return False


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answering], None]]:
    """Answers as a metadata service does, which is polled all the time."""
    monkeypatch.setattr(notice_watch, "POLL_SECONDS", 0.02)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    servers = []

    def serve(answer: Answering) -> None:
        server = metadata_server.serving(answer)
        url = server.__enter__().url
        servers.append(server)
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        monkeypatch.setenv("GCE_METADATA_HOST", url.removeprefix("http://"))

    yield serve
    for server in servers:
        server.__exit__(None, None, None)


def on_aws(asked: Asked) -> Answer:
    if asked.path == "/latest/api/token":
        return Answer(200, "token")
    if asked.path == "/latest/meta-data/spot/instance-action":
        return Answer(200, {"action": "terminate", "time": "2026-01-01T00:00:00Z"})
    return NOTHING


def on_gcp(asked: Asked) -> Answer:
    if asked.path == "/computeMetadata/v1/instance/preempted":
        return Answer(200, "TRUE", {"Metadata-Flavor": "Google"})
    return NOTHING


@pytest.mark.parametrize(
    ("provider", "answer", "notice"),
    [("aws", on_aws, "terminate at 2026-01-01T00:00:00Z"), ("gcp", on_gcp, "preempted")],
)
@pytest.mark.parametrize("is_killed", [False, True])
def test_preemption_notice_ends_the_run_as_preempted_even_if_it_is_killed(
    serving: Callable[[Answering], None],
    clock: FakeClock,
    tmp_path: Path,
    provider: str,
    answer: Answering,
    notice: str,
    is_killed: bool,
) -> None:
    serving(answer)
    spot: dict[str, Any] = {"provider": provider, "instance_type": "x", "region": "y", "zone": "z", "market": "spot"}
    arguments: dict[str, Any] = {"price_per_hour": 1.0, "instance": spot, "store": tmp_path / "a.db", "sinks": []}
    run = track(thresholds=[THRESHOLD], run="r", **arguments)
    run.update({"m": 1.0}, 1)
    assert noticed(run)
    if is_killed:
        kill(run)
    else:
        clock.advance(1.5)
        run.update({"m": 1.0}, 2)
        run.close()
    again = track(thresholds=[THRESHOLD], run="r", **arguments)
    ended = again.ledger.segments[0]
    assert (ended.marks[-1].kind, ended.marks[-1].name, ended.is_reclaimed) == ("end", "preempted", True)
    again.close()
    told = [event for event in kept_in(tmp_path / "a.db").events if event.kind == "preemption"]
    assert [event.detail["notice"] for event in told][:1] == [notice]


def test_nobody_is_asked_for_notices_on_demand_and_no_longer_where_nobody_answers(
    serving: Callable[[Answering], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asking() -> bool:
        return any(thread.name == "milepost-notices" for thread in threading.enumerate())

    fixed = {"provider": "aws", "instance_type": "x", "region": "y", "zone": "z"}
    with track(thresholds=[], instance=fixed | {"market": "on_demand"}, price_per_hour=1.0, sinks=[]):
        assert not asking()
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with track(thresholds=[], instance=fixed | {"market": "spot"}, price_per_hour=1.0, sinks=[]):
        for thread in threading.enumerate():
            if thread.name == "milepost-notices":
                thread.join(30)
        assert not asking()
