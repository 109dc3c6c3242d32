import copy
import logging
import pickle
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost.config import Config, InstanceSettings, PriceSettings
from milepost.errors import ConfigError
from milepost.money.instance import Instance
from milepost.sinks.sink import Sink
from milepost.tracked_run.opening import track
from milepost.tracked_run.run import TrackedRun
from milepost.tracked_run.showing import showing
from milepost.tracking.keys import Figure, Scalar
from milepost.tracking.thresholds import PerformanceThreshold
from tests.helpers import FakeClock, threshold
from tests.tracked_run.helpers import tracked


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if (name.startswith(("MILEPOST_", "SKYPILOT_")) and not name.endswith(("_URL", "_STORE"))) or name == "RANK":
            monkeypatch.delenv(name)


class Shelf(Sink):
    """Keeps what is written to it."""

    name = "shelf"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, Scalar]]] = []

    def _write(self, changed: Sequence[Figure], samples: int) -> bool:
        self.rows.append((samples, {figure.name: figure.value for figure in changed}))
        return True


class Broken(Sink):
    name = "broken"

    def _write(self, changed: Sequence[Figure], samples: int) -> bool:
        raise ConnectionError("the service is gone")


@pytest.mark.parametrize("how", ["argument", "configuration"])
def test_steps_of_the_caller_are_samples_where_it_is_said_how_many_each_is(how: str) -> None:
    settings = Config(thresholds=(threshold(),), samples_per_step=256 if how == "configuration" else 8)
    given = {"samples_per_step": 256} if how == "argument" else {}
    with track(settings, price_per_hour=3.6, sinks=[], **given) as run:  # type: ignore[arg-type]
        run.update({"m": 1.0}, 1)
        (result,) = run.update({"m": 3.0}, 2)
    assert (result.samples_to_threshold, result.samples_unit) == (512, "samples")
    with pytest.raises(ConfigError, match="samples_per_step"):
        track(thresholds=[threshold()], samples_per_step=0, sinks=[])


def test_a_run_from_start_to_end() -> None:
    shelf = Shelf()
    with track(thresholds=[threshold()], run="r", group="g", price_per_hour=3.6, sinks=[shelf]) as run:
        assert run.update({"m": 1.0}, 1) == ()
        (result,) = run.update({"m": 3.0}, 2)
        with run.phase("evaluation"):
            run.update({"m": 2.5}, 3)
        assert run.is_complete()
    assert (result.run, result.group, result.usd_per_hour, result.price_source) == ("r", "g", 3.6, "user")
    assert result.price_assumed is False
    assert 0 < (result.cost_to_threshold or 0) < 0.1
    assert (result.billed_cost_to_threshold or 0) > (result.cost_to_threshold or 0)  # from the process's start
    marks = run.ledger.segments[0].marks
    assert [(mark.kind, mark.name) for mark in marks if mark.kind in ("phase", "end")] == [
        ("phase", "evaluation"),
        ("end", "closed"),
    ]
    assert shelf.rows[-1][0] == 3


def test_nothing_told_is_priced_as_the_default_and_marked_assumed() -> None:
    with track(thresholds=[threshold()], sinks=[]) as run:
        (result,) = run.update({"m": 3.0}, 1)
    assert (result.usd_per_hour, result.num_nodes, result.share) == (1.624, 1, 1.0)
    assert result.price_assumed is True
    quote = run.ledger.segments[0].quote
    assert quote is not None
    assert "are not known: taken for g5.4xlarge on-demand" in (quote.assumed_because or "")


def test_what_is_told_is_priced_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_REGION", "us-east-1")
    monkeypatch.setenv("SKYPILOT_USE_SPOT", "false")
    with track(thresholds=[threshold()], instance="p4d.24xlarge", sinks=[]) as run:
        (result,) = run.update({"m": 3.0}, 1)
    assert (result.usd_per_hour, result.price_source, result.price_assumed) == (21.957642, "list", False)


def test_region_does_not_matter_where_the_price_is_the_same_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPILOT_USE_SPOT", "false")
    with track(thresholds=[threshold()], instance="gpu_8x_a100", sinks=[]) as run:
        (result,) = run.update({"m": 3.0}, 1)
    assert (result.usd_per_hour, result.price_assumed) == (15.92, False)


def test_call_wins_over_configuration_and_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPILOT_INSTANCE_TYPE", "g5.xlarge")
    monkeypatch.setenv("SKYPILOT_NUM_NODES", "4")
    config = Config(
        thresholds=(threshold(),),
        instance=InstanceSettings(instance_type="g5.2xlarge", share=0.5),
        prices=PriceSettings(price_per_hour=9.0),
    )
    with track(config, instance=Instance(instance_type="g5.8xlarge"), price_per_hour=1.0, sinks=[]) as run:
        (result,) = run.update({"m": 3.0}, 1)
    assert (result.usd_per_hour, result.num_nodes, result.share) == (1.0, 4, 0.5)
    assert run.ledger.segments[0].instance.instance_type == "g5.8xlarge"


