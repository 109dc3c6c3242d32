"""Each check alone, on cases built by hand."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from milepost.config import Config
from milepost.doctor import clock, machine, prices, sinks, thresholds
from milepost.doctor.examine import examine
from milepost.doctor.finding import Case, Finding
from milepost.instances.detect import Detection
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.tracking.smoothing import Smoother
from milepost.tracking.thresholds import HalfLife, PerformanceThreshold
from tests.prices.server import Answer, serving

ON_DEMAND = Instance(provider="aws", instance_type="g5.4xlarge", region="us-east-1", market="on_demand")
SPOT = Instance(provider="aws", instance_type="g5.4xlarge", region="us-east-1", market="spot")
THIS_HOUR = datetime.now(UTC).isoformat(timespec="seconds")
QUOTE = Quote(usd_per_hour=1.624, source="list", region="us-east-1", instance_type="g5.4xlarge")


def case(
    *targets: PerformanceThreshold,
    instance: Instance = ON_DEMAND,
    rank_source: str = "default",
    settings: Config | None = None,
    misfit: str | None = None,
    **fields: Any,
) -> Case:
    detection = Detection(instance, 0, rank_source, misfit=misfit)
    return Case(settings=settings or Config(thresholds=targets), detection=detection, **{"quote": QUOTE, **fields})


def said(check: Callable[[Case], Any], looked_at: Case) -> list[tuple[str, str]]:
    findings: list[Finding] = list(check(looked_at))
    for finding in findings:
        assert finding.what.endswith(".")
        assert finding.do.endswith((".", "sync."))
    return [(finding.severity, finding.check) for finding in findings]


@pytest.mark.parametrize("smoothing_factor", [1.0, 0.5, 0.1, 0.02, 0.001])
def test_lag_is_what_the_average_really_takes(smoothing_factor: float) -> None:
    smoother = Smoother(PerformanceThreshold("t", "m", 1.0, smoothing_factor=smoothing_factor).smoothing)
    for sample in range(20_000):  # long enough to run steadily
        smoother.push(0.0, sample, 0.0)
    observations = 0
    while smoother.push(1.0, observations, 0.0) < 0.9 - 1e-9:
        observations += 1
    assert thresholds.observations_to_follow(smoothing_factor) == observations + 1


def test_slow_smoothing_is_warned_about() -> None:
    slow = PerformanceThreshold("slow", "m", 1.0, smoothing_factor=0.01)
    (finding,) = thresholds.check(case(slow, PerformanceThreshold("quick", "m", 1.0)))
    assert (finding.severity, finding.check) == ("warning", "smoothing")
    assert "it takes 230 observations of m until the average has moved 90% of the way" in finding.what
    assert math.ceil(math.log(0.1) / math.log(0.99)) == 230


def test_half_life_says_its_lag() -> None:
    slow = PerformanceThreshold("slow", "m", 1.0, half_life=HalfLife(samples=1000))
    (finding,) = thresholds.check(case(slow))
    assert finding.severity == "note"
    assert "3,322 samples later" in finding.what
    (finding,) = thresholds.check(case(PerformanceThreshold("s", "m", 1.0, half_life=HalfLife(seconds=60.0))))
    assert "199 s later" in finding.what


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, [("error", "confirm")]),
        ({"smoothing_factor": 1.0}, []),
        ({"smoothing_factor": 1.0, "confirm": 3}, [("error", "confirm")]),
        ({"tolerance": 0.1, "confirm": 3}, []),
    ],
)
def test_equality_that_cannot_be_met_is_an_error(fields: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert said(thresholds.check, case(PerformanceThreshold("t", "m", 1.0, "==", **fields))) == found


def test_file_without_thresholds_is_warned_about() -> None:
    assert said(thresholds.check, case()) == [("warning", "thresholds")]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, []),
        ({"settings": Config(thresholds=(), prices="off"), "quote": None}, [("note", "price")]),
        ({"quote": None, "unpriced_because": "nobody knows"}, [("error", "price")]),
        (
            {"quote": Quote(usd_per_hour=1.0, source="default", assumed=True, assumed_because="guessed")},
            [("warning", "price")],
        ),
        (
            {
                "quote": Quote(usd_per_hour=1.0, source="list", region="us-east-1", assumed=True, assumed_because="x"),
                "instance": Instance(region="eu-west-1"),
            },
            [("warning", "price"), ("warning", "region")],
        ),
        ({"live_source": "aws", "live_fault": "ClientError ExpiredToken"}, [("warning", "credentials")]),
        ({"quote": Quote(usd_per_hour=1.0, source="aws", cached=True, as_of="2026-01-01")}, [("warning", "price")]),
        ({"quote": Quote(usd_per_hour=1.0, source="aws", cached=True, as_of=THIS_HOUR)}, []),
        ({"quote": Quote(usd_per_hour=1.0, source="list", as_of="2020")}, []),  # a list price has no date but its year
    ],
)
def test_prices_that_are_not_what_they_seem(fields: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert said(prices.check, case(**fields)) == found


def test_spot_machine_wants_a_checkpoint_folder(tmp_path: Path) -> None:
    assert said(machine.check, case(instance=SPOT)) == [("warning", "checkpoints")]
    assert said(machine.check, case(instance=SPOT, checkpoints=tmp_path / "none")) == [("error", "checkpoints")]
    assert said(machine.check, case(instance=SPOT, checkpoints=tmp_path)) == []
    assert said(machine.check, case(instance=ON_DEMAND)) == []


@pytest.mark.parametrize("name", machine.PROCESS_COUNTS)
def test_processes_that_would_all_track_are_an_error(name: str) -> None:
    assert said(machine.check, case(environ={name: "8"})) == [("error", "ranks")]
    assert said(machine.check, case(environ={name: "8"}, rank_source="RANK")) == []
    assert said(machine.check, case(environ={name: "1"})) == []
    assert said(machine.check, case(environ={name: "eight"})) == []


def test_gpus_that_do_not_fit_are_warned_about() -> None:
    assert said(machine.check, case(misfit="one GPU on a g5.12xlarge")) == [("warning", "gpus")]


NAMED = Config(thresholds=(), sinks=("wandb",))


@pytest.mark.parametrize(
    ("fields", "environ", "found"),
    [
        ({"settings": Config(thresholds=(), sinks=())}, {}, []),
        ({"settings": NAMED}, {"WANDB_API_KEY": "x"}, []),
        ({"settings": NAMED}, {}, [("error", "wandb")]),
        ({}, {}, [("warning", "wandb")]),
        ({}, {"WANDB_MODE": "disabled"}, [("warning", "wandb")]),
        ({}, {"WANDB_MODE": "offline"}, [("note", "wandb")]),
        ({"instance": SPOT}, {"WANDB_MODE": "offline"}, [("error", "wandb")]),
    ],
)
def test_wandb_that_will_lose_data(
    fields: dict[str, Any], environ: dict[str, str], found: list[tuple[str, str]], tmp_path: Path
) -> None:
    pytest.importorskip("wandb")
    environ = {"NETRC": str(tmp_path / "netrc"), **environ}
    assert said(sinks.check, case(environ=environ, **fields)) == found


def test_key_of_the_netrc_file_counts(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    file = tmp_path / "netrc"
    file.write_text("machine api.wandb.ai\n  login user\n  password secret\n")
    assert said(sinks.check, case(environ={"NETRC": str(file)})) == []
    other = {"NETRC": str(file), "WANDB_BASE_URL": "https://wandb.example.org"}
    assert said(sinks.check, case(environ=other)) == [("warning", "wandb")]


@pytest.mark.parametrize(
    ("ahead_seconds", "found"), [(0, []), (50, []), (-3600, [("error", "clock")]), (90, [("error", "clock")])]
)
def test_clock_that_is_off_is_an_error(ahead_seconds: float, found: list[tuple[str, str]]) -> None:
    def answer(asked: Any) -> Answer:
        return Answer(200, "", {"Date": formatdate(time.time() - ahead_seconds, usegmt=True)})

    with serving(answer) as server:
        assert said(clock.check, case(environ={"WANDB_BASE_URL": server.url})) == found


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://127.0.0.1:99999"])
def test_clock_is_not_looked_at_where_nobody_tells(url: str) -> None:
    assert said(clock.check, case(environ={"WANDB_BASE_URL": url})) == []


def test_store_that_cannot_be_kept_in_is_an_error_and_one_that_can_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILEPOST_STORE", str(tmp_path / "new" / "milepost.db"))
    assert [finding for finding in examine(None) if finding.check == "store"] == []
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    monkeypatch.setenv("MILEPOST_STORE", str(tmp_path / "file" / "milepost.db"))
    (found,) = [finding for finding in examine(None) if finding.check == "store"]
    assert (found.severity, "the run can't be kept" in found.what) == ("error", True)
    (tmp_path / "other.db").write_bytes(b"not a database" * 100)
    monkeypatch.setenv("MILEPOST_STORE", str(tmp_path / "other.db"))
    (found,) = [finding for finding in examine(None) if finding.check == "store"]
    assert "file is not a database" in found.what


def test_store_of_a_spot_machine_is_lost_with_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_STORE", str(tmp_path / "milepost.db"))
    monkeypatch.setenv("MILEPOST_MARKET", "spot")
    (found,) = [finding for finding in examine(None) if finding.check == "store"]
    assert (found.severity, "is lost with its disk" in found.what) == ("warning", True)
    monkeypatch.setenv("MILEPOST_STORE", "off")
    (found,) = [finding for finding in examine(None) if finding.check == "store"]
    assert found.severity == "note"