def test_instance_may_be_given_as_the_configuration_has_it() -> None:
    given = {
        "instance_type": "p4d.24xlarge",
        "region": "us-east-1",
        "market": "on_demand",
        "num_nodes": 2,
        "share": 0.5,
    }
    with track(thresholds=[threshold()], instance=given, sinks=[]) as run:
        (result,) = run.update({"m": 3.0}, 1)
    assert (result.usd_per_hour, result.num_nodes, result.share) == (21.957642, 2, 0.5)
    assert result.price_assumed is False
    with pytest.raises(ConfigError, match=r"instance: instance_typ: found an unknown key; nearest.*'instance_type'"):
        track(thresholds=[], instance={"instance_typ": "g5.xlarge"})
    with pytest.raises(ConfigError, match="instance: num_nodes: found 0, expected 1 or more"):
        track(thresholds=[], instance={"num_nodes": 0})


@pytest.mark.parametrize(
    ("prices", "reason"),
    [
        ("off", "prices: off"),
        (PriceSettings(strict_pricing=True), "not known"),
        (PriceSettings(sources=("azure",)), "not those of aws"),
    ],
)
def test_no_price_is_no_cost_and_says_why(prices: Any, reason: str) -> None:
    with track(Config(thresholds=(threshold(),), prices=prices), sinks=[]) as run:
        (result,) = run.update({"m": 3.0}, 1)
    assert (result.cost_to_threshold, result.usd_per_hour, result.price_assumed) == (None, None, None)
    assert run.calculate_total_cost() is None
    assert reason in (run.ledger.segments[0].unpriced_because or "")


@pytest.mark.parametrize("variables", [{"RANK": "1"}, {"SKYPILOT_NODE_RANK": "3"}])
def test_other_ranks_do_nothing(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shelf = Shelf()
    with track("no-such-file.yaml", sinks=[shelf]) as run, run.phase("evaluation"):
        assert run.update({"m": 3.0}, 1) == ()
        assert run.state_dict() == {}
        run.load_state_dict({"version": 1})
        run.pause()
        run.resume()
        assert (run.get_results(), run.get_wandb_metrics(), run.calculate_total_cost()) == ({}, {}, None)
        assert (run.is_complete(), run.run, run.here, run.thresholds) == (False, None, None, ())
    assert shelf.rows == []


def test_configuration_that_the_call_names_has_to_be_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        track(tmp_path / "none.yaml")


def test_run_id_comes_from_the_call_then_the_environment_then_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    new = {track(thresholds=[], sinks=[]).run for _ in range(3)}
    assert len(new) == 3
    monkeypatch.setenv("MILEPOST_RUN_ID", "from-the-environment")
    assert track(thresholds=[], sinks=[]).run == "from-the-environment"
    assert track(thresholds=[], run="mine", sinks=[]).run == "mine"


def test_settings_that_wait_for_a_later_release_are_named(caplog: pytest.LogCaptureFixture) -> None:
    config = Config.loads("thresholds: []\nbudget: {usd: 5}\nsinks: [tensorboard]")
    with caplog.at_level(logging.WARNING):
        track(config).close()
    assert "budget: is not acted on" in caplog.text
    assert "'tensorboard' comes in a later release" in caplog.text


def test_unknown_sink_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"found 'wnadb', expected one of wandb; nearest: 'wandb'"):
        track(thresholds=[], sinks=["wnadb"])


def test_nothing_raises_into_training(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    # Nothing else has anything to say: no store, and a machine that nobody is asked about.
    plain: dict[str, Any] = {"store": "off", "price_per_hour": 1.0, "instance": {"provider": "own"}}
    run = track(thresholds=[threshold()], sinks=[Broken(), shelf], **plain)
    with caplog.at_level(logging.ERROR):
        for samples in range(3):
            run.update(None, samples)  # type: ignore[arg-type]
        run.load_state_dict({"version": 99})
        assert len(run.update({"m": 3.0}, 4)) == 1
        run.update({"m": 3.0}, "many")  # type: ignore[arg-type]
        run.close()
    # Other loggers' threads, of runs before this one, may have something to say too.
    said = [record for record in caplog.records if record.name == "milepost.tracked_run"]
    failed = [record.getMessage().split(" failed")[0].split(",")[0] for record in said]
    assert failed == ["update", "state: found version 99", "the sink broken"]
    assert all(record.exc_info for record in said if "state" not in record.getMessage())
    assert shelf.rows  # one broken sink does not stop the others


def test_sinks_are_written_when_something_changes_and_at_heartbeats_only() -> None:
    clock = FakeClock()
    shelf = Shelf()
    run = tracked(showing(shelf), thresholds=(threshold(),), heartbeat_seconds=15.0, clock=clock)
    for step in range(100):
        clock.advance(1)
        run.update({"m": 3.0 if step > 50 else 1.0}, step)
    run.close()
    samples = [at for at, _ in shelf.rows]
    assert samples == [0, 15, 30, 45, 51, 60, 75, 90, 99]
    assert shelf.rows[1][1].keys() == {"performance_threshold/cost_so_far"}
    assert shelf.rows[4][1]["performance_threshold/t/achieved"] is True
    assert [mark.kind for mark in run.ledger.segments[0].marks].count("heartbeat") == 6


@pytest.mark.parametrize(("error", "why"), [(None, "closed"), (KeyboardInterrupt, "interrupted"), (OSError, "failed")])
def test_end_says_why(error: type[BaseException] | None, why: str) -> None:
    run = track(thresholds=[threshold()], sinks=[])
    try:
        with run:
            if error is not None:
                raise error
    except (KeyboardInterrupt, OSError):
        pass
    last = run.ledger.segments[0].marks[-1]
    assert (last.kind, last.name) == ("end", why)


def test_what_a_run_cost_stands_still_once_it_is_closed() -> None:
    clock = FakeClock()
    run = tracked(thresholds=(threshold(),), clock=clock)
    clock.advance(10)
    run.update({"m": 1.0}, 1)
    clock.advance(5)
    run.close()
    clock.advance(1000)
    assert run.calculate_total_cost() == pytest.approx(0.015)
    assert run.calculate_total_cost(billed=True) == pytest.approx(0.015)


def test_state_goes_from_one_tracked_run_to_the_next() -> None:
    first = track(thresholds=[threshold()], price_per_hour=3.6, sinks=[])
    first.update({"m": 1.0}, 10)
    state = first.state_dict()
    second = track(thresholds=[threshold()], price_per_hour=7.2, sinks=[])
    second.load_state_dict(state)
    assert second.here is not None
    assert second.here.samples == 10
    assert [segment.quote.usd_per_hour for segment in second.ledger.segments if segment.quote] == [3.6, 7.2]


def test_never_observed_metric_is_named_at_the_first_heartbeat(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    run = tracked(thresholds=(threshold(metric="rewrd"),), clock=clock)
    for step in range(40):
        clock.advance(1)
        run.update({"reward": 1.0}, step)
    for thread in threading.enumerate():
        if thread.name == "milepost-missing":
            thread.join(60)
    assert "metric 'rewrd' was never observed; nearest: reward" in caplog.text


def test_public_track_is_this_one() -> None:
    assert milepost.track is track


def test_end_names_the_nearest_of_a_metric_that_was_never_observed(caplog: pytest.LogCaptureFixture) -> None:
    with track(thresholds=[PerformanceThreshold("t", "train/loss", 0.5, "<=")], price_per_hour=1.0, sinks=[]) as run:
        run.update({"train/los": 1.0}, 1)
    assert "metric 'train/loss' was never observed; nearest: train/los" in caplog.text


def test_nothing_is_tracked_after_the_end() -> None:
    with track(thresholds=[threshold()], price_per_hour=1.0, sinks=[]) as closed:
        closed.update({"m": 1.0}, 1)
    assert closed.update({"m": 3.0}, 2) == ()
    assert closed.get_results()["t"].status == "not_reached"


def test_saver_says_on_a_thread_of_its_own_that_a_state_is_saved() -> None:
    run = tracked(thresholds=(threshold(),), clock=FakeClock())
    run.update({"m": 1.0}, 1)
    before = run.state_dict()
    run.update({"m": 3.0}, 2)
    assert run.get_results()["t"].checkpointed is False
    state = run.state_dict()
    assert run.get_results()["t"].checkpointed is None
    for saved, safe in ((before, None), (state, True)):
        saver = threading.Thread(target=run.checkpointed, args=(saved,))
        saver.start()
        saver.join()
        assert run.get_results()["t"].checkpointed is safe
    run.close()


def test_saved_state_is_the_last_that_had_been_taken_when_it_was_said() -> None:
    run = tracked(thresholds=(threshold(),), clock=FakeClock())
    run.update({"m": 1.0}, 1)
    run.state_dict()
    run.checkpointed()  # on another thread, as it were: acted on with the next call
    run.update({"m": 3.0}, 2)
    run.state_dict()
    assert run.get_results()["t"].checkpointed is None
    run.checkpointed()
    assert run.get_results()["t"].checkpointed is True


def test_whatever_is_said_to_be_saved_training_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    run = tracked(thresholds=(threshold(),), clock=FakeClock())
    run.checkpointed()  # before any state
    run.checkpointed({})  # of a rank that tracks nothing
    assert not caplog.records
    run.checkpointed({"model": 1})
    assert "checkpointed failed" in caplog.text
    run.update({"m": 3.0}, 1)
    assert run.get_results()["t"].checkpointed is None  # there is no state of the run
    TrackedRun(None).checkpointed()


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_run_that_is_pickled_or_copied_says_what_it_is(copied: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="a TrackedRun belongs to its process"):
        copied(tracked(clock=FakeClock()))
